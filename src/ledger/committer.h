// The two threads of a ledger and the queue before them. Private to the folder: see ledger.h for
// the contract.
//
//   callers ─▶ queue ─▶ committer: journal, fdatasync ─▶ callers are told
//                                    └─▶ backlog ─▶ publisher: tiles, sync, signature, `checkpoint`
//
// Publishing has a thread of its own because it syncs many files, and nobody who waits for
// durability should wait for that.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/result.h"
#include "ledger/gate.h"
#include "ledger/ledger.h"
#include "ledger/note.h"
#include "ledger/recovery.h"

namespace interlock::ledger {

class Committer {
 public:
  Committer(const Ledger::Options& options, NoteSigner signer, Opened opened);
  ~Committer();

  enum class Urgency { durable, lazy };
  enum class WhenFull { wait, refuse };

  // Queues an entry and returns its index; `done`, unless empty, is called when it is durable. Does
  // not call it when it returns an error.
  Result<std::uint64_t> Queue(std::string_view entry, Urgency urgency, WhenFull when_full,
                              Ledger::Done done);
  Result<std::uint64_t> QueueAndWait(std::string_view entry);
  SignedCheckpoint Latest();
  Result<void> Flush();
  std::optional<Error> Halted() const;
  const VerifierKey& verifier_key() const { return signer_.verifier_key(); }

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;

  struct Waiting {
    std::uint64_t index;
    Ledger::Done done;
  };
  // What is committed together: by one write and one sync.
  struct Batch {
    std::string entries;  // as a bundle
    std::uint32_t count = 0;
    std::vector<Waiting> waiting;
  };
  struct Committed {
    std::string entries;
    std::vector<Hash> leaves;
    Checkpoint head;
  };

  Result<void> WaitForRoom(std::unique_lock<std::mutex>& lock, std::size_t bytes,
                           WhenFull when_full);
  struct Place {
    std::uint64_t index;
    std::uint64_t batch;
  };
  Result<Place> Enqueue(std::string_view entry, Urgency urgency, WhenFull when_full,
                        Ledger::Done done);

  void CommitLoop();
  bool NextBatch(Batch& batch);
  Result<Committed> Commit(Batch& batch);
  Result<void> WaitForPublished(std::uint64_t size);
  void Announce(Batch& batch, Result<Committed> committed);

  void PublishLoop();
  bool NextBacklog(std::vector<Committed>& backlog);
  Result<void> Publish(std::vector<Committed>& backlog);

  void HurryLocked();
  void HaltLocked(const Error& error);

  const std::chrono::milliseconds flush_interval_;
  const std::chrono::milliseconds publish_interval_;
  const std::size_t queue_bytes_max_;
  const NoteSigner signer_;
  const UniqueFd directory_lock_;
  const std::unique_ptr<Journal> journal_;   // the committing thread's
  const std::unique_ptr<TileWriter> tiles_;  // the publishing thread's

  // One for each of two batches, raised to the number of a batch once it is committed: who waits
  // for the next one sleeps on.
  std::array<Gate, 2> committed_;

  std::atomic<bool> is_halted_ = false;  // halted_ has a value; for those who left the mutex

  mutable std::mutex mutex_;            // guards everything below
  std::condition_variable work_;        // for the committer
  std::condition_variable backlogged_;  // for the publisher when it has nothing to do
  std::condition_variable hurry_;       // for the publisher when it pauses
  std::condition_variable room_;        // the queue became shorter
  std::condition_variable published_;   // published_size_ grew
  Batch queue_;
  bool queue_is_urgent_ = false;
  SteadyTime queue_deadline_{};
  std::uint64_t batch_number_ = 1;  // of the batch that is being gathered
  std::uint64_t next_index_;
  std::vector<Committed> backlog_;
  bool publish_now_ = false;
  Checkpoint head_;          // of the tree that is durable
  SignedCheckpoint latest_;  // the newest one that was signed, at most head_
  std::uint64_t published_size_;
  bool stopping_ = false;
  bool committer_done_ = false;
  std::optional<Error> halted_;

  std::thread committer_;
  std::thread publisher_;
};

}  // namespace interlock::ledger
