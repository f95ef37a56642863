// What people's commands do at the gateway (the requests of the control socket, one object each
// with "op"). The command line of docs/cli.md is made of these.
#pragma once

#include <memory>

#include "gateway/control.h"
#include "gateway/gateway.h"

namespace interlock::gateway {

// One connection. A session that was started on it ends with it.
std::unique_ptr<ControlPeer> MakeCommandPeer(Gateway& gateway, Peer peer);

}  // namespace interlock::gateway
