// Opening a ledger directory: the lock, the checks that journal, tiles and checkpoint tell the same
// story, and the repair of what a crash left undone. Never signs a tree that is smaller than, or
// inconsistent with, one that was signed before.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"
#include "ledger/checkpoint.h"
#include "ledger/io.h"
#include "ledger/journal.h"
#include "ledger/note.h"
#include "ledger/tile_writer.h"

namespace interlock::ledger {

// The advice in every refusal to go on with a damaged or rolled-back log.
inline constexpr std::string_view kWhatToDo =
    "Move the directory away and keep it: what it published stays verifiable. Then start a new log "
    "with a new key. Don't put back an older copy: signing on from there would fork the log";

// An opened directory: everything in the journal is published.
struct Opened {
  UniqueFd lock;
  std::unique_ptr<Journal> journal;
  std::unique_ptr<TileWriter> tiles;
  SignedCheckpoint latest;
};

// conflict: another process has the directory, or it belongs to another key. verification: its
// parts disagree. unavailable: a file couldn't be read or written.
Result<Opened> OpenDirectory(Io& io, const std::filesystem::path& dir, const NoteSigner& signer,
                             std::uint64_t segment_bytes);

// The checkpoint and its note for this tree.
SignedCheckpoint SignTree(const NoteSigner& signer, std::uint64_t size, const Hash& root);

}  // namespace interlock::ledger
