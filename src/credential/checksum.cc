#include "credential/checksum.h"

#include <array>
#include <cstdint>

#include "base/crc32.h"
#include "credential/shapes.h"

namespace interlock::credential {
namespace {

std::string Digits(std::uint32_t value, std::string_view alphabet, std::size_t width) {
  std::string out(width, alphabet[0]);
  for (std::size_t i = width; i-- > 0 && value != 0;) {
    out[i] = alphabet[value % alphabet.size()];
    value /= static_cast<std::uint32_t>(alphabet.size());
  }
  return out;
}

constexpr std::string_view kBase62 =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kBase36 = "0123456789abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kHex = "0123456789abcdef";

// What the checksum is taken over: all before it, or that without the provider's prefix.
struct Kind {
  std::string_view alphabet;
  std::size_t width;
  char before;  // the character before it, or 0
  bool without_prefix;
};
constexpr Kind kKinds[] = {
    {kBase62, 6, 0, true}, {kBase62, 6, 0, false}, {kHex, 8, '_', false},
    {kHex, 8, '_', true},  {kBase36, 7, 0, false},
};
constexpr std::size_t kTokenMin = 20;

std::string ChecksumOf(std::string_view token, const Kind& kind, std::size_t prefix) {
  std::string_view covered = token.substr(0, token.size() - kind.width);
  if (kind.before != 0) covered.remove_suffix(1);
  if (kind.without_prefix) covered.remove_prefix(prefix);
  return Digits(Crc32(covered), kind.alphabet, kind.width);
}

}  // namespace

std::string WithChecksumOf(std::string_view real, std::string phantom) {
  if (real.size() < kTokenMin || phantom.size() != real.size()) return phantom;
  const std::size_t prefix = KnownPrefix(real);
  if (prefix + kTokenMin > real.size()) return phantom;
  for (const Kind& kind : kKinds) {
    const std::size_t at = real.size() - kind.width;
    if (kind.before != 0 && real[at - 1] != kind.before) continue;
    if (real.substr(at) != ChecksumOf(real, kind, prefix)) continue;
    phantom.replace(at, kind.width, ChecksumOf(phantom, kind, prefix));
    return phantom;
  }
  return phantom;
}

}  // namespace interlock::credential
