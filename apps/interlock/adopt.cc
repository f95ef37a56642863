#include "adopt.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "base/bytes.h"
#include "base/file.h"
#include "base/ids.h"
#include "context.h"
#include "credential/phantom.h"
#include "credential/shapes.h"

namespace interlock::app {
namespace {

using credential::ScanFind;

constexpr std::size_t kFileMax = 64u << 20;
constexpr std::size_t kValueMin = 8;
constexpr std::size_t kValueMax = 8192;

// A file that somebody else owns, that has other names or that is a link is not replaced: the copy
// would be another file than the one people mean.
Result<mode_t> ReplaceableMode(const std::string& file) {
  struct stat status{};
  if (::lstat(file.c_str(), &status) != 0 || !S_ISREG(status.st_mode))
    return Fail(Code::not_found, file + " is no regular file any more");
  if (status.st_uid != ::geteuid())
    return Fail(Code::denied, file + " belongs to somebody else; its owner has to adopt it");
  if (status.st_nlink != 1)
    return Fail(Code::conflict, file + " has other names (hard links); adopt it by hand");
  return status.st_mode & 07777;
}

std::string EntryName(const ScanFind& find) { return "found-" + find.fingerprint; }

Result<void> Keep(const CommandLine& line, const ScanFind& find, std::string_view value) {
  json::object request{{"op", "vault.add"},
                       {"name", EntryName(find)},
                       {"provider", line.Get("--provider", find.rule->provider)},
                       // Nothing says what it belongs to, so it counts as the most protected.
                       {"environment", line.Get("--environment", "production")},
                       {"kind", line.Get("--kind")},
                       {"allow", "read,reversible"},
                       {"as", ""},
                       {"for", ""},
                       {"wide", line.Has("--wide")},
                       {"value", value}};
  const auto answer = CallGateway(line, request);
  if (!answer) return std::unexpected(answer.error());
  return {};
}

Result<void> AdoptOne(const CommandLine& line, const ScanFind& find) {
  if (find.file.empty())
    return Fail(Code::invalid_input, "it lies in no file that could be changed; revoke it: " +
                                         std::string(find.rule->revoke));
  ILK_TRY(mode, ReplaceableMode(find.file));
  ILK_TRY(text, ReadFile(find.file, kFileMax));
  const std::string_view all = text;
  if (find.offset + find.size > all.size() ||
      credential::Fingerprint(all.substr(find.offset, find.size)) != find.fingerprint)
    return Fail(Code::conflict, find.file + " changed since it was scanned; scan again");
  const std::string_view value = all.substr(find.offset, find.size);
  const bool printable = std::ranges::all_of(value, [](char c) { return c > 0x20 && c < 0x7f; });
  if (!printable || value.size() < kValueMin || value.size() > kValueMax)
    return Fail(Code::invalid_input,
                "the vault keeps values of 8 to 8192 printable bytes; move this one by hand");
  const std::string phantom =
      credential::MakePhantom(Secret(std::string(value)), "adopted " + RandomToken());
  std::string changed(all.substr(0, find.offset));
  changed += phantom;
  changed += all.substr(find.offset + find.size);
  ILK_TRY_VOID(Keep(line, find, value));
  if (auto written = WriteFileDurably(find.file, changed, mode); !written) {
    const auto removed = CallGateway(line, {{"op", "vault.remove"}, {"name", EntryName(find)}});
    return Fail(written.error().code,
                written.error().message +
                    (removed ? "; nothing was moved"
                             : "; the vault keeps the value as " + EntryName(find) + ", too"));
  }
  return {};
}

}  // namespace

int Adopt(const CommandLine& line, const std::vector<ScanFind>& finds) {
  // From the end of each file, so that the places of the others stay true.
  std::vector<const ScanFind*> order;
  for (const ScanFind& find : finds) order.push_back(&find);
  std::ranges::stable_sort(order, [](const ScanFind* a, const ScanFind* b) {
    return a->file != b->file ? a->file < b->file : a->offset > b->offset;
  });
  bool all = true;
  for (const ScanFind* find : order) {
    const std::string where = EscapeForHumans(find->place) + ":" + std::to_string(find->line);
    const auto adopted = AdoptOne(line, *find);
    all = all && adopted.has_value();
    if (adopted)
      std::printf("adopted  %s  as %s\n", where.c_str(), EntryName(*find).c_str());
    else
      std::fprintf(stderr, "interlock: %s stays where it is: %s\n", where.c_str(),
                   adopted.error().message.c_str());
  }
  return all ? kDone : kFailed;
}

}  // namespace interlock::app
