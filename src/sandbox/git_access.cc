#include "sandbox/git_access.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "sandbox/fill.h"

namespace interlock::sandbox {
namespace {

bool IsAlnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool IsMadeOf(std::string_view text, std::string_view more) {
  return std::ranges::all_of(
      text, [&](char c) { return IsAlnum(c) || more.find(c) != std::string_view::npos; });
}

// What people and tools write for the same repository.
constexpr std::string_view kRemotes[] = {"git@{}:", "ssh://git@{}/", "ssh://{}/",
                                         "ssh://git@{}:22/", "git://{}/"};

}  // namespace

Result<std::vector<Variable>> GitVariables(const std::vector<GitHost>& hosts) {
  std::vector<std::pair<std::string, std::string>> settings;
  for (const GitHost& host : hosts) {
    if (host.host.empty() || !IsMadeOf(host.host, ".-") || !IsMadeOf(host.user, ".-_") ||
        !IsMadeOf(host.variable, "_")) {
      return Fail(Code::invalid_input,
                  Fill("git can't be told of {}: a host, a user or a variable has characters that "
                       "no such name has",
                       host.host));
    }
    for (const std::string_view remote : kRemotes)
      settings.emplace_back(Fill("url.https://{}/.insteadOf", host.host), Fill(remote, host.host));
    if (host.variable.empty()) continue;
    const std::string helper = Fill("credential.https://{}.helper", host.host);
    // An empty value forgets the helpers that were named before.
    settings.emplace_back(helper, "");
    settings.emplace_back(
        helper,
        Fill("!f() { test \"$1\" = get && printf 'username={}\\npassword=%s\\n' \"${}\"; }; f",
             host.user, host.variable));
  }
  std::vector<Variable> out;
  if (settings.empty()) return out;
  out.push_back({"GIT_CONFIG_COUNT", Fill("{}", settings.size()), Origin::room});
  for (std::size_t i = 0; i < settings.size(); ++i) {
    out.push_back({Fill("GIT_CONFIG_KEY_{}", i), settings[i].first, Origin::room});
    out.push_back({Fill("GIT_CONFIG_VALUE_{}", i), settings[i].second, Origin::room});
  }
  return out;
}

}  // namespace interlock::sandbox
