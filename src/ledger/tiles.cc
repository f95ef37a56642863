#include "ledger/tiles.h"

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "ledger/checkpoint.h"

namespace interlock::ledger {
namespace {

constexpr unsigned kTileHeight = 8;
constexpr std::size_t kHashBytes = 32;
constexpr std::size_t kTileBytes = kTileWidth * kHashBytes;
constexpr std::size_t kBundleBytesMax = kTileWidth * (2 + kEntryBytesMax);
constexpr std::size_t kCachedTilesMax = 64;

std::string IndexPath(std::uint64_t index) {
  std::string digits = std::to_string(index);
  digits.insert(0, (3 - digits.size() % 3) % 3, '0');
  std::string path;
  for (std::size_t i = 0; i < digits.size(); i += 3) {
    if (i + 3 < digits.size()) {
      path += "x" + digits.substr(i, 3) + "/";
    } else {
      path += digits.substr(i, 3);
    }
  }
  return path;
}

std::string WithWidth(std::string path, std::uint64_t width) {
  if (width < kTileWidth) path += ".p/" + std::to_string(width);
  return path;
}

std::string FullTilePath(unsigned level, std::uint64_t index) {
  return "tile/" + std::to_string(level) + "/" + IndexPath(index);
}

std::string FullBundlePath(std::uint64_t index) { return "tile/entries/" + IndexPath(index); }

// The narrowest partial file in `directory` that is wider than `width`; 0 for none.
std::uint64_t NextWider(const std::filesystem::path& directory, std::uint64_t width) {
  std::uint64_t best = 0;
  std::error_code error;
  std::filesystem::directory_iterator it(directory, error);
  for (; !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    const auto found = ParseDecimal(it->path().filename().string());
    if (found && *found > width && *found < kTileWidth && (best == 0 || *found < best)) {
      best = *found;
    }
  }
  return best;
}

// Root of a perfect subtree whose leaves are these (a power of two of them).
Hash Folded(std::vector<Hash> hashes) {
  while (hashes.size() > 1) {
    for (std::size_t i = 0; i < hashes.size() / 2; ++i) {
      hashes[i] = NodeHash(hashes[2 * i], hashes[2 * i + 1]);
    }
    hashes.resize(hashes.size() / 2);
  }
  return hashes.front();
}

}  // namespace

std::string TilePath(unsigned level, std::uint64_t index, std::uint64_t width) {
  return WithWidth(FullTilePath(level, index), width);
}

std::string BundlePath(std::uint64_t index, std::uint64_t width) {
  return WithWidth(FullBundlePath(index), width);
}

std::uint64_t HashesAtLevel(std::uint64_t size, unsigned level) {
  const unsigned shift = level * kTileHeight;
  return shift < 64 ? size >> shift : 0;
}

std::uint64_t WidthOf(std::uint64_t index, std::uint64_t count) {
  const std::uint64_t tiles = count / kTileWidth;
  if (index < tiles) return kTileWidth;
  return index == tiles ? count % kTileWidth : 0;
}

void AppendEntry(std::string& bundle, std::string_view entry) {
  ILK_CHECK(entry.size() <= kEntryBytesMax);
  bundle.push_back(static_cast<char>(entry.size() >> 8));
  bundle.push_back(static_cast<char>(entry.size() & 0xff));
  bundle.append(entry);
}

Result<std::vector<std::string_view>> SplitBundle(std::string_view bundle, std::uint64_t count) {
  std::vector<std::string_view> entries;
  entries.reserve(std::min<std::uint64_t>(count, bundle.size() / 2));
  for (std::uint64_t i = 0; i < count; ++i) {
    if (bundle.size() < 2)
      return Fail(Code::verification, "it ends before entry " + std::to_string(i));
    const std::size_t length = std::size_t{static_cast<std::uint8_t>(bundle[0])} << 8 |
                               static_cast<std::uint8_t>(bundle[1]);
    if (bundle.size() - 2 < length) {
      return Fail(Code::verification, "it ends inside entry " + std::to_string(i));
    }
    entries.push_back(bundle.substr(2, length));
    bundle.remove_prefix(2 + length);
  }
  if (!bundle.empty()) return Fail(Code::verification, "bytes after its last entry");
  return entries;
}

// `full` is the name without a width. A partial file may be gone because a wider one took its
// place.
Result<TileReader::Found> TileReader::Read(const std::string& full, std::uint64_t width,
                                           std::size_t limit) const {
  Result<std::string> exact = ReadFile(dir_ / WithWidth(full, width), limit);
  if (exact) return Found{std::move(*exact), width};
  if (exact.error().code != Code::not_found || width == kTileWidth) {
    return std::unexpected(exact.error());
  }
  if (auto whole = ReadFile(dir_ / full, limit)) return Found{std::move(*whole), kTileWidth};
  const std::uint64_t wider = NextWider(dir_ / (full + ".p"), width);
  if (wider == 0) return std::unexpected(exact.error());
  ILK_TRY(bytes, ReadFile(dir_ / WithWidth(full, wider), limit));
  return Found{std::move(bytes), wider};
}

Result<std::vector<Hash>> TileReader::Tile(unsigned level, std::uint64_t index,
                                           std::uint64_t width) const {
  ILK_TRY(found, Read(FullTilePath(level, index), width, kTileBytes));
  if (found.bytes.size() != found.width * kHashBytes) {
    return Fail(Code::verification, TilePath(level, index, found.width) + ": it has " +
                                        std::to_string(found.bytes.size()) + " bytes instead of " +
                                        std::to_string(found.width * kHashBytes));
  }
  std::vector<Hash> hashes;
  for (std::size_t i = 0; i < width; ++i) {
    hashes.push_back(*HashFrom(std::string_view(found.bytes).substr(i * kHashBytes, kHashBytes)));
  }
  return hashes;
}

Result<std::string> TileReader::Bundle(std::uint64_t index, std::uint64_t width) const {
  ILK_TRY(found, Read(FullBundlePath(index), width, kBundleBytesMax));
  const auto entries = SplitBundle(found.bytes, found.width);
  if (!entries) {
    return Fail(Code::verification,
                BundlePath(index, found.width) + ": " + entries.error().message);
  }
  std::size_t end = 0;
  for (std::size_t i = 0; i < width; ++i) end += 2 + (*entries)[i].size();
  found.bytes.resize(end);
  return std::move(found.bytes);
}

Subtrees TileReader::SubtreesAt(std::uint64_t size) {
  return [this, size](unsigned level, std::uint64_t index) -> Result<Hash> {
    const unsigned tile_level = level / kTileHeight;
    const std::uint64_t width = std::uint64_t{1} << (level % kTileHeight);
    const std::uint64_t first = index * width;  // at tile_level
    const std::uint64_t tile = first / kTileWidth;
    const std::uint64_t tile_width = WidthOf(tile, HashesAtLevel(size, tile_level));
    const std::uint64_t offset = first % kTileWidth;
    if (offset + width > tile_width) {
      return Fail(Code::internal, "ledger: a proof asked for a subtree outside the log");
    }
    const auto key = std::make_pair(tile_level, tile);
    auto cached = cache_.find(key);
    if (cached == cache_.end() || cached->second.size() < tile_width) {
      ILK_TRY(hashes, Tile(tile_level, tile, tile_width));
      if (cache_.size() >= kCachedTilesMax) cache_.clear();
      cached = cache_.insert_or_assign(key, std::move(hashes)).first;
    }
    const auto begin = cached->second.begin() + static_cast<std::ptrdiff_t>(offset);
    return Folded(std::vector<Hash>(begin, begin + static_cast<std::ptrdiff_t>(width)));
  };
}

}  // namespace interlock::ledger
