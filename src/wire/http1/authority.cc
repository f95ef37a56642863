#include "wire/http1/authority.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace interlock::http1 {
namespace {

using wire::Host;
using wire::Malformed;

std::optional<std::uint16_t> ParsePort(std::string_view text) {
  if (text.empty() || text.size() > 5 || text.front() == '0') return std::nullopt;
  std::uint32_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint32_t>(c - '0');
  }
  if (value > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(value);
}

// Where the host ends: after the bracket of an IPv6 address, else at the first colon.
std::size_t HostEnd(std::string_view text) {
  if (!text.starts_with('[')) return std::min(text.find(':'), text.size());
  const std::size_t bracket = text.find(']');
  return bracket == std::string_view::npos ? text.size() : bracket + 1;
}

}  // namespace

std::variant<Authority, Malformed> ParseAuthority(std::string_view text) {
  // First, because "a:b@c" would otherwise be read as host "a".
  if (text.find('@') != std::string_view::npos) {
    return Malformed{"the host carries user info", "userinfo-in-host"};
  }
  const std::size_t host_end = HostEnd(text);
  auto host = wire::ParseHost(text.substr(0, host_end));
  if (const auto* refusal = std::get_if<Malformed>(&host)) return *refusal;
  Authority authority{std::move(std::get<Host>(host)), 0};
  const std::string_view rest = text.substr(host_end);
  if (rest.empty()) return authority;
  const auto port = rest.front() == ':' ? ParsePort(rest.substr(1)) : std::nullopt;
  if (!port) return Malformed{"the port is not a number from 1 to 65535", "bad-port"};
  authority.port = *port;
  return authority;
}

}  // namespace interlock::http1
