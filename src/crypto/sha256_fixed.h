// SHA-256 into a fixed-size value: for callers that hash millions of small things (Merkle trees)
// and must not pay an allocation for each. Same digest as Sha256().
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace interlock::crypto {

using Digest = std::array<std::uint8_t, 32>;

// Over the concatenation of the parts. Any thread; one reused context a thread.
Digest Sha256Fixed(std::initializer_list<std::string_view> parts);

// The 32 bytes as text that the functions above accept.
inline std::string_view AsText(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace interlock::crypto
