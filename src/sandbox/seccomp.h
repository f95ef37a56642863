// The system calls a program in the room can't make.
//
// The mount plan and the namespaces are the walls; this closes what goes around them: address
// families that no network namespace contains (AF_VSOCK reaches the hypervisor), new namespaces and
// mounts, io_uring (which opens sockets without socket()), typing into the terminal (TIOCSTI), and
// parts of the kernel that have nothing for an agent but a history of bugs. Everything else is
// allowed, so that compilers, runtimes and debuggers work; numbers beyond the table answer ENOSYS,
// because a call added to the kernel later is one nobody has judged yet.
#pragma once

#include <linux/filter.h>

#include <vector>

#include "sandbox/fault.h"

namespace interlock::sandbox {

// The filter named "room-1" in plans.
std::vector<sock_filter> RoomFilter();

// Puts the filter on the calling thread and what it starts; needs no_new_privs.
Outcome<void> InstallFilter(const std::vector<sock_filter>& filter);

}  // namespace interlock::sandbox
