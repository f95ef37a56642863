// What tests take away from this machine, by ILK_PRETEND in the launcher's environment:
// "no-nf-tables", "kernel-5.15" (older than it is), comma-separated. It makes a room refuse, or
// do with fewer ports, as on a machine that lacks the thing. No protection that the machine has is
// left out for it, so it is no way around anything, and the room's own variables never hold it.
#pragma once

#include <string_view>

namespace interlock::sandbox {

bool PretendsToLack(std::string_view what);  // "nf-tables"

// Lowers the version to the pretended one, if that is lower.
void PretendKernel(unsigned& major, unsigned& minor);

}  // namespace interlock::sandbox
