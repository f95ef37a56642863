// The room's one exit: sockets that belong to the room's network and are read outside of it. (A
// socket stays in the network namespace it was made in, whoever holds it.)
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "sandbox/fault.h"

namespace interlock::sandbox {

// Without nf_tables and its tproxy there is no one listener for every port. Then these alone are
// listened on, for every address; a connection to any other port is refused by the room's own
// kernel. Nothing else leads out either way. Ports on which people serve inside (3000, 8000, 8080,
// ...) are left to them.
inline constexpr std::array<std::uint16_t, 5> kFallbackPorts = {443, 80, 22, 53, 8443};
std::string FallbackPortsText();  // "443, 80, ..."

struct Capture {
  UniqueFd tcp;                 // listening; IPv6 and IPv4
  std::vector<UniqueFd> ports;  // the further ones, when `tcp` is that of the first fallback port
  UniqueFd udp4;                // 0.0.0.0:53, gives IP_PKTINFO
  UniqueFd udp6;                // [::]:53, gives IPV6_PKTINFO; not valid on a kernel without IPv6
};

enum class Tproxy { if_there_is, never };

// Sets up the network of the calling process's new namespace and opens the sockets, non-blocking.
Outcome<Capture> OpenCapture(std::uint16_t port, Tproxy tproxy);

}  // namespace interlock::sandbox
