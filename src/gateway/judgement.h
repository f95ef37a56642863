// What an action means where it acts, and the verdict on it. The pipeline asks before anything is
// sent or held; execution asks again just before it sends, because the world and the policy may
// have changed while a human was reading.
//
// Pure functions over values: any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "action/action.h"
#include "credential/vault.h"
#include "policy/config.h"
#include "policy/policy.h"

namespace interlock::gateway {

// Where an action acts: as a whole (what is shown and signed), and operation by operation where
// there are several (what is judged).
struct Scopes {
  Scope whole;
  std::vector<Scope> each;  // one for each operation, or empty when there is at most one
};

// Who asks.
struct Asker {
  std::string_view session;
  std::string_view agent;
  std::string_view environment;  // the one that was lent
  CredentialSeen credential = CredentialSeen::none;
  const credential::VaultEntry* entry = nullptr;  // what it would be sent with, if it was lent one
  bool signed_for = false;  // a human's signature names the credential: the lend's bounds are past
};

struct Judgement {
  Facts facts;
  std::string beyond_lend;  // why the lent credential may not be used unasked, or ""
  Decision decision;
  int approvals_required = 1;  // should it be held
};

Judgement Judge(const policy::Policy& policy, const policy::Config& config, const Action& action,
                const Scopes& scopes, const Asker& asker);

}  // namespace interlock::gateway
