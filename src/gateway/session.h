// One `interlock run`: who started it, what it was lent, and what belongs to it alone.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "credential/login.h"
#include "credential/token_index.h"
#include "credential/vault.h"
#include "gateway/fake_names.h"
#include "gateway/grants.h"
#include "gateway/reach.h"
#include "gateway/refusals.h"
#include "policy/config.h"
#include "policy/policy.h"

namespace interlock::gateway {

// A key of the caller's environment, lent to one session without the vault's file.
struct CallerKey {
  std::string variable;
  std::string provider;
  std::string kind;
  std::string entry;        // the transient vault entry
  std::string fingerprint;  // of the value
};

// What the caller said of the agent's own login; the tokens are in Session::logins.
struct CallerLogin {
  std::vector<std::string> hosts;
  std::string fingerprint;
};

// A vault entry of the session's environment that it was not lent.
struct NotLent {
  std::string entry;
  std::string why;
};

// Why the gateway ends connections that stay open between requests.
enum class LineEnd { session_over, policy_changed };

// Immutable after registration, but for what says otherwise.
struct Session {
  std::string id;  // "s-…"
  std::string token;
  std::string user;
  std::string agent;
  std::string workspace;
  std::string environment;  // the one it was lent
  TimePoint started;
  std::vector<credential::VaultEntry> lent;
  std::vector<NotLent> not_lent;
  std::map<std::string, std::string> variables;  // name → phantom
  std::vector<Reach> reach;
  std::vector<std::uint16_t> published;  // ports of the host's loopback that lead into its room
  bool ssh = false;                      // its room is entered by `interlock attach`
  std::vector<std::string> weakened;     // what its room does without, by a human's word
  std::vector<CallerKey> keys;
  std::vector<CallerLogin> login_info;
  credential::Logins logins;                  // thread-safe
  std::vector<policy::Rule> workspace_rules;  // which can only tighten
  std::set<std::string> pinned_ephemeral;  // ids of environments that were ephemeral at the start
  std::string pinned_reason;             // why there are none, when the provider could not be asked
  credential::TokenIndex known_foreign;  // credentials that lie in the workspace

  // The reach to this host and port, or nullptr.
  const Reach* ReachTo(std::string_view host, unsigned port) const;

  // The policy in force, with the workspace's rules: that of the newest configuration, so that a
  // reload reaches sessions that run. Any thread.
  std::shared_ptr<const policy::Policy> PolicyFor(const policy::Config& config,
                                                  std::string_view digest);

  FakeNames names;                    // thread-safe
  Grants grants;                      // thread-safe
  Refusals refusals;                  // thread-safe
  std::atomic<bool> ended{false};     // set once
  std::atomic<bool> by_ports{false};  // only some ports lead out of its room; set once

  // What one session may keep the gateway busy with, so that it can't take it from the others.
  static constexpr std::size_t kHoldsMax = 500;             // asked for in its whole life
  static constexpr std::size_t kHoldBytesMax = 128u << 20;  // of stored requests
  static constexpr std::size_t kBodyBytesMax = 256u << 20;  // being inspected at one time
  std::atomic<std::size_t> holds{0};
  std::atomic<std::size_t> hold_bytes{0};
  std::atomic<std::size_t> body_bytes{0};
  std::atomic<std::size_t> connections{0};

  // Credentials that answers disclosed to it are lent to it from then on. Any thread.
  void Gain(credential::VaultEntry entry);
  // Among those it was lent and those it gained.
  std::optional<credential::VaultEntry> LentEntry(std::string_view name) const;
  std::vector<credential::VaultEntry> AllLent() const;

  // What the provider says of a credential of this session; true when it said otherwise before.
  bool NoteLend(std::string_view entry, bool refused, int status, TimePoint now);
  struct RefusedLend {
    TimePoint since;
    int status = 0;
  };
  std::map<std::string, RefusedLend, std::less<>> RefusedLends() const;

  // `close` runs once, when the session ends or at once if it has.
  void AddCloser(std::function<void()> close);
  void End();

  // A connection that stays open and is judged message by message. `close` may run on any thread,
  // more than once, and at once when the session is over. The number is for RemoveLine.
  static constexpr std::size_t kLinesMax = 64;
  using CloseLine = std::function<void(LineEnd)>;
  std::optional<std::uint64_t> AddLine(CloseLine close);  // nullopt: too many are open
  bool HasRoomForLine();
  void RemoveLine(std::uint64_t number);
  void CloseLines(LineEnd why);

 private:
  mutable std::mutex mutex_;  // guards what follows
  std::vector<credential::VaultEntry> gained_;
  std::map<std::string, RefusedLend, std::less<>> refused_lends_;
  std::vector<std::function<void()>> closers_;
  std::map<std::uint64_t, CloseLine> lines_;
  std::uint64_t next_line_ = 0;
  std::shared_ptr<const policy::Policy> policy_;
  std::string policy_digest_;  // of the configuration that policy_ was made from
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
