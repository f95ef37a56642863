// The room's one exit: sockets that belong to the room's network and are read outside of it. (A
// socket stays in the network namespace it was made in, whoever holds it.)
#pragma once

#include <cstdint>

#include "base/unique_fd.h"
#include "sandbox/fault.h"

namespace interlock::sandbox {

struct Capture {
  UniqueFd tcp;   // listening; IPv6 and IPv4
  UniqueFd udp4;  // 0.0.0.0:53, gives IP_PKTINFO
  UniqueFd udp6;  // [::]:53, gives IPV6_PKTINFO; not valid on a kernel without IPv6
};

// Sets up the network of the calling process's new namespace and opens the sockets, non-blocking.
Outcome<Capture> OpenCapture(std::uint16_t port);

}  // namespace interlock::sandbox
