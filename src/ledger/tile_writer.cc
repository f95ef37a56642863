#include "ledger/tile_writer.h"

#include <system_error>
#include <utility>

namespace interlock::ledger {
namespace {

// Replaced partial files are kept while their tile isn't full, for readers that hold an older
// checkpoint; beyond this many bytes the oldest go, and readers take the front of a wider file.
constexpr std::uint64_t kSupersededBytesMax = 16u << 20;
// One sync of the whole file system beats many of single files; for a few files it would only make
// us wait for what other programs have written.
constexpr std::size_t kFilesSyncedSingly = 16;
constexpr std::size_t kKnownDirectoriesMax = 4096;
constexpr std::string_view kTemporary = "journal/publish.tmp";

Hash TileRoot(std::string_view tile) {
  CompactRange range;
  for (std::size_t i = 0; i < kTileWidth; ++i) {
    range.Append(*HashFrom(tile.substr(i * sizeof(Hash), sizeof(Hash))));
  }
  return range.Root();
}

}  // namespace

Result<std::unique_ptr<TileWriter>> TileWriter::Load(Io& io, std::filesystem::path dir,
                                                     const Checkpoint& published) {
  std::unique_ptr<TileWriter> writer(new TileWriter(io, std::move(dir)));
  TileReader reader(writer->dir_);
  writer->size_ = published.size;
  ILK_TRY(root, RangeRoot(0, published.size, reader.SubtreesAt(published.size)));
  if (root != published.root) {
    return Fail(Code::verification, "they don't give the root that it states");
  }
  for (unsigned level = 0; level < kTileLevelsMax; ++level) {
    const std::uint64_t count = HashesAtLevel(published.size, level);
    Edge& edge = writer->edges_[level];
    edge.index = count / kTileWidth;
    edge.width = edge.published_width = count % kTileWidth;
    if (edge.width == 0) continue;
    ILK_TRY(hashes, reader.Tile(level, edge.index, edge.width));
    for (const Hash& hash : hashes) edge.bytes += AsText(hash);
  }
  Edge& bundle = writer->bundle_;
  bundle.index = writer->edges_[0].index;
  bundle.width = bundle.published_width = writer->edges_[0].width;
  if (bundle.width != 0) {
    ILK_TRY(bytes, reader.Bundle(bundle.index, bundle.width));
    bundle.bytes = std::move(bytes);
  }
  writer->FindLeftovers();
  return writer;
}

// Partial files of the right edge that an earlier run published before its last checkpoint.
void TileWriter::FindLeftovers() {
  const auto find = [this](const Edge& edge, const std::string& full) {
    std::error_code error;
    std::filesystem::directory_iterator it(dir_ / (full + ".p"), error);
    for (; !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
      if (it->path().filename() == std::to_string(edge.width)) continue;
      const std::uint64_t bytes = it->file_size(error);
      if (error) break;
      superseded_.push_back({it->path(), bytes, dir_ / full});
      superseded_bytes_ += bytes;
    }
  };
  for (unsigned level = 0; level < kTileLevelsMax; ++level) {
    find(edges_[level], TilePath(level, edges_[level].index, kTileWidth));
  }
  find(bundle_, BundlePath(bundle_.index, kTileWidth));
}

Result<void> TileWriter::Add(std::string_view entry, const Hash& leaf) {
  AppendEntry(bundle_.bytes, entry);
  if (++bundle_.width == kTileWidth) {
    ILK_TRY_VOID(FinishFull(bundle_, BundlePath(bundle_.index, kTileWidth)));
  }
  ILK_TRY_VOID(AddHash(0, leaf));
  ++size_;
  return {};
}

Result<void> TileWriter::AddHash(unsigned level, const Hash& hash) {
  Hash next = hash;
  for (; level < kTileLevelsMax; ++level) {
    Edge& edge = edges_[level];
    edge.bytes += AsText(next);
    if (++edge.width < kTileWidth) return {};
    next = TileRoot(edge.bytes);
    ILK_TRY_VOID(FinishFull(edge, TilePath(level, edge.index, kTileWidth)));
  }
  return Fail(Code::limit, "ledger: the log is full");
}

Result<void> TileWriter::FinishFull(Edge& edge, const std::string& full_path) {
  ILK_TRY_VOID(WriteFile(full_path, edge.bytes));
  if (edge.published_width != 0) {
    const std::filesystem::path partial =
        dir_ / (full_path + ".p") / std::to_string(edge.published_width);
    superseded_.push_back({partial, 0, dir_ / full_path});
  }
  edge = Edge{.index = edge.index + 1, .width = 0, .published_width = 0, .bytes = {}};
  return {};
}

Result<void> TileWriter::WritePartial(Edge& edge, const std::string& path,
                                      const std::string& full_path) {
  if (edge.width == 0 || edge.width == edge.published_width) return {};
  ILK_TRY_VOID(WriteFile(path, edge.bytes));
  if (edge.published_width != 0) {
    superseded_.push_back({dir_ / (full_path + ".p") / std::to_string(edge.published_width),
                           edge.bytes.size(), dir_ / full_path});
    superseded_bytes_ += edge.bytes.size();
  }
  edge.published_width = edge.width;
  return {};
}

// Complete under its name or not there at all; not yet durable.
Result<void> TileWriter::WriteFile(const std::string& path, std::string_view bytes) {
  const std::filesystem::path target = dir_ / path;
  ILK_TRY_VOID(MakeParents(target));
  const std::filesystem::path temporary = dir_ / kTemporary;
  ILK_TRY_VOID(io_.Remove(temporary));
  ILK_TRY(file, io_.Open(temporary));
  ILK_TRY_VOID(io_.Write(file, bytes, 0));
  ILK_TRY_VOID(io_.Rename(temporary, target));
  unsynced_files_.push_back(target);
  unsynced_directories_.insert(target.parent_path());
  return {};
}

Result<void> TileWriter::MakeParents(const std::filesystem::path& path) {
  const std::filesystem::path parent = path.parent_path();
  if (parent == dir_ || known_directories_.contains(parent)) return {};
  ILK_TRY_VOID(MakeParents(parent));  // at most as deep as the name of a tile
  ILK_TRY_VOID(io_.MakeDirectory(parent));
  unsynced_directories_.insert(parent.parent_path());
  if (known_directories_.size() >= kKnownDirectoriesMax) known_directories_.clear();
  known_directories_.insert(parent);
  return {};
}

Result<void> TileWriter::SyncAll() {
  if (unsynced_files_.size() > kFilesSyncedSingly) {
    ILK_TRY(file, io_.Open(dir_ / ".lock"));
    ILK_TRY_VOID(io_.SyncFileSystem(file));
    unsynced_files_.clear();
    unsynced_directories_.clear();
    return {};
  }
  for (const std::filesystem::path& path : unsynced_files_) {
    ILK_TRY(file, io_.Open(path));
    ILK_TRY_VOID(io_.Sync(file));
  }
  for (const std::filesystem::path& path : unsynced_directories_) {
    ILK_TRY_VOID(io_.SyncDirectory(path));
  }
  unsynced_files_.clear();
  unsynced_directories_.clear();
  return {};
}

Result<void> TileWriter::Publish(std::string_view note) {
  for (unsigned level = 0; level < kTileLevelsMax; ++level) {
    Edge& edge = edges_[level];
    ILK_TRY_VOID(WritePartial(edge, TilePath(level, edge.index, edge.width),
                              TilePath(level, edge.index, kTileWidth)));
  }
  ILK_TRY_VOID(WritePartial(bundle_, BundlePath(bundle_.index, bundle_.width),
                            BundlePath(bundle_.index, kTileWidth)));
  ILK_TRY_VOID(SyncAll());
  const std::filesystem::path temporary = dir_ / kTemporary;
  ILK_TRY_VOID(io_.Remove(temporary));
  ILK_TRY(file, io_.Open(temporary));
  ILK_TRY_VOID(io_.Write(file, note, 0));
  ILK_TRY_VOID(io_.Sync(file));
  ILK_TRY_VOID(io_.Rename(temporary, dir_ / "checkpoint"));
  ILK_TRY_VOID(io_.SyncDirectory(dir_));
  return RemoveSuperseded();
}

Result<void> TileWriter::RemoveSuperseded() {
  std::set<std::filesystem::path> edges = {dir_ / BundlePath(bundle_.index, kTileWidth)};
  for (unsigned level = 0; level < kTileLevelsMax; ++level) {
    edges.insert(dir_ / TilePath(level, edges_[level].index, kTileWidth));
  }
  std::deque<Superseded> kept;
  for (Superseded& old : superseded_) {
    const bool is_at_edge = edges.contains(old.full);
    if (is_at_edge && superseded_bytes_ <= kSupersededBytesMax) {
      kept.push_back(std::move(old));
      continue;
    }
    superseded_bytes_ -= old.bytes;
    ILK_TRY_VOID(io_.Remove(old.path));
    if (!is_at_edge) {
      const std::filesystem::path directory = old.path.parent_path();
      ILK_TRY_VOID(io_.Remove(directory));  // goes when its last file has gone
      known_directories_.erase(directory);
    }
  }
  superseded_ = std::move(kept);
  return {};
}

}  // namespace interlock::ledger
