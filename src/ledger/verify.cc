#include "ledger/verify.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/file.h"
#include "ledger/tiles.h"

namespace interlock::ledger {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> Disagrees(std::string what) {
  return Fail(Code::verification, "ledger: " + std::move(what));
}

// A missing or oversized file of the log is a disagreement; a file that can't be read is not.
std::unexpected<Error> Blame(const std::string& path, Error error) {
  switch (error.code) {
    case Code::not_found:
      return Disagrees(path + " is missing");
    case Code::limit:
      return Disagrees(path + " is larger than it can be");
    case Code::verification:
      return Disagrees(std::move(error.message));
    default:
      return std::unexpected(std::move(error));
  }
}

Result<std::string> ReadCheckpointNote(const fs::path& dir) {
  auto note = ReadFile(dir / "checkpoint", kNoteBytesMax);
  if (!note) return Blame("checkpoint", note.error());
  return note;
}

Result<SignedCheckpoint> ReadCheckpoint(const fs::path& dir, const VerifierKey& key) {
  ILK_TRY(note, ReadCheckpointNote(dir));
  auto checkpoint = OpenCheckpoint(note, key);
  if (!checkpoint) return Disagrees("checkpoint does not hold: " + checkpoint.error().message);
  return SignedCheckpoint{.checkpoint = std::move(*checkpoint), .note = std::move(note)};
}

// How many entries are published, by the unverified checkpoint.
Result<std::uint64_t> PublishedSize(const fs::path& dir) {
  ILK_TRY(bytes, ReadCheckpointNote(dir));
  ILK_TRY(note, ParseNote(bytes));
  ILK_TRY(checkpoint, ParseCheckpoint(note.text));
  return checkpoint.size;
}

Hash RootOf(const std::vector<Hash>& hashes) {
  CompactRange range;
  for (const Hash& hash : hashes) range.Append(hash);
  return range.Root();
}

// Goes through the log from its entries upwards, holding what each level's current tile should be.
class Pass {
 public:
  Pass(const fs::path& dir, const Checkpoint& checkpoint) : reader_(dir), checkpoint_(checkpoint) {}

  Result<void> Run(const Progress& progress) {
    const std::uint64_t size = checkpoint_.size;
    for (std::uint64_t n = 0; n * kTileWidth < size; ++n) {
      ILK_TRY_VOID(TakeBundle(n, WidthOf(n, size)));
      if (progress) progress(std::min(size, (n + 1) * kTileWidth), size);
    }
    for (unsigned level = 0; level < kTileLevelsMax; ++level) {
      if (!levels_[level].hashes.empty()) ILK_TRY_VOID(CheckTile(level));
    }
    if (tree_.Root() != checkpoint_.root) {
      return Disagrees(
          "checkpoint: entries and tiles agree with each other, but not with its "
          "root: they were replaced together");
    }
    return {};
  }

 private:
  struct Level {
    std::uint64_t index = 0;
    std::vector<Hash> hashes;  // as they should be
  };

  Result<void> TakeBundle(std::uint64_t n, std::uint64_t width) {
    const auto bundle = reader_.Bundle(n, width);
    if (!bundle) return Blame(BundlePath(n, width), bundle.error());
    ILK_TRY(entries, SplitBundle(*bundle, width));
    for (const std::string_view entry : entries) {
      const Hash leaf = LeafHash(entry);
      tree_.Append(leaf);
      ILK_TRY_VOID(Take(leaf));
    }
    return {};
  }

  Result<void> Take(const Hash& leaf) {
    Hash hash = leaf;
    for (unsigned l = 0; l < kTileLevelsMax; ++l) {
      Level& level = levels_[l];
      level.hashes.push_back(hash);
      if (level.hashes.size() < kTileWidth) return {};
      ILK_TRY_VOID(CheckTile(l));
      hash = RootOf(level.hashes);
      level.hashes.clear();
      ++level.index;
    }
    return {};
  }

  Result<void> CheckTile(unsigned l) {
    const Level& level = levels_[l];
    const std::uint64_t width = level.hashes.size();
    const std::string path = TilePath(l, level.index, width);
    const auto stored = reader_.Tile(l, level.index, width);
    if (!stored) return Blame(path, stored.error());
    const auto differs = std::mismatch(level.hashes.begin(), level.hashes.end(), stored->begin());
    if (differs.first == level.hashes.end()) return {};
    const auto at = static_cast<std::uint64_t>(differs.first - level.hashes.begin());
    if (l == 0) return BlameLeaf(level.index, at, *stored);
    const std::uint64_t below = level.index * kTileWidth + at;
    return Disagrees(path + ": its hash " + std::to_string(at) + " is not the root of " +
                     TilePath(l - 1, below, kTileWidth) + ", which agrees with its entries");
  }

