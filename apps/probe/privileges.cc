// Lines 47 to 50: keystrokes, variables, privileges, and more than one's share.
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/tiocl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdint>
#include <vector>

#include "attempt.h"

namespace interlock::probe {
namespace {

// ---- the terminal ----

// A terminal of its own, made the controlling one: what the kernel lets it do there, it would let
// it do on the user's.
struct Terminal {
  UniqueFd master, slave;
  Terminal() : master(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    setsid();
    if (!master.valid() || grantpt(master.get()) != 0 || unlockpt(master.get()) != 0) return;
    char name[128];
    if (ptsname_r(master.get(), name, sizeof name) != 0) return;
    slave = UniqueFd(open(name, O_RDWR | O_CLOEXEC));
    ioctl(slave.get(), TIOCSCTTY, 0);
  }
};
Attempt TypeInto(const Facts&, const Probe& probe) {
  // A process in a room with a terminal of its own needs /dev/pts, which both worlds have.
  const Terminal terminal;
  if (!terminal.slave.valid()) return BlockedBy("make a terminal");
  char key = 'x';
  // The second: the same request with garbage above the 32 bits that the kernel reads.
  const unsigned long high = probe.number != 0 ? 1UL << 36 : 0;
  return Called("TIOCSTI", syscall(SYS_ioctl, terminal.slave.get(), TIOCSTI | high, &key));
}
Attempt Paste(const Facts&, const Probe&) {
  const Terminal terminal;
  if (!terminal.slave.valid()) return BlockedBy("make a terminal");
  char code = TIOCL_GETSHIFTSTATE;
  return Considered("TIOCLINUX", ioctl(terminal.slave.get(), TIOCLINUX, &code));
}
Attempt SetDiscipline(const Facts&, const Probe&) {
  const Terminal terminal;
  if (!terminal.slave.valid()) return BlockedBy("make a terminal");
  int ordinary = 0;
  return Called("TIOCSETD", ioctl(terminal.slave.get(), TIOCSETD, &ordinary));
}

// ---- variables of the user's shell ----

Attempt HasVariable(const Facts& facts, const Probe& probe) {
  const char* value = getenv(std::string(probe.text).c_str());
  if (value == nullptr) return Blocked("it is not set");
  return Holds(value, facts.canary) ? Reached("it has the caller's value")
                                    : Blocked("it has a value of the room's own");
}

// ---- privileges ----

Attempt BecomeOther(const Facts&, const Probe&) {
  return Called("setresuid", setresuid(65533, 65533, 65533));
}
Attempt JoinOther(const Facts&, const Probe&) {
  return Called("setresgid", setresgid(65533, 65533, 65533));
}
Attempt SetGroups(const Facts&, const Probe&) {
  const gid_t group = 65533;
  return Called("setgroups", setgroups(1, &group));
}
Attempt GiveAway(const Facts& facts, const Probe&) {
  return Called("chown", lchown((facts.workspace + "/README").c_str(), 65533, 65533));
}
Attempt MayGainPrivileges(const Facts&, const Probe&) {
  return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 ? Reached("set-user-id programs would work")
                                                     : Blocked("no_new_privs is set");
}
Attempt HasBoundingSet(const Facts&, const Probe&) {
  for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0;
       ++capability) {
    if (prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1) {
      return Reached("capability " + std::to_string(capability) + " could be gained at an exec");
    }
  }
  return Blocked("the bounding set is empty");
}
Attempt RaiseCapabilities(const Facts&, const Probe&) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  data[0].permitted = data[0].effective = 1U << CAP_SYS_ADMIN;
  return Called("capset", syscall(SYS_capset, &header, data.data()));
}
Attempt SetFileCapability(const Facts& facts, const Probe&) {
  const vfs_cap_data data{VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
                          {{1U << CAP_NET_RAW, 0}, {0, 0}}};
  return Called("set a file capability",
                setxattr((facts.workspace + "/README").c_str(), "security.capability", &data,
                         XATTR_CAPS_SZ_2, 0));
}
Attempt UnlockSecureBits(const Facts&, const Probe&) {
  return Called("PR_SET_SECUREBITS", prctl(PR_SET_SECUREBITS, 0, 0, 0, 0));
}

// ---- more than its share ----

