// What a lent credential may be used for unasked, and which credential a held action is executed
// with. Pure functions over entries; no value is looked at.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "action/action.h"
#include "credential/vault.h"

namespace interlock::credential {

// "" when the entry may be used for this without asking; else why not, for a human. Outside its
// environment, or for more than it was lent for, a use is at least held.
std::string BeyondLend(const VaultEntry& entry, Effect effect, Relation relation);

// What the answer to a request with an injected credential says of the lend, for the agent and for
// the record; "" when its status is neither 401 nor 403.
std::string RefusedLend(const CredentialRef& ref, int status);

// Where a credential of one kind stands in a request of the provider (from its pack).
struct KindPlace {
  std::string kind;
  std::string header;
  std::string prefix;
  CredentialStand stand = CredentialStand::header;
  std::string name = {};  // as CredentialRef::name
};

struct Executor {
  CredentialRef ref;
  bool wide = false;  // reaches further than it has to; said in the hold
};

// The entry a held action will be executed with: the lent one if it can do it, else one of the
// environment the action acts in; nullopt when there is neither. `vault` holds all entries, `lent`
// the session's; both as Vault::Current gives them. An unresolved scope is production.
std::optional<Executor> ExecutorFor(std::string_view provider, const Scope& scope,
                                    std::span<const VaultEntry> lent,
                                    std::span<const VaultEntry> vault,
                                    std::span<const KindPlace> places);

}  // namespace interlock::credential
