#include "ledger/committer.h"

#include <algorithm>
#include <utility>

#include "ledger/tiles.h"

namespace interlock::ledger {
namespace {

// Publishing may use at most this part of the time of its thread and of the disk, whatever a single
// round costs.
constexpr int kPublishPauseFactor = 10;

}  // namespace

Committer::Committer(const Ledger::Options& options, NoteSigner signer, Opened opened)
    : flush_interval_(options.flush_interval),
      publish_interval_(options.publish_interval),
      // A journal keeps the segment size it was begun with, and a batch has to fit a segment.
      queue_bytes_max_(
          std::min<std::uint64_t>(options.queue_bytes_max, opened.journal->entries_bytes_max())),
      signer_(std::move(signer)),
      directory_lock_(std::move(opened.lock)),
      journal_(std::move(opened.journal)),
      tiles_(std::move(opened.tiles)),
      next_index_(opened.latest.checkpoint.size),
      head_(opened.latest.checkpoint),
      latest_(std::move(opened.latest)),
      published_size_(head_.size) {
  committer_ = std::thread([this] { CommitLoop(); });
  publisher_ = std::thread([this] { PublishLoop(); });
}

Committer::~Committer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    work_.notify_all();
    room_.notify_all();
  }
  committer_.join();
  {
    const std::lock_guard lock(mutex_);
    committer_done_ = true;
    backlogged_.notify_all();
    hurry_.notify_all();
  }
  publisher_.join();
}

// --- callers
// ---------------------------------------------------------------------------------------

Result<void> Committer::WaitForRoom(std::unique_lock<std::mutex>& lock, std::size_t bytes,
                                    WhenFull when_full) {
  for (;;) {
    if (halted_) return std::unexpected(*halted_);
    if (stopping_) return Fail(Code::unavailable, "ledger: it is being closed");
    if (queue_.entries.size() + bytes <= queue_bytes_max_) return {};
    if (when_full == WhenFull::refuse) {
      return Fail(Code::limit, "ledger: the queue of entries to be written is full (" +
                                   std::to_string(queue_bytes_max_) +
                                   " bytes): the disk is slower than what is recorded");
    }
    room_.wait(lock);
  }
}

Result<Committer::Place> Committer::Enqueue(std::string_view entry, Urgency urgency,
                                            WhenFull when_full, Ledger::Done done) {
  if (entry.empty() || entry.size() > kEntryBytesMax) {
    return Fail(Code::invalid_input, "ledger: an entry has 1 to 65535 bytes, this one has " +
                                         std::to_string(entry.size()));
  }
  std::unique_lock lock(mutex_);
  ILK_TRY_VOID(WaitForRoom(lock, 2 + entry.size(), when_full));
  const Place place{.index = next_index_++, .batch = batch_number_};
  const bool was_empty = queue_.count == 0;
  AppendEntry(queue_.entries, entry);
  ++queue_.count;
  if (done) queue_.waiting.push_back({place.index, std::move(done)});
  if (was_empty) queue_deadline_ = std::chrono::steady_clock::now() + flush_interval_;
  // A lazy entry wakes the committer only to set its timer, once for each batch.
  const bool wakes = urgency == Urgency::durable ? !queue_is_urgent_ : was_empty;
  if (urgency == Urgency::durable) queue_is_urgent_ = true;
  // Unlocked first: a thread that wakes up into a locked mutex goes to sleep once more.
  lock.unlock();
  if (wakes) work_.notify_one();
  return place;
}

Result<std::uint64_t> Committer::Queue(std::string_view entry, Urgency urgency, WhenFull when_full,
                                       Ledger::Done done) {
  ILK_TRY(place, Enqueue(entry, urgency, when_full, std::move(done)));
  return place.index;
}

Result<std::uint64_t> Committer::QueueAndWait(std::string_view entry) {
  ILK_TRY(place, Enqueue(entry, Urgency::durable, WhenFull::wait, {}));
  committed_[place.batch % committed_.size()].Wait(place.batch);
  if (!is_halted_.load(std::memory_order_acquire)) return place.index;
  const std::lock_guard lock(mutex_);
  if (head_.size > place.index) return place.index;
  return std::unexpected(*halted_);
}

SignedCheckpoint Committer::Latest() {
  std::unique_lock lock(mutex_);
  if (latest_.checkpoint == head_) return latest_;
  const Checkpoint head = head_;
  lock.unlock();
  SignedCheckpoint made = SignTree(signer_, head.size, head.root);
  lock.lock();
  if (made.checkpoint.size > latest_.checkpoint.size) latest_ = std::move(made);
  return latest_;
}

std::optional<Error> Committer::Halted() const {
  const std::lock_guard lock(mutex_);
  return halted_;
}

Result<void> Committer::Flush() {
  std::unique_lock lock(mutex_);
  const std::uint64_t size = next_index_;
  if (queue_.count != 0) {
    queue_is_urgent_ = true;
    work_.notify_one();
  }
  while (published_size_ < size && !halted_) {
    HurryLocked();
    published_.wait(lock);
  }
  if (published_size_ >= size) return {};
  return std::unexpected(*halted_);
}

void Committer::HurryLocked() {
  publish_now_ = true;
  hurry_.notify_one();
}

