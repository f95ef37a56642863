// What the journey of a request needs of the gateway: owned by Gateway, reached by reference
// everywhere else. Members without a comment are safe from any thread.
#pragma once

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "classify/classify.h"
#include "credential/phantom.h"
#include "credential/vault.h"
#include "crypto/allowed_signers.h"
#include "crypto/tls_context.h"
#include "gateway/cover.h"
#include "gateway/lends.h"
#include "gateway/mint_desk.h"
#include "gateway/session.h"
#include "gateway/upstream.h"
#include "ledger/ledger.h"
#include "policy/config.h"
#include "store/store.h"
#include "wire/http1/message.h"

namespace interlock::gateway {

// One thread and what belongs to it. A connection never leaves its worker.
struct Worker {
  Deadlines
      deadlines;  // first, so that it outlives the streams of coroutines that the context drops
  asio::io_context context{1};
  UpstreamPool pool{context, deadlines};
  std::thread thread;
};

class Workers {
 public:
  explicit Workers(std::size_t count);
  ~Workers() { Stop(); }
  Worker& Next() {
    return *workers_[next_.fetch_add(1, std::memory_order_relaxed) % workers_.size()];
  }
  Worker& First() { return *workers_.front(); }
  const std::vector<std::unique_ptr<Worker>>& all() const { return workers_; }
  // Waits until every thread has done what was posted to it so far, up to `at_most`.
  void Settle(std::chrono::milliseconds at_most);
  // Ends every connection and joins the threads.
  void Stop();

 private:
  std::vector<std::unique_ptr<Worker>> workers_;
  std::atomic<std::size_t> next_{0};
};

// The configuration in force, swapped as a whole.
struct Settings {
  policy::Config config;
  std::string policy_digest;
  std::shared_ptr<const Routes> routes;
};

// How long a peer may keep us waiting. Configurable so that tests reach each of them.
struct Times {
  std::chrono::milliseconds header{15'000};      // from the connection to the end of the first head
  std::chrono::milliseconds idle{75'000};        // between two requests
  std::chrono::milliseconds body{60'000};        // between two pieces of a body
  std::chrono::milliseconds answer{300'000};     // for the provider's answer to begin
  std::chrono::milliseconds websocket{600'000};  // without a word from either end
  std::chrono::milliseconds hold{15 * 60'000};   // how long a hold waits for humans
};

struct Counters {
  std::atomic<std::size_t> connections{0};
  std::atomic<std::uint64_t> turned_away{0};
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> malformed{0};
  std::atomic<std::uint64_t> allowed{0};
  std::atomic<std::uint64_t> held{0};
  std::atomic<std::uint64_t> denied{0};
};

// Bodies beyond the ordinary limit of inspection, which some packs allow: few at a time, since each
// is held in memory several times over.
class LargeBodies {
 public:
  static constexpr int kMax = 4;
  // False when there are as many as there may be.
  bool Take() {
    if (count_.fetch_add(1) < kMax) return true;
    count_.fetch_sub(1);
    return false;
  }
  void Give() { count_.fetch_sub(1); }

 private:
  std::atomic<int> count_{0};
};

class ConnectionCount {
 public:
  explicit ConnectionCount(std::atomic<std::size_t>& count) : count_(count) { ++count_; }
  ~ConnectionCount() { --count_; }
  ConnectionCount(const ConnectionCount&) = delete;
  ConnectionCount& operator=(const ConnectionCount&) = delete;

 private:
  std::atomic<std::size_t>& count_;
};

class HoldDesk;
class ScopeCache;
using Approvers = crypto::AllowedSigners;

class Core {
 public:
  Core(const Clock& clock_in, std::filesystem::path state_in, const classify::Packs& packs_in,
       credential::Vault& vault_in, credential::PhantomTable& phantoms_in, store::Store& store_in,
       ledger::Ledger& ledger_in, crypto::ServerContexts& server_tls_in, Sessions& sessions_in,
       ScopeCache& scope_in, HoldDesk& desk_in, asio::thread_pool& blocking_in,
       asio::thread_pool& searching_in)
      : clock(clock_in),
        state(std::move(state_in)),
        packs(packs_in),
        vault(vault_in),
        phantoms(phantoms_in),
        store(store_in),
        ledger(ledger_in),
        server_tls(server_tls_in),
        sessions(sessions_in),
        scope(scope_in),
        desk(desk_in),
        blocking(blocking_in),
        searching(searching_in) {}

  const Clock& clock;
  const std::filesystem::path state;
  const classify::Packs& packs;
  credential::Vault& vault;
  credential::PhantomTable& phantoms;
  store::Store& store;
  ledger::Ledger& ledger;
  crypto::ServerContexts& server_tls;
  Sessions& sessions;
  ScopeCache& scope;
  HoldDesk& desk;
  asio::thread_pool& blocking;   // for the store and other work that waits for a disk
  asio::thread_pool& searching;  // for large bodies: an agent's, so never where a human waits

  Times times;
  http1::Limits http_limits;
  std::size_t inspect_bytes_max = 8u << 20;
  std::size_t connections_max = 20'000;
  Counters counters;
  LargeBodies large_bodies;
  OwnPorts own_ports;
  ScrubSets scrub_sets;
  Lends lends;
  MintDesk mints;

  std::shared_ptr<const Settings> settings() const {
    const std::lock_guard lock(mutex_);
    return settings_;
  }
  void Use(std::shared_ptr<const Settings> settings) {
    const std::lock_guard lock(mutex_);
    settings_ = std::move(settings);
  }
  std::shared_ptr<const Approvers> approvers() const {
    const std::lock_guard lock(mutex_);
    return approvers_;
  }
  void Use(std::shared_ptr<const Approvers> approvers) {
    const std::lock_guard lock(mutex_);
    approvers_ = std::move(approvers);
  }

 private:
  mutable std::mutex mutex_;  // guards the two snapshots
  std::shared_ptr<const Settings> settings_;
  std::shared_ptr<const Approvers> approvers_;
};

// Puts what a session's refusals were counted to on the record. Blocks on the disk.
void RecordRefusals(Core& core, Session& session);

// g++ 12 destroys a temporary twice that is made by braces or a lambda inside a co_await expression
// (docs/decisions/0006): here and everywhere such things get a name first.
//
// Runs `work` on a pool and comes back to the caller's thread with what it returned.
template <typename Work>
Task<std::invoke_result_t<Work>> CallWork(Work work) {
  co_return work();
}
template <typename Work>
Task<std::invoke_result_t<Work>> RunOn(asio::thread_pool& pool, Work work) {
  auto task = CallWork(std::move(work));
  co_return co_await asio::co_spawn(pool.get_executor(), std::move(task), asio::use_awaitable);
}
template <typename Work>
Task<std::invoke_result_t<Work>> Blocking(Core& core, Work work) {
  return RunOn(core.blocking, std::move(work));
}

}  // namespace interlock::gateway
