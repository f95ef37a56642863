// What is left of the world, counted from the files themselves.
#pragma once

#include <filesystem>

#include "base/json.h"
#include "base/result.h"

namespace interlock::railsim {

// The object that `railsim --list-state` prints. Needs no server; may run beside one. Deleted
// volumes, instances and backups stay listed, with the rows that are really left; deleted projects,
// environments and services are not.
Result<json::object> ListState(const std::filesystem::path& directory);

}  // namespace interlock::railsim
