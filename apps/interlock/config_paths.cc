#include "config_paths.h"

#include <cstdlib>
#include <string>
#include <string_view>

#include "context.h"

namespace interlock::app {

namespace fs = std::filesystem;

std::vector<policy::ConfigPath> ConfigPaths(const CommandLine& line) {
  if (!line.config.empty()) return {{fs::absolute(line.config), policy::RuleSource::user, true}};
  std::vector<policy::ConfigPath> paths = {
      {"/etc/interlock/interlock.yaml", policy::RuleSource::system, false}};
  const char* xdg = std::getenv("XDG_CONFIG_HOME");
  const char* home = std::getenv("HOME");
  if (xdg && xdg[0] == '/')
    paths.push_back({fs::path(xdg) / "interlock/interlock.yaml", policy::RuleSource::user, false});
  else if (home && home[0] == '/')
    paths.push_back(
        {fs::path(home) / ".config/interlock/interlock.yaml", policy::RuleSource::user, false});
  return paths;
}

std::vector<fs::path> PackDirectories() {
  // Beside the binary in a build tree, below the prefix when installed.
  const fs::path self = SelfPath().parent_path();
  for (const fs::path& candidate : {self / "packs", self.parent_path() / "share/interlock/packs"}) {
    std::error_code ignored;
    if (fs::is_directory(candidate, ignored)) return {candidate, "/etc/interlock/packs"};
  }
  return {"/etc/interlock/packs"};
}

gateway::Times TimesFromEnvironment() {
  gateway::Times times;
  const char* text = std::getenv("ILK_TIMES");
  std::string_view rest = text ? text : "";
  while (!rest.empty()) {
    const auto comma = std::min(rest.find(','), rest.size());
    const std::string_view item = rest.substr(0, comma);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    const auto equals = item.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = item.substr(0, equals);
    const std::chrono::milliseconds value{std::atoll(std::string(item.substr(equals + 1)).c_str())};
    // Shorter only: the environment can make the gateway stricter, never more patient.
    const auto shorten = [&](std::chrono::milliseconds& time) {
      time = std::min(time, std::max(value, std::chrono::milliseconds(1)));
    };
    if (name == "header") shorten(times.header);
    if (name == "idle") shorten(times.idle);
    if (name == "body") shorten(times.body);
    if (name == "answer") shorten(times.answer);
    if (name == "websocket") shorten(times.websocket);
    if (name == "hold") shorten(times.hold);
  }
  return times;
}

}  // namespace interlock::app
