// Words for what stopped the room from being made, and the one thing to do about it.
#pragma once

#include <string>

#include "base/result.h"
#include "sandbox/fault.h"

namespace interlock::sandbox {

// What, besides the fault, tells one cause from another.
struct Circumstances {
  bool clone_is_off = false;        // kernel.unprivileged_userns_clone = 0 (Debian's patch)
  bool apparmor_restricts = false;  // kernel.apparmor_restrict_unprivileged_userns = 1 (Ubuntu)
  bool no_namespaces_left = false;  // user.max_user_namespaces = 0
  bool in_container = false;        // Docker or Podman, by the file they leave
  unsigned kernel_major = 0, kernel_minor = 0;
};
Circumstances ObserveCircumstances();

// One sentence or two: the cause, and what to type. Depends on nothing but its arguments.
std::string RemedyFor(const Fault& fault, const Circumstances& circumstances);

// "cannot make the room: <what>: <reason>. <remedy>", as things are on this machine.
Error Explain(const Fault& fault);
Error Explain(const Fault& fault, const Circumstances& circumstances);

}  // namespace interlock::sandbox
