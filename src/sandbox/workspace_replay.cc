#include "sandbox/workspace_replay.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/ids.h"
#include "sandbox/fill.h"

namespace interlock::sandbox {
namespace {

constexpr unsigned kModeKept = 0777;
constexpr int kRemovalDepthMax = 128;

std::unexpected<Error> Cannot(std::string_view what, std::string_view path, int error = errno) {
  return Fail(Code::unavailable, Fill("cannot {} {}: {}", what, path, std::strerror(error)));
}

struct Place {
  UniqueFd parent;
  std::string name;
};

Place PlaceOf(int root, const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {OpenBeneath(root, "", O_RDONLY | O_DIRECTORY), path};
  return {OpenBeneath(root, path.substr(0, slash), O_RDONLY | O_DIRECTORY), path.substr(slash + 1)};
}

// Removes one entry and, of a directory, everything in it. Descriptors all the way: what is
// swapped for a link meanwhile is removed as a link.
bool RemoveEntry(int parent, const char* name, int depth) {
  if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) return true;
  if (errno != EISDIR && errno != EPERM) return false;
  if (depth >= kRemovalDepthMax) {
    errno = ELOOP;
    return false;
  }
  UniqueFd fd(openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid() && errno == EACCES) {
    // The overlay's work directory has no permissions at all.
    (void)fchmodat(parent, name, 0700, 0);
    fd = UniqueFd(openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  }
  if (!fd.valid()) return false;
  const int copy = fcntl(fd.get(), F_DUPFD_CLOEXEC, 0);
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(fdopendir(copy), closedir);
  if (directory == nullptr) return false;
  while (const dirent* item = readdir(directory.get())) {
    if (std::strcmp(item->d_name, ".") == 0 || std::strcmp(item->d_name, "..") == 0) continue;
    if (!RemoveEntry(fd.get(), item->d_name, depth + 1)) return false;
  }
  return unlinkat(parent, name, AT_REMOVEDIR) == 0;
}

bool WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

bool CopyBytes(int from, int to) {
  char block[65536];
  for (;;) {
    const ssize_t got = read(from, block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) return true;
    if (!WriteAll(to, {block, static_cast<std::size_t>(got)})) return false;
  }
}

// One replay: a staging directory in the target holds what is to be renamed into place.
class Carrier {
 public:
  Carrier(const Replay& replay, int source, int target)
      : replay_(replay), source_(source), target_(target) {}
  ~Carrier() {
    stage_.Reset();
    if (!stage_name_.empty()) (void)RemoveEntry(target_, stage_name_.c_str(), 0);
  }

  Result<void> Run() {
    stage_name_ = ".interlock-" + RandomToken().substr(0, 12);
    if (mkdirat(target_, stage_name_.c_str(), 0700) != 0) {
      return Cannot("make a directory in", std::exchange(stage_name_, ""));
    }
    stage_ = OpenBeneath(target_, stage_name_, O_RDONLY | O_DIRECTORY);
    if (!stage_.valid()) return Cannot("open", stage_name_);
    for (std::size_t i = 0; i < replay_.changes.size(); ++i) ILK_TRY_VOID(Stage(i));
    // Removals first, deepest first, so that a file can take a directory's place.
    for (std::size_t i = replay_.changes.size(); i-- > 0;) {
      if (replay_.changes[i].kind == ChangeKind::removed) ILK_TRY_VOID(Remove(replay_.changes[i]));
    }
    for (std::size_t i = 0; i < replay_.changes.size(); ++i) {
      if (replay_.changes[i].kind != ChangeKind::removed) ILK_TRY_VOID(Settle(i));
    }
    // A directory that may not be written gets its mode when nothing more goes into it.
    for (std::size_t i = replay_.changes.size(); i-- > 0;) ILK_TRY_VOID(SetMode(i));
    if (syncfs(target_) != 0) return Cannot("sync", replay_.target);
    return {};
  }

 private:
  static std::string NameOf(std::size_t index) { return Fill("{}", index); }

