// The opening handshake of a WebSocket (RFC 6455, section 4), seen from the middle: what a client
// asks for, and whether an answer grants it. Extensions are never agreed: an offer is dropped, a
// selection refused. Pure.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "wire/http1/message.h"
#include "wire/step.h"

namespace interlock::websocket {

inline constexpr std::size_t kProtocolsMax = 16;

struct Offer {
  std::string key;                     // Sec-WebSocket-Key, checked
  std::vector<std::string> protocols;  // subprotocols in the client's order; each is a token
  bool operator==(const Offer&) const = default;
};

// `head` has `wants_websocket`. Refuses what 4.2.1 asks for and isn't there: GET over HTTP/1.1
// without a body, "Connection: upgrade", version 13 (426 for another), one key of 16 bytes,
// subprotocols that are tokens and differ.
std::variant<Offer, wire::Malformed> ReadOffer(const http1::RequestHead& head);

// The fields of a request head that a WebSocket client writes beside ordinary ones, in lower case:
// "connection", "upgrade" and those that begin with "sec-websocket-".
bool IsHandshakeField(std::string_view name);

// Fields of our own request: `key` from NewKey.
std::vector<http1::Field> OfferFields(const Offer& offer);
// Fields of our own 101; `protocol` may be "".
std::vector<http1::Field> AcceptFields(const Offer& offer, std::string_view protocol);

// "dGhlIHNhbXBsZSBub25jZQ==" of 16 random bytes.
std::string KeyOf(std::string_view random_bytes);
std::string AcceptOf(std::string_view key);

// The subprotocol that the answer selects ("" when none). Refuses (502) another status than 101, a
// wrong or missing accept, an extension, a subprotocol that was not offered.
std::variant<std::string, wire::Malformed> CheckAnswer(const Offer& offer,
                                                       const http1::ResponseHead& head);

}  // namespace interlock::websocket
