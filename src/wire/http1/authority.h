// host [":" port], as in Host, CONNECT and the absolute form (RFC 9110 7.2). Private to http1/.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "wire/host_name.h"

namespace interlock::http1 {

struct Authority {
  wire::Host host;
  std::uint16_t port = 0;  // 0: none was given
};

// Ports are 1 to 65535 without leading zero; "host:" is refused.
std::variant<Authority, wire::Malformed> ParseAuthority(std::string_view text);

}  // namespace interlock::http1
