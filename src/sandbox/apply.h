// Makes a plan real, natively: namespaces, mounts, capture sockets and filters by system calls
// alone.
//
//   Plan plan = ...;                       // plan.h
//   auto child = Start(plan);              // the room exists; the command waits
//   ...give child->tcp and child->udp* to the gateway...
//   Release(*child);                       // the command runs
//   int status = *Wait(*child);
//
// All of it is called on one thread, which must outlive the room: the kernel ends the room with the
// thread that started it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "sandbox/held_signals.h"
#include "sandbox/plan.h"
#include "sandbox/terminal.h"

namespace interlock::sandbox {

// A room with a command in it. Destroying it ends every process inside.
struct Child {
  Child() = default;
  Child(Child&&) = default;
  Child& operator=(Child&&) = delete;
  ~Child();

  pid_t pid = 0;      // the room's first process, as seen from here
  pid_t command = 0;  // the command's, which leads a process group of its own
  UniqueFd pidfd;     // of the first process
  UniqueFd tcp;       // listening, non-blocking. getsockname() of an accepted socket is the address
                      // that was dialled; one whose is loopback was dialled on purpose: refuse it
  std::vector<UniqueFd> ports;  // further listeners: capture.h, kFallbackPorts. Usually none
  UniqueFd udp4, udp6;     // questions to port 53 of any address, with packet info: answer from the
                           // address that was asked. udp6 is not valid where the kernel has no IPv6
  UniqueFd control, go;    // to the two processes inside; the room ends when `control` closes
  UniqueFd door;           // for door.h, if the plan has something for it
  Terminal terminal;       // the caller's, if one of the standard three leads to it
  UniqueFd room_terminal;  // the master of the room's, until the command runs
  int tether = -1;         // borrowed: when it hangs up during Wait, the room is ended
  bool tether_cut = false;
  HeldSignals signals;  // those meant for the command, until Wait can pass them on
};

// Makes the room, up to the moment before the command. Refusals name the step and the remedy. The
// process must have one thread (more may be made afterwards) and must not have a directory as
// stdin, stdout or stderr (a directory descriptor leads out of any room).
//
// `meanwhile` runs on this thread while the room is being made, for what must be done before the
// command runs and need not be done before the room is there; it may not start a thread. Its error
// ends the room.
Result<Child> Start(const Plan& plan, const std::function<Result<void>()>& meanwhile = {});

// Lets the command run. Fails (not_found, unavailable) if it can't be executed; then the room is
// over.
Result<void> Release(Child& child);

// Until the command ends: its exit status, or 128 + the signal that ended it. What is still running
// inside is ended with it. Meanwhile it carries what is typed in and what is printed out. SIGINT,
// SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 and SIGWINCH to this process go to the command, also
// those that came since Start; a stopped command stops this process too, as in a shell.
Result<int> Wait(Child& child);

// What this kernel can do, each tried rather than asked.
struct Check {
  std::string name;  // "namespaces", "capture", "files", "seccomp", "processes"
  bool works = false;
  std::string detail;  // why not, and what to do
};
struct Probe {
  std::string kernel;
  std::vector<Check> checks;
  bool CanMakeRooms() const;  // all but "processes", which only bounds a fork bomb
};
Result<Probe> ProbeKernel();

}  // namespace interlock::sandbox
