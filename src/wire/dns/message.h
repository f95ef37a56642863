// The DNS subset of a resolver that invents addresses (RFC 1035, 6891, 9460): one question in, a
// single A record, an empty answer or an error out. It never asks anybody else, so a name can carry
// nothing out. Pure functions, any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "wire/step.h"

namespace interlock::dns {

inline constexpr std::uint16_t kTypeA = 1;
inline constexpr std::uint16_t kTypeAaaa = 28;
inline constexpr std::uint16_t kTypeSvcb = 64;
inline constexpr std::uint16_t kTypeHttps = 65;
inline constexpr std::uint16_t kClassIn = 1;

enum class Rcode : std::uint8_t {
  no_error = 0,
  format_error = 1,
  server_failure = 2,
  name_error = 3,
  not_implemented = 4,
  refused = 5,
};

struct Query {
  std::uint16_t id = 0;
  std::string name;  // lower case, validated as a host name, without trailing dot
  std::uint16_t type = 0;
  std::uint16_t query_class = 0;
  bool recursion_desired = false;
  bool has_edns = false;
  std::string question;  // as received: answers repeat it in the asker's case
  bool operator==(const Query&) const = default;
};

// A query that is refused. With an id the asker can be told so (BuildError).
struct BadQuery {
  std::string_view reason;  // static lifetime, nothing of the peer's
  std::string_view name;    // stable kebab-case
  Rcode rcode = Rcode::format_error;
  std::optional<std::uint16_t> id = std::nullopt;
  bool operator==(const BadQuery&) const = default;
};

// One whole datagram (at most 4096 bytes). Exactly one question, no compression in it, no records
// besides one EDNS OPT, no byte left over.
std::variant<Query, BadQuery> ParseQuery(std::string_view bytes);

// The answer to an IN query: `ipv4` for A (none: an empty answer), an empty answer for AAAA, HTTPS
// and SVCB so that clients fall back to A, REFUSED for anything else.
std::string BuildAnswer(const Query& query, const std::optional<std::array<std::uint8_t, 4>>& ipv4,
                        std::uint32_t ttl_s);

// An answer without records.
std::string BuildError(const Query& query, Rcode rcode);

// For a query that could not be parsed: a bare header.
std::string BuildError(std::uint16_t id, Rcode rcode);

// DNS over TCP (RFC 1035 4.2.2): the message at the front of `in`, without its two length bytes;
// it uses up two more bytes than it has. Refused: shorter than a header, longer than 4096 bytes.
wire::Step<std::string_view> NextTcpMessage(std::string_view in);

// `message` behind its length; messages built here are far below 65536 bytes.
std::string TcpFrame(std::string_view message);

}  // namespace interlock::dns
