// Where targets live, observed at the provider with the vault's entry for scope. The walk's
// documents and what they mean are scope/'s; here they are sent, and remembered for a moment.
//
// Thread-safe. A memory is used for reads and reversible work only, is at most `kMaxAge` old, and
// is dropped when anything that changes the provider goes out.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "action/action.h"
#include "gateway/judgement.h"
#include "gateway/stream.h"
#include "scope/world.h"

namespace interlock::gateway {

class Core;
struct Worker;

enum class Freshness { cached, now };

// The scopes of an action of which nothing could be seen.
Scopes Unresolved(const Action& action, const std::string& reason);

class ScopeCache {
 public:
  static constexpr std::chrono::seconds kMaxAge{30};

  // Never fails: what could not be observed is unresolved, with the reason.
  Task<Scopes> Resolve(Core& core, Worker& worker, Action action, std::set<std::string> pinned,
                       Freshness freshness);

  // The ids of environments that are ephemeral at this moment, for a session to pin.
  Task<Result<std::set<std::string>>> EphemeralNow(Core& core, Worker& worker, std::string provider,
                                                   std::optional<CredentialRef> carried);

  void Invalidate(const std::string& provider);

 private:
  struct Remembered {
    std::shared_ptr<const scope::World> world;
    SteadyTime since;
    std::uint64_t generation = 0;
  };
  Task<Result<std::shared_ptr<const scope::World>>> WorldOf(Core& core, Worker& worker,
                                                            std::string provider, std::string host,
                                                            std::optional<CredentialRef> carried,
                                                            Freshness freshness);

  std::mutex mutex_;                                  // guards both
  std::map<std::string, Remembered> worlds_;          // by provider, host and credential
  std::map<std::string, std::uint64_t> generations_;  // one more with every invalidation
};

}  // namespace interlock::gateway
