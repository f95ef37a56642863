#include "gateway/reach.h"

#include <algorithm>
#include <array>
#include <variant>

#include "action/action.h"
#include "approval/agent_text.h"
#include "base/bytes.h"
#include "base/ids.h"
#include "gateway/address.h"
#include "gateway/core.h"
#include "gateway/record.h"
#include "wire/host_name.h"

namespace interlock::gateway {
namespace {

namespace ip = boost::asio::ip;

constexpr std::chrono::milliseconds kAnswerTimeout{5'000};

// From these, clouds hand out credentials or configuration to whoever asks. 169.254.0.0/16 and
// fe80::/10 are refused as a whole.
constexpr std::array<std::string_view, 3> kMetadata = {
    "100.100.100.200",  // Alibaba Cloud
    "168.63.129.16",    // Azure's wire server
    "fd00:42::42",      // Scaleway
};
// The first four bytes of IPv6 networks that hold nothing else.
constexpr std::array<std::array<unsigned char, 4>, 2> kMetadataNetworks = {{
    {0xfd, 0x00, 0x0e, 0xc2},  // fd00:ec2::/32, AWS: instance metadata, Pod Identity, time
    {0xfd, 0x20, 0x00, 0xce},  // fd20:ce::/32, Google Cloud
}};

// Ranges of ForbiddenRange that a reach may lead to.
constexpr std::array<std::string_view, 3> kV4Reached = {"loopback", "private", "shared (carrier)"};

struct ByFirstByte {
  int from;
  int to;
  ReachedProtocol protocol;
};
// One line for each protocol on a reached port. A protocol that is judged by a codec of its own
// gets its kind here and is served where TLS and HTTP are.
constexpr ByFirstByte kProtocols[] = {
    {0x16, 0x16, {Spoken::tls, "TLS"}},
    {'A', 'Z', {Spoken::http, "HTTP"}},
    {'a', 'z', {Spoken::http, "HTTP"}},
    {0x00, 0x00, {Spoken::other, "PostgreSQL, or another binary protocol"}},
    {'*', '*', {Spoken::other, "the protocol of Redis"}},
};

std::unexpected<Error> Wrong(std::string_view text, std::string_view why) {
  return Fail(Code::invalid_input,
              "--reach \"" + EscapeForHumans(text, 120) + "\": " + std::string(why) +
                  ". It wants HOST:PORT, such as db.lan:5432, 10.0.0.7:8080 or localhost:3000");
}

Result<std::uint16_t> ReadPort(std::string_view text, std::string_view port) {
  std::uint32_t value = 0;
  const bool digits = !port.empty() && port.size() <= 5 &&
                      std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; });
  if (digits) {
    for (const char c : port) value = value * 10 + static_cast<std::uint32_t>(c - '0');
  }
  if (!digits || value < 1 || value > 65535)
    return Wrong(text, "the port must be a number from 1 to 65535");
  return static_cast<std::uint16_t>(value);
}

bool IsOrEndsWith(std::string_view name, std::string_view domain) {
  return name == domain || (name.size() > domain.size() && name.ends_with(domain) &&
                            name[name.size() - domain.size() - 1] == '.');
}

bool IsMetadata(const ip::address& address) {
  if (address.is_v6()) {
    const auto bytes = address.to_v6().to_bytes();
    for (const auto& network : kMetadataNetworks) {
      if (std::equal(network.begin(), network.end(), bytes.begin())) return true;
    }
  }
  return std::ranges::any_of(
      kMetadata, [&](std::string_view known) { return ip::make_address(known) == address; });
}

}  // namespace

