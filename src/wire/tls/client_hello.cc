#include "wire/tls/client_hello.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "wire/host_name.h"

namespace interlock::tls {
namespace {

using wire::Malformed;
using wire::NeedMore;
using Refusal = std::optional<Malformed>;

constexpr std::size_t kRecordHeaderBytes = 5;
constexpr std::size_t kHandshakeHeaderBytes = 4;
constexpr std::size_t kHelloBytesMax = 16384;
constexpr std::size_t kRecordBytesMax = 16384;
constexpr std::size_t kRecordsMax = 64;
constexpr std::size_t kExtensionsMax = 64;

constexpr Malformed kNotTls{"these bytes are no TLS handshake", "not-tls"};
constexpr Malformed kBroken{"a length in the ClientHello does not fit", "bad-client-hello"};

// Reads big-endian numbers and length-prefixed ranges from the front; a failed read sets `bad` and
// yields nothing, so that one look at the end suffices.
struct Reader {
  std::string_view rest;
  bool bad = false;

  std::string_view Take(std::size_t count) {
    if (count > rest.size()) {
      bad = true;
      rest = {};
      return {};
    }
    const std::string_view taken = rest.substr(0, count);
    rest.remove_prefix(count);
    return taken;
  }

  std::size_t Number(std::size_t width) {
    std::size_t value = 0;
    for (const char c : Take(width)) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }

