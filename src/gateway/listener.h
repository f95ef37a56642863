// Where connections come in: the explicit proxy on an address of the host, and one captured port
// per room. Accepted sockets are dealt out to the workers in turn; each then stays on its thread.
#pragma once

#include <memory>
#include <vector>

#include "base/unique_fd.h"
#include "gateway/core.h"
#include "gateway/session.h"

namespace interlock::gateway {

// Serves the explicit proxy until the gateway stops. The acceptor belongs to workers[0].
Task<void> AcceptProxyClients(Core& core, Workers& workers, tcp::acceptor acceptor);

// Serves a room's capture port and resolver until the session ends.
struct RoomSockets {
  UniqueFd tcp;
  UniqueFd udp4;
  UniqueFd udp6;
  std::vector<UniqueFd> ports;  // further listeners, where no single one can take every port
};
void ServeRoom(Core& core, Workers& workers, std::shared_ptr<Session> session, RoomSockets sockets);

}  // namespace interlock::gateway
