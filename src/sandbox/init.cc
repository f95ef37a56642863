#include "sandbox/init.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <initializer_list>

#include "base/unique_fd.h"
#include "sandbox/capture.h"
#include "sandbox/channel.h"
#include "sandbox/held_signals.h"
#include "sandbox/seccomp.h"
#include "sandbox/tree.h"

namespace interlock::sandbox {
namespace {

constexpr char kInitName[] = "interlock-init";
constexpr int kFirstKept = 3;  // of the first process: the control socket, then what else there is
constexpr int kForwarded[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};

Outcome<void> SetCapabilities(std::uint64_t permitted) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  data[0].permitted = data[0].effective = static_cast<std::uint32_t>(permitted);
  data[1].permitted = data[1].effective = static_cast<std::uint32_t>(permitted >> 32);
  if (syscall(SYS_capset, &header, data.data()) != 0) {
    return Broken(Step::lockdown, "give up capabilities");
  }
  return {};
}

// Handlers are the launcher's code; what it ignores stays ignored (nohup), except the two that
// would surprise here: a command must die of a closed pipe, and children must be waited for.
void ResetSignals() {
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action{};
    if (sigaction(number, nullptr, &action) != 0) continue;
    if (action.sa_handler == SIG_IGN && number != SIGPIPE && number != SIGCHLD) continue;
    action = {};
    action.sa_handler = SIG_DFL;
    sigaction(number, &action, nullptr);
  }
}

// /proc/1/cmdline and /proc/1/environ show these bytes.
void RenameInit(std::span<char> arguments) {
  std::ranges::fill(arguments, '\0');
  const std::size_t length = std::min(arguments.size(), sizeof kInitName);
  std::copy_n(kInitName, length, arguments.begin());
  if (!arguments.empty()) arguments.back() = '\0';
  prctl(PR_SET_NAME, kInitName);
}

Outcome<void> SetLimits(const Plan& plan) {
  for (const Limit& limit : plan.limits) {
    rlimit current{};
    const auto resource = static_cast<__rlimit_resource_t>(limit.resource);
    if (getrlimit(resource, &current) != 0) return Broken(Step::lockdown, "read a resource limit");
    // A caller's own stricter limit stays.
    const rlim_t value = std::min<rlim_t>(current.rlim_max, limit.value);
    current = {value, value};
    if (setrlimit(resource, &current) != 0) return Broken(Step::lockdown, "set a resource limit");
  }
  return {};
}

// Until the maps are written this process has no uid that exists in its namespace.
bool AwaitMap(int control) {
  // The maps are files in /proc that belong to root while a process is not dumpable, and a launcher
  // that guards its memory has made this one so.
  prctl(PR_SET_DUMPABLE, 1);
  // If the launcher dies, so does the room. Death before this line shows as a closed socket below.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (!Send(control, Note::wants_map)) return false;
  const auto answer = Receive(control);
  prctl(PR_SET_DUMPABLE, 0);
  return answer && answer->note == Note::mapped;
}

Outcome<void> SendCapture(const Inside& inside) {
  auto capture = OpenCapture(inside.plan->capture_port, inside.tproxy);
  if (!capture) return std::unexpected(std::move(capture.error()));
  std::array<int, 3> fds = {capture->tcp.get(), capture->udp4.get(), capture->udp6.get()};
  const std::size_t count = capture->udp6.valid() ? 3 : 2;
  bool sent = Send(inside.control, Note::sockets, static_cast<int>(capture->ports.size()), {},
                   std::span(fds).first(count));
  for (const UniqueFd& port : capture->ports) {
    const int fd = port.get();
    sent = sent && Send(inside.control, Note::port, 0, {}, std::span(&fd, 1));
  }
  if (!sent) return Broken(Step::network, "hand over the room's sockets");
  return {};
}

Outcome<void> Furnish(const Inside& inside) {
  ILK_STEP(SendCapture(inside));
  ILK_STEP(EnterTree(*inside.plan));
  if (sethostname(inside.plan->hostname.data(), inside.plan->hostname.size()) != 0) {
    return Broken(Step::lockdown, "name the room");
  }
  ILK_STEP(SetLimits(*inside.plan));
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return Broken(Step::lockdown, "forbid new privileges");
  }
  return {};
}

// No capability at any exec to come, whatever the uid.
Outcome<void> LockRules() {
  constexpr unsigned long kBits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                                  SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                                  SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
  if (prctl(PR_SET_SECUREBITS, kBits, 0, 0, 0) != 0) {
    return Broken(Step::lockdown, "lock the rules for capabilities");
  }
  for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0;
       ++capability) {
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
      return Broken(Step::lockdown, "empty the capability bounding set");
    }
  }
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  return {};
}

