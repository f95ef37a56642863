// The record, read without the gateway: anybody who has the files and the verifier key can do this.
#include <unistd.h>

#include <cstdio>
#include <optional>

#include "base/bytes.h"
#include "base/file.h"
#include "commands.h"
#include "context.h"
#include "ledger/verify.h"
#include "text.h"

namespace interlock::app {
namespace {

struct Log {
  std::filesystem::path dir;
  ledger::VerifierKey key;
};

Result<Log> OpenLog(const CommandLine& line) {
  const std::filesystem::path dir = StateDirectory(line) / "ledger";
  ILK_TRY(key, ledger::ReadVerifierKey(dir));
  return Log{dir, std::move(key)};
}

// A running gateway is asked to publish what it has first; without one the files are what there is.
void PublishFirst(const CommandLine& line) {
  auto channel = FindGateway(line);
  if (channel) (void)channel->Call({{"op", "ledger.flush"}});
}

// The index of the entry that says how a hold ended, else of the last entry about it.
Result<std::uint64_t> IndexOfHold(const Log& log, const std::string& hold) {
  std::optional<std::uint64_t> last;
  const std::string quoted = "\"" + hold + "\"";
  const auto scanned =
      ledger::Export(log.dir, [&](std::uint64_t index, std::string_view entry) -> Result<void> {
        if (entry.find(quoted) == std::string_view::npos) return {};
        const auto value = ParseJson(entry);
        if (value && value->is_object() && FindString(value->as_object(), "hold") == hold)
          last = index;
        return {};
      });
  if (!scanned) return std::unexpected(scanned.error());
  if (!last) return Fail(Code::not_found, "no entry of the ledger is about " + hold);
  return *last;
}

}  // namespace

int LedgerVerify(const CommandLine& line) {
  PublishFirst(line);
  const auto log = OpenLog(line);
  if (!log) return Report(log.error());
  const bool bar = ::isatty(2) == 1 && !line.json;
  const auto report =
      ledger::Verify(log->dir, log->key, [&](std::uint64_t done, std::uint64_t size) {
        if (bar && size > 0)
          std::fprintf(stderr, "\rverifying %3llu %%",
                       static_cast<unsigned long long>(done * 100 / size));
      });
  if (bar) std::fprintf(stderr, "\r               \r");
  if (!report) {
    if (line.json) PrintJson(json::object{{"ok", false}, {"error", report.error().message}});
    Report(report.error());
    return report.error().code == Code::not_found ? kFailed : kVerification;
  }
  const std::string root = Base64(
      std::string_view(reinterpret_cast<const char*>(report->root.data()), report->root.size()));
  if (line.json) {
    PrintJson(json::object{
        {"size", report->size}, {"root", root}, {"ok", true}, {"origin", report->origin}});
  } else {
    std::printf("%s  %s entries, root %s, signature good\n", report->origin.c_str(),
                Grouped(static_cast<std::int64_t>(report->size)).c_str(), root.c_str());
  }
  return kDone;
}

int LedgerProve(const CommandLine& line) {
  PublishFirst(line);
  const auto log = OpenLog(line);
  if (!log) return Report(log.error());
  const std::string& what = line.operands[0];
  std::uint64_t index = 0;
  if (what.find_first_not_of("0123456789") == std::string::npos && what.size() < 19) {
    index = std::stoull(what);
  } else {
    const auto found = IndexOfHold(*log, what);
    if (!found) return Report(found.error());
    index = *found;
  }
  const auto receipt = ledger::Prove(log->dir, index, log->key);
  if (!receipt) return Report(receipt.error());
  const auto entry = ledger::ReadEntry(log->dir, index);
  if (!entry) return Report(entry.error());
  if (line.json)
    PrintJson(json::object{{"index", index}, {"entry", *entry}, {"receipt", *receipt}});
  else
    std::fputs(receipt->c_str(), stdout);
  return kDone;
}

int LedgerExport(const CommandLine& line) {
  PublishFirst(line);
  const auto log = OpenLog(line);
  if (!log) return Report(log.error());
  const auto exported =
      ledger::Export(log->dir, [](std::uint64_t, std::string_view entry) -> Result<void> {
        if (std::fwrite(entry.data(), 1, entry.size(), stdout) == entry.size() &&
            std::fputc('\n', stdout) != EOF)
          return {};
        return Fail(Code::unavailable, "writing the export failed");
      });
  if (!exported) return Report(exported.error());
  return std::fflush(stdout) == 0 ? kDone : kFailed;
}

int LedgerCheckpoint(const CommandLine& line) {
  PublishFirst(line);
  const auto checkpoint = ReadFile(StateDirectory(line) / "ledger/checkpoint", 1u << 20);
  if (!checkpoint) return Report(checkpoint.error());
  if (line.json)
    PrintJson(json::object{{"checkpoint", *checkpoint}});
  else
    std::fputs(checkpoint->c_str(), stdout);
  return kDone;
}

}  // namespace interlock::app
