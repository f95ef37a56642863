// What an agent might want of a host, laid out in one directory: a home with keys, a STATE, a
// workspace, services on local sockets and ports, and a process that holds a secret in its memory.
// Every one of them holds or answers with the canary.
#pragma once

#include <string>

#include "base/result.h"

namespace interlock::probe {

// Lays the bait in `directory` (which exists and is empty), prints its facts as one line of JSON
// and serves until the process that started it is gone. `canary` is a word nobody else uses.
Result<void> ServeBait(const std::string& directory, const std::string& canary);

}  // namespace interlock::probe
