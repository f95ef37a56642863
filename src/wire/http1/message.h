// HTTP/1.1 message heads (RFC 9112), the unambiguous subset. Whatever two programs could read
// differently (lengths, hosts, methods, line ends) is refused under its own name instead of
// repaired. Pure functions over bytes: no sockets, no clock, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wire/host_name.h"
#include "wire/step.h"

namespace interlock::http1 {

using wire::HostKind;
using wire::Malformed;
using wire::NeedMore;
using wire::Step;

// What to do with a request whose Content-Encoding is something else than "identity".
enum class ContentCoding {
  refused,   // the body could not be judged
  reported,  // the caller looks at the field itself (git sends gzip, S3 clients aws-chunked)
};

struct Limits {
  std::size_t header_bytes_max = 65536;  // the whole head, first line and last empty line included
  std::size_t header_count_max = 200;
  std::size_t target_bytes_max = 16384;
  ContentCoding request_coding = ContentCoding::refused;
  bool switching_protocols = false;  // the request asked for it: 101 is a final answer
};

// One field line. The name is in lower case, the value without outer white space.
struct Field {
  std::string name;
  std::string value;
  bool operator==(const Field&) const = default;
};

enum class FramingKind {
  none,         // no body follows
  length,       // exactly `length` bytes
  chunked,      // RFC 9112 7.1
  until_close,  // responses only: the body ends with the connection
};

// How the body that follows a head is delimited.
struct Framing {
  FramingKind kind = FramingKind::none;
  std::uint64_t length = 0;
  bool operator==(const Framing&) const = default;
};

enum class TargetForm { origin, absolute, authority, asterisk };  // RFC 9112 3.2

struct RequestHead {
  std::string method;  // GET HEAD POST PUT PATCH DELETE OPTIONS CONNECT
  std::string target;  // as received
  TargetForm form = TargetForm::origin;
  std::string scheme;  // "http" or "https" in absolute form, else empty
  std::string host;    // lower case; from the target where that names one, else from Host
  HostKind host_kind = HostKind::name;
  std::uint16_t port = 0;  // 0: none was given
  int minor_version = 1;   // HTTP/1.<minor>
  std::vector<Field> fields;
  Framing framing;
  bool keep_alive = false;       // never with HTTP/1.0
  bool expect_continue = false;  // the client waits for 100 before it sends the body
  bool wants_websocket = false;  // Upgrade: websocket; every other Upgrade is refused
  std::size_t consumed = 0;      // bytes of the head in the input
  std::size_t path_offset = 0;   // where path and query begin in `target`; npos when there are none

  // "/a?b" of origin and absolute form; "/" for an absolute form without a path; else empty.
  std::string_view PathAndQuery() const;
  std::string_view Path() const;
  std::string_view Query() const;  // without '?'

  bool operator==(const RequestHead&) const = default;
};

struct ResponseHead {
  int status = 0;
  std::string reason;  // may be empty
  int minor_version = 1;
  std::vector<Field> fields;
  Framing framing;    // what follows on the wire
  Framing announced;  // what the fields say; differs from `framing` for HEAD, 304 and CONNECT
  bool keep_alive = false;
  bool interim = false;  // 1xx: another head follows
  std::size_t consumed = 0;
  bool operator==(const ResponseHead&) const = default;
};

// The request head at the front of `in`. A refusal of a prefix is the refusal of the whole: however
// the bytes are cut, the answer is the same. Refusals carry 400, 414, 415, 417, 431, 501 or 505.
//
// Beyond RFC 9112: exactly one Host; the absolute form and CONNECT must agree with it; one
// Content-Length or one "Transfer-Encoding: chunked", never both; no upgrade to HTTP/2; no
// header that overrides method, path or host; no Connection option that would strip a field
// that matters. HTTP/1.0 is accepted without chunked and without keep-alive, and may omit Host
// where the target names the host.
Step<RequestHead> ParseRequestHead(std::string_view in, const Limits& limits = {});

// The response head at the front of `in`, to a request with `request_method`. Refusals carry 502.
// Tolerated where harmless: no reason phrase, equal Content-Length fields. 101 is refused unless
// the limits say that the request asked for it.
Step<ResponseHead> ParseResponseHead(std::string_view in, std::string_view request_method,
                                     const Limits& limits = {});

// The first field of that lower-case name, or null.
const std::string* Find(const std::vector<Field>& fields, std::string_view name);

// True when a field that must be single (authorization, content-type, ...) is there twice.
bool HasDuplicate(const std::vector<Field>& fields, std::string_view name);
bool HasDuplicate(const RequestHead& head, std::string_view name);

// RFC 9110 7.6.1, for a lower-case name.
bool IsHopByHop(std::string_view name);

// Removes the hop-by-hop fields and every field that Connection names.
void StripHopByHop(std::vector<Field>& fields);

// X-HTTP-Method-Override, _method and their relatives, for a lower-case name of a header, a query
// parameter or a form field.
bool IsMethodOverride(std::string_view name);

}  // namespace interlock::http1
