// Identifiers from the kernel's random source. Short ids (h-, s-, d-) are names for people; where
// an id must not be guessable use RandomToken.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace interlock {

// `count` random bytes; ends the process if the kernel has none to give.
std::string RandomBytes(std::size_t count);

// "h-7f3a19c2": prefix, hyphen, 8 hex digits.
std::string ShortId(std::string_view prefix);

// 256 bits in base64url.
std::string RandomToken();

// An RFC 4122 version 4 UUID in lower case.
std::string RandomUuid();

}  // namespace interlock
