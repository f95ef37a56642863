// Where configuration and packs are read from.
#pragma once

#include <filesystem>
#include <vector>

#include "command_line.h"
#include "policy/config.h"

namespace interlock::app {

// --config alone, or /etc/interlock/interlock.yaml and the user's.
std::vector<policy::ConfigPath> ConfigPaths(const CommandLine& line);

// The packs of this build or installation, and /etc/interlock/packs.
std::vector<std::filesystem::path> PackDirectories();

}  // namespace interlock::app
