// One `interlock run`: who started it, what it was lent, and what belongs to it alone.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "credential/token_index.h"
#include "credential/vault.h"
#include "gateway/fake_names.h"
#include "policy/policy.h"

namespace interlock::gateway {

// Immutable after registration, but for what says otherwise.
struct Session {
  std::string id;  // "s-…"
  std::string token;
  std::string user;
  std::string agent;
  std::string workspace;
  std::string environment;  // the one it was lent
  TimePoint started;
  std::vector<std::string> egress;  // pack names and hosts
  std::vector<credential::VaultEntry> lent;
  std::map<std::string, std::string> variables;  // name → phantom
  std::shared_ptr<const policy::Policy> policy;  // with the workspace's rules
  std::string policy_digest;
  std::set<std::string> pinned_ephemeral;  // ids of environments that were ephemeral at the start
  std::string pinned_reason;             // why there are none, when the provider could not be asked
  credential::TokenIndex known_foreign;  // credentials that lie in the workspace

  FakeNames names;                 // thread-safe
  std::atomic<bool> ended{false};  // set once

  // `close` runs once, when the session ends or at once if it has.
  void AddCloser(std::function<void()> close);
  void End();

 private:
  std::mutex mutex_;  // guards closers_
  std::vector<std::function<void()>> closers_;
};

// All running sessions. Thread-safe.
class Sessions {
 public:
  void Add(std::shared_ptr<Session> session);
  // nullptr when there is none, also for "".
  std::shared_ptr<Session> ByToken(std::string_view token) const;
  std::shared_ptr<Session> ById(std::string_view id) const;
  std::vector<std::shared_ptr<Session>> All() const;
  void Remove(std::string_view id);

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Session>, std::less<>> by_id_;
  std::map<std::string, std::shared_ptr<Session>, std::less<>> by_token_digest_;
};

}  // namespace interlock::gateway
