// CRC-32 as ISO 3309 and zlib have it (reflected polynomial 0xEDB88320): providers put it into
// their tokens, so that clients can tell a typing error.
#pragma once

#include <cstdint>
#include <string_view>

namespace interlock {

std::uint32_t Crc32(std::string_view bytes);

}  // namespace interlock
