// The few kernel requests that make one room's network: a loopback that owns every address, and a
// rule that brings each TCP connection to the capture port. Plain netlink, because programs such as
// `nft` lose their rights when a user that isn't root starts them.
//
// Called in the new network namespace by a process with CAP_NET_ADMIN in it.
#pragma once

#include <cstdint>

#include "sandbox/fault.h"

namespace interlock::sandbox {

enum class Family { v4, v6 };

Outcome<void> RaiseLoopback();

// AnyIP: every unicast address of the family becomes a local one (RTM_NEWROUTE, RTN_LOCAL, /0 on
// lo).
Outcome<void> OwnEveryAddress(Family family);

// nf_tables: TCP to any address but 127/8 and ::1 is handed to the transparent listener on `port`.
// No address translation: the accepted socket's own address is the one that was dialled.
Outcome<void> CaptureTcp(std::uint16_t port, bool with_v6);

}  // namespace interlock::sandbox
