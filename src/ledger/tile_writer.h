// Writes the published form of the log: tiles, entry bundles and `checkpoint`. A checkpoint is
// renamed into place only after everything it needs is on stable storage, so the directory verifies
// at every instant, also after a power cut. Not thread-safe: one owner.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ledger/checkpoint.h"
#include "ledger/io.h"
#include "ledger/merkle.h"
#include "ledger/tiles.h"

namespace interlock::ledger {

class TileWriter {
 public:
  // Continues after `published`, the checkpoint that lies in `dir` (size 0 for a new log). Reads
  // the right edge of the tree and refuses it when it doesn't give the checkpoint's root.
  static Result<std::unique_ptr<TileWriter>> Load(Io& io, std::filesystem::path dir,
                                                  const Checkpoint& published);

  // Takes the next entry; writes a tile or bundle when one is full.
  Result<void> Add(std::string_view entry, const Hash& leaf);

  // Makes the entries so far and this signed note, their checkpoint, visible.
  Result<void> Publish(std::string_view note);

  std::uint64_t size() const { return size_; }

 private:
  // The rightmost tile of a level, not yet full, or the rightmost bundle.
  struct Edge {
    std::uint64_t index = 0;
    std::uint64_t width = 0;
    std::uint64_t published_width = 0;  // of this index; 0 when no file of it was published
    std::string bytes;
  };
  struct Superseded {
    std::filesystem::path path;
    std::uint64_t bytes;
    std::filesystem::path full;  // the file that replaces it once it exists
  };

  TileWriter(Io& io, std::filesystem::path dir) : io_(io), dir_(std::move(dir)) {}
  Result<void> AddHash(unsigned level, const Hash& hash);
  Result<void> FinishFull(Edge& edge, const std::string& full_path);
  Result<void> WritePartial(Edge& edge, const std::string& path, const std::string& full_path);
  Result<void> WriteFile(const std::string& path, std::string_view bytes);
  Result<void> MakeParents(const std::filesystem::path& path);
  Result<void> SyncAll();
  Result<void> RemoveSuperseded();
  void FindLeftovers();

  Io& io_;
  std::filesystem::path dir_;
  std::uint64_t size_ = 0;
  std::array<Edge, kTileLevelsMax> edges_;
  Edge bundle_;
  std::vector<std::filesystem::path> unsynced_files_;
  std::set<std::filesystem::path> unsynced_directories_;
  std::set<std::filesystem::path> known_directories_;
  std::deque<Superseded> superseded_;
  std::uint64_t superseded_bytes_ = 0;
};

}  // namespace interlock::ledger
