// Checkpoints (c2sp.org/tlog-checkpoint): the signed statement "the log named origin has this size
// and this root", as a note. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "ledger/merkle.h"
#include "ledger/note.h"

namespace interlock::ledger {

struct Checkpoint {
  std::string origin;
  std::uint64_t size = 0;  // entries; at most 2^63 - 1
  Hash root{};
  bool operator==(const Checkpoint&) const = default;
};

// A checkpoint and the whole note that carries it, signatures included.
struct SignedCheckpoint {
  Checkpoint checkpoint;
  std::string note;
};

// The text that is signed: three lines.
std::string FormatCheckpoint(const Checkpoint& checkpoint);

// Extension lines after the third are accepted and dropped; anything else out of form is refused.
Result<Checkpoint> ParseCheckpoint(std::string_view text);

// The checkpoint in a signed note, when `key` signed it and is named like its origin.
Result<Checkpoint> OpenCheckpoint(std::string_view note, const VerifierKey& key);

// A decimal number without sign or leading zeros, at most 2^63 - 1.
std::optional<std::uint64_t> ParseDecimal(std::string_view text);

}  // namespace interlock::ledger
