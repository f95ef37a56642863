#include "sandbox/launch.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

#include "sandbox/channel.h"
#include "sandbox/fill.h"

namespace interlock::sandbox {
namespace {

constexpr std::uint64_t kNamespaces = CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID |
                                      CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

Outcome<void> WriteMapFile(pid_t pid, const char* name, const std::string& text) {
  const UniqueFd file(open(Fill("/proc/{}/{}", pid, name).c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid() || write(file.get(), text.data(), text.size()) < 0) {
    return Broken(Step::map, Fill("write {}", name));
  }
  return {};
}

// The caller's ids and no others: whatever they look like inside, files keep their owner, and
// nobody else exists.
Outcome<void> WriteMaps(const Launched& child, uid_t uid, gid_t gid) {
  const auto hello = Receive(child.control.get());
  if (!hello || hello->note != Note::wants_map) {
    return Broken(Step::namespaces, "start a process in new namespaces", hello ? 0 : ESRCH);
  }
  ILK_STEP(WriteMapFile(child.pid, "setgroups", "deny"));
  ILK_STEP(WriteMapFile(child.pid, "gid_map", Fill("{} {} 1", gid, getegid())));
  ILK_STEP(WriteMapFile(child.pid, "uid_map", Fill("{} {} 1", uid, geteuid())));
  // Should memory run out, the room goes first, and the gateway and the human's programs stay. Not
  // every kernel lets it be said; a room is no less closed without.
  (void)WriteMapFile(child.pid, "oom_score_adj", "500");
  if (!Send(child.control.get(), Note::mapped)) {
    return Broken(Step::map, "tell the new process its ids");
  }
  return {};
}

}  // namespace

Outcome<Launched> Launch(uid_t uid, gid_t gid, const std::function<void(int control)>& inside) {
  auto pair = MakePair();
  if (!pair) return std::unexpected(std::move(pair.error()));
  int pidfd = -1;
  clone_args arguments{};
  arguments.flags = kNamespaces | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  const long pid = syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid < 0) return Broken(Step::namespaces, "make namespaces");
  if (pid == 0) {
    pair->ours.Reset();
    inside(pair->theirs.get());
    _exit(1);
  }
  Launched out{static_cast<pid_t>(pid), UniqueFd(pidfd), std::move(pair->ours)};
  pair->theirs.Reset();
  if (auto mapped = WriteMaps(out, uid, gid); !mapped) {
    EndAndReap(out.pidfd.get());
    return std::unexpected(std::move(mapped.error()));
  }
  return out;
}

int EndAndReap(int pidfd) {
  syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0);
  siginfo_t info{};
  int result = 0;
  do {
    result = waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED);
  } while (result != 0 && errno == EINTR);
  return result == 0 ? info.si_status : -1;
}

}  // namespace interlock::sandbox
