// http://interlock.internal/: what the gateway tells a session about its own holds, and nothing
// else. There is nothing to approve, change or list.
#pragma once

#include "gateway/pipeline.h"

namespace interlock::gateway {

// GET /holds/<id>: the state and, once executed, the provider's stored answer; 404 for holds of
// others, in the same words as for holds that don't exist.
Task<bool> AnswerOwnHost(Core& core, Exchange& exchange);

}  // namespace interlock::gateway
