// A workspace as it lies on the host: walked without following links, bounded, and compared with
// how it was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace interlock::sandbox {

enum class FileKind : char { file = 'f', directory = 'd', link = 'l', socket = 's', other = 'o' };

// What the file system says about one entry. ctime is the kernel's own: a program that changes a
// file can't set it back.
struct FileState {
  FileKind kind = FileKind::file;
  unsigned mode = 0;  // permission bits
  std::uint64_t size = 0;
  std::int64_t ctime_ns = 0;
  std::uint64_t inode = 0;
  std::uint64_t device = 0;
  std::uint64_t links = 1;
  bool operator==(const FileState&) const = default;
};

struct WalkLimits {
  std::size_t entries_max = 300'000;
  int depth_max = 64;
};

enum class Into { descend, skip };
// Called for every entry with its path relative to the root, a directory before what is in it.
using Visit = std::function<Into(const std::string& path, const FileState& state)>;

// True if everything was seen; false if a limit was reached or a directory couldn't be read.
// not_found: there is no such directory.
Result<bool> WalkTree(const std::string& root, const WalkLimits& limits, const Visit& visit);

// Opens `path` below the directory `root` without following any link or leaving it (openat2(2)).
// "" is the root itself.
UniqueFd OpenBeneath(int root, const std::string& path, int flags);

// The state of one entry; not_found if it isn't there.
Result<FileState> StateBeneath(int root, const std::string& path);

// A whole small file below `root`.
Result<std::string> ReadBeneath(int root, const std::string& path, std::size_t limit);

using Manifest = std::map<std::string, FileState, std::less<>>;

// One record for the manifest file, and all of them back. A file that was cut short is refused.
std::string ManifestRecord(const std::string& path, const FileState& state);
Result<Manifest> ParseManifest(std::string_view text);

enum class ChangeKind { added, changed, removed };
struct Change {
  ChangeKind kind = ChangeKind::changed;
  std::string path;
  FileState state;                  // as it is now; as it was, of something removed
  bool replaces_directory = false;  // of an overlay: what was in the directory before is gone
  bool operator==(const Change&) const = default;
};

// What is different now, sorted by path. A directory counts as changed only if its mode or kind
// did. `complete` says whether the walk saw everything.
struct Changes {
  std::vector<Change> list;
  bool complete = true;
};
Result<Changes> ChangesSince(const Manifest& before, const std::string& root,
                             const WalkLimits& limits);

// The changes that an overlay's upper directory holds against the directory below it. Refuses
// (verification) marks that Interlock's overlays never make.
Result<Changes> ChangesInUpper(const std::string& upper, const std::string& lower,
                               const WalkLimits& limits);

}  // namespace interlock::sandbox