  Result<void> Stage(std::size_t index) {
    const Change& change = replay_.changes[index];
    if (change.kind == ChangeKind::removed) return {};
    const std::string name = NameOf(index);
    switch (change.state.kind) {
      case FileKind::directory:
        return {};
      case FileKind::link: {
        const Place from = PlaceOf(source_, change.path);
        char text[4096];
        const ssize_t size = readlinkat(from.parent.get(), from.name.c_str(), text, sizeof text);
        if (size <= 0 || size == sizeof text) return Cannot("read the link", change.path);
        const std::string to(text, static_cast<std::size_t>(size));
        if (symlinkat(to.c_str(), stage_.get(), name.c_str()) != 0)
          return Cannot("make the link", change.path);
        return {};
      }
      case FileKind::file:
        return StageFile(change, name);
      case FileKind::socket:
      case FileKind::other:
        return Fail(Code::denied,
                    Fill("{} is a socket, a pipe or a device, which can't be carried over. Remove "
                         "it, or copy what you need by hand",
                         change.path));
    }
    return Fail(Code::internal, Fill("{} is of no known kind", change.path));
  }

  Result<void> StageFile(const Change& change, const std::string& name) {
    const UniqueFd to(
        openat(stage_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!to.valid()) return Cannot("make a copy of", change.path);
    const auto content = replay_.contents.find(change.path);
    if (content != replay_.contents.end()) {
      if (!WriteAll(to.get(), content->second)) return Cannot("write a copy of", change.path);
    } else {
      const UniqueFd from = OpenBeneath(source_, change.path, O_RDONLY | O_NONBLOCK);
      struct stat status{};
      if (!from.valid() || fstat(from.get(), &status) != 0) return Cannot("read", change.path);
      if (!S_ISREG(status.st_mode)) return Cannot("copy", change.path, EBUSY);
      if (!CopyBytes(from.get(), to.get())) return Cannot("copy", change.path);
      const timespec times[2] = {status.st_atim, status.st_mtim};
      (void)futimens(to.get(), times);
    }
    if (fchmod(to.get(), change.state.mode & kModeKept) != 0)
      return Cannot("set the mode of", change.path);
    return {};
  }

  Result<void> Remove(const Change& change) {
    const Place at = PlaceOf(target_, change.path);
    if (!at.parent.valid()) {
      if (errno == ENOENT || errno == ENOTDIR) return {};
      return Cannot("reach", change.path);
    }
    if (!RemoveEntry(at.parent.get(), at.name.c_str(), 0)) return Cannot("remove", change.path);
    return {};
  }

  Result<void> Settle(std::size_t index) {
    const Change& change = replay_.changes[index];
    const Place at = PlaceOf(target_, change.path);
    if (!at.parent.valid()) return Cannot("reach the directory of", change.path);
    const char* name = at.name.c_str();
    struct stat status{};
    const bool exists = fstatat(at.parent.get(), name, &status, AT_SYMLINK_NOFOLLOW) == 0;
    const bool was_directory = exists && S_ISDIR(status.st_mode);
    if (change.state.kind == FileKind::directory) {
      if (exists && (!was_directory || change.replaces_directory) &&
          !RemoveEntry(at.parent.get(), name, 0))
        return Cannot("replace", change.path);
      if (mkdirat(at.parent.get(), name, 0700) != 0 && errno != EEXIST)
        return Cannot("make the directory", change.path);
      return {};
    }
    if (was_directory && !RemoveEntry(at.parent.get(), name, 0))
      return Cannot("replace", change.path);
    if (renameat(stage_.get(), NameOf(index).c_str(), at.parent.get(), name) != 0)
      return Cannot("put into place", change.path);
    return {};
  }

  Result<void> SetMode(std::size_t index) {
    const Change& change = replay_.changes[index];
    if (change.kind == ChangeKind::removed || change.state.kind != FileKind::directory) return {};
    const UniqueFd fd = OpenBeneath(target_, change.path, O_RDONLY | O_DIRECTORY);
    if (!fd.valid() || fchmod(fd.get(), change.state.mode & kModeKept) != 0)
      return Cannot("set the mode of", change.path);
    return {};
  }

  const Replay& replay_;
  const int source_;
  const int target_;
  UniqueFd stage_;
  std::string stage_name_;
};

bool HaveSameBytes(int a, int b, const std::string& path) {
  const UniqueFd left = OpenBeneath(a, path, O_RDONLY | O_NONBLOCK);
  const UniqueFd right = OpenBeneath(b, path, O_RDONLY | O_NONBLOCK);
  if (!left.valid() || !right.valid()) return false;
  char one[32768];
  char two[32768];
  for (off_t at = 0;;) {
    const ssize_t n = pread(left.get(), one, sizeof one, at);
    const ssize_t m = pread(right.get(), two, sizeof two, at);
    if (n < 0 || n != m || std::memcmp(one, two, static_cast<std::size_t>(n)) != 0) return false;
    if (n == 0) return true;
    at += n;
  }
}

bool LeadTheSameWay(int a, int b, const std::string& path) {
  const Place left = PlaceOf(a, path);
  const Place right = PlaceOf(b, path);
  char one[4096];
  char two[4096];
  const ssize_t n = readlinkat(left.parent.get(), left.name.c_str(), one, sizeof one);
  const ssize_t m = readlinkat(right.parent.get(), right.name.c_str(), two, sizeof two);
  return n > 0 && n == m && std::memcmp(one, two, static_cast<std::size_t>(n)) == 0;
}

bool IsEqual(int have, int want, const std::string& path, const FileState& had,
             const FileState& wanted) {
  if (had.kind != wanted.kind) return false;
  if (had.kind == FileKind::link) return LeadTheSameWay(have, want, path);
  if ((had.mode & kModeKept) != (wanted.mode & kModeKept)) return false;
  if (had.kind != FileKind::file) return true;
  return had.size == wanted.size && HaveSameBytes(have, want, path);
}

}  // namespace

Result<void> ReplayChanges(const Replay& replay) {
  const UniqueFd source(open(replay.source.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!source.valid()) return Cannot("open", replay.source);
  const UniqueFd target(
      open(replay.target.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!target.valid()) return Cannot("open", replay.target);
  return Carrier(replay, source.get(), target.get()).Run();
}

Result<std::vector<Change>> ChangesBetween(const std::string& have, const std::string& want,
                                           const WalkLimits& limits) {
  const UniqueFd have_fd(open(have.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const UniqueFd want_fd(open(want.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!have_fd.valid()) return Cannot("open", have);
  if (!want_fd.valid()) return Cannot("open", want);
  Manifest had;
  ILK_TRY(whole, WalkTree(have, limits, [&](const std::string& path, const FileState& state) {
            had.emplace(path, state);
            return Into::descend;
          }));
  std::vector<Change> out;
  ILK_TRY(wanted, WalkTree(want, limits, [&](const std::string& path, const FileState& state) {
            const auto was = had.find(path);
            if (was == had.end()) {
              out.push_back({ChangeKind::added, path, state});
              return Into::descend;
            }
            if (!IsEqual(have_fd.get(), want_fd.get(), path, was->second, state))
              out.push_back({ChangeKind::changed, path, state});
            had.erase(was);
            return Into::descend;
          }));
  if (!whole || !wanted) {
    return Fail(Code::limit, Fill("cannot compare {} with its recovery point: it holds too many "
                                  "files, or some that can't be read",
                                  have));
  }
  for (const auto& [path, state] : had) out.push_back({ChangeKind::removed, path, state});
  std::ranges::sort(out, {}, &Change::path);
  return out;
}

bool IsSameBeneath(int one, int other, const std::string& path) {
  const auto left = StateBeneath(one, path);
  const auto right = StateBeneath(other, path);
  if (!left || !right)
    return !left && !right && left.error().code == Code::not_found &&
           right.error().code == Code::not_found;
  return IsEqual(one, other, path, *left, *right);
}

Result<void> RemoveTree(const std::string& path) {
  if (!RemoveEntry(AT_FDCWD, path.c_str(), 0)) return Cannot("remove", path);
  return {};
}

}  // namespace interlock::sandbox
