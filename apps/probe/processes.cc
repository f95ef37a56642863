// Lines 39, 40, 51 and 52: processes beyond the room, and what outlives it.
//
// The victims are, inside, the room's first process and whatever has the number of the bait's
// process; outside, the bait's process itself.
#include <fcntl.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>

#include "attempt.h"

namespace interlock::probe {
namespace {

template <typename Try>
Attempt OnVictims(const Facts& facts, Try attempt) {
  if (facts.control) return attempt(facts.pid);
  const Attempt first = attempt(1);
  if (first.reached || facts.pid == getpid() || facts.pid == getppid()) return first;
  const Attempt second = attempt(facts.pid);
  return second.reached ? second : first;
}

std::string Proc(pid_t pid, std::string_view name) {
  return "/proc/" + std::to_string(pid) + "/" + std::string(name);
}

// Files that the owner of a process may open: {secret} in `text` is the host's secret.
Attempt OpensOfVictim(const Facts& facts, const Probe& probe) {
  return OnVictims(facts, [&](pid_t pid) {
    std::string path(probe.text);
    if (const auto at = path.find("{pid}"); at != std::string::npos) {
      path.replace(at, 5, std::to_string(pid));
    }
    if (const auto at = path.find("{secret}"); at != std::string::npos) {
      return ReadsCanary(facts, Proc(pid, path.replace(at, 8, facts.Secret())));
    }
    return Opens(Proc(pid, path), probe.number);
  });
}
Attempt ReadsOfVictim(const Facts& facts, const Probe& probe) {
  return OnVictims(facts, [&](pid_t pid) {
    const std::string path = Proc(pid, probe.text);
    const std::string text = Slurp(path);
    if (!text.empty()) return Reached("read " + path);
    return errno != 0 ? BlockedBy("read " + path) : Blocked(path + " is empty");
  });
}
Attempt CommandLineOfVictim(const Facts& facts, const Probe&) {
  return OnVictims(facts, [&](pid_t pid) {
    const std::string text = Slurp(Proc(pid, "cmdline"));
    if (Holds(text, facts.canary) || Holds(text, facts.state)) return Reached("read " + text);
    return text.empty() ? BlockedBy("read the command line")
                        : Blocked("it says only \"" + text.substr(0, 40) + "\"");
  });
}
Attempt LinkOfVictim(const Facts& facts, const Probe& probe) {
  return OnVictims(facts, [&](pid_t pid) {
    char target[512];
    return Called("read the link " + Proc(pid, probe.text),
                  readlink(Proc(pid, probe.text).c_str(), target, sizeof target));
  });
}
// The directory itself can be opened by the owner of the process; its entries are what counts.
Attempt ListOfVictim(const Facts& facts, const Probe& probe) {
  return OnVictims(facts, [&](pid_t pid) {
    const std::string path = Proc(pid, probe.text);
    std::error_code error;
    const std::filesystem::directory_iterator entries(path, error);
    if (error) return BlockedBy("list " + path, error.value());
    return entries == std::filesystem::directory_iterator() ? Blocked(path + " shows nothing")
                                                            : Reached("listed " + path);
  });
}
Attempt SeesHostProcesses(const Facts& facts, const Probe&) {
  if (facts.pid == getpid() || facts.pid == getppid()) {
    return Blocked("the number belongs to a process of the room");
  }
  const std::string text = Slurp(Proc(facts.pid, "cmdline"));
  return Holds(text, facts.canary) ? Reached("saw the bait's process")
                                   : Blocked("no such process in /proc");
}

Attempt Attach(const Facts& facts, const Probe&) {
  return OnVictims(facts, [](pid_t pid) {
    if (ptrace(PTRACE_ATTACH, pid, nullptr, nullptr) != 0) return BlockedBy("PTRACE_ATTACH");
    waitpid(pid, nullptr, __WALL);
    ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
    return Reached("attached");
  });
}
Attempt Seize(const Facts& facts, const Probe&) {
  return OnVictims(facts, [](pid_t pid) {
    return Called("PTRACE_SEIZE", ptrace(PTRACE_SEIZE, pid, nullptr, nullptr));
  });
}

struct RemoteMemory {
  std::string buffer;
  iovec local{};
  iovec remote{};
  RemoteMemory(const Facts& facts) : buffer(facts.canary) {
    local = {buffer.data(), buffer.size()};
    remote = {reinterpret_cast<void*>(std::strtoull(facts.memory.c_str(), nullptr, 10)),
              buffer.size()};
  }
};
Attempt ReadMemory(const Facts& facts, const Probe&) {
  RemoteMemory memory(facts);
  return OnVictims(facts, [&](pid_t pid) {
    return Considered("process_vm_readv",
                      process_vm_readv(pid, &memory.local, 1, &memory.remote, 1, 0));
  });
}
Attempt WriteMemory(const Facts& facts, const Probe&) {
  RemoteMemory memory(facts);  // writes what is there already
  return OnVictims(facts, [&](pid_t pid) {
    return Considered("process_vm_writev",
                      process_vm_writev(pid, &memory.local, 1, &memory.remote, 1, 0));
  });
}
Attempt TakeDescriptor(const Facts& facts, const Probe&) {
  return OnVictims(facts, [](pid_t pid) {
    const UniqueFd handle(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!handle.valid()) return BlockedBy("pidfd_open");
    const UniqueFd taken(static_cast<int>(syscall(SYS_pidfd_getfd, handle.get(), 1, 0)));
    return taken.valid() ? Reached("took its stdout") : BlockedBy("pidfd_getfd");
  });
}
Attempt Compare(const Facts& facts, const Probe&) {
  return OnVictims(facts, [](pid_t pid) {
    return Called("kcmp", syscall(SYS_kcmp, getpid(), pid, KCMP_VM, 0, 0));
  });
}
Attempt EnterNamespace(const Facts& facts, const Probe& probe) {
  return OnVictims(facts, [&](pid_t pid) {
    const UniqueFd space(open(Proc(pid, probe.text).c_str(), O_RDONLY | O_CLOEXEC));
    if (!space.valid()) return BlockedBy("open its namespace");
    return Called("setns", setns(space.get(), 0));
  });
}
Attempt EnterByHandle(const Facts& facts, const Probe&) {
  return OnVictims(facts, [](pid_t pid) {
    const UniqueFd handle(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!handle.valid()) return BlockedBy("pidfd_open");
    return Called("setns", setns(handle.get(), CLONE_NEWUTS));
  });
}
Attempt SignalBait(const Facts& facts, const Probe&) {
  if (facts.pid == getpid() || facts.pid == getppid() || facts.pid == 1) {
    return Blocked("the number belongs to a process of the room");
  }
  return Called("signal a process of the host", kill(facts.pid, 0));
}
Attempt LimitBait(const Facts& facts, const Probe&) {
  if (facts.pid == getpid() || facts.pid == getppid() || facts.pid == 1) {
    return Blocked("the number belongs to a process of the room");
  }
  rlimit limit{};
  return Called("prlimit", prlimit(facts.pid, RLIMIT_NOFILE, nullptr, &limit));
}
Attempt AdviseBait(const Facts& facts, const Probe&) {
  RemoteMemory memory(facts);
  return OnVictims(facts, [&](pid_t pid) {
    const UniqueFd handle(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!handle.valid()) return BlockedBy("pidfd_open");
    return Considered("process_madvise", syscall(SYS_process_madvise, handle.get(), &memory.remote,
                                                 1, 20 /* MADV_COLD */, 0));
  });
}

// ---- outliving the session ----

std::string LockOf(const Facts& facts, const Probe& probe) {
  return facts.workspace + "/" + std::string(probe.name) + ".lock";
}
// Lives for as long as its lock file exists, a minute at most.
[[noreturn]] void Linger(const std::string& path, int ready) {
  for (int fd = 0; fd < 3; ++fd) close(fd);
  const int lock = open(path.c_str(), O_RDWR | O_CREAT, 0600);
  flock(lock, LOCK_SH);
  (void)!write(ready, "x", 1);
  close(ready);
  const timespec pause{0, 100'000'000};
  for (int i = 0; i < 600 && access(path.c_str(), F_OK) == 0; ++i) nanosleep(&pause, nullptr);
  _exit(0);
}
Attempt Outlive(const Facts& facts, const Probe& probe) {
  int ready[2];
  if (pipe(ready) != 0) return BlockedBy("make a pipe");
  const pid_t child = fork();
  if (child < 0) return BlockedBy("fork");
  if (child == 0) {
    close(ready[0]);
    alarm(0);
    prctl(PR_SET_PDEATHSIG, 0);
    for (int number = 1; number < 32; ++number) signal(number, SIG_IGN);
    if (probe.number >= 1) setsid();
    if (probe.number >= 2 && fork() != 0) _exit(0);
    Linger(LockOf(facts, probe), ready[1]);
  }
  close(ready[1]);
  char byte = 0;
  if (probe.number >= 2) waitpid(child, nullptr, 0);
  return read(ready[0], &byte, 1) == 1 ? Reached("left a process behind")
                                       : Blocked("it ended at once");
}
bool StillLives(const Facts& facts, const Probe& probe) {
  const std::string path = LockOf(facts, probe);
  const UniqueFd lock(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!lock.valid()) return false;
  const bool lives = flock(lock.get(), LOCK_EX | LOCK_NB) != 0;
  unlink(path.c_str());  // tells it to end
  return lives;
}

// ---- core dumps ----

Attempt DumpCore(const Facts& facts, const Probe&) {
  rlimit limit{};
  getrlimit(RLIMIT_CORE, &limit);
  rlimit wanted{limit.rlim_max, limit.rlim_max};
  if (geteuid() == 0) wanted = {RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_CORE, &wanted);
  const pid_t child = fork();
  if (child == 0) {
    if (chdir(facts.workspace.c_str()) != 0) _exit(1);
    prctl(PR_SET_DUMPABLE, 1);
    signal(SIGABRT, SIG_DFL);
    std::abort();
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status) && WCOREDUMP(status)) return Reached("the kernel dumped core");
  return Blocked("no core was dumped");
}

constexpr Probe kProbes[] = {
    {"B39.processes", "find a process of the host in /proc", SeesHostProcesses},
    {"B39.proc-root", "read a host file through /proc/PID/root", OpensOfVictim, "root{secret}"},
    {"B39.proc-task-root", "the same through its first thread", OpensOfVictim,
     "task/{pid}/root{secret}"},
    {"B39.proc-root-link", "learn where its root is", LinkOfVictim, "root"},
    {"B39.proc-cwd", "enter its working directory", ListOfVictim, "cwd"},
    {"B39.proc-exe", "learn which program it is", LinkOfVictim, "exe"},
    {"B39.proc-fd", "learn what its descriptors are", LinkOfVictim, "fd/1"},
    {"B39.proc-fd-1", "open its standard output", OpensOfVictim, "fd/1", O_WRONLY},
    {"B39.proc-fdinfo", "list what its descriptors are", ListOfVictim, "fdinfo"},
    {"B39.proc-mem-read", "open its memory for reading", OpensOfVictim, "mem", O_RDONLY},
    {"B39.proc-mem-write", "open its memory for writing", OpensOfVictim, "mem", O_RDWR},
    {"B39.proc-maps", "read where its memory lies", ReadsOfVictim, "maps"},
    {"B39.proc-map-files", "list the files mapped in it", ListOfVictim, "map_files"},
    {"B39.proc-environ", "read its environment", ReadsOfVictim, "environ"},
    {"B39.proc-auxv", "read its auxiliary vector", ReadsOfVictim, "auxv"},
    {"B39.proc-cmdline", "read the launcher's words in its command line", CommandLineOfVictim},
    {"B39.proc-syscall", "read which call it is in", ReadsOfVictim, "syscall"},
    {"B39.proc-stack", "read its kernel stack", ReadsOfVictim, "stack"},
    {"B40.ptrace-attach", "attach to it", Attach},
    {"B40.ptrace-seize", "seize it", Seize},
    {"B40.process-vm-readv", "read its memory", ReadMemory},
    {"B40.process-vm-writev", "write its memory", WriteMemory},
    {"B40.pidfd-getfd", "take one of its descriptors", TakeDescriptor},
    {"B40.kcmp", "compare its memory with ours", Compare},
    {"B40.process-madvise", "advise on its memory", AdviseBait},
    {"B40.kill", "signal a process of the host", SignalBait},
    {"B40.prlimit", "read the limits of a process of the host", LimitBait},
    {"B41.setns-mnt", "enter its mounts", EnterNamespace, "ns/mnt"},
    {"B41.setns-net", "enter its network", EnterNamespace, "ns/net"},
    {"B41.setns-pid", "enter its process namespace", EnterNamespace, "ns/pid"},
    {"B41.setns-pidfd", "enter its namespaces by pidfd", EnterByHandle},
    {.name = "B51.background",
     .tries = "leave a process in the background",
     .attempt = Outlive,
     .number = 1,
     .remains = StillLives},
    {.name = "B51.daemon",
     .tries = "leave a daemon (fork, setsid, fork), deaf to signals",
     .attempt = Outlive,
     .number = 2,
     .remains = StillLives},
    {"B52.core", "dump core", DumpCore},
};

}  // namespace

std::span<const Probe> ProcessProbes() { return kProbes; }

}  // namespace interlock::probe
