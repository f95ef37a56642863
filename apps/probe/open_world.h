// Where the controls of the network are made: namespaces in which every address answers on every
// TCP port, some UDP ports answer, and the sockets of well-known services listen.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"

namespace interlock::probe {

// Runs `inside` there, in a process of its own. The refusal says why this machine has no such
// place; `inside` was not run then.
Result<void> InOpenWorld(const std::string& canary, const std::function<void()>& inside);

}  // namespace interlock::probe
