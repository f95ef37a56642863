#include "wire/websocket/handshake.h"

#include <algorithm>

#include "base/bytes.h"
#include "crypto/hash.h"
#include "wire/http1/characters.h"
#include "wire/http1/field_block.h"

namespace interlock::websocket {
namespace {

using http1::Field;
using wire::Malformed;

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // 1.3
constexpr std::string_view kPrefix = "sec-websocket-";
constexpr std::size_t kKeyBytes = 16;

bool HasElement(const std::vector<Field>& fields, std::string_view name, std::string_view wanted) {
  bool found = false;
  for (const Field& field : fields) {
    if (field.name != name) continue;
    http1::ForEachElement(
        field.value, [&](std::string_view element) { found |= EqualsIgnoreCase(element, wanted); });
  }
  return found;
}

// The value of a field that must be there exactly once; nullptr otherwise.
const std::string* Single(const std::vector<Field>& fields, std::string_view name) {
  const auto it = std::ranges::find(fields, name, &Field::name);
  if (it == fields.end()) return nullptr;
  const bool again = std::find_if(std::next(it), fields.end(),
                                  [&](const Field& f) { return f.name == name; }) != fields.end();
  return again ? nullptr : &it->value;
}

Malformed FromProvider(std::string_view reason, std::string_view name) {
  return {reason, name, 502};
}

}  // namespace

bool IsHandshakeField(std::string_view name) {
  return name == "connection" || name == "upgrade" || name.starts_with(kPrefix);
}

std::variant<Offer, Malformed> ReadOffer(const http1::RequestHead& head) {
  if (head.method != "GET" || head.minor_version != 1)
    return Malformed{"a WebSocket begins with a GET over HTTP/1.1", "websocket-handshake"};
  if (head.framing.kind != http1::FramingKind::none)
    return Malformed{"a WebSocket's request has no body", "websocket-handshake"};
  if (!HasElement(head.fields, "connection", "upgrade"))
    return Malformed{"Upgrade without 'Connection: upgrade'", "websocket-handshake"};
  const std::string* version = Single(head.fields, "sec-websocket-version");
  if (version == nullptr) return Malformed{"a WebSocket names one version", "websocket-handshake"};
  if (*version != "13")
    return Malformed{"the only version of WebSocket that is spoken here is 13", "websocket-version",
                     426};
  Offer offer;
  const std::string* key = Single(head.fields, "sec-websocket-key");
  const auto bytes = key ? FromBase64(*key) : std::nullopt;
  if (!bytes || bytes->size() != kKeyBytes)
    return Malformed{"a WebSocket needs one key of 16 bytes in base64", "websocket-handshake"};
  offer.key = *key;
  bool sound = true;
  for (const Field& field : head.fields) {
    if (field.name != "sec-websocket-protocol") continue;
    http1::ForEachElement(field.value, [&](std::string_view protocol) {
      sound = sound && http1::IsToken(protocol) && offer.protocols.size() < kProtocolsMax &&
              std::ranges::find(offer.protocols, protocol) == offer.protocols.end();
      if (sound) offer.protocols.emplace_back(protocol);
    });
  }
  if (!sound)
    return Malformed{"the subprotocols are not a short list of different names",
                     "websocket-handshake"};
  return offer;
}

std::string KeyOf(std::string_view random_bytes) { return Base64(random_bytes); }

std::string AcceptOf(std::string_view key) {
  return Base64(crypto::Sha1(std::string(key).append(kGuid)));
}

std::vector<Field> OfferFields(const Offer& offer) {
  std::vector<Field> fields{{"connection", "Upgrade"},
                            {"upgrade", "websocket"},
                            {"sec-websocket-version", "13"},
                            {"sec-websocket-key", offer.key}};
  std::string protocols;
  for (const std::string& protocol : offer.protocols)
    protocols.append(protocols.empty() ? "" : ", ").append(protocol);
  if (!protocols.empty()) fields.push_back({"sec-websocket-protocol", protocols});
  return fields;
}

std::vector<Field> AcceptFields(const Offer& offer, std::string_view protocol) {
  std::vector<Field> fields{{"connection", "Upgrade"},
                            {"upgrade", "websocket"},
                            {"sec-websocket-accept", AcceptOf(offer.key)}};
  if (!protocol.empty()) fields.push_back({"sec-websocket-protocol", std::string(protocol)});
  return fields;
}

std::variant<std::string, Malformed> CheckAnswer(const Offer& offer,
                                                 const http1::ResponseHead& head) {
  if (head.status != 101 || head.minor_version != 1)
    return FromProvider("the provider did not switch to WebSocket", "websocket-not-switched");
  const std::string* upgrade = Single(head.fields, "upgrade");
  if (upgrade == nullptr || !EqualsIgnoreCase(*upgrade, "websocket") ||
      !HasElement(head.fields, "connection", "upgrade"))
    return FromProvider("the provider switched to something else than WebSocket",
                        "websocket-not-switched");
  const std::string* accept = Single(head.fields, "sec-websocket-accept");
  if (accept == nullptr || *accept != AcceptOf(offer.key))
    return FromProvider("the provider did not answer this handshake", "websocket-accept");
  if (http1::Find(head.fields, "sec-websocket-extensions") != nullptr)
    return FromProvider("the provider selected an extension that was not offered",
                        "websocket-extension");
  if (http1::Find(head.fields, "sec-websocket-protocol") == nullptr) return std::string();
  const std::string* protocol = Single(head.fields, "sec-websocket-protocol");
  if (protocol == nullptr || std::ranges::find(offer.protocols, *protocol) == offer.protocols.end())
    return FromProvider("the provider selected a subprotocol that was not offered",
                        "websocket-protocol");
  return *protocol;
}

}  // namespace interlock::websocket