  std::string_view Prefixed(std::size_t width) { return Take(Number(width)); }
};

Refusal ReadServerName(std::string_view body, ClientHello& hello) {
  Reader reader{body};
  Reader list{reader.Prefixed(2)};
  const std::size_t type = list.Number(1);
  const std::string_view name = list.Prefixed(2);
  if (reader.bad || list.bad || !reader.rest.empty()) return kBroken;
  if (type != 0 || !list.rest.empty()) {
    return Malformed{"server_name holds something else than one host name", "bad-server-name"};
  }
  auto host = wire::ParseHost(name);
  auto* valid = std::get_if<wire::Host>(&host);
  if (!valid || valid->kind != wire::HostKind::name) {
    return Malformed{"server_name is not a plain host name", "bad-server-name"};
  }
  hello.server_name = std::move(valid->text);
  return std::nullopt;
}

Refusal ReadAlpn(std::string_view body, ClientHello& hello) {
  Reader reader{body};
  Reader list{reader.Prefixed(2)};
  if (reader.bad || !reader.rest.empty() || list.rest.empty()) return kBroken;
  while (!list.rest.empty()) {
    const std::string_view protocol = list.Prefixed(1);
    if (list.bad || protocol.empty()) return kBroken;
    hello.alpn.emplace_back(protocol);
  }
  return std::nullopt;
}

Refusal ReadVersions(std::string_view body, ClientHello& hello) {
  Reader reader{body};
  Reader list{reader.Prefixed(1)};
  if (reader.bad || !reader.rest.empty() || list.rest.empty()) return kBroken;
  std::uint16_t best = 0;
  while (!list.rest.empty()) {
    const auto version = static_cast<std::uint16_t>(list.Number(2));
    if (list.bad) return kBroken;
    // Skips GREASE (RFC 8701), whose high byte is never 3.
    if (version >> 8 == 3) best = std::max(best, version);
  }
  hello.version_max = best;
  return std::nullopt;
}

Refusal ReadExtension(std::size_t type, std::string_view body, ClientHello& hello) {
  constexpr std::size_t kServerName = 0;
  constexpr std::size_t kAlpn = 16;
  constexpr std::size_t kSupportedVersions = 43;
  constexpr std::size_t kEncryptedClientHello = 0xfe0d;
  switch (type) {
    case kServerName:
      return ReadServerName(body, hello);
    case kAlpn:
      return ReadAlpn(body, hello);
    case kSupportedVersions:
      return ReadVersions(body, hello);
    case kEncryptedClientHello:
      hello.has_ech = true;
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

Refusal ReadExtensions(std::string_view extensions, ClientHello& hello) {
  Reader reader{extensions};
  std::vector<std::size_t> seen;
  while (!reader.rest.empty()) {
    const std::size_t type = reader.Number(2);
    const std::string_view body = reader.Prefixed(2);
    if (reader.bad) return kBroken;
    if (std::ranges::find(seen, type) != seen.end() || seen.size() == kExtensionsMax) {
      return Malformed{"an extension is there twice, or there are too many", "duplicate-extension"};
    }
    seen.push_back(type);
    if (auto refusal = ReadExtension(type, body, hello)) return refusal;
  }
  return std::nullopt;
}

wire::Step<ClientHello> ReadHello(std::string_view body) {
  Reader reader{body};
  ClientHello hello;
  hello.version_max = static_cast<std::uint16_t>(reader.Number(2));
  reader.Take(32);  // random
  const std::string_view session = reader.Prefixed(1);
  const std::string_view suites = reader.Prefixed(2);
  const std::string_view compressions = reader.Prefixed(1);
  if (reader.bad || session.size() > 32 || suites.empty() || suites.size() % 2 != 0 ||
      compressions.empty()) {
    return kBroken;
  }
  if (reader.rest.empty()) return hello;  // TLS 1.2 and older may send no extensions
  const std::string_view extensions = reader.Prefixed(2);
  if (reader.bad || !reader.rest.empty()) return kBroken;
  if (auto refusal = ReadExtensions(extensions, hello)) return *refusal;
  return hello;
}

// Refuses a header as soon as one of its bytes is wrong: whoever sent it won't complete it.
Refusal CheckRecordHeader(std::string_view record) {
  if (record.front() != 0x16) return kNotTls;
  if (record.size() > 1 && record[1] != 3) return kNotTls;
  if (record.size() < kRecordHeaderBytes) return std::nullopt;
  Reader reader{record.substr(3)};
  const std::size_t length = reader.Number(2);
  if (length == 0 || length > kRecordBytesMax) return kBroken;
  return std::nullopt;
}

// The whole length of the handshake message whose beginning is there; 0 while unknown.
std::variant<std::size_t, Malformed> HandshakeBytes(std::string_view handshake) {
  if (handshake.empty()) return std::size_t{0};
  if (handshake[0] != 1) {
    return Malformed{"the first handshake message is no ClientHello", "not-client-hello"};
  }
  if (handshake.size() < kHandshakeHeaderBytes) return std::size_t{0};
  Reader reader{handshake.substr(1)};
  const std::size_t body = reader.Number(3);
  if (body > kHelloBytesMax) {
    return Malformed{"the ClientHello is larger than 16 KiB", "client-hello-too-large"};
  }
  return kHandshakeHeaderBytes + body;
}

}  // namespace

wire::Step<ClientHello> SniffClientHello(std::string_view in) {
  std::string handshake;
  for (std::size_t records = 0; records < kRecordsMax; ++records) {
    if (in.empty()) return NeedMore{1};
    if (auto refusal = CheckRecordHeader(in)) return *refusal;
    if (in.size() < kRecordHeaderBytes) return NeedMore{kRecordHeaderBytes - in.size()};
    Reader reader{in.substr(3)};
    const std::size_t length = reader.Number(2);
    const std::string_view payload = reader.rest.substr(0, length);
    handshake.append(payload);

    const auto expected = HandshakeBytes(handshake);
    if (const auto* refusal = std::get_if<Malformed>(&expected)) return *refusal;
    const std::size_t whole = std::get<std::size_t>(expected);
    if (whole > 0 && handshake.size() > whole) {
      return Malformed{"bytes follow the ClientHello in its record", "bad-client-hello"};
    }
    if (whole > 0 && handshake.size() == whole && payload.size() == length) {
      return ReadHello(std::string_view(handshake).substr(kHandshakeHeaderBytes));
    }
    if (payload.size() < length) return NeedMore{length - payload.size()};
    in.remove_prefix(kRecordHeaderBytes + length);
  }
  return Malformed{"the ClientHello is spread over too many records", "bad-client-hello"};
}

}  // namespace interlock::tls
