// An answer that hands out credentials, on its way to the agent: the values go into the vault, and
// the agent gets phantoms that work in its session alone.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "action/action.h"
#include "gateway/core.h"
#include "gateway/session.h"

namespace interlock::gateway {

// To whom, and by which decision.
struct DisclosedTo {
  std::string id;  // of the hold or the decision; begins the names of the vault's entries
  std::string session;
  std::shared_ptr<Session> running;  // nullptr when the session is over
  const Scope* scope = nullptr;      // where the action acted
};

// The body of a successful answer to `action` with phantoms in it. The entries are durable in the
// vault and on the record before it returns. An error means that the answer must be shown to
// nobody; it says why, and nothing of the answer. Blocks on the disk.
Result<std::string> PutAway(Core& core, const Action& action, const DisclosedTo& to,
                            std::string_view body);

}  // namespace interlock::gateway
