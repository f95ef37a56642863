// One client's connection: how it came to a destination and a session, TLS taken apart, requests
// read one after the other and given to the pipeline. All of it on one worker's thread.
#pragma once

#include <memory>

#include "gateway/core.h"
#include "gateway/session.h"

namespace interlock::gateway {

// A client of the explicit proxy: CONNECT or absolute-form, with a session's token or 407.
Task<void> ServeProxyClient(Core& core, Worker& worker, tcp::socket socket);

// A connection that a room's kernel turned to us: the session is known, the address it dialled says
// which name it means.
Task<void> ServeRoomClient(Core& core, Worker& worker, std::shared_ptr<Session> session,
                           tcp::socket socket);

}  // namespace interlock::gateway
