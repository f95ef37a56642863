// Words for what stopped the room from being made, and what to do about it.
#pragma once

#include "base/result.h"
#include "sandbox/fault.h"

namespace interlock::sandbox {

// "cannot make the room: <what>: <reason>. <what to do>". Reads a few sysctls to name the culprit.
Error Explain(const Fault& fault);

}  // namespace interlock::sandbox
