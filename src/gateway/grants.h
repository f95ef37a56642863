// The grants that are open in one session: looked up by every connection, closed by time, by a
// human or with the session. Whatever passes through one holds a GrantPass; the grant's end cuts
// it.
//
// Thread-safe. A grant ends by the gateway's wall clock or by its steady clock, whichever says so
// first, so that setting a clock back lengthens nothing.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "gateway/grant.h"

namespace interlock::gateway {

// Now, by both clocks.
struct GrantTime {
  TimePoint wall;
  std::chrono::steady_clock::time_point steady;
};
GrantTime GrantNow(const Clock& clock);

// One grant as it is shown.
struct GrantSeen {
  std::string id;  // the hold's, by which it was signed
  GrantTerms terms;
  TimePoint until;
  std::size_t connections = 0;  // at this moment
  std::uint64_t passed = 0;     // connections of tcp, requests of http, since it was opened
  std::uint64_t bytes_to = 0;   // of tcp: from the room to the host
  std::uint64_t bytes_from = 0;
};

class Grants;

// One connection or request that passes by a grant.
class GrantPass {
 public:
  ~GrantPass();
  GrantPass(const GrantPass&) = delete;
  GrantPass& operator=(const GrantPass&) = delete;

  // `cut` runs once when the grant ends, on whatever thread ends it, or at once if it has. It must
  // not wait and must bear that what it cuts is gone.
  void OnEnd(std::function<void()> cut);
  bool ended() const;
  void CountTo(std::size_t bytes);
  void CountFrom(std::size_t bytes);
  const std::string& id() const;

 private:
  friend class Grants;
  struct Live;
  explicit GrantPass(std::shared_ptr<Live> live) : live_(std::move(live)) {}
  std::shared_ptr<Live> live_;
};

class Grants {
 public:
  static constexpr std::size_t kOpenMax = 32;           // in one session
  static constexpr std::size_t kConnectionsMax = 16;    // of one tcp grant at one time
  static constexpr std::uint64_t kTcpPassedMax = 1000;  // in its whole life: each is on the record

  // conflict: the session is over. limit: too many are open.
  Result<void> Open(std::string id, GrantTerms terms, TimePoint until, GrantTime now);

  // nullptr when no grant covers it now.
  std::shared_ptr<GrantPass> Enter(GrantProtocol protocol, std::string_view host, unsigned port,
                                   GrantTime now);

  // Each ends what it names, cuts what passes, and tells what there was.
  std::vector<GrantSeen> End(std::string_view id);
  // What is due, and what `no_longer` says may not stay open.
  std::vector<GrantSeen> EndDue(GrantTime now,
                                const std::function<bool(const GrantTerms&)>& no_longer);
  std::vector<GrantSeen> EndAll();  // for good: none can be opened afterwards

  bool IsDue(GrantTime now, const std::function<bool(const GrantTerms&)>& no_longer) const;
  std::vector<GrantSeen> Seen() const;
  bool empty() const { return count_.load(std::memory_order_relaxed) == 0; }

 private:
  using Live = GrantPass::Live;
  std::vector<GrantSeen> EndIf(const std::function<bool(const Live&)>& is_over);

  mutable std::mutex mutex_;  // guards both
  std::list<std::shared_ptr<Live>> open_;
  bool closed_ = false;
  std::atomic<std::size_t> count_{0};  // of open_: most sessions never have one
};

}  // namespace interlock::gateway
