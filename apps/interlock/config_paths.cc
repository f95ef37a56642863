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

}  // namespace interlock::app
