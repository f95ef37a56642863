// The two processes inside: the room's first process, which only reaps and forwards, and the one
// that locks itself down and becomes the command.
#pragma once

#include <linux/filter.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>

#include <span>
#include <vector>

#include "sandbox/capture.h"
#include "sandbox/fault.h"
#include "sandbox/plan.h"
#include "sandbox/terminal.h"

namespace interlock::sandbox {

// Prepared by the parent before the processes exist, so that little can go wrong inside.
struct Inside {
  const Plan* plan = nullptr;
  Tproxy tproxy = Tproxy::if_there_is;
  std::vector<sock_filter> filter;
  int control = -1;  // to the launcher, for the first process
  int go = -1;       // to the launcher, for the command process
  int door = -1;     // to the launcher, for what it asks of the room (door.h); -1 if nothing
  // The room gets a terminal of its own, with these settings, in the place of the standard three
  // that lead to the caller's; what leads elsewhere stays as it is.
  Shown shown;
  termios terminal{};
  winsize size{};
  sigset_t mask{};            // the caller's own, which the command gets
  std::span<char> arguments;  // this process's argument and environment strings in memory
};

// The life of a new room's first process (pid 1 of its namespace), from the network to the last
// reaped child. Reports through `control`; never returns.
//
// pid 1 keeps one capability of the user namespace, which nobody else in the room has, and is not
// dumpable: the agent, though it has the same uid, can't trace it or read its memory. Its command
// line says "interlock-init", whatever the launcher's said. It also answers on the door. When it
// ends, the kernel ends everything inside.
[[noreturn]] void LiveInside(const Inside& inside);

// Signals the launcher passes on to the command.
sigset_t ForwardedSignals();
// Those and the ones it acts upon itself: SIGTSTP stops both, SIGCONT takes the terminal again.
sigset_t LauncherSignals();

}  // namespace interlock::sandbox
