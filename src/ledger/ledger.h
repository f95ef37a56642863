// The ledger: an append-only, signed log of what happened, in the layout of c2sp.org/tlog-tiles.
//
// An entry is RFC 8785 JSON of at most 65,535 bytes, given as canonical text (not parsed here). An
// entry that was acknowledged survives a crash and a power cut; a checkpoint is never shown before
// the tree it signs is durable. After a write error the ledger refuses everything, with the reason,
// until it is opened again: it never pretends. How: docs/decisions/0003-ledger-journal.md.
//
// Every method may be called from any thread. Inside, one thread commits and one publishes.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "crypto/ed25519.h"
#include "ledger/checkpoint.h"
#include "ledger/io.h"

namespace interlock::ledger {

class Ledger {
 public:
  struct Options {
    std::filesystem::path dir;  // STATE/ledger; created with mode 0700
    std::string origin;         // names the log and its key: "interlock.local/<8 hex digits>"
    // An entry of AppendAsync is durable after this long at the latest: what a crash can lose.
    std::chrono::milliseconds flush_interval{50};
    // Under load `checkpoint` and tiles follow in steps of this; an idle ledger publishes at once.
    std::chrono::milliseconds publish_interval{100};
    std::size_t queue_bytes_max = 4u << 20;  // entries waiting to be committed
    std::uint64_t segment_bytes = 8u << 20;  // of each of the journal's four files; for a new log
    Io* io = nullptr;                        // Io::System() when null; outlives the ledger
  };

  // Takes the exclusive lock on the directory and repairs what a crash left. conflict: another
  // process holds it, or it belongs to another key. verification: its parts disagree (rolled back,
  // forked, damaged), with what to do. The key must be the one the log was begun with.
  static Result<std::unique_ptr<Ledger>> Open(Options options, crypto::Ed25519Key key);

  // Commits and publishes what is queued, then releases the directory.
  ~Ledger();

  using Done = std::function<void(Result<std::uint64_t> index)>;

  // Returns the entry's index once it is durable in the log: every checkpoint that is signed from
  // then on covers it, also after a crash. Waits for room in the queue. unavailable: the ledger is
  // halted; the entry may or may not be in the log, and nothing may be done on the strength of it.
  Result<std::uint64_t> AppendDurable(std::string_view entry);

  // The same for callers that must not wait. `done` is called exactly once, with the committing
  // thread of the ledger or, when refused at once (halted, bad entry, full queue: Code::limit),
  // before this returns. It must be quick and must not throw or call a method that waits.
  void AppendDurable(std::string_view entry, Done done);

  // Returns at once with the index that the entry will have. limit: the queue is full, and the
  // entry is not taken. A crash within flush_interval can lose it; an error is never silent.
  Result<std::uint64_t> AppendAsync(std::string_view entry);

  // The signed checkpoint of everything that is durable. Signs (35 µs) when nobody has yet.
  SignedCheckpoint Latest() const;

  // Waits until everything appended before is durable and published in the directory.
  Result<void> Flush();

  // Why the ledger refuses everything; nullopt while it works.
  std::optional<Error> Halted() const;

  const VerifierKey& verifier_key() const;

 private:
  class Impl;
  explicit Ledger(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace interlock::ledger
