// The layout of a log on disk (c2sp.org/tlog-tiles): names of tiles and entry bundles, their bytes,
// and a reader. The reader needs no lock: published files never change, and where a partial tile
// has since been replaced by a wider one it takes the front of that. Not thread-safe; cheap to
// make.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ledger/merkle.h"

namespace interlock::ledger {

inline constexpr std::uint64_t kTileWidth = 256;  // hashes in a full tile, entries in a full bundle
inline constexpr std::size_t kEntryBytesMax = 65535;
inline constexpr unsigned kTileLevelsMax = 8;  // of a log of 2^63 - 1 entries

// Relative to the log's directory: "tile/0/x001/x234/067", "tile/entries/000.p/5". A width of 256
// is a full tile.
std::string TilePath(unsigned level, std::uint64_t index, std::uint64_t width);
std::string BundlePath(std::uint64_t index, std::uint64_t width);

// Hashes that the level holds for a log of this size: size / 256^level.
std::uint64_t HashesAtLevel(std::uint64_t size, unsigned level);
// How wide tile `index` is where its level holds `count` hashes: 0 to 256.
std::uint64_t WidthOf(std::uint64_t index, std::uint64_t count);

// Adds uint16 length (big endian) and bytes; the entry has at most kEntryBytesMax.
void AppendEntry(std::string& bundle, std::string_view entry);
// The entries of exactly `count`, views into `bundle`; refused when it is shorter or longer.
Result<std::vector<std::string_view>> SplitBundle(std::string_view bundle, std::uint64_t count);

class TileReader {
 public:
  explicit TileReader(std::filesystem::path dir) : dir_(std::move(dir)) {}

  Result<std::vector<Hash>> Tile(unsigned level, std::uint64_t index, std::uint64_t width) const;
  // Exactly the bytes of the first `width` entries.
  Result<std::string> Bundle(std::uint64_t index, std::uint64_t width) const;

  // Roots of perfect subtrees of the log at `size`, for proofs. Keeps the tiles it has read, at
  // most a few for each proof. The reader must outlive the function.
  Subtrees SubtreesAt(std::uint64_t size);

 private:
  struct Found {
    std::string bytes;
    std::uint64_t width;  // what the file claims to hold, at least what was asked for
  };
  Result<Found> Read(const std::string& full, std::uint64_t width, std::size_t limit) const;
  std::filesystem::path dir_;
  std::map<std::pair<unsigned, std::uint64_t>, std::vector<Hash>> cache_;
};

}  // namespace interlock::ledger
