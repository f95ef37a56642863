// A new process in seven new namespaces, with one uid: the caller's.
#pragma once

#include <functional>

#include "base/unique_fd.h"
#include "sandbox/fault.h"

namespace interlock::sandbox {

struct Launched {
  pid_t pid = 0;
  UniqueFd pidfd;
  UniqueFd control;
};

// Runs `inside(control)` in the new process, which must answer the map handshake of channel.h first
// and must not return. `uid` and `gid` are how the caller's own look inside. The caller has one
// thread: memory is copied, locks held by others would stay held.
Outcome<Launched> Launch(uid_t uid, gid_t gid, const std::function<void(int control)>& inside);

// Ends and reaps; the wait status, or -1 if there was nothing to reap.
int EndAndReap(int pidfd);

}  // namespace interlock::sandbox