void Committer::HaltLocked(const Error& error) {
  if (halted_) return;
  halted_ = Error{Code::unavailable, "ledger halted: " + error.message +
                                         "; nothing is recorded or let through until this is "
                                         "remedied and the gateway is started again"};
  work_.notify_all();
  backlogged_.notify_all();
  hurry_.notify_all();
  room_.notify_all();
  published_.notify_all();
  is_halted_.store(true, std::memory_order_release);
  for (Gate& gate : committed_) gate.Close();
}

// --- the committing thread
// -------------------------------------------------------------------------

bool Committer::NextBatch(Batch& batch) {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (halted_) return false;
    if (queue_is_urgent_ || (stopping_ && queue_.count != 0)) break;
    if (stopping_) return false;
    if (queue_.count == 0) {
      work_.wait(lock);
    } else if (work_.wait_until(lock, queue_deadline_) == std::cv_status::timeout) {
      break;
    }
  }
  std::swap(batch, queue_);
  queue_ = Batch{};
  queue_.entries.reserve(batch.entries.size());
  queue_is_urgent_ = false;
  ++batch_number_;
  room_.notify_all();
  return true;
}

Result<Committer::Committed> Committer::Commit(Batch& batch) {
  ILK_TRY_VOID(WaitForPublished(journal_->MustBePublished(batch.entries.size())));
  Committed committed;
  committed.leaves.reserve(batch.count);
  std::string_view rest = batch.entries;
  while (!rest.empty()) {
    const std::size_t length =
        std::size_t{static_cast<std::uint8_t>(rest[0])} << 8 | static_cast<std::uint8_t>(rest[1]);
    committed.leaves.push_back(LeafHash(rest.substr(2, length)));
    rest.remove_prefix(2 + length);
  }
  ILK_TRY_VOID(journal_->Append(batch.entries, committed.leaves));
  ILK_TRY_VOID(journal_->Sync());
  committed.head = {.origin = signer_.verifier_key().name,
                    .size = journal_->tree().size(),
                    .root = journal_->root()};
  committed.entries = std::move(batch.entries);
  return committed;
}

Result<void> Committer::WaitForPublished(std::uint64_t size) {
  if (size == 0) return {};
  std::unique_lock lock(mutex_);
  while (published_size_ < size && !halted_) {
    HurryLocked();
    published_.wait(lock);
  }
  if (halted_) return std::unexpected(*halted_);
  return {};
}

void Committer::Announce(Batch& batch, Result<Committed> committed) {
  std::optional<Error> error;
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    number = batch_number_ - 1;
    if (committed) {
      head_ = committed->head;
      backlog_.push_back(std::move(*committed));
    } else {
      HaltLocked(committed.error());
      error = halted_;
    }
  }
  if (!error) {
    committed_[number % committed_.size()].Raise(number);
    backlogged_.notify_one();
  }
  for (Waiting& waiting : batch.waiting) {
    if (error) {
      waiting.done(std::unexpected(*error));
    } else {
      waiting.done(waiting.index);
    }
  }
}

void Committer::CommitLoop() {
  Batch batch;
  while (NextBatch(batch)) {
    Announce(batch, Commit(batch));
    batch = Batch{};
  }
  // Only a halt leaves something behind.
  std::unique_lock lock(mutex_);
  std::swap(batch, queue_);
  const std::optional<Error> error = halted_;
  lock.unlock();
  for (Waiting& waiting : batch.waiting) waiting.done(std::unexpected(*error));
}

// --- the publishing thread
// -------------------------------------------------------------------------

bool Committer::NextBacklog(std::vector<Committed>& backlog) {
  std::unique_lock lock(mutex_);
  backlogged_.wait(lock, [&] { return !backlog_.empty() || committer_done_ || halted_; });
  if (backlog_.empty()) return false;
  backlog.swap(backlog_);
  publish_now_ = false;
  return true;
}

Result<void> Committer::Publish(std::vector<Committed>& backlog) {
  for (const Committed& committed : backlog) {
    ILK_TRY(entries, SplitBundle(committed.entries, committed.leaves.size()));
    for (std::size_t i = 0; i < entries.size(); ++i) {
      ILK_TRY_VOID(tiles_->Add(entries[i], committed.leaves[i]));
    }
  }
  const Checkpoint& head = backlog.back().head;
  return tiles_->Publish(SignTree(signer_, head.size, head.root).note);
}

void Committer::PublishLoop() {
  std::vector<Committed> backlog;
  while (NextBacklog(backlog)) {
    const auto began = std::chrono::steady_clock::now();
    const Result<void> done = Publish(backlog);
    const auto ended = std::chrono::steady_clock::now();
    std::unique_lock lock(mutex_);
    if (!done) {
      HaltLocked(done.error());
      return;
    }
    published_size_ = backlog.back().head.size;
    published_.notify_all();
    backlog.clear();
    const auto pause = std::max<std::chrono::steady_clock::duration>(
        publish_interval_, kPublishPauseFactor * (ended - began));
    hurry_.wait_until(lock, ended + pause,
                      [&] { return publish_now_ || committer_done_ || halted_; });
  }
}

}  // namespace interlock::ledger
