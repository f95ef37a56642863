// The launcher's side of a running room: letting it go, passing signals on, and its end.
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "sandbox/apply.h"
#include "sandbox/channel.h"
#include "sandbox/held_signals.h"
#include "sandbox/init.h"
#include "sandbox/launch.h"
#include "sandbox/remedy.h"

namespace interlock::sandbox {
namespace {

// The command was stopped, or is to be. A shell that started us sees us stopped as well, and `fg`
// resumes both.
void StopAlong(Child& child, int signal) {
  child.terminal.Restore();
  const bool from_terminal = signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
  if (from_terminal && child.terminal.valid() && child.terminal.InForeground()) {
    kill(0, SIGSTOP);  // the whole pipeline, as the terminal would have done
  } else {
    raise(SIGSTOP);
  }
  child.terminal.MakeRaw();
  kill(-child.command, SIGCONT);
}

void OnSignal(Child& child, int signals) {
  signalfd_siginfo info{};
  if (read(signals, &info, sizeof info) != sizeof info) return;
  const auto number = static_cast<int>(info.ssi_signo);
  if (number == SIGCONT) return child.terminal.MakeRaw();
  if (number == SIGTSTP) {
    kill(-child.command, SIGSTOP);
    return StopAlong(child, number);
  }
  // The room's terminal tells its foreground itself.
  if (number == SIGWINCH && child.terminal.connected()) return child.terminal.OnResize();
  syscall(SYS_pidfd_send_signal, child.pidfd.get(), number, nullptr, 0);
}

int ShellStatus(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

// Serves the room until its first process is gone; the command's wait status if one was reported.
std::optional<int> Serve(Child& child, int signals) {
  Terminal& terminal = child.terminal;
  for (;;) {
    std::array<pollfd, 5> wait = {
        {{child.control.get(), POLLIN, 0},
         {signals, POLLIN, 0},
         {terminal.connected() ? terminal.ReadableHuman() : -1, POLLIN, 0},
         {terminal.inside(), terminal.WantedInside(), 0},
         {child.tether, POLLIN, 0}}};
    if (poll(wait.data(), wait.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return std::nullopt;
    }
    if (wait[4].revents != 0) {
      child.tether_cut = true;
      return std::nullopt;
    }
    if (wait[1].revents != 0) OnSignal(child, signals);
    if (wait[2].revents != 0) terminal.OnHuman();
    if (wait[3].revents != 0 && !terminal.OnInside((wait[3].revents & (POLLIN | POLLHUP)) != 0,
                                                   (wait[3].revents & POLLOUT) != 0)) {
      terminal.Drain();
    }
    if (wait[0].revents == 0) continue;
    const auto message = Receive(child.control.get());
    if (!message) return std::nullopt;
    if (message->note == Note::exited) return message->number;
    if (message->note == Note::stopped) StopAlong(child, message->number);
  }
}

}  // namespace

Result<void> Release(Child& child) {
  if (!Send(child.go.get(), Note::go)) {
    return std::unexpected(Explain({Step::namespaces, ESRCH, "reach the process inside"}));
  }
  // The socket closes by itself when the command is executed.
  const auto answer = Receive(child.go.get());
  child.go.Reset();
  if (!answer) {
    if (child.room_terminal.valid()) child.terminal.Connect(std::move(child.room_terminal));
    return {};
  }
  return std::unexpected(Explain({Step::command, answer->number, "execute it"}));
}

Result<int> Wait(Child& child) {
  const sigset_t watched = LauncherSignals();
  const UniqueFd signals(signalfd(-1, &watched, SFD_CLOEXEC));
  if (!signals.valid()) {
    return Fail(Code::unavailable, "cannot wait for the command: no descriptor for its signals");
  }
  const std::optional<int> status = Serve(child, signals.get());
  // Also when it has ended: this returns only after the kernel has ended everything inside.
  EndAndReap(child.pidfd.get());
  child.pidfd.Reset();
  child.terminal.Drain();
  child.terminal.Restore();
  child.signals.Release();
  // Without a report the first process was killed, and the command with it.
  return status ? ShellStatus(*status) : 128 + SIGKILL;
}

}  // namespace interlock::sandbox
