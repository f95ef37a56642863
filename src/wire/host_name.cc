#include "wire/host_name.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace interlock::wire {
namespace {

constexpr std::size_t kNameBytesMax = 253;
constexpr std::size_t kLabelBytesMax = 63;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); }

std::variant<Host, Malformed> ParseIpv6(std::string_view text) {
  constexpr Malformed kBad{"not an IPv6 address in brackets", "bad-host"};
  if (text.size() < 4 || text.back() != ']') return kBad;
  const std::string inner(text.substr(1, text.size() - 2));
  in6_addr address{};
  if (inner.find('\0') != std::string::npos) return kBad;
  if (inet_pton(AF_INET6, inner.c_str(), &address) != 1) return kBad;
  std::array<char, INET6_ADDRSTRLEN> canonical{};
  if (!inet_ntop(AF_INET6, &address, canonical.data(), canonical.size())) return kBad;
  return Host{"[" + std::string(canonical.data()) + "]", HostKind::ipv6};
}

// The WHATWG URL "ends in a number" rule: resolvers take such a name for an IPv4 address.
bool LooksLikeIpv4(std::string_view lower) {
  const std::size_t dot = lower.rfind('.');
  const std::string_view last = dot == std::string_view::npos ? lower : lower.substr(dot + 1);
  if (std::ranges::all_of(last, IsDigit)) return true;
  return last.starts_with("0x") && std::ranges::all_of(last.substr(2), IsHexDigit);
}

bool IsPlainIpv4(std::string_view text) {
  for (int octet = 0; octet < 4; ++octet) {
    std::size_t used = 0;
    int value = 0;
    while (used < text.size() && used < 3 && IsDigit(text[used])) {
      value = value * 10 + (text[used++] - '0');
    }
    if (used == 0 || value > 255 || (used > 1 && text[0] == '0')) return false;
    text.remove_prefix(used);
    if (octet == 3) return text.empty();
    if (!text.starts_with('.')) return false;
    text.remove_prefix(1);
  }
  return false;
}

// Copies `text` in lower case; refuses what no host name holds.
std::variant<std::string, Malformed> Lowered(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') {
      c = static_cast<char>(c + ('a' - 'A'));
      continue;
    }
    if ((c >= 'a' && c <= 'z') || IsDigit(c) || c == '-' || c == '.' || c == '_') continue;
    if (c == '@') return Malformed{"the host carries user info", "userinfo-in-host"};
    if (c == '%') return Malformed{"the host carries a percent escape", "percent-in-host"};
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0) return Malformed{"the host carries a NUL byte", "nul-in-host"};
    if (byte >= 0x80)
      return Malformed{"the host is not ASCII; use its xn-- form", "non-ascii-host"};
    return Malformed{"the host carries a character no host name has", "bad-host"};
  }
  return lower;
}

bool HasGoodLabels(std::string_view name) {
  std::size_t begin = 0;
  while (begin <= name.size()) {
    const std::size_t end = std::min(name.find('.', begin), name.size());
    const std::string_view label = name.substr(begin, end - begin);
    if (label.empty() || label.size() > kLabelBytesMax) return false;
    if (label.front() == '-' || label.back() == '-') return false;
    begin = end + 1;
  }
  return true;
}

}  // namespace

std::variant<Host, Malformed> ParseHost(std::string_view text) {
  if (text.empty()) return Malformed{"the host is empty", "empty-host"};
  if (text.front() == '[') return ParseIpv6(text);
  if (text.size() > kNameBytesMax + 1)
    return Malformed{"the host is longer than a name", "bad-host"};
  auto lowered = Lowered(text);
  if (const auto* refusal = std::get_if<Malformed>(&lowered)) return *refusal;
  std::string& name = std::get<std::string>(lowered);
  if (name.back() == '.') return Malformed{"the host ends in a dot", "trailing-dot-in-host"};
  if (name.size() > kNameBytesMax || !HasGoodLabels(name)) {
    return Malformed{"the host has an empty, overlong or hyphen-edged label", "bad-host"};
  }
  if (!LooksLikeIpv4(name)) return Host{std::move(name), HostKind::name};
  if (IsPlainIpv4(name)) return Host{std::move(name), HostKind::ipv4};
  return Malformed{"an IPv4 address in another form than four decimal octets", "ambiguous-ip"};
}

}  // namespace interlock::wire