// And none now, under the filter.
Outcome<void> LockDown(const std::vector<sock_filter>& filter) {
  ILK_STEP(SetCapabilities(0));
  return InstallFilter(filter);
}

// Its own process group, in the foreground of the room's terminal. The first process leads the
// session and stays in a group of its own, so that the command's group is not an orphaned one and
// Ctrl-Z stops it.
void TakeTerminal(const Shown& shown, int terminal) {
  for (int fd = 0; fd < 3; ++fd) {
    if (shown.fd[static_cast<std::size_t>(fd)]) dup2(terminal, fd);
  }
  sigset_t output;
  sigemptyset(&output);
  sigaddset(&output, SIGTTOU);
  const HeldSignals held(output);
  tcsetpgrp(terminal, getpgrp());
}

// What execve gets. Whatever the launcher had open beyond the standard three ends with it.
class Image {
 public:
  Image(const Plan& plan, const std::vector<std::string>& argv) {
    variables_.reserve(plan.environment.size());
    for (const Variable& variable : plan.environment) {
      variables_.push_back(variable.name + "=" + variable.value);
    }
    for (std::string& variable : variables_) environment_.push_back(variable.data());
    environment_.push_back(nullptr);
    for (const std::string& argument : argv)
      arguments_.push_back(const_cast<char*>(argument.data()));
    arguments_.push_back(nullptr);
  }
  // Returns if it failed.
  void Execute() {
    if (syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */) != 0) return;
    environ = environment_.data();
    execvp(arguments_[0], arguments_.data());
  }

 private:
  std::vector<std::string> variables_;
  std::vector<char*> environment_, arguments_;
};

[[noreturn]] void BecomeCommand(const Inside& inside, int terminal) {
  setpgid(0, 0);
  sigprocmask(SIG_SETMASK, &inside.mask, nullptr);
  const Plan& plan = *inside.plan;
  Image image(plan, plan.argv);

  Outcome<void> locked;
  if (chdir(plan.cwd.c_str()) != 0) locked = Broken(Step::mount, "enter " + plan.cwd);
  if (locked) locked = LockRules();
  if (locked) locked = LockDown(inside.filter);
  if (!locked) {
    SendFault(inside.go, locked.error());
    _exit(126);
  }
  if (!Send(inside.go, Note::ready)) _exit(126);
  const auto go = Receive(inside.go);
  if (!go || go->note != Note::go) _exit(126);
  if (terminal >= 0) TakeTerminal(inside.shown, terminal);
  image.Execute();
  const int error = errno;
  Send(inside.go, Note::exec_failed, error);
  _exit(error == ENOENT ? 127 : 126);
}

// A terminal of the room's own devpts, which becomes that of this session. Its master goes out.
Outcome<UniqueFd> OpenTerminal(const Inside& inside) {
  if (!inside.shown.any()) return UniqueFd();
  PtyPair pair = OpenPty(inside.terminal, inside.size);
  if (!pair.slave.valid() || ioctl(pair.slave.get(), TIOCSCTTY, 0) != 0)
    return Broken(Step::lockdown, "make the room's terminal");
  const int master = pair.master.get();
  if (!Send(inside.control, Note::terminal, 0, {}, std::span(&master, 1)))
    return Broken(Step::lockdown, "hand over the room's terminal");
  return std::move(pair.slave);
}

// pid 1 keeps none of the caller's streams open, or a reader would wait for their end in vain. The
// room's terminal it keeps: a program may close it and open it again. What is kept gets the numbers
// from 3 on; -1 is nothing, and gets none.
Outcome<void> KeepOnly(std::initializer_list<int> kept) {
  UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null.valid()) return Broken(Step::lockdown, "open /dev/null in the room");
  for (int fd = 0; fd < 3; ++fd) dup2(null.get(), fd);
  null.Reset();  // it may be 3 itself
  // Above all first: each may have the number that another is to get.
  constexpr int kAbove = 16;
  std::vector<UniqueFd> high;
  for (const int fd : kept) {
    if (fd < 0) continue;
    high.emplace_back(fcntl(fd, F_DUPFD_CLOEXEC, kAbove));
    if (!high.back().valid()) return Broken(Step::lockdown, "keep the room's descriptors");
  }
  int next = kFirstKept;
  for (const UniqueFd& fd : high) {
    if (dup2(fd.get(), next++) < 0) return Broken(Step::lockdown, "keep the room's descriptors");
  }
  high.clear();
  if (syscall(SYS_close_range, static_cast<unsigned>(next), ~0U, 0U) != 0)
    return Broken(Step::lockdown, "close what is not the room's");
  return {};
}

// Passes on what came from outside; a process inside may not speak through us. (From an outer
// namespace the sender's pid reads 0.)
void Forward(const signalfd_siginfo& info, pid_t command) {
  if (info.ssi_pid != 0) return;
  const auto number = static_cast<int>(info.ssi_signo);
  // What keys make goes to all that is in the foreground, as a terminal would have it.
  kill(number == SIGINT || number == SIGQUIT ? -command : command, number);
}

