#include "crypto/ssh_wire.h"

#include "base/result.h"

namespace interlock::crypto {

std::optional<std::uint8_t> SshReader::Byte() {
  if (rest_.empty()) return std::nullopt;
  const auto value = static_cast<std::uint8_t>(rest_.front());
  rest_.remove_prefix(1);
  return value;
}

std::optional<std::uint32_t> SshReader::Uint32() {
  if (rest_.size() < 4) return std::nullopt;
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    value = (value << 8) | static_cast<std::uint8_t>(rest_[static_cast<std::size_t>(i)]);
  }
  rest_.remove_prefix(4);
  return value;
}

std::optional<std::string_view> SshReader::String() {
  const auto length = Uint32();
  if (!length || *length > rest_.size()) return std::nullopt;
  const std::string_view value = rest_.substr(0, *length);
  rest_.remove_prefix(*length);
  return value;
}

std::optional<std::string_view> SshReader::PositiveMpint(std::size_t bytes_max) {
  auto value = String();
  if (!value || value->empty()) return std::nullopt;
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>((*value)[i]); };
  if (at(0) & 0x80) return std::nullopt;
  if (at(0) == 0) {
    if (value->size() < 2 || !(at(1) & 0x80)) return std::nullopt;
    value->remove_prefix(1);
  }
  if (value->size() > bytes_max) return std::nullopt;
  return value;
}

bool SshReader::Skip(std::string_view literal) {
  if (!rest_.starts_with(literal)) return false;
  rest_.remove_prefix(literal.size());
  return true;
}

std::string SshUint32(std::uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
          static_cast<char>(value >> 8), static_cast<char>(value)};
}

std::string SshString(std::string_view bytes) {
  ILK_CHECK(bytes.size() <= UINT32_MAX);
  return SshUint32(static_cast<std::uint32_t>(bytes.size())).append(bytes);
}

std::string SshMpint(std::string_view magnitude) {
  while (!magnitude.empty() && magnitude.front() == '\0') magnitude.remove_prefix(1);
  std::string bytes;
  if (!magnitude.empty() && (static_cast<std::uint8_t>(magnitude.front()) & 0x80)) {
    bytes.push_back('\0');
  }
  bytes.append(magnitude);
  return SshString(bytes);
}

}  // namespace interlock::crypto
