// What must not come back in an answer to a session: every value of the vault, and the credential
// the request went out with. In their place stand the session's phantoms, or asterisks.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "credential/phantom.h"
#include "credential/scrub.h"
#include "credential/vault.h"

namespace interlock::gateway {

class Core;
struct Injection;

struct Cover {
  std::shared_ptr<const credential::ScrubSet> set;  // nullptr: nothing is hidden
  credential::PhantomFor phantom_for;

  bool hides() const { return set != nullptr && !set->empty(); }
  std::string Text(std::string_view text) const {
    return credential::Scrub(set, phantom_for, text);
  }
};

// The compiled forms of all values of the vault, made anew after it changed. Thread-safe.
class ScrubSets {
 public:
  std::shared_ptr<const credential::ScrubSet> Of(const credential::Vault& vault);

 private:
  std::mutex mutex_;
  std::shared_ptr<const credential::TokenIndex> made_of_;  // under mutex_
  std::shared_ptr<const credential::ScrubSet> set_;        // under mutex_
};

// Hides nothing in answers to the agent's own login, which the agent holds itself.
Cover CoverFor(Core& core, std::string_view session, const std::optional<Injection>& injection);

}  // namespace interlock::gateway
