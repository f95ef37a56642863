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

void GiveTerminal(const Child& child, pid_t group) {
  if (!child.terminal.valid()) return;
  sigset_t output;
  sigemptyset(&output);
  sigaddset(&output, SIGTTOU);
  const HeldSignals held(output);
  tcsetpgrp(child.terminal.get(), group);
}

// The command was stopped. A shell that started us sees us stopped as well, and `fg` resumes both.
void StopAlong(const Child& child, int signal) {
  const bool from_terminal = signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
  const pid_t foreground = child.terminal.valid() ? tcgetpgrp(child.terminal.get()) : 0;
  GiveTerminal(child, getpgrp());
  if (from_terminal && child.terminal.valid()) {
    kill(0, SIGSTOP);  // the whole pipeline, as the terminal would have done
  } else {
    raise(SIGSTOP);
  }
  if (child.terminal.valid() && tcgetpgrp(child.terminal.get()) == getpgrp()) {
    GiveTerminal(child, foreground > 0 ? foreground : child.command);
  }
  kill(-child.command, SIGCONT);
}

void PassOn(const Child& child, int signals) {
  signalfd_siginfo info{};
  if (read(signals, &info, sizeof info) != sizeof info) return;
  syscall(SYS_pidfd_send_signal, child.pidfd.get(), static_cast<int>(info.ssi_signo), nullptr, 0);
}

int ShellStatus(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

// Serves the room until its first process is gone; the command's wait status if one was reported.
std::optional<int> Serve(const Child& child, int signals) {
  for (;;) {
    std::array<pollfd, 2> wait = {{{child.control.get(), POLLIN, 0}, {signals, POLLIN, 0}}};
    if (poll(wait.data(), wait.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return std::nullopt;
    }
    if (wait[1].revents != 0) PassOn(child, signals);
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
  if (!answer) return {};
  GiveTerminal(child, getpgrp());
  return std::unexpected(Explain({Step::command, answer->number, "execute it"}));
}

Result<int> Wait(Child& child) {
  const sigset_t forwarded = ForwardedSignals();
  const UniqueFd signals(signalfd(-1, &forwarded, SFD_CLOEXEC));
  if (!signals.valid()) {
    return Fail(Code::unavailable, "cannot wait for the command: no descriptor for its signals");
  }
  const std::optional<int> status = Serve(child, signals.get());
  // Also when it has ended: this returns only after the kernel has ended everything inside.
  EndAndReap(child.pidfd.get());
  child.pidfd.Reset();
  GiveTerminal(child, getpgrp());
  child.signals.Release();
  // Without a report the first process was killed, and the command with it.
  return status ? ShellStatus(*status) : 128 + SIGKILL;
}

}  // namespace interlock::sandbox