// Becomes the plan's command for entering: the same variables, filter and absence of capabilities
// as the command's, a session of its own, and for standard streams what the launcher sent.
[[noreturn]] void Enter(const Inside& inside, const Message& message) {
  setsid();
  sigprocmask(SIG_SETMASK, &inside.mask, nullptr);
  Image image(*inside.plan, inside.plan->entered);
  if (dup2(message.fds[0].get(), 0) < 0 || dup2(message.fds[1].get(), 1) < 0) _exit(126);
  // The rules for capabilities are locked since the first process gave up its own.
  if (chdir(inside.plan->cwd.c_str()) != 0 || !LockDown(inside.filter)) _exit(126);
  image.Execute();
  _exit(127);
}

// One question of the launcher. False when it will ask no more.
bool AnswerDoor(const Inside& inside, int door) {
  const auto asked = Receive(door);
  if (!asked) return false;
  if (asked->note == Note::wants_socket) {
    const int family = asked->number == AF_INET6 ? AF_INET6 : AF_INET;
    const UniqueFd made(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int fd = made.get();
    return made.valid() ? Send(door, Note::socket, 0, {}, std::span(&fd, 1))
                        : Send(door, Note::socket, errno);
  }
  const bool whole = asked->fds[0].valid() && asked->fds[1].valid();
  if (asked->note != Note::enter || inside.plan->entered.empty() || !whole)
    return Send(door, Note::entered, EINVAL);
  const pid_t pid = fork();
  if (pid == 0) Enter(inside, *asked);
  return Send(door, Note::entered, pid < 0 ? errno : 0);
}

// Returns when the command has ended.
void ReapUntilEnd(const Inside& inside, int control, int door, int signals, pid_t command) {
  for (;;) {
    std::array<pollfd, 3> wait = {{{control, POLLIN, 0}, {signals, POLLIN, 0}, {door, POLLIN, 0}}};
    if (poll(wait.data(), wait.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    // The launcher sends nothing more: anything here means that it is gone.
    if (wait[0].revents != 0) return;
    if (wait[2].revents != 0 && !AnswerDoor(inside, door)) door = -1;
    if (wait[1].revents == 0) continue;
    signalfd_siginfo info{};
    if (read(signals, &info, sizeof info) != sizeof info) continue;
    if (info.ssi_signo != SIGCHLD) {
      Forward(info, command);
      continue;
    }
    int status = 0;
    for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0;) {
      if (pid != command) continue;
      if (WIFSTOPPED(status)) {
        Send(control, Note::stopped, WSTOPSIG(status));
        continue;
      }
      Send(control, Note::exited, status);
      return;
    }
  }
}

}  // namespace

sigset_t ForwardedSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : kForwarded) sigaddset(&set, number);
  return set;
}

sigset_t LauncherSignals() {
  sigset_t set = ForwardedSignals();
  sigaddset(&set, SIGTSTP);
  sigaddset(&set, SIGCONT);
  return set;
}

[[noreturn]] void LiveInside(const Inside& inside) {
  if (!AwaitMap(inside.control)) _exit(1);
  // Not in the launcher's session: what stops that (the terminal, a shell) must not stop the
  // reaper, and the human's terminal is nobody's in here.
  setsid();
  ResetSignals();
  RenameInit(inside.arguments);
  if (const auto furnished = Furnish(inside); !furnished) {
    SendFault(inside.control, furnished.error());
    _exit(1);
  }
  auto terminal = OpenTerminal(inside);
  if (!terminal) {
    SendFault(inside.control, terminal.error());
    _exit(1);
  }
  sigset_t watched = ForwardedSignals();
  sigaddset(&watched, SIGCHLD);
  sigprocmask(SIG_BLOCK, &watched, nullptr);
  const pid_t command = fork();
  if (command == 0) BecomeCommand(inside, terminal->get());
  const auto kept = command > 0 ? KeepOnly({inside.control, inside.door, terminal->get()})
                                : Broken(Step::lockdown, "start the command");
  (void)terminal->Release();  // its number is another's now, or closed
  if (!kept) {
    SendFault(inside.control, kept.error());
    _exit(1);
  }
  const int signals = signalfd(-1, &watched, SFD_CLOEXEC);
  // The last step that changes credentials, so the death signal is renewed after it. What enters by
  // the door is this process's child and gets no more than is left here.
  if (signals < 0 || !LockRules() || !SetCapabilities(1ULL << CAP_KILL)) _exit(1);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  ReapUntilEnd(inside, kFirstKept, inside.door >= 0 ? kFirstKept + 1 : -1, signals, command);
  _exit(0);
}

}  // namespace interlock::sandbox
