// Carrying out what humans have signed: the stored request, once.
#pragma once

#include <string>

#include "base/json.h"
#include "gateway/core.h"

namespace interlock::gateway {

// Executes an approved hold and answers its outcome (the shape of docs/cli.md). Before the first
// byte goes out everything that was signed is observed again; a change supersedes the hold.
// Whatever happens, the request is sent at most once, and a loss of the answer is `unknown`, never
// a retry.
Task<Result<json::object>> Execute(Core& core, Worker& worker, std::string hold);

}  // namespace interlock::gateway
