#include "sandbox/tree.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/unique_fd.h"
#include "sandbox/fill.h"

namespace interlock::sandbox {
namespace {

constexpr unsigned kClone = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
constexpr unsigned kSafe = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
constexpr off_t kCopiedMax = 8 << 20;  // of a host file into one of the room's own
constexpr char kStaging[] = "/tmp";    // any directory: only this namespace sees what covers it

std::unexpected<Fault> CannotMount(const Mount& mount, std::string_view what, int error = errno) {
  const Step step = mount.kind == MountKind::proc ? Step::proc : Step::mount;
  return Broken(step, Fill("{} {}", what, mount.target), error);
}

bool SetAttributes(int tree, unsigned attributes) {
  mount_attr attr{};
  attr.attr_set = attributes;
  return mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) == 0;
}

// A new file system of its own, not yet anywhere.
UniqueFd NewFileSystem(const char* type, unsigned attributes,
                       std::initializer_list<std::pair<const char*, std::string>> options) {
  UniqueFd context(fsopen(type, FSOPEN_CLOEXEC));
  if (!context.valid()) return {};
  for (const auto& [key, value] : options) {
    const auto how = value.empty() ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
    const char* text = value.empty() ? nullptr : value.c_str();
    if (fsconfig(context.get(), how, key, text, 0) != 0) return {};
  }
  if (fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return {};
  return UniqueFd(fsmount(context.get(), FSMOUNT_CLOEXEC, attributes));
}

UniqueFd NewTmpfs(unsigned mode) {
  return NewFileSystem("tmpfs", kSafe, {{"mode", Octal(mode)}, {"size", std::string(kTmpfsSize)}});
}

UniqueFd NewProc() { return NewFileSystem("proc", kSafe | MOUNT_ATTR_NOEXEC, {}); }

UniqueFd NewDevpts() {
  return NewFileSystem("devpts", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
                       {{"ptmxmode", "0666"}, {"mode", "0620"}});
}

// The workspace was resolved when the plan was made. If a component has become a link since,
// somebody wants another directory to be shown.
UniqueFd OpenWithoutLinks(const std::string& path) {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return UniqueFd(static_cast<int>(syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how)));
}

// A directory as the kernel's overlay can name it: by descriptor, because a path may hold ':' or
// '\\', which its options give a meaning, and may lead elsewhere by the time it is looked up.
std::string NameOf(const UniqueFd& directory) { return Fill("/proc/self/fd/{}", directory.get()); }

// Only lower layers. The kernel wants two where nothing can be written: the second one is empty.
UniqueFd NewReadOnlyLayer(const UniqueFd& lower) {
  const UniqueFd nothing = NewTmpfs(0755);
  if (!lower.valid() || !nothing.valid()) return {};
  return NewFileSystem("overlay", kSafe | MOUNT_ATTR_RDONLY,
                       {{"lowerdir", NameOf(lower) + ":" + NameOf(nothing)}});
}

UniqueFd NewOverlay(const Mount& mount) {
  const UniqueFd lower = OpenWithoutLinks(mount.source);
  const UniqueFd upper = OpenWithoutLinks(mount.store + "/upper");
  const UniqueFd work = OpenWithoutLinks(mount.store + "/work");
  if (!lower.valid() || !upper.valid() || !work.valid()) return {};
  // Marks for what was removed or replaced as ordinary attributes: trusted ones need capabilities
  // outside this namespace.
  return NewFileSystem("overlay", kSafe,
                       {{"lowerdir", NameOf(lower)},
                        {"upperdir", NameOf(upper)},
                        {"workdir", NameOf(work)},
                        {"userxattr", ""}});
}

// A detached copy of a host tree.
UniqueFd CloneHostTree(const Mount& mount) {
  if (mount.kind != MountKind::bind_read_write) {
    return UniqueFd(open_tree(AT_FDCWD, mount.source.c_str(), kClone | AT_RECURSIVE));
  }
  const UniqueFd source = OpenWithoutLinks(mount.source);
  if (!source.valid()) return {};
  return UniqueFd(open_tree(source.get(), "", kClone | AT_RECURSIVE | AT_EMPTY_PATH));
}

Outcome<void> SetSysctls(int proc, const std::vector<Sysctl>& sysctls) {
  for (const Sysctl& sysctl : sysctls) {
    const std::string path = "sys/" + sysctl.path;
    const UniqueFd file(openat(proc, path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file.valid() || write(file.get(), sysctl.value.data(), sysctl.value.size()) < 0) {
      return Broken(Step::proc, Fill("set {} to {}", path, sysctl.value));
    }
  }
  return {};
}

// What a mount brings from outside the new tree. Everything is taken before anything is covered:
// the workspace may lie in /tmp.
Outcome<UniqueFd> Take(const Mount& mount, const Plan& plan) {
  UniqueFd tree;
  switch (mount.kind) {
    case MountKind::bind_read_only:
    case MountKind::bind_read_write:
    case MountKind::device: {
      tree = CloneHostTree(mount);
      unsigned attributes =
          mount.kind == MountKind::device ? MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC : kSafe;
      // Read-only for a device concerns its owner and mode, not its bytes: as root, the agent would
      // otherwise be the owner of the host's /dev/null.
      if (mount.kind != MountKind::bind_read_write) attributes |= MOUNT_ATTR_RDONLY;
      if (!tree.valid()) return CannotMount(mount, "take the host's");
      if (!SetAttributes(tree.get(), attributes)) return CannotMount(mount, "restrict");
      return tree;
    }
    case MountKind::layer_read_only:
      tree =
          NewReadOnlyLayer(UniqueFd(open(mount.source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)));
      // A directory that may be shown and isn't there is not missed.
      if (!tree.valid() && access(mount.source.c_str(), F_OK) != 0 && errno == ENOENT) return tree;
      break;
    case MountKind::overlay:
      tree = NewOverlay(mount);
      break;
    case MountKind::tmpfs:
      tree = NewTmpfs(mount.mode);
      break;
    case MountKind::devpts:
      tree = NewDevpts();
      break;
    case MountKind::proc:
      tree = NewProc();
      if (tree.valid()) ILK_STEP(SetSysctls(tree.get(), plan.sysctls));
      break;
    case MountKind::file:
      if (mount.source.empty()) return UniqueFd();
      tree = UniqueFd(open(mount.source.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
      if (!tree.valid()) return CannotMount(mount, "read " + mount.source + " for");
      return tree;
    case MountKind::directory:
    case MountKind::link:
    case MountKind::cover:
    case MountKind::hide:
    case MountKind::freeze:
    case MountKind::protect:
    case MountKind::pin:
      return UniqueFd();
  }
  if (!tree.valid()) return CannotMount(mount, "make the file system for");
  return tree;
}

// Places mounts below `root_`. Paths are walked one component at a time without following links, so
// that nothing in a host tree can lead a mount elsewhere.
class Placer {
 public:
  explicit Placer(int root) : root_(root) {}

  Outcome<void> Place(const Mount& mount, const UniqueFd& taken) {
    switch (mount.kind) {
      case MountKind::directory:
        return MakeDirectory(mount);
      case MountKind::link:
        return MakeLink(mount);
      case MountKind::file:
        return MakeFile(mount, taken);
      case MountKind::layer_read_only:
        if (!taken.valid()) return {};
        return Attach(mount, taken.get());
      case MountKind::bind_read_only:
      case MountKind::bind_read_write:
      case MountKind::overlay:
      case MountKind::device:
      case MountKind::tmpfs:
      case MountKind::proc:
      case MountKind::devpts:
        return Attach(mount, taken.get());
      case MountKind::cover:
        return Cover(mount);
      case MountKind::hide:
        return Hide(mount);
      case MountKind::freeze:
        return Freeze(mount, Missing::accept);
      case MountKind::protect:
        return Freeze(mount, Missing::refuse);
      case MountKind::pin:
        return Pin(mount);
    }
    return CannotMount(mount, "place", EINVAL);
  }

 private:
  enum class Missing { make, accept, refuse };

  struct Spot {
    int parent;  // -1 if missing
    std::string name;
  };

  // The directory that holds `path`; not valid (errno ENOENT or ENOTDIR) if it is missing. The last
  // one is kept, because most of a plan's entries lie in /etc.
  Spot Locate(std::string_view path, Missing missing) {
    const std::size_t last = path.rfind('/');
    const std::string_view directory = path.substr(0, last);
    if (!kept_.valid() || directory != kept_path_) {
      kept_ = Walk(directory, missing);
      kept_path_ = directory;
    }
    return {kept_.get(), std::string(path.substr(last + 1))};
  }

  UniqueFd Walk(std::string_view directory, Missing missing) {
    UniqueFd at(openat(root_, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
    for (std::size_t begin = 1; at.valid() && begin < directory.size();) {
      const std::size_t end = std::min(directory.find('/', begin), directory.size());
      const std::string name(directory.substr(begin, end - begin));
      // An existing directory, or one in a read-only tree, fails here and is found by the next
      // line.
      if (missing == Missing::make) (void)mkdirat(at.get(), name.c_str(), 0755);
      at = UniqueFd(openat(at.get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      begin = end + 1;
    }
    return at;
  }

  static UniqueFd OpenLast(const Spot& place) {
    if (place.parent < 0) return {};
    return UniqueFd(openat(place.parent, place.name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  }

  Outcome<void> MakeDirectory(const Mount& mount) {
    const Spot place = Locate(mount.target, Missing::make);
    if (place.parent < 0 ||
        (mkdirat(place.parent, place.name.c_str(), mount.mode) != 0 && errno != EEXIST)) {
      return CannotMount(mount, "make the directory");
    }
    return {};
  }

  Outcome<void> MakeLink(const Mount& mount) {
    const Spot place = Locate(mount.target, Missing::make);
    if (place.parent < 0 ||
        symlinkat(mount.source.c_str(), place.parent, place.name.c_str()) != 0) {
      return CannotMount(mount, "make the link");
    }
    return {};
  }

  Outcome<void> MakeFile(const Mount& mount, const UniqueFd& begins_with) {
    const Spot place = Locate(mount.target, Missing::make);
    if (place.parent < 0) return CannotMount(mount, "make the directory for");
    const UniqueFd file(openat(place.parent, place.name.c_str(),
                               O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mount.mode));
    if (!file.valid()) return CannotMount(mount, "make the file");
    if (begins_with.valid()) ILK_STEP(Copy(mount, begins_with.get(), file.get()));
    for (std::string_view rest = mount.content; !rest.empty();) {
      const ssize_t written = write(file.get(), rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return CannotMount(mount, "write the file");
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }

  // Within the kernel, page by page.
  static Outcome<void> Copy(const Mount& mount, int from, int to) {
    struct stat status{};
    if (fstat(from, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > kCopiedMax)
      return CannotMount(mount, "copy " + mount.source + " to", EFBIG);
    for (off_t left = status.st_size; left > 0;) {
      const ssize_t sent = sendfile(to, from, nullptr, static_cast<std::size_t>(left));
      if (sent < 0 && errno == EINTR) continue;
      // Shorter than a moment ago: somebody writes it now, and a part of the roots is not enough.
      if (sent <= 0)
        return CannotMount(mount, "copy " + mount.source + " to", sent < 0 ? errno : EIO);
      left -= sent;
    }
    return {};
  }

  // Puts a detached tree at a target that is made if it is missing.
  Outcome<void> Attach(const Mount& mount, int tree) {
    struct stat status{};
    if (fstat(tree, &status) != 0) return CannotMount(mount, "look at");
    const Spot place = Locate(mount.target, Missing::make);
    if (place.parent >= 0) {
      // An existing target fails here and is found by the next step.
      if (S_ISDIR(status.st_mode)) {
        (void)mkdirat(place.parent, place.name.c_str(), 0755);
      } else {
        (void)UniqueFd(openat(place.parent, place.name.c_str(),
                              O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444));
      }
    }
    const UniqueFd target = OpenLast(place);
    if (!target.valid()) return CannotMount(mount, "make a place for");
    return MoveTo(mount, tree, target.get());
  }

  Outcome<void> MoveTo(const Mount& mount, int tree, int target) {
    kept_.Reset();  // it may be what is covered now
    if (move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0) {
      return CannotMount(mount, "mount");
    }
    return {};
  }

  // A read-only copy of the mount that shows `path` of the new tree.
  UniqueFd CloneInside(int at, const char* path) {
    const unsigned empty = *path == '\0' ? AT_EMPTY_PATH : 0;
    UniqueFd tree(open_tree(at, path, kClone | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW | empty));
    if (tree.valid() && !SetAttributes(tree.get(), kSafe | MOUNT_ATTR_RDONLY)) return {};
    return tree;
  }

  Outcome<void> Cover(const Mount& mount) {
    const UniqueFd tree = CloneInside(root_, mount.source.c_str() + 1);
    if (!tree.valid()) return CannotMount(mount, "take the cover for");
    return Attach(mount, tree.get());
  }

  Outcome<void> Hide(const Mount& mount) {
    const UniqueFd target = OpenLast(Locate(mount.target, Missing::accept));
    struct stat status{};
    if (!target.valid() && (errno == ENOENT || errno == ENOTDIR)) return {};
    if (!target.valid() || fstat(target.get(), &status) != 0) return CannotMount(mount, "find");
    const std::string nothing =
        std::string(kRoomDirectory.substr(1)) + (S_ISDIR(status.st_mode) ? "/empty.d" : "/empty");
    const UniqueFd tree = CloneInside(root_, nothing.c_str());
    if (!tree.valid()) return CannotMount(mount, "take the cover for");
    return MoveTo(mount, tree.get(), target.get());
  }

  Outcome<void> Freeze(const Mount& mount, Missing missing) {
    const UniqueFd target = OpenLast(Locate(mount.target, missing));
    const bool absent = !target.valid() && (errno == ENOENT || errno == ENOTDIR);
    if (absent && missing == Missing::accept) return {};
    struct stat status{};
    if (!target.valid() || fstat(target.get(), &status) != 0) return CannotMount(mount, "find");
    if (S_ISLNK(status.st_mode)) return CannotMount(mount, "freeze (it is a link)", ELOOP);
    const UniqueFd tree = CloneInside(target.get(), "");
    if (!tree.valid()) return CannotMount(mount, "freeze");
    return MoveTo(mount, tree.get(), target.get());
  }

  Outcome<void> Pin(const Mount& mount) {
    const UniqueFd target = OpenLast(Locate(mount.target, Missing::refuse));
    struct stat status{};
    if (!target.valid() || fstat(target.get(), &status) != 0) return CannotMount(mount, "find");
    if (!S_ISDIR(status.st_mode)) return CannotMount(mount, "pin", ENOTDIR);
    const UniqueFd tree(open_tree(target.get(), "", kClone | AT_RECURSIVE | AT_EMPTY_PATH));
    if (!tree.valid()) return CannotMount(mount, "pin");
    return MoveTo(mount, tree.get(), target.get());
  }

  int root_;
  UniqueFd kept_;
  std::string kept_path_;
};

// The new tree becomes "/", the host's goes.
Outcome<void> Pivot(int root) {
  if (fchdir(root) != 0 || syscall(SYS_pivot_root, ".", ".") != 0) {
    return Broken(Step::mount, "make the room's tree the root");
  }
  // pivot_root(2): the old root now lies over the new one at the same place.
  if (umount2(".", MNT_DETACH) != 0 || chdir("/") != 0) {
    return Broken(Step::mount, "take the host's tree away");
  }
  mount_attr attr{};
  attr.attr_set = MOUNT_ATTR_RDONLY | kSafe;
  if (mount_setattr(AT_FDCWD, "/", 0, &attr, sizeof attr) != 0) {
    return Broken(Step::mount, "make the room's root read-only");
  }
  return {};
}

}  // namespace

Outcome<void> EnterTree(const Plan& plan) {
  const mode_t mask = umask(0);
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return Broken(Step::mount, "separate the room's mounts from the host's");
  }
  std::vector<UniqueFd> taken;
  taken.reserve(plan.mounts.size());
  for (const Mount& mount : plan.mounts) {
    auto tree = Take(mount, plan);
    if (!tree) return std::unexpected(std::move(tree.error()));
    taken.push_back(std::move(*tree));
  }
  const UniqueFd root = NewTmpfs(0755);
  if (!root.valid() ||
      move_mount(root.get(), "", AT_FDCWD, kStaging, MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    return Broken(Step::mount, "make the root of the room");
  }
  Placer placer(root.get());
  for (std::size_t i = 0; i < plan.mounts.size(); ++i) {
    ILK_STEP(placer.Place(plan.mounts[i], taken[i]));
  }
  ILK_STEP(Pivot(root.get()));
  umask(mask);
  return {};
}

Outcome<void> TryFileSystems() {
  if (!NewTmpfs(0755).valid()) return Broken(Step::mount, "make a tmpfs");
  if (!NewDevpts().valid()) return Broken(Step::mount, "make a devpts");
  if (!NewProc().valid()) return Broken(Step::proc, "make a proc of the room's own");
  const UniqueFd tree(open_tree(AT_FDCWD, "/usr", kClone | AT_RECURSIVE));
  if (!tree.valid() || !SetAttributes(tree.get(), kSafe | MOUNT_ATTR_RDONLY)) {
    return Broken(Step::mount, "show /usr read-only");
  }
  return {};
}

}  // namespace interlock::sandbox