Attempt Prefer(const Facts&, const Probe& probe) {
  switch (probe.number) {
    case 0:
      return Called("setpriority", setpriority(PRIO_PROCESS, 0, -20));
    case 1: {
      const sched_param parameter{1};
      return Called("SCHED_FIFO", sched_setscheduler(0, SCHED_FIFO, &parameter));
    }
    case 2:
      return Called("ioprio_set",
                    syscall(SYS_ioprio_set, 1, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_RT, 0)));
    default: {
      const UniqueFd file(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
      return Called("write oom_score_adj", file.valid() ? write(file.get(), "-1000", 5) : -1);
    }
  }
}
Attempt RaiseCoreLimit(const Facts&, const Probe&) {
  rlimit limit{};
  getrlimit(RLIMIT_CORE, &limit);
  if (limit.rlim_max > 1'000'000) return Reached("cores of any size may be made");
  limit.rlim_cur = limit.rlim_max = RLIM_INFINITY;
  return Called("raise the limit of cores", setrlimit(RLIMIT_CORE, &limit));
}

void* WaitForEnd(void* end) {
  char byte = 0;
  (void)!read(*static_cast<int*>(end), &byte, 1);
  return nullptr;
}
// Threads count as processes do and are cheaper to end. The room's bound is 4096.
Attempt ForkBomb(const Facts&, const Probe&) {
  constexpr int kMore = 4400;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return BlockedBy("make a pipe");
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, PTHREAD_STACK_MIN);
  int made = 0, error = 0;
  for (; made < kMore && error == 0; ++made) {
    pthread_t thread;
    error = pthread_create(&thread, &small, WaitForEnd, &ends[0]);
  }
  if (error == 0) return Reached(std::to_string(made) + " threads were made");
  return BlockedBy("thread " + std::to_string(made), error);
}

#define VARIABLE(label, variable) \
  {"B48." label, "be run or steered by the caller's " variable, HasVariable, variable}

constexpr Probe kProbes[] = {
    {"B47.tiocsti", "type into the terminal", TypeInto},
    {"B47.tiocsti-high-bits", "the same with bits above the 32 that count", TypeInto, "", 1},
    {"B47.tioclinux", "paste into a console", Paste},
    {"B47.tiocsetd", "change the terminal's line discipline", SetDiscipline},
    VARIABLE("ld-library-path", "LD_LIBRARY_PATH"),
    VARIABLE("bash-env", "BASH_ENV"),
    VARIABLE("env", "ENV"),
    VARIABLE("prompt-command", "PROMPT_COMMAND"),
    VARIABLE("pythonstartup", "PYTHONSTARTUP"),
    VARIABLE("pythonpath", "PYTHONPATH"),
    VARIABLE("node-options", "NODE_OPTIONS"),
    VARIABLE("perl5opt", "PERL5OPT"),
    VARIABLE("rubyopt", "RUBYOPT"),
    VARIABLE("java-tool-options", "JAVA_TOOL_OPTIONS"),
    VARIABLE("git-ssh-command", "GIT_SSH_COMMAND"),
    VARIABLE("git-config-global", "GIT_CONFIG_GLOBAL"),
    VARIABLE("lessopen", "LESSOPEN"),
    VARIABLE("ssh-auth-sock", "SSH_AUTH_SOCK"),
    VARIABLE("dbus-session", "DBUS_SESSION_BUS_ADDRESS"),
    VARIABLE("docker-host", "DOCKER_HOST"),
    VARIABLE("display", "DISPLAY"),
    VARIABLE("aws-secret", "AWS_SECRET_ACCESS_KEY"),
    VARIABLE("github-token", "GITHUB_TOKEN"),
    VARIABLE("database-url", "DATABASE_URL"),
#undef VARIABLE
    {"B49.no-new-privs", "gain privileges by set-user-id programs", MayGainPrivileges},
    {"B49.bounding-set", "gain capabilities at an exec", HasBoundingSet},
    {"B49.capset", "raise CAP_SYS_ADMIN", RaiseCapabilities},
    {"B49.securebits", "unlock the rules for capabilities", UnlockSecureBits},
    {"B49.file-capability", "give a file a capability", SetFileCapability},
    {"B49.setuid", "become another user", BecomeOther},
    {"B49.setgid", "join another group", JoinOther},
    {"B49.setgroups", "change the groups", SetGroups},
    {"B49.chown", "give a file to another user", GiveAway},
    {"B50.fork-bomb", "make more than 4096 processes or threads", ForkBomb},
    {"B50.priority", "take precedence by priority", Prefer, "", 0},
    {"B50.realtime", "take precedence by real-time scheduling", Prefer, "", 1},
    {"B50.io-priority", "take precedence at the disk", Prefer, "", 2},
    {"B50.oom-score", "let others be killed when memory runs out", Prefer, "", 3},
    {"B50.core-limit", "permit cores of any size", RaiseCoreLimit},
};

}  // namespace

std::span<const Probe> PrivilegeProbes() { return kProbes; }

}  // namespace interlock::probe
