#include "sandbox/workspace_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "sandbox/fill.h"

namespace interlock::sandbox {
namespace {

FileState StateOf(const struct stat& status) {
  FileState state;
  switch (status.st_mode & S_IFMT) {
    case S_IFREG:
      state.kind = FileKind::file;
      break;
    case S_IFDIR:
      state.kind = FileKind::directory;
      break;
    case S_IFLNK:
      state.kind = FileKind::link;
      break;
    case S_IFSOCK:
      state.kind = FileKind::socket;
      break;
    default:
      state.kind = FileKind::other;
  }
  state.mode = status.st_mode & 07777;
  state.size = state.kind == FileKind::directory ? 0 : static_cast<std::uint64_t>(status.st_size);
  state.ctime_ns = status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec;
  state.inode = status.st_ino;
  state.device = status.st_dev;
  state.links = status.st_nlink;
  return state;
}

struct Pending {
  std::string path;
  int depth = 0;
};

// The names in one directory, with their states; false if it can't be read.
bool List(int root, const std::string& path, std::vector<std::pair<std::string, FileState>>& out,
          std::size_t room) {
  UniqueFd fd = OpenBeneath(root, path, O_RDONLY | O_DIRECTORY);
  if (!fd.valid()) return false;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(fdopendir(fd.get()), closedir);
  if (directory == nullptr) return false;
  (void)fd.Release();
  bool complete = true;
  while (const dirent* item = readdir(directory.get())) {
    const std::string_view name = item->d_name;
    if (name == "." || name == "..") continue;
    if (out.size() >= room) return false;
    struct stat status{};
    if (fstatat(dirfd(directory.get()), item->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
      complete = complete && errno == ENOENT;
      continue;
    }
    out.emplace_back(name, StateOf(status));
  }
  return complete;
}

bool IsSame(const FileState& before, const FileState& now) {
  if (before.kind != now.kind || before.mode != now.mode) return false;
  if (now.kind == FileKind::directory) return true;
  return before.size == now.size && before.inode == now.inode && before.ctime_ns == now.ctime_ns;
}

enum class Mark { none, opaque, foreign };
// The overlay's own attributes on an entry of the upper.
Mark MarkOf(int root, const std::string& path) {
  const UniqueFd fd = OpenBeneath(root, path, O_RDONLY | O_NONBLOCK);
  if (!fd.valid()) return Mark::none;
  char names[4096];
  const ssize_t size = flistxattr(fd.get(), names, sizeof names);
  if (size < 0) return errno == ENOTSUP ? Mark::none : Mark::foreign;
  Mark mark = Mark::none;
  for (ssize_t at = 0; at < size; at += static_cast<ssize_t>(std::strlen(names + at)) + 1) {
    const std::string_view name = names + at;
    if (!name.starts_with("user.overlay.")) continue;
    if (name == "user.overlay.opaque") {
      char value = 0;
      if (fgetxattr(fd.get(), names + at, &value, 1) != 1 || value != 'y') return Mark::foreign;
      mark = Mark::opaque;
    } else if (name == "user.overlay.redirect" || name == "user.overlay.metacopy") {
      return Mark::foreign;
    }
  }
  return mark;
}

}  // namespace

UniqueFd OpenBeneath(int root, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC | O_NOFOLLOW;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const char* name = path.empty() ? "." : path.c_str();
  long fd = -1;
  // EAGAIN: something was renamed while the path was walked (openat2(2)).
  for (int attempt = 0; attempt < 8; ++attempt) {
    fd = syscall(SYS_openat2, root, name, &how, sizeof how);
    if (fd >= 0 || errno != EAGAIN) break;
  }
  return UniqueFd(static_cast<int>(fd));
}

Result<FileState> StateBeneath(int root, const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const UniqueFd parent = OpenBeneath(root, slash == std::string::npos ? "" : path.substr(0, slash),
                                      O_PATH | O_DIRECTORY);
  struct stat status{};
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (!parent.valid() ||
      fstatat(parent.get(), name.empty() ? "." : name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    const bool absent = errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
    return Fail(absent ? Code::not_found : Code::unavailable,
                Fill("looking at {}: {}", path, std::strerror(errno)));
  }
  return StateOf(status);
}

Result<std::string> ReadBeneath(int root, const std::string& path, std::size_t limit) {
  const UniqueFd fd = OpenBeneath(root, path, O_RDONLY | O_NONBLOCK);
  struct stat status{};
  if (!fd.valid() || fstat(fd.get(), &status) != 0) {
    return Fail(errno == ENOENT ? Code::not_found : Code::unavailable,
                Fill("reading {}: {}", path, std::strerror(errno)));
  }
  if (!S_ISREG(status.st_mode)) {
    return Fail(Code::denied, Fill("reading {}: it is not a regular file", path));
  }
  std::string out;
  char block[65536];
  for (;;) {
    const ssize_t got = read(fd.get(), block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Fail(Code::unavailable, Fill("reading {}: {}", path, std::strerror(errno)));
    if (got == 0) return out;
    out.append(block, static_cast<std::size_t>(got));
    if (out.size() > limit) return Fail(Code::limit, Fill("reading {}: it is too large", path));
  }
}

Result<bool> WalkTree(const std::string& root, const WalkLimits& limits, const Visit& visit) {
  const UniqueFd top(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!top.valid()) {
    return Fail(Code::not_found, Fill("walking {}: {}", root, std::strerror(errno)));
  }
  bool complete = true;
  std::size_t seen = 0;
  std::vector<Pending> pending = {{"", 0}};
  while (!pending.empty()) {
    const Pending at = std::move(pending.back());
    pending.pop_back();
    std::vector<std::pair<std::string, FileState>> entries;
    complete = List(top.get(), at.path, entries, limits.entries_max - seen) && complete;
    seen += entries.size();
    for (auto& [name, state] : entries) {
      std::string path = at.path.empty() ? name : at.path + "/" + name;
      const Into into = visit(path, state);
      if (state.kind != FileKind::directory || into == Into::skip) continue;
      if (at.depth + 1 >= limits.depth_max) {
        complete = false;
      } else {
        pending.push_back({std::move(path), at.depth + 1});
      }
    }
  }
  return complete;
}

std::string ManifestRecord(const std::string& path, const FileState& state) {
  std::string out = Fill("{} {} {} {} {} ", std::string(1, static_cast<char>(state.kind)),
                         state.mode, state.size, state.ctime_ns, state.inode);
  out += path;
  out += '\0';  // the only byte that no path holds
  return out;
}

Result<Manifest> ParseManifest(std::string_view text) {
  Manifest out;
  const auto broken = [] {
    return Fail(Code::verification, "reading the workspace's manifest: it is damaged");
  };
  while (!text.empty()) {
    const std::size_t end = text.find('\0');
    if (end == std::string_view::npos) return broken();
    const std::string record(text.substr(0, end));
    text.remove_prefix(end + 1);
    FileState state;
    char kind = 0;
    unsigned long long size = 0, inode = 0;
    long long changed = 0;
    if (std::sscanf(record.c_str(), "%c %u %llu %lld %llu", &kind, &state.mode, &size, &changed,
                    &inode) != 5 ||
        std::string_view("fdlso").find(kind) == std::string_view::npos) {
      return broken();
    }
    state.kind = static_cast<FileKind>(kind);
    state.size = size;
    state.ctime_ns = changed;
    state.inode = inode;
    std::size_t at = 0;
    for (int field = 0; field < 5; ++field) at = record.find(' ', at) + 1;
    if (at >= record.size()) return broken();
    out[record.substr(at)] = state;
  }
  return out;
}

Result<Changes> ChangesSince(const Manifest& before, const std::string& root,
                             const WalkLimits& limits) {
  Changes out;
  std::map<std::string, bool, std::less<>> seen;
  const auto walked = WalkTree(root, limits, [&](const std::string& path, const FileState& state) {
    const auto was = before.find(path);
    if (was == before.end()) {
      out.list.push_back({ChangeKind::added, path, state});
    } else {
      seen.emplace(path, true);
      if (!IsSame(was->second, state)) out.list.push_back({ChangeKind::changed, path, state});
    }
    return Into::descend;
  });
  if (!walked) return std::unexpected(walked.error());
  out.complete = *walked;
  for (const auto& [path, state] : before) {
    // What a cut walk did not see is not known to be gone.
    if (out.complete && !seen.contains(path))
      out.list.push_back({ChangeKind::removed, path, state});
  }
  std::ranges::sort(out.list, {}, &Change::path);
  return out;
}

Result<Changes> ChangesInUpper(const std::string& upper, const std::string& lower,
                               const WalkLimits& limits) {
  const UniqueFd top(open(upper.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const UniqueFd base(open(lower.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!top.valid() || !base.valid()) {
    return Fail(Code::not_found,
                Fill("looking at the overlay of {}: {}", lower, std::strerror(errno)));
  }
  Changes out;
  std::string foreign;
  const auto walked = WalkTree(upper, limits, [&](const std::string& path, const FileState& state) {
    Change change{ChangeKind::added, path, state};
    const auto below = StateBeneath(base.get(), path);
    if (below) change.kind = ChangeKind::changed;
    if (state.kind == FileKind::other) {
      struct stat status{};
      const UniqueFd fd = OpenBeneath(top.get(), path, O_PATH);
      const bool is_deletion = fd.valid() && fstat(fd.get(), &status) == 0 &&
                               S_ISCHR(status.st_mode) && status.st_rdev == makedev(0, 0);
      if (is_deletion) {
        if (!below) return Into::skip;  // gone below as well
        change.kind = ChangeKind::removed;
        change.state = *below;
      }
    } else if (state.kind == FileKind::directory || state.kind == FileKind::file) {
      const Mark mark = MarkOf(top.get(), path);
      if (mark == Mark::foreign) foreign = path;
      if (state.kind == FileKind::directory && below && below->kind == FileKind::directory) {
        change.replaces_directory = mark == Mark::opaque;
        if (!change.replaces_directory && below->mode == state.mode) return Into::descend;
      }
    }
    out.list.push_back(std::move(change));
    return Into::descend;
  });
  if (!walked) return std::unexpected(walked.error());
  if (!foreign.empty()) {
    return Fail(Code::verification,
                Fill("the overlay holds a mark at {} that Interlock can't follow; discard it, or "
                     "copy what you need from {} by hand",
                     foreign, upper));
  }
  out.complete = *walked;
  std::ranges::sort(out.list, {}, &Change::path);
  return out;
}

}  // namespace interlock::sandbox
