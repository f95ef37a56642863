// A connection that becomes a WebSocket: opened at the provider with the real credential, and from
// then on judged message by message in both directions.
#pragma once

#include "gateway/core.h"
#include "gateway/pipeline.h"

namespace interlock::gateway {

// Judges the upgrade, opens it at the provider and carries messages until an end, a limit, the
// session or a new policy ends it. Frames are never passed on as they came: whole messages are
// read, judged and written again. True while the client's connection can be used for another
// request, which is only when no upgrade took place. Ledger: a decision for the upgrade and for
// each message that is a call, "websocket-end" with counts.
Task<bool> ServeWebSocket(Core& core, Worker& worker, Exchange& exchange);

}  // namespace interlock::gateway
