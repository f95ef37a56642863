// The lines of a head, shared by requests and responses. Private to wire/.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "wire/http1/characters.h"
#include "wire/http1/message.h"

namespace interlock::http1 {

// The first line, without CRLF. Only its end is looked at.
Step<std::string_view> FirstLine(std::string_view in, std::size_t line_bytes_max,
                                 const Malformed& too_long);

// Offset just after the empty line that ends the head whose field lines begin at `begin`. Finds
// bare LF and both limits before the head is complete, so that nobody waits for a head that can't
// come.
Step<std::size_t> HeadEnd(std::string_view in, std::size_t begin, const Limits& limits);

// The field lines of a complete head: `block` ends with the CRLF of its last line and has `count`
// lines at most.
std::variant<std::vector<Field>, Malformed> ParseFields(std::string_view block);

// Decimal digits without sign, leading zero or white space, at most 2^63 - 1 (RFC 9110 8.6).
std::optional<std::uint64_t> ParseContentLength(std::string_view text);

// Calls `use(element)` for each non-empty element of a comma-separated list (RFC 9110 5.6.1).
template <typename Use>
void ForEachElement(std::string_view list, const Use& use) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const std::string_view element = TrimSpace(list.substr(0, comma));
    if (!element.empty()) use(element);
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
}

// True when Connection may not name this field: stripping it would change what the message means.
bool IsProtectedField(std::string_view lower_name);

}  // namespace interlock::http1
