// Line 41: namespaces, mounts and roots.
//
// Mounts are tried after an attempt to make a user and a mount namespace, as an attacker would; a
// control that did get them leaves the host's mounts alone.
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>

#include "attempt.h"

namespace interlock::probe {
namespace {

void TakeOwnNamespaces() {
  // As root the first fails only in a room; as a user a mount namespace alone always does.
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) unshare(CLONE_NEWNS);
  mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
}

Attempt Unshare(const Facts&, const Probe& probe) {
  // With a user namespace, as everybody may make the others only in one of their own.
  const int alone = unshare(probe.number);
  if (alone == 0) return Reached("made the namespace");
  const int error = errno;
  if (unshare(probe.number | CLONE_NEWUSER) == 0) return Reached("made it in a user namespace");
  return BlockedBy("unshare", error);
}

Attempt CloneUser(const Facts&, const Probe&) {
  const long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (pid == 0) _exit(0);
  return Called("clone", pid);
}
Attempt CloneUserHighBits(const Facts&, const Probe&) {
  // Flags are a long: garbage above the 32 bits the kernel reads must not confuse a filter.
  const long pid =
      syscall(SYS_clone, (1UL << 40) | CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (pid == 0) _exit(0);
  return Called("clone", pid);
}
Attempt Clone3User(const Facts&, const Probe&) {
  clone_args arguments{};
  arguments.flags = CLONE_NEWUSER;
  arguments.exit_signal = SIGCHLD;
  const long pid = syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid == 0) _exit(0);
  return Called("clone3", pid);
}

Attempt MountTmpfs(const Facts& facts, const Probe&) {
  TakeOwnNamespaces();
  return Called("mount", mount("x", facts.workspace.c_str(), "tmpfs", 0, nullptr));
}
Attempt MountProc(const Facts& facts, const Probe&) {
  TakeOwnNamespaces();
  if (unshare(CLONE_NEWPID) != 0) return BlockedBy("make a process namespace");
  const pid_t child = fork();
  if (child == 0) _exit(mount("x", facts.workspace.c_str(), "proc", 0, nullptr) == 0 ? 0 : errno);
  int status = 0;
  waitpid(child, &status, 0);
  return WEXITSTATUS(status) == 0 ? Reached("mounted") : BlockedBy("mount", WEXITSTATUS(status));
}
Attempt MountBind(const Facts& facts, const Probe&) {
  TakeOwnNamespaces();
  return Called("bind", mount("/usr", facts.workspace.c_str(), nullptr, MS_BIND, nullptr));
}
Attempt BindOverFrozen(const Facts& facts, const Probe&) {
  TakeOwnNamespaces();
  const std::string own = facts.workspace + "/README";
  const std::string frozen = facts.workspace + "/interlock.yaml";
  if (access(frozen.c_str(), F_OK) != 0) Scribble(frozen, "rules: []\n");
  return Called("bind", mount(own.c_str(), frozen.c_str(), nullptr, MS_BIND, nullptr));
}
Attempt Remount(const Facts& facts, const Probe&) {
  TakeOwnNamespaces();
  if (facts.control) {  // something of its own that is read-only
    if (mount("x", facts.workspace.c_str(), "tmpfs", MS_RDONLY, nullptr) != 0) {
      return BlockedBy("mount");
    }
    return Called("remount", mount(nullptr, facts.workspace.c_str(), nullptr, MS_REMOUNT, nullptr));
  }
  return Called("remount", mount(nullptr, "/usr", nullptr, MS_REMOUNT | MS_BIND, nullptr));
}
Attempt Unmount(const Facts& facts, const Probe&) {
  TakeOwnNamespaces();
  if (facts.control && mount("x", facts.workspace.c_str(), "tmpfs", 0, nullptr) != 0) {
    return BlockedBy("mount");
  }
  const std::string target = facts.control ? facts.workspace : facts.workspace + "/interlock.yaml";
  return Called("umount2", umount2(target.c_str(), MNT_DETACH));
}
Attempt OpenContext(const Facts&, const Probe& probe) {
  TakeOwnNamespaces();
  return Called("fsopen", syscall(SYS_fsopen, probe.text.data(), 0));
}
Attempt CloneTree(const Facts&, const Probe&) {
  TakeOwnNamespaces();
  return Called("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/usr", OPEN_TREE_CLONE));
}
Attempt ChangeMount(const Facts& facts, const Probe&) {
  TakeOwnNamespaces();
  if (facts.control && mount("x", facts.workspace.c_str(), "tmpfs", MS_RDONLY, nullptr) != 0) {
    return BlockedBy("mount");
  }
  mount_attr attr{};
  attr.attr_clr = MOUNT_ATTR_RDONLY;
  const char* where = facts.control ? facts.workspace.c_str() : "/usr";
  return Called("mount_setattr",
                syscall(SYS_mount_setattr, AT_FDCWD, where, 0, &attr, sizeof attr));
}
Attempt MoveMount(const Facts& facts, const Probe&) {
  TakeOwnNamespaces();
  if (facts.control && mount("x", facts.workspace.c_str(), "tmpfs", 0, nullptr) != 0) {
    return BlockedBy("mount");
  }
  const std::string target = facts.control ? facts.outside : "/tmp";
  return Called("move_mount", syscall(SYS_move_mount, AT_FDCWD, facts.workspace.c_str(), AT_FDCWD,
                                      target.c_str(), 0));
}
Attempt PivotRoot(const Facts& facts, const Probe&) {
  TakeOwnNamespaces();
  const std::string& at = facts.workspace;
  mount("x", at.c_str(), "tmpfs", 0, nullptr);
  if (chdir(at.c_str()) != 0) return BlockedBy("enter the new root");
  return Called("pivot_root", syscall(SYS_pivot_root, ".", "."));
}
Attempt ChangeRoot(const Facts& facts, const Probe&) {
  TakeOwnNamespaces();
  return Called("chroot", chroot(facts.workspace.c_str()));
}
Attempt MakeNode(const Facts& facts, const Probe& probe) {
  const std::string path = facts.workspace + "/" + std::string(probe.name);
  unlink(path.c_str());
  const int made =
      mknod(path.c_str(), static_cast<mode_t>(probe.number) | 0600,
            makedev(static_cast<unsigned>(probe.second), static_cast<unsigned>(probe.third)));
  const Attempt attempt = Called("mknod", made);
  unlink(path.c_str());
  return attempt;
}
Attempt OpenByHandle(const Facts& facts, const Probe&) {
  alignas(file_handle) char memory[sizeof(file_handle) + MAX_HANDLE_SZ] = {};
  auto* handle = reinterpret_cast<file_handle*>(memory);
  handle->handle_bytes = MAX_HANDLE_SZ;
  int id = 0;
  if (name_to_handle_at(AT_FDCWD, facts.workspace.c_str(), handle, &id, 0) != 0) {
    return BlockedBy("name_to_handle_at");
  }
  const UniqueFd base(open(facts.workspace.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return Called("open_by_handle_at", open_by_handle_at(base.get(), handle, O_RDONLY));
}

constexpr Probe kProbes[] = {
    {"B41.unshare-user", "make a user namespace", Unshare, "", CLONE_NEWUSER},
    {"B41.unshare-mnt", "make a mount namespace", Unshare, "", CLONE_NEWNS},
    {"B41.unshare-net", "make a network namespace", Unshare, "", CLONE_NEWNET},
    {"B41.unshare-pid", "make a process namespace", Unshare, "", CLONE_NEWPID},
    {"B41.unshare-ipc", "make an IPC namespace", Unshare, "", CLONE_NEWIPC},
    {"B41.unshare-uts", "make a UTS namespace", Unshare, "", CLONE_NEWUTS},
    {"B41.unshare-cgroup", "make a cgroup namespace", Unshare, "", CLONE_NEWCGROUP},
    {"B41.unshare-time", "make a time namespace", Unshare, "", CLONE_NEWTIME},
    {"B41.clone-user", "clone into a user namespace", CloneUser},
    {"B41.clone-user-high-bits", "the same with bits above the 32 that count", CloneUserHighBits},
    {"B41.clone3-user", "the same with clone3, whose flags lie in memory", Clone3User},
    {"B41.mount-tmpfs", "mount a tmpfs", MountTmpfs},
    {"B41.mount-proc", "mount a fresh /proc", MountProc},
    {"B41.mount-bind", "bind a directory elsewhere", MountBind},
    {"B41.mount-over-frozen", "bind over a frozen file", BindOverFrozen},
    {"B41.remount", "make a read-only mount writable", Remount},
    {"B41.umount", "take a cover away", Unmount},
    {"B41.fsopen-tmpfs", "make a file system by the new mount API", OpenContext, "tmpfs"},
    {"B41.open-tree", "clone a mount by the new mount API", CloneTree},
    {"B41.mount-setattr", "make a mount writable by the new mount API", ChangeMount},
    {"B41.move-mount", "move a mount", MoveMount},
    {"B41.pivot-root", "change the root of all", PivotRoot},
    {"B41.chroot", "change the root", ChangeRoot},
    {"B41.mknod-null", "make the device node of /dev/null", MakeNode, "", S_IFCHR, 1, 3},
    {"B41.mknod-mem", "make the device node of the machine's memory", MakeNode, "", S_IFCHR, 1, 1},
    {"B41.mknod-disk", "make the device node of a disk", MakeNode, "", S_IFBLK, 254, 0},
    {"B41.open-by-handle", "open a file by its handle, past all paths", OpenByHandle},
};

}  // namespace

std::span<const Probe> NamespaceProbes() { return kProbes; }

}  // namespace interlock::probe
