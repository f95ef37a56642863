#include "ledger/recovery.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include <optional>
#include <string>
#include <utility>

#include "base/file.h"

namespace interlock::ledger {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kSmallFileMax = kNoteBytesMax;

Result<UniqueFd> Lock(const fs::path& dir) {
  const fs::path path = dir / ".lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) {
    return Fail(Code::unavailable, "ledger: opening " + path.string() + ": " + strerror(errno));
  }
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno != EWOULDBLOCK) {
    return Fail(Code::unavailable, "ledger: locking " + path.string() + ": " + strerror(errno));
  }
  return Fail(Code::conflict, "ledger: another process is writing to " + dir.string() +
                                  " (it holds the lock on " + path.string() +
                                  "). Stop it, or use another state directory");
}

Result<std::optional<std::string>> ReadIfThere(const fs::path& path) {
  auto bytes = ReadFile(path, kSmallFileMax);
  if (bytes) return std::optional<std::string>(std::move(*bytes));
  if (bytes.error().code == Code::not_found) return std::optional<std::string>();
  return std::unexpected(bytes.error());
}

std::unexpected<Error> Disagrees(const fs::path& dir, const std::string& what) {
  return Fail(Code::verification,
              "ledger " + dir.string() + ": " + what + ". " + std::string(kWhatToDo));
}

// Whether `vkey` is there; another key in it than ours is refused.
Result<bool> HasVerifierKey(const fs::path& dir, const NoteSigner& signer) {
  ILK_TRY(text, ReadIfThere(dir / "vkey"));
  if (!text) return false;
  if (*text == signer.verifier_key().Text() + "\n") return true;
  return Fail(Code::conflict, "ledger " + dir.string() +
                                  ": it was begun with another key or name (see its file vkey). "
                                  "Use that key, or move the directory away and start a new log");
}

Result<std::optional<Checkpoint>> ReadPublished(const fs::path& dir, const NoteSigner& signer) {
  ILK_TRY(note, ReadIfThere(dir / "checkpoint"));
  if (!note) return std::optional<Checkpoint>();
  auto checkpoint = OpenCheckpoint(*note, signer.verifier_key());
  if (!checkpoint) {
    return Disagrees(dir,
                     "its published checkpoint is not valid (" + checkpoint.error().message + ")");
  }
  return std::optional<Checkpoint>(std::move(*checkpoint));
}

Result<std::unique_ptr<TileWriter>> LoadTiles(Io& io, const fs::path& dir,
                                              const Checkpoint& published) {
  auto tiles = TileWriter::Load(io, dir, published);
  if (tiles || tiles.error().code == Code::unavailable) return tiles;
  return Disagrees(
      dir, "the tiles of its published checkpoint don't hold (" + tiles.error().message + ")");
}

// Compares the journal's tree with the published checkpoint where they meet, and gives the writer
// every later entry.
class Catcher {
 public:
  Catcher(const fs::path& dir, const Checkpoint& published, TileWriter& tiles)
      : dir_(dir), published_(published), tiles_(tiles) {}

  Result<void> Take(const Journal::Record& record) {
    CompactRange tree = record.before;
    for (std::size_t i = 0; i < record.entries.size(); ++i) {
      ILK_TRY_VOID(Compare(tree));
      if (tree.size() >= published_.size) {
        ILK_TRY_VOID(tiles_.Add(record.entries[i], record.leaves[i]));
      }
      tree.Append(record.leaves[i]);
    }
    return {};
  }

  Result<void> Compare(const CompactRange& tree) const {
    if (tree.size() != published_.size || tree.Root() == published_.root) return {};
    return Disagrees(dir_, "at size " + std::to_string(published_.size) +
                               " journal and published checkpoint have different roots");
  }

 private:
  const fs::path& dir_;
  const Checkpoint& published_;
  TileWriter& tiles_;
};

// The journal's key is a signature over a text that is no checkpoint (it has no size line), so it
// exists wherever the signer exists and needs no place of its own.
Hash JournalKey(const NoteSigner& signer) {
  const std::string signature =
      signer.SignRaw("interlock journal key v1\n" + signer.verifier_key().Text() + "\n");
  return crypto::Sha256Fixed({signature});
}

Result<std::unique_ptr<Journal>> OpenJournal(Journal::Options options, const fs::path& dir,
                                             const std::optional<Checkpoint>& published,
                                             Catcher& catcher) {
  auto journal = Journal::Open(options, published ? published->size : 0,
                               [&](const Journal::Record& record) { return catcher.Take(record); });
  if (journal || journal.error().code != Code::not_found) return journal;
  if (published) {
    return Disagrees(dir,
                     "the journal is missing, or was written with another key, though a "
                     "checkpoint is published");
  }
  std::error_code error;
  if (fs::exists(dir / "tile", error) || error) {
    return Disagrees(dir, "there are tiles, but neither a journal nor a checkpoint");
  }
  return Journal::Create(std::move(options));
}

}  // namespace

SignedCheckpoint SignTree(const NoteSigner& signer, std::uint64_t size, const Hash& root) {
  Checkpoint checkpoint{.origin = signer.verifier_key().name, .size = size, .root = root};
  std::string note = signer.Sign(FormatCheckpoint(checkpoint));
  return {.checkpoint = std::move(checkpoint), .note = std::move(note)};
}

Result<Opened> OpenDirectory(Io& io, const fs::path& dir, const NoteSigner& signer,
                             std::uint64_t segment_bytes) {
  ILK_TRY_VOID(MakePrivateDirectory(dir));
  ILK_TRY(lock, Lock(dir));
  ILK_TRY(has_key, HasVerifierKey(dir, signer));
  ILK_TRY_VOID(MakePrivateDirectory(dir / "journal"));
  ILK_TRY(published, ReadPublished(dir, signer));
  const Checkpoint start = published.value_or(
      Checkpoint{.origin = signer.verifier_key().name, .size = 0, .root = EmptyRoot()});
  ILK_TRY(tiles, LoadTiles(io, dir, start));

  Catcher catcher(dir, start, *tiles);
  ILK_TRY(journal, OpenJournal({.io = &io,
                                .dir = dir / "journal",
                                .key = JournalKey(signer),
                                .segment_bytes = segment_bytes},
                               dir, published, catcher));
  ILK_TRY_VOID(catcher.Compare(journal->tree()));
  if (journal->tree().size() < start.size) {
    return Disagrees(dir, "the published checkpoint has size " + std::to_string(start.size) +
                              ", the journal ends at " + std::to_string(journal->tree().size()));
  }
  // Only now: a wrong key must not leave its name on somebody else's log.
  if (!has_key) {
    ILK_TRY_VOID(WriteFileDurably(dir / "vkey", signer.verifier_key().Text() + "\n"));
  }
  SignedCheckpoint latest = SignTree(signer, journal->tree().size(), journal->root());
  if (!published || latest.checkpoint != *published) ILK_TRY_VOID(tiles->Publish(latest.note));
  return Opened{.lock = std::move(lock),
                .journal = std::move(journal),
                .tiles = std::move(tiles),
                .latest = std::move(latest)};
}

}  // namespace interlock::ledger
