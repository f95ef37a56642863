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

#include <cstdint>
#include <span>
#include <vector>

#include "sandbox/fault.h"

namespace interlock::sandbox {

enum class Machine { x86_64, aarch64 };
#if defined(__aarch64__)
inline constexpr Machine kThisMachine = Machine::aarch64;
#else
inline constexpr Machine kThisMachine = Machine::x86_64;
#endif

// A call that is refused whatever its arguments.
struct DeniedCall {
  static constexpr int kNone = -1;  // the machine has no such call
  const char* name;
  int error;  // EPERM, or ENOSYS where programs must take it for absent
  int x86_64;
  int aarch64;
  int NumberOn(Machine machine) const { return machine == Machine::x86_64 ? x86_64 : aarch64; }
};
std::span<const DeniedCall> DeniedCalls();

// 469 is file_setattr (Linux 6.17); a number above it answers ENOSYS.
inline constexpr std::uint32_t kLastJudgedCall = 469;

// The filter named "room-1" in plans, made of the same table for both machines.
std::vector<sock_filter> RoomFilter(Machine machine = kThisMachine);

// Puts the filter on the calling thread and what it starts; needs no_new_privs.
Outcome<void> InstallFilter(const std::vector<sock_filter>& filter);

}  // namespace interlock::sandbox
