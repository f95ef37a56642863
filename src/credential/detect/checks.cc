#include "credential/detect/checks.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/crc32.h"

namespace interlock::credential {
namespace {

constexpr std::array<std::string_view, 5> kChecks = {"github", "npm", "jwt", "jwt64", "basic"};
constexpr std::size_t kDecodedMax = 16u << 10;

// Lenient: both alphabets, stops at the first other byte.
std::string Decode64(std::string_view text) {
  std::string out;
  std::uint32_t group = 0;
  unsigned bits = 0;
  for (char c : text.substr(0, kDecodedMax)) {
    unsigned digit = 0;
    if (c >= 'A' && c <= 'Z')
      digit = static_cast<unsigned>(c - 'A');
    else if (c >= 'a' && c <= 'z')
      digit = static_cast<unsigned>(c - 'a') + 26;
    else if (c >= '0' && c <= '9')
      digit = static_cast<unsigned>(c - '0') + 52;
    else if (c == '+' || c == '-')
      digit = 62;
    else if (c == '/' || c == '_')
      digit = 63;
    else
      break;
    group = group << 6 | digit;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>(group >> bits & 0xff);
    }
  }
  return out;
}

// "user:password", either of which may be empty, and neither a stand-in.
Checked CheckBasic(std::string_view token) {
  const std::string text = Decode64(token);
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos || text.size() < 2 || text[0] == '{') return Checked::no;
  const auto printable = [](char c) { return c >= 0x20 && c <= 0x7e; };
  if (!std::ranges::all_of(text, printable)) {
    // A typo in a documented login still shows most of it.
    const auto good = std::ranges::count_if(text, printable);
    if (good * 4 < static_cast<long>(text.size()) * 3) return Checked::no;
  }
  const std::string_view user = std::string_view(text).substr(0, colon);
  const std::string_view password = std::string_view(text).substr(colon + 1);
  for (std::string_view word : {"password", "pass", "passwd", "secret", "token"}) {
    if (password == word) return Checked::no;
  }
  if (user == "username" || user == "user" || (user == password && user.size() < 12))
    return Checked::no;
  return Checked::fits;
}

}  // namespace

bool IsCheck(std::string_view name) { return std::ranges::find(kChecks, name) != kChecks.end(); }

std::string Base62Crc32(std::string_view text) {
  constexpr std::string_view kDigits =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::uint32_t value = Crc32(text);
  std::string out(6, '0');
  for (std::size_t i = 6; i-- > 0; value /= 62) out[i] = kDigits[value % 62];
  return out;
}

bool IsJwt(std::string_view token) {
  const std::size_t first = token.find('.');
  if (first == std::string_view::npos) return false;
  const std::size_t second = token.find('.', first + 1);
  if (second == std::string_view::npos) return false;
  const std::string head = Decode64(token.substr(0, first));
  std::string claims = Decode64(token.substr(first + 1, second - first - 1));
  if (!head.starts_with('{') || head.find("\"alg\"") == std::string::npos) return false;
  if (!claims.starts_with('{')) return false;
  constexpr std::array<std::string_view, 22> kClaims = {
      "\"sub\"",  "\"iss\"", "\"aud\"",   "\"exp\"",     "\"iat\"",   "\"jti\"",
      "\"nbf\"",  "\"user",  "\"email",   "\"role",      "\"scope",   "\"scp\"",
      "\"name\"", "\"id\"",  "\"client",  "\"access",    "\"account", "\"uid\"",
      "\"key",    "\"token", "\"session", "\"permission"};
  return std::ranges::any_of(
      kClaims, [&](std::string_view claim) { return claims.find(claim) != std::string::npos; });
}

Checked Check(std::string_view name, std::string_view token) {
  if (name == "github" || name == "npm") {
    const std::size_t line = token.rfind('_');
    if (line == std::string_view::npos || token.size() - line < 12) return Checked::unknown;
    // GitHub signs what follows the prefix; of a fine-grained token everything before the digits.
    const std::string_view end = token.substr(token.size() - 6);
    const std::string_view rest = token.substr(line + 1, token.size() - line - 7);
    if (Base62Crc32(rest) == end) return Checked::fits;
    return Base62Crc32(token.substr(0, token.size() - 6)) == end ? Checked::fits : Checked::misfits;
  }
  if (name == "jwt") return IsJwt(token) ? Checked::fits : Checked::no;
  if (name == "jwt64") return IsJwt(Decode64(token)) ? Checked::fits : Checked::no;
  if (name == "basic") return CheckBasic(token);
  return Checked::unknown;
}

}  // namespace interlock::credential
