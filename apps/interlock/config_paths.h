// Where configuration and packs are read from.
#pragma once

#include <filesystem>
#include <vector>

#include "command_line.h"
#include "gateway/core.h"
#include "policy/config.h"

namespace interlock::app {

// --config alone, or /etc/interlock/interlock.yaml and the user's.
std::vector<policy::ConfigPath> ConfigPaths(const CommandLine& line);

// The packs of this build or installation, and /etc/interlock/packs.
std::vector<std::filesystem::path> PackDirectories();

// Standard times, or those that ILK_TIMES names ("header=500,hold=2000", milliseconds): tests reach
// every limit with it.
gateway::Times TimesFromEnvironment();

}  // namespace interlock::app
