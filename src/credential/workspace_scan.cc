#include "credential/workspace_scan.h"

#include <algorithm>
#include <array>
#include <bitset>

#include "base/bytes.h"
#include "base/file.h"
#include "credential/shapes.h"

namespace interlock::credential {
namespace {

constexpr std::size_t kLineMax = 4096;  // minified code is not where people put tokens by hand
constexpr std::size_t kAssignedMin = 20;
constexpr std::size_t kAssignedMax = 512;

bool IsAlnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool IsTokenByte(char c) { return IsAlnum(c) || c == '-' || c == '_'; }

// Lines that name a credential. A bare "key" or "id" is not enough: an id that is mistaken for a
// token would make every request about it look like a leak.
bool NamesCredential(std::string_view line) {
  constexpr std::array<std::string_view, 13> kWords = {
      "token",      "secret",    "password",   "passwd",      "api_key",    "apikey", "api-key",
      "access_key", "accesskey", "access-key", "private_key", "credential", "bearer "};
  const std::string lower = ToLower(line);
  return std::ranges::any_of(
      kWords, [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

// Random enough to be a token and not an identifier, a path or a version.
bool LooksRandom(std::string_view token) {
  std::bitset<256> seen;
  std::size_t digits = 0;
  std::size_t letters = 0;
  for (char c : token) {
    seen.set(static_cast<unsigned char>(c));
    if (c >= '0' && c <= '9')
      ++digits;
    else if (IsAlnum(c))
      ++letters;
  }
  return digits >= 4 && letters >= 4 && seen.count() >= 10;
}

// A value stands after an equals sign, a colon, a space or a quote; a name may stand anywhere.
bool StandsAsValue(std::string_view line, std::size_t at) {
  return at > 0 && std::string_view("=: \t\"'`").find(line[at - 1]) != std::string_view::npos;
}

bool Skipped(const std::filesystem::path& directory) {
  const auto name = directory.filename();
  if (name == "node_modules") return true;
  return directory.parent_path().filename() == ".git" && (name == "objects" || name == "lfs");
}

class Scan {
 public:
  Scan(std::filesystem::path root, const ScanLimits& limits)
      : root_(std::move(root)), limits_(limits) {}

  Result<ScanReport> Run() {
    std::error_code error;
    // First what lies at the top, where credentials usually are: the limits are for the rest.
    for (std::filesystem::directory_iterator top(root_, error), end; !error && top != end;
         top.increment(error)) {
      std::error_code ignored;
      if (std::filesystem::is_regular_file(top->symlink_status(ignored))) LookAtFile(top->path());
    }
    error.clear();
    std::filesystem::recursive_directory_iterator it(
        root_, std::filesystem::directory_options::skip_permission_denied, error);
    if (error) return Fail(Code::not_found, "scanning " + root_.string() + ": " + error.message());
    for (; it != std::filesystem::recursive_directory_iterator(); it.increment(error)) {
      if (error) break;
      if (!LookAt(it)) break;
    }
    if (error) report_.complete = false;
    std::ranges::sort(report_.found, [](const FoundToken& a, const FoundToken& b) {
      return std::tie(a.file, a.line, a.fingerprint) < std::tie(b.file, b.line, b.fingerprint);
    });
    std::ranges::sort(report_.credential_files, {}, &CredentialFile::path);
    return std::move(report_);
  }

 private:
  // False: the limit of files is reached.
  bool LookAt(std::filesystem::recursive_directory_iterator& it) {
    std::error_code error;
    const auto status = it->symlink_status(error);
    if (error) {
      report_.complete = false;
      return true;
    }
    if (std::filesystem::is_directory(status)) {
      if (Skipped(it->path())) {
        it.disable_recursion_pending();
      } else if (it.depth() >= limits_.depth_max) {
        it.disable_recursion_pending();
        report_.complete = false;
      }
      return true;
    }
    if (!std::filesystem::is_regular_file(status) || it.depth() == 0) return true;
    return LookAtFile(it->path());
  }

  bool LookAtFile(const std::filesystem::path& path) {
    if (report_.files >= limits_.files_max) {
      report_.complete = false;
      return false;
    }
    ++report_.files;
    LookIntoFile(path);
    return true;
  }

  void AddCredentialFile(CredentialFile file) {
    if (!file.hidden && file.spans.empty()) return;
    if (report_.credential_files.size() >= limits_.credential_files_max) {
      report_.complete = false;
      return;
    }
    report_.credential_files.push_back(std::move(file));
  }

  void LookIntoFile(const std::filesystem::path& path) {
    const auto text = ReadFile(path, limits_.file_bytes_max);
    const std::string file = path.lexically_relative(root_).string();
    if (IsCredentialFile(file)) {
      AddCredentialFile(text ? ReadCredentialFile(file, *text)
                             : CredentialFile{.path = file, .hidden = true});
    }
    if (!text) {
      // Large files are outside the scan's promise, unreadable ones a gap in it.
      if (text.error().code != Code::limit) report_.complete = false;
      return;
    }
    if (std::string_view(*text).substr(0, 8192).find('\0') != std::string_view::npos) return;
    std::string_view rest = *text;
    for (std::size_t number = 1; !rest.empty(); ++number) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      LookAtLine(rest.substr(0, end), file, number);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }

  void LookAtLine(std::string_view line, const std::string& file, std::size_t number) {
    for (const LineToken& hit : TokensOfLine(line)) {
      report_.found.push_back({Fingerprint(hit.token), std::string(hit.kind), file, number});
      report_.index.Add(hit.token, file + ":" + std::to_string(number));
    }
  }

  const std::filesystem::path root_;
  const ScanLimits limits_;
  ScanReport report_;
};

}  // namespace

std::vector<LineToken> TokensOfLine(std::string_view line) {
  std::vector<LineToken> out;
  std::size_t taken = 0;
  const auto shapes = FindShapes(line);
  for (const ShapeHit& hit : shapes) out.push_back({line.substr(hit.offset, hit.size), hit.kind});
  if (line.size() > kLineMax || !NamesCredential(line)) return out;
  for (std::size_t at = 0; at < line.size(); at = taken + 1) {
    taken = at;
    while (taken < line.size() && IsTokenByte(line[taken])) ++taken;
    const std::string_view token = line.substr(at, taken - at);
    const bool known = std::ranges::any_of(shapes, [&](const ShapeHit& hit) {
      return at < hit.offset + hit.size && hit.offset < taken;
    });
    if (known) continue;
    if (IsUuid(token))
      out.push_back({token, "uuid token"});
    else if (token.size() >= kAssignedMin && token.size() <= kAssignedMax &&
             StandsAsValue(line, at) && LooksRandom(token))
      out.push_back({token, "assigned token"});
  }
  return out;
}

Result<ScanReport> ScanWorkspace(const std::filesystem::path& directory, const ScanLimits& limits) {
  return Scan(directory, limits).Run();
}

}  // namespace interlock::credential
