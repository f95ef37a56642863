// Which host a TLS client asks for, read from its first flight without taking part in the handshake
// (RFC 8446 4.1.2, RFC 6066 3, RFC 7301). Tells TLS from plain HTTP on a transparent listener, and
// lets a connection be refused for a name that differs from the one it was opened for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wire/step.h"

namespace interlock::tls {

struct ClientHello {
  std::string server_name;        // lower case, a host name; empty when none was sent
  std::vector<std::string> alpn;  // in the client's order
  bool has_ech = false;           // encrypted_client_hello is there, real or GREASE
  std::uint16_t version_max = 0;  // the highest version offered: 0x0303 is TLS 1.2, 0x0304 TLS 1.3
  bool operator==(const ClientHello&) const = default;
};

// True when the first byte is that of a TLS handshake record; no request begins with it.
inline bool LooksLikeTls(std::string_view in) { return !in.empty() && in.front() == 0x16; }

// The ClientHello at the front of `in`, also when it is spread over several records. At most 16 KiB
// of handshake in 64 records. An IP address or any other non-name in server_name is refused, so are
// two server names and repeated extensions.
wire::Step<ClientHello> SniffClientHello(std::string_view in);

}  // namespace interlock::tls