  // Entry and leaf hash disagree; whoever agrees with the levels above is the one that was not
  // changed.
  Result<void> BlameLeaf(std::uint64_t n, std::uint64_t at, const std::vector<Hash>& stored) {
    const std::vector<Hash>& computed = levels_[0].hashes;
    const std::string tile = TilePath(0, n, stored.size());
    const std::string bundle = BundlePath(n, stored.size());
    const std::string entry = "entry " + std::to_string(n * kTileWidth + at);
    bool tile_holds = false;
    bool bundle_holds = false;
    if (stored.size() == kTileWidth) {
      const std::uint64_t parents = HashesAtLevel(checkpoint_.size, 1);
      const std::uint64_t parent = n / kTileWidth;
      const auto above = reader_.Tile(1, parent, WidthOf(parent, parents));
      if (above) {
        tile_holds = (*above)[n % kTileWidth] == RootOf(stored);
        bundle_holds = (*above)[n % kTileWidth] == RootOf(computed);
      }
    } else {
      const auto root = RangeRoot(0, checkpoint_.size, reader_.SubtreesAt(checkpoint_.size));
      tile_holds = root && *root == checkpoint_.root;
      bundle_holds = tree_.Root() == checkpoint_.root;
    }
    if (tile_holds && !bundle_holds) {
      return Disagrees(bundle + ": " + entry + " was changed; its hash in " + tile +
                       " still fits the signed tree");
    }
    if (bundle_holds && !tile_holds) {
      return Disagrees(tile + ": the hash of " + entry + " was changed; the entry in " + bundle +
                       " still fits the signed tree");
    }
    return Disagrees(bundle + " and " + tile + " disagree about " + entry);
  }

  TileReader reader_;
  const Checkpoint& checkpoint_;
  CompactRange tree_;
  std::array<Level, kTileLevelsMax> levels_;
};

}  // namespace

Result<VerifierKey> ReadVerifierKey(const fs::path& dir) {
  ILK_TRY(text, ReadFile(dir / "vkey", 4096));
  return VerifierKey::Parse(text);
}

Result<VerifyReport> Verify(const fs::path& dir, const VerifierKey& key, const Progress& progress) {
  ILK_TRY(latest, ReadCheckpoint(dir, key));
  const Checkpoint& checkpoint = latest.checkpoint;
  ILK_TRY_VOID(Pass(dir, checkpoint).Run(progress));
  return VerifyReport{
      .origin = checkpoint.origin, .size = checkpoint.size, .root = checkpoint.root};
}

Result<std::string> Prove(const fs::path& dir, std::uint64_t index, const VerifierKey& key) {
  ILK_TRY(latest, ReadCheckpoint(dir, key));
  const std::uint64_t size = latest.checkpoint.size;
  if (index >= size) {
    return Fail(Code::not_found, "ledger: entry " + std::to_string(index) +
                                     " is not published; the log has " + std::to_string(size) +
                                     " entries");
  }
  TileReader reader(dir);
  auto proof = InclusionProof(index, size, reader.SubtreesAt(size));
  if (!proof) return Blame("a tile", proof.error());
  const std::uint64_t n = index / kTileWidth;
  const std::uint64_t width = WidthOf(n, size);
  const auto bundle = reader.Bundle(n, width);
  if (!bundle) return Blame(BundlePath(n, width), bundle.error());
  ILK_TRY(entries, SplitBundle(*bundle, width));
  std::string receipt = FormatReceipt(
      {.extra = {}, .index = index, .proof = std::move(*proof), .note = std::move(latest.note)});
  if (const auto proved = VerifyProof(receipt, entries[index % kTileWidth], key); !proved) {
    return Disagrees("the entry and the tiles do not prove it (" + proved.error().message +
                     "); `interlock ledger verify` names the file");
  }
  return receipt;
}

Result<ConsistencyToLatest> ProveConsistency(const fs::path& dir, std::uint64_t size,
                                             const VerifierKey& key) {
  ILK_TRY(latest, ReadCheckpoint(dir, key));
  TileReader reader(dir);
  const std::uint64_t latest_size = latest.checkpoint.size;
  if (size == 0) return ConsistencyToLatest{.latest = std::move(latest), .proof = {}};
  auto proof = ConsistencyProof(size, latest_size, reader.SubtreesAt(latest_size));
  if (!proof) return Blame("a tile", proof.error());
  return ConsistencyToLatest{.latest = std::move(latest), .proof = std::move(*proof)};
}

Result<std::string> ReadEntry(const fs::path& dir, std::uint64_t index) {
  ILK_TRY(size, PublishedSize(dir));
  if (index >= size) {
    return Fail(Code::not_found, "ledger: entry " + std::to_string(index) +
                                     " is not published; the log has " + std::to_string(size) +
                                     " entries");
  }
  const std::uint64_t n = index / kTileWidth;
  const std::uint64_t width = WidthOf(n, size);
  const auto bundle = TileReader(dir).Bundle(n, width);
  if (!bundle) return Blame(BundlePath(n, width), bundle.error());
  ILK_TRY(entries, SplitBundle(*bundle, width));
  return std::string(entries[index % kTileWidth]);
}

Result<void> Export(const fs::path& dir,
                    const std::function<Result<void>(std::uint64_t, std::string_view)>& entry) {
  ILK_TRY(size, PublishedSize(dir));
  const TileReader reader(dir);
  for (std::uint64_t n = 0; n * kTileWidth < size; ++n) {
    const std::uint64_t width = WidthOf(n, size);
    const auto bundle = reader.Bundle(n, width);
    if (!bundle) return Blame(BundlePath(n, width), bundle.error());
    ILK_TRY(entries, SplitBundle(*bundle, width));
    for (std::uint64_t i = 0; i < width; ++i) {
      ILK_TRY_VOID(entry(n * kTileWidth + i, entries[i]));
    }
  }
  return {};
}

}  // namespace interlock::ledger
