#include "sandbox/apply.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "base/file.h"
#include "sandbox/channel.h"
#include "sandbox/fill.h"
#include "sandbox/init.h"
#include "sandbox/launch.h"
#include "sandbox/pretend.h"
#include "sandbox/remedy.h"
#include "sandbox/seccomp.h"

namespace interlock::sandbox {
namespace {

std::unexpected<Error> Explained(const Fault& fault) { return std::unexpected(Explain(fault)); }

std::size_t CountThreads() {
  std::size_t count = 0;
  if (DIR* directory = opendir("/proc/self/task")) {
    while (const dirent* entry = readdir(directory)) count += entry->d_name[0] != '.' ? 1 : 0;
    closedir(directory);
  }
  return count;
}

Result<void> CheckCaller() {
  if (const std::size_t threads = CountThreads(); threads != 1) {
    return Fail(Code::internal,
                Fill("cannot make the room: it must be started by a process with one thread, and "
                     "this one has {}",
                     threads));
  }
  for (int fd = 0; fd < 3; ++fd) {
    struct stat status{};
    if (fstat(fd, &status) == 0 && (S_ISDIR(status.st_mode) || S_ISBLK(status.st_mode))) {
      return Fail(Code::denied,
                  Fill("cannot make the room: descriptor {} is a directory or a disk, which would "
                       "lead out of it. Redirect it from a file, a pipe or /dev/null",
                       fd));
    }
  }
  return {};
}

// Where the kernel reads /proc/PID/cmdline and environ of this process from, and of a copy of it:
// proc(5), fields 48 to 51 of stat.
std::span<char> ArgumentMemory() {
  const auto stat = ReadFile("/proc/self/stat", 4096);
  if (!stat) return {};
  std::size_t at = stat->rfind(')');
  for (int field = 2; field < 48 && at != std::string::npos; ++field) at = stat->find(' ', at + 1);
  if (at == std::string::npos) return {};
  unsigned long arguments_begin = 0, arguments_end = 0, environment_begin = 0, environment_end = 0;
  if (std::sscanf(stat->c_str() + at, "%lu %lu %lu %lu", &arguments_begin, &arguments_end,
                  &environment_begin, &environment_end) != 4 ||
      arguments_begin == 0 || environment_end < arguments_begin) {
    return {};
  }
  return {reinterpret_cast<char*>(arguments_begin), environment_end - arguments_begin};
}

// The next message of the room must be `note`; anything else is the fault it reports, or its death.
Outcome<Message> Expect(int socket, Note note) {
  auto message = Receive(socket);
  if (!message) return Broken(Step::namespaces, "hear from the process inside", ESRCH);
  if (message->note != note) return std::unexpected(FaultFrom(*message));
  return std::move(*message);
}

Outcome<void> TakeSockets(Child& child) {
  auto sockets = Expect(child.control.get(), Note::sockets);
  if (!sockets) return std::unexpected(std::move(sockets.error()));
  child.tcp = std::move(sockets->fds[0]);
  child.udp4 = std::move(sockets->fds[1]);
  child.udp6 = std::move(sockets->fds[2]);
  if (!child.tcp.valid() || !child.udp4.valid()) {
    return Broken(Step::network, "receive the room's sockets", EMFILE);
  }
  for (int left = sockets->number; left > 0; --left) {
    auto port = Expect(child.control.get(), Note::port);
    if (!port) return std::unexpected(std::move(port.error()));
    child.ports.push_back(std::move(port->fds[0]));
    if (!child.ports.back().valid())
      return Broken(Step::network, "receive the room's sockets", EMFILE);
  }
  return {};
}

// The command process is ready, or one of the two has said why not.
Outcome<void> AwaitReady(Child& child) {
  auto ready = Expect(child.go.get(), Note::ready);
  if (ready) {
    child.command = ready->sender;
    return {};
  }
  if (ready.error().error != ESRCH) return std::unexpected(std::move(ready.error()));
  // It never lived: the first process knows more.
  if (const auto first = Receive(child.control.get())) return std::unexpected(FaultFrom(*first));
  return std::unexpected(std::move(ready.error()));
}

}  // namespace

Child::~Child() {
  if (pidfd.valid()) EndAndReap(pidfd.get());
}

Result<Child> Start(const Plan& plan, const std::function<Result<void>()>& meanwhile) {
  ILK_TRY_VOID(CheckCaller());
  auto go = MakePair();
  if (!go) return Explained(go.error());
  // The kernel then adds each sender's pid, translated to our namespace.
  const int on = 1;
  setsockopt(go->ours.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on);

  // The room's first process answers on it, so there is one only where something is to be asked.
  Pair door;
  if (!plan.dialled.empty() || !plan.entered.empty()) {
    auto made = MakePair();
    if (!made) return Explained(made.error());
    door = std::move(*made);
  }

  Child child;
  child.signals = HeldSignals(LauncherSignals());
  child.terminal = Terminal::OfCaller();
  Inside inside{.plan = &plan,
                .tproxy = PretendsToLack("nf-tables") ? Tproxy::never : Tproxy::if_there_is,
                .filter = RoomFilter(),
                .control = -1,
                .go = go->theirs.get(),
                .door = door.theirs.get(),
                .shown = child.terminal.shown(),
                .terminal = child.terminal.settings(),
                .size = child.terminal.Size(),
                .mask = child.signals.before(),
                .arguments = ArgumentMemory()};
  auto launched = Launch(plan.uid, plan.gid, [&](int control) {
    go->ours.Reset();
    door.ours.Reset();
    inside.control = control;
    LiveInside(inside);
  });
  if (!launched) return Explained(launched.error());
  child.pid = launched->pid;
  child.pidfd = std::move(launched->pidfd);
  child.control = std::move(launched->control);
  child.go = std::move(go->ours);
  child.door = std::move(door.ours);
  go->theirs.Reset();
  door.theirs.Reset();
  if (meanwhile) ILK_TRY_VOID(meanwhile());
  if (const auto taken = TakeSockets(child); !taken) return Explained(taken.error());
  if (child.terminal.valid()) {
    auto terminal = Expect(child.control.get(), Note::terminal);
    if (!terminal) return Explained(terminal.error());
    child.room_terminal = std::move(terminal->fds[0]);
  }
  if (const auto ready = AwaitReady(child); !ready) return Explained(ready.error());
  return child;
}

}  // namespace interlock::sandbox
