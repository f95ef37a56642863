// Host names and IP literals as they stand in a Host field, a CONNECT target or a server_name. Only
// the one spelling that no two programs read differently is accepted: a name that our check and
// getaddrinfo(3) could take for different hosts is how allow-lists are passed.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "wire/step.h"

namespace interlock::wire {

enum class HostKind { name, ipv4, ipv6 };

struct Host {
  std::string text;  // lower case; an IPv6 address stands in brackets, in its RFC 5952 form
  HostKind kind = HostKind::name;
  bool operator==(const Host&) const = default;
};

// `text` carries no port. Refused, each under its own name: the empty host, user info, percent
// escapes and IPv6 zones, bytes outside ASCII, control characters, a trailing dot, empty or
// overlong labels (RFC 1035 2.3.4: 63, 253 in all), and every IPv4 spelling other than four plain
// decimal octets ("127.1", "0x7f.0.0.1", "017700000001", "2130706433").
std::variant<Host, Malformed> ParseHost(std::string_view text);

}  // namespace interlock::wire
