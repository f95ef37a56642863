// HTTP/1.1 messages as bytes: one spelling, whatever came in. Each function appends to `out`; on
// failure (invalid_input: a method, target, host, name or value that would break a line) `out` is
// as before.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "wire/http1/message.h"

namespace interlock::http1 {

// The last chunk, with no trailers.
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

// Host and the framing fields are written from `host` and `framing`; those among `fields` are left
// out, so a parsed head can be passed on as it is. Hop-by-hop fields are the caller's to strip.
// Framing until_close is refused: a request has no such end.
Result<void> AppendRequestHead(std::string& out, std::string_view method, std::string_view target,
                               std::string_view host, const std::vector<Field>& fields,
                               const Framing& framing);

// To answer HEAD, pass what the upstream announced and send no body. `reason` may be empty.
Result<void> AppendResponseHead(std::string& out, int status, std::string_view reason,
                                const std::vector<Field>& fields, const Framing& framing);

// One chunk; nothing for empty `data`, which would end the body.
void AppendChunk(std::string& out, std::string_view data);

// "host", or "host:port" when `port` is neither 0 nor the scheme's own.
std::string HostField(std::string_view host, std::uint16_t port, std::string_view scheme);

}  // namespace interlock::http1
