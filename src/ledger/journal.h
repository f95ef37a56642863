// The write-ahead journal of the ledger: what makes an entry durable before anybody is told.
//
// Four preallocated files are used in turn; a segment is one use of one file. A segment begins with
// the state of the tree, then holds one record for each batch: the entries and the root of the tree
// after them. Every record is tagged with a key that only the ledger's signer can derive, chained
// to the one before, so a journal can't be extended or reordered by somebody who can only write
// files. Format and reasons: docs/decisions/0003-ledger-journal.md.
//
// Not thread-safe: opened by one thread, then used by the one that commits.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ledger/io.h"
#include "ledger/merkle.h"

namespace interlock::ledger {

class Journal {
 public:
  struct Options {
    Io* io = nullptr;
    std::filesystem::path dir;
    Hash key{};                       // secret; tags of records depend on it
    std::uint64_t segment_bytes = 0;  // for a new journal; an existing one keeps its own
  };

  // One durable record, read back in order.
  struct Record {
    const CompactRange& before;
    const std::vector<std::string_view>& entries;
    const std::vector<Hash>& leaves;
  };
  using Visitor = std::function<Result<void>(const Record&)>;

  // A journal for an empty log.
  static Result<std::unique_ptr<Journal>> Create(Options options);

  // Reads the journal from the last segment that begins at or before `published` and visits its
  // records. A torn last record is dropped: it was never acknowledged. Any other damage is
  // Code::verification; a journal that holds nothing is Code::not_found.
  static Result<std::unique_ptr<Journal>> Open(Options options, std::uint64_t published,
                                               const Visitor& visit);

  // Published size that has to be reached before a record of `entries_bytes` can be written,
  // because it would overwrite entries that aren't in tiles yet; 0 when there is room now.
  std::uint64_t MustBePublished(std::size_t entries_bytes) const;

  // Writes one record; durable only after Sync. `entries` is a bundle of exactly these leaves.
  // After an error the journal must not be used further.
  Result<void> Append(std::string_view entries, const std::vector<Hash>& leaves);
  Result<void> Sync();

  // The tree after all records.
  const CompactRange& tree() const { return tree_; }
  const Hash& root() const { return root_; }
  // The largest batch of entries that fits a segment of this size; of this journal.
  static std::uint64_t EntriesBytesMax(std::uint64_t segment_bytes);
  std::uint64_t entries_bytes_max() const { return EntriesBytesMax(options_.segment_bytes); }

 private:
  static constexpr std::size_t kSlots = 4;

  explicit Journal(Options options) : options_(std::move(options)) {}
  Result<void> OpenSlots();
  Result<void> StartSegment(std::uint64_t number);
  struct Segment {
    std::uint64_t number;
    CompactRange tree;  // where it begins
    std::uint64_t segment_bytes;
    std::size_t first_record;  // offset of the first batch
    Hash chain;                // before the first batch
  };
  Result<std::vector<Segment>> FindSegments() const;
  Result<void> Replay(const Segment& segment, const Visitor& visit);
  Result<bool> ReplayRecord(std::string_view rest, const Visitor& visit);
  Result<std::string> ReadSlot(std::size_t slot, std::uint64_t bytes) const;
  std::string Frame(std::uint32_t count, std::string_view payload, std::string_view bound);

  Options options_;
  std::array<File, kSlots> slots_;
  std::array<std::uint64_t, kSlots> end_sizes_{};  // of the log, where each slot's segment ended
  std::uint64_t segment_ = 0;                      // number of the current one, from 1
  std::uint32_t record_ = 0;                       // number of the next one in the segment
  std::uint64_t offset_ = 0;                       // where it goes
  Hash segment_key_{};
  Hash chain_{};
  CompactRange tree_;
  Hash root_ = EmptyRoot();
};

}  // namespace interlock::ledger