Result<Reach> ParseReach(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const std::size_t bracket = text.rfind(']');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket))
    return Wrong(text, "there is no port in it");
  const std::string_view name = text.substr(0, colon);
  if (name.find(':') != std::string_view::npos && !name.starts_with('['))
    return Wrong(text, "an IPv6 address stands in brackets, and a URL's scheme is not part of it");
  auto parsed = wire::ParseHost(name);
  if (const auto* fault = std::get_if<wire::Malformed>(&parsed)) return Wrong(text, fault->reason);
  const auto& host = std::get<wire::Host>(parsed);
  ILK_TRY(port, ReadPort(text, text.substr(colon + 1)));
  Reach reach{host.text, port, host.text};
  if (host.kind == wire::HostKind::name) {
    if (IsOrEndsWith(host.text, "interlock.internal"))
      return Wrong(text, "that name is Interlock's own");
    if (IsOrEndsWith(host.text, "localhost")) reach = {std::string(kHostAlias), port, "localhost"};
    return reach;
  }
  if (host.kind == wire::HostKind::ipv6) reach.dials = host.text.substr(1, host.text.size() - 2);
  boost::system::error_code failed;
  const auto address = ip::make_address(reach.dials, failed);
  if (failed) return Wrong(text, "that is not an address");
  if (const auto why = NeverReached(address); !why.empty())
    return Wrong(text, "no session ever reaches this address (" + std::string(why) + ")");
  if (address.is_loopback()) reach.host = kHostAlias;
  return reach;
}

std::string ToString(const Reach& reach) {
  const bool bare_v6 = reach.dials.find(':') != std::string::npos;
  return (bare_v6 ? "[" + reach.dials + "]" : reach.dials) + ":" + std::to_string(reach.port);
}

std::string_view NeverReached(const ip::address& address) {
  if (IsMetadata(address)) return "a cloud's metadata service";
  const std::string_view range = ForbiddenRange(address);
  if (range.empty()) return {};
  if (address.is_v4())
    return std::ranges::find(kV4Reached, range) != kV4Reached.end() ? std::string_view() : range;
  const auto bytes = address.to_v6().to_bytes();
  const bool unique_local = (bytes[0] & 0xfe) == 0xfc;  // RFC 4193
  return address.is_loopback() || unique_local ? std::string_view() : range;
}

void OwnPorts::Add(std::uint16_t port) {
  const std::lock_guard lock(mutex_);
  ports_.insert(port);
}

void OwnPorts::Remove(std::uint16_t port) {
  const std::lock_guard lock(mutex_);
  if (const auto it = ports_.find(port); it != ports_.end()) ports_.erase(it);
}

bool OwnPorts::Has(std::uint16_t port) const {
  const std::lock_guard lock(mutex_);
  return ports_.contains(port);
}

ReachedProtocol ProtocolOf(int first) {
  if (first < 0) return {Spoken::nothing, "nothing: a protocol in which the server speaks first"};
  const auto known = std::ranges::find_if(
      kProtocols, [&](const ByFirstByte& p) { return first >= p.from && first <= p.to; });
  return known == std::end(kProtocols) ? ReachedProtocol{Spoken::other, "an unknown protocol"}
                                       : known->protocol;
}

Task<void> RefuseProtocol(Core& core, Session& session, const Destination& destination,
                          ReachedProtocol protocol, Stream& client) {
  core.counters.denied.fetch_add(1, std::memory_order_relaxed);
  const auto together = session.refusals.Count("protocol", destination.host, core.clock.Now(),
                                               std::chrono::steady_clock::now());
  const std::string id = together.value_or(ShortId("d"));
  const std::string where = destination.host + ":" + std::to_string(destination.port);
  const std::string reason = "On " + where + " was spoken " + std::string(protocol.name) +
                             ". What isn't HTTP or TLS can't be judged, so it isn't passed on.";
  Action action;
  action.operation = "tcp.connect";
  action.request.scheme = "tcp";
  action.request.host = destination.host;
  action.request.port = destination.port;
  const Decision decision{Verdict::deny, "protocol", reason};
  Facts facts;
  facts.session = session.id;
  facts.agent = session.agent;
  // Not on the record is no reason to pass it on: it is refused either way.
  if (!together)
    (void)core.ledger.AppendAsync(
        DecisionEntry({id, session.id, &action, &decision, &facts, ""}, core.clock.Now()));
  // Most clients show an unexpected line as it is.
  std::string text = approval::AgentDenyText({id, reason, "Use the service's HTTP interface."});
  text += '\n';
  client.SetDeadline(kAnswerTimeout);
  (void)co_await client.Write(text);
}

}  // namespace interlock::gateway
