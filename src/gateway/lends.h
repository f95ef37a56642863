// The values of lends that the vault doesn't keep itself: asked of their sources when they are
// wanted, once for everybody who waits, and before the old one expires.
//
// A failure is on the record and in `status`; whoever wanted the value is told by Vault::Reveal
// which lend it is and why. Thread-safe.
#pragma once

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "action/action.h"
#include "base/clock.h"
#include "base/deadline.h"
#include "base/secret.h"
#include "credential/source.h"
#include "credential/vault.h"
#include "gateway/stream.h"

namespace interlock::gateway {

class Core;
struct Worker;

// A lend whose source gives nothing.
struct LendTrouble {
  std::string entry;
  std::string why;
  TimePoint since;
};

class Lends {
 public:
  // A source that failed is left alone for so long, whoever asks.
  static constexpr std::chrono::seconds kPause{5};

  ~Lends() { Stop(); }

  // Returns when the entry's value is as good as it will get. Nothing is waited for where it is
  // good already.
  Task<void> Refresh(Core& core, Worker& worker, std::string entry);
  // The same, and then Vault::Reveal.
  Task<Result<std::shared_ptr<const Secret>>> Reveal(Core& core, Worker& worker, CredentialRef ref);

  std::vector<LendTrouble> Troubles() const;
  // An entry, or all of a session's ("SESSION.…").
  void Forget(const std::string& entry);

  // Ends what is being asked and waits for it.
  void Stop();

 private:
  // One question under way and those who wait for it.
  struct Flight {
    bool landed = false;
    std::vector<std::shared_ptr<asio::steady_timer>> waiting;
  };
  class Landing;
  Task<void> Ask(Core& core, Worker& worker, std::string name);
  Task<std::shared_ptr<Result<credential::Sourced>>> Given(Core& core, Worker& worker,
                                                           credential::VaultEntry entry,
                                                           credential::Source source);
  Task<void> WaitFor(std::shared_ptr<Flight> flight);
  void Note(Core& core, const credential::VaultEntry& entry, const Result<void>& outcome);

  asio::thread_pool asking_{2};
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  // Under mutex_.
  std::map<std::string, std::shared_ptr<Flight>> flights_;
  std::map<std::string, SteadyPoint> asked_;  // when last
  std::map<std::string, LendTrouble> troubles_;
};

}  // namespace interlock::gateway
