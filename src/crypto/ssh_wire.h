// The byte encoding of SSH (RFC 4251, section 5): what keys and signatures are written in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace interlock::crypto {

// Reads fields off the front of a view that outlives it. Every read is bounded by the view; nullopt
// means the bytes end too early, and what is left is then of no use.
class SshReader {
 public:
  explicit SshReader(std::string_view bytes) : rest_(bytes) {}

  std::optional<std::uint8_t> Byte();
  std::optional<std::uint32_t> Uint32();
  std::optional<std::string_view> String();
  // A positive integer in its one minimal form, returned without the sign byte, at most `bytes_max`
  // bytes. Zero, negative and padded numbers are refused: they would give one value two encodings.
  std::optional<std::string_view> PositiveMpint(std::size_t bytes_max);
  bool Skip(std::string_view literal);

  bool AtEnd() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

// The field as it stands on the wire. A string is at most 4 GiB - 1.
std::string SshUint32(std::uint32_t value);
std::string SshString(std::string_view bytes);
// Big-endian magnitude to mpint: leading zeros dropped, a sign byte added where needed.
std::string SshMpint(std::string_view magnitude);

}  // namespace interlock::crypto
