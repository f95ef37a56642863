#include "credential/scan/ignore.h"

#include <algorithm>

#include "base/bytes.h"

namespace interlock::credential {
namespace {

constexpr std::size_t kEntriesMax = 10'000;

bool IsFingerprint(std::string_view text) {
  return text.size() == 12 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// "build" stands for "build" and "x/build"; with a slash inside, for that path alone.
bool Matches(std::string_view pattern, std::string_view path) {
  if (pattern.starts_with('/')) return GlobMatch(pattern.substr(1), path);
  if (GlobMatch(pattern, path)) return true;
  return pattern.find('/') == std::string_view::npos &&
         GlobMatch(pattern, path.substr(path.rfind('/') + 1));
}

}  // namespace

Result<IgnoreList> IgnoreList::Parse(std::string_view text) {
  IgnoreList out;
  std::size_t entries = 0;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    line = line.substr(0, line.find('#'));
    while (!line.empty() && (line.back() == ' ' || line.back() == '\r' || line.back() == '\t'))
      line.remove_suffix(1);
    while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
    if (line.empty()) continue;
    const auto problem = [&](std::string what) {
      return Fail(Code::invalid_input, ".interlockignore:" + std::to_string(number) + ": " + what);
    };
    if (++entries > kEntriesMax) return problem("more entries than " + std::to_string(kEntriesMax));
    if (line.front() == '!') return problem("\"!\" isn't known here; name what to leave out");
    if (line.starts_with("rule:"))
      out.rules_.emplace_back(line.substr(5));
    else if (IsFingerprint(line))
      out.fingerprints_.emplace_back(line);
    else if (line.ends_with('/'))
      out.directories_.emplace_back(line.substr(0, line.size() - 1));
    else
      out.paths_.emplace_back(line);
  }
  return out;
}

bool IgnoreList::IgnoresDirectory(std::string_view path) const {
  return std::ranges::any_of(directories_, [&](const auto& p) { return Matches(p, path); });
}

bool IgnoreList::IgnoresFile(std::string_view path) const {
  return std::ranges::any_of(paths_, [&](const auto& p) { return Matches(p, path); });
}

bool IgnoreList::IgnoresFind(std::string_view rule, std::string_view fingerprint) const {
  return std::ranges::find(rules_, rule) != rules_.end() ||
         std::ranges::find(fingerprints_, fingerprint) != fingerprints_.end();
}

}  // namespace interlock::credential
