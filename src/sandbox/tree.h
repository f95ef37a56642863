// The file tree of the room: built beside the host's, then put in its place.
#pragma once

#include "sandbox/fault.h"
#include "sandbox/plan.h"

namespace interlock::sandbox {

// Builds plan.mounts and makes the result the root of the calling process, read-only but for the
// places the plan makes writable. Called by the first process of a new mount and pid namespace,
// with CAP_SYS_ADMIN in its user namespace; on failure the process must end.
Outcome<void> EnterTree(const Plan& plan);

// One of each file system a room needs, made and thrown away: for the probe.
Outcome<void> TryFileSystems();

}  // namespace interlock::sandbox
