#include "gateway/grant.h"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <optional>

#include "base/bytes.h"
#include "gateway/address.h"
#include "wire/host_name.h"

namespace interlock::gateway {
namespace {

constexpr unsigned kHttpPort = 80;
constexpr unsigned kHttpsPort = 443;
constexpr unsigned kDnsPort = 53;
constexpr std::string_view kMethod = "POST";

std::optional<unsigned> ParsePort(std::string_view text) {
  if (text.empty() || text.size() > 5 || text.front() == '0') return std::nullopt;
  unsigned value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value <= 65535 ? std::optional(value) : std::nullopt;
}

std::unexpected<Error> CannotOpen(std::string_view place, std::string_view why) {
  return Fail(Code::invalid_input, "\"" + EscapeForHumans(place, 300) +
                                       "\" can't be opened by a grant: " + std::string(why));
}

// Names that no public server has. What a name resolves to is looked at when it is dialled.
bool IsLocalName(std::string_view host) {
  return host == "localhost" || host.ends_with(".localhost") || host.ends_with(".internal") ||
         host.ends_with(".local") || host.find('.') == std::string_view::npos;
}

// "" when the host may be opened.
std::string WhyNeverOpened(const wire::Host& host) {
  if (host.kind == wire::HostKind::name) {
    if (!IsLocalName(host.text)) return "";
    return "it is a name of this machine or network, which a room reaches only by `upstreams`";
  }
  const bool v6 = host.kind == wire::HostKind::ipv6;
  const std::string bare = v6 ? host.text.substr(1, host.text.size() - 2) : host.text;
  boost::system::error_code failed;
  const auto address = boost::asio::ip::make_address(bare, failed);
  if (failed) return "it is not an address";
  const std::string_view range = ForbiddenRange(address);
  if (range.empty()) return "";
  return "the address is not a public one (" + std::string(range) + ")";
}

Result<void> TakePlace(std::string_view place, GrantTerms& terms) {
  const std::size_t bracket = place.starts_with('[') ? place.find(']') : 0;
  const std::size_t colon = bracket == std::string_view::npos ? bracket : place.find(':', bracket);
  const auto host = wire::ParseHost(place.substr(0, colon));
  if (const auto* refused = std::get_if<wire::Malformed>(&host))
    return CannotOpen(place, refused->reason);
  const wire::Host& found = std::get<wire::Host>(host);
  if (const std::string why = WhyNeverOpened(found); !why.empty()) return CannotOpen(place, why);
  terms.host = found.text;
  if (colon == std::string_view::npos) return {};
  const auto port = ParsePort(place.substr(colon + 1));
  if (!port) return CannotOpen(place, "the port is not a number from 1 to 65535");
  // Every room's questions to this port are answered by the gateway itself.
  if (*port == kDnsPort) return CannotOpen(place, "port 53 belongs to the room's own resolver");
  terms.port = *port;
  return {};
}

std::string Sentence(const GrantTerms& terms) {
  const std::string what =
      terms.protocol == GrantProtocol::unseen_tcp
          ? "lets bytes pass unseen between the room and " + PlaceOf(terms) +
                ": what passes can't be judged, held or brought back"
          : "lets the room speak HTTP with " + PlaceOf(terms) +
                "; every request is still judged, and no lent credential goes there";
  return what + "; for " + std::to_string(terms.lasts.count()) + " seconds";
}

std::string BodyOf(const GrantTerms& terms) {
  return Canonical(json::object{{"host", terms.host},
                                {"lasts_seconds", terms.lasts.count()},
                                {"port", terms.port},
                                {"protocol", ToString(terms.protocol)},
                                {"reason", terms.reason},
                                {"session", terms.session}});
}

std::int64_t NumberIn(const json::object& object, std::string_view key) {
  const json::value* value = Find(object, key);
  if (value == nullptr) return -1;
  if (value->is_int64()) return value->as_int64();
  if (value->is_uint64() && value->as_uint64() <= INT32_MAX)
    return static_cast<std::int64_t>(value->as_uint64());
  return -1;
}

}  // namespace

bool IsOwnOperation(const Action& action) {
  return action.provider == kOwnProvider || action.request.scheme == kOwnProvider;
}

std::string_view ToString(GrantProtocol protocol) {
  switch (protocol) {
    case GrantProtocol::judged_http:
      return "http";
    case GrantProtocol::unseen_tcp:
      return "tcp";
  }
  return "unknown";
}

std::string PlaceOf(const GrantTerms& terms) {
  return terms.port == 0 ? terms.host : terms.host + ":" + std::to_string(terms.port);
}

bool Covers(const GrantTerms& terms, GrantProtocol protocol, std::string_view host, unsigned port) {
  if (terms.protocol != protocol || terms.host != host) return false;
  if (terms.port != 0) return terms.port == port;
  return protocol == GrantProtocol::judged_http && (port == kHttpPort || port == kHttpsPort);
}

Result<GrantTerms> ReadGrantTerms(const json::object& request) {
  GrantTerms terms;
  terms.session = std::string(FindString(request, "session"));
  if (terms.session.empty())
    return Fail(Code::invalid_input, "a grant is for one session: --session SESSION");
  const std::string_view place = FindString(request, "place");
  ILK_TRY_VOID(TakePlace(place, terms));
  const std::string_view protocol = FindString(request, "protocol");
  if (protocol == "tcp") {
    terms.protocol = GrantProtocol::unseen_tcp;
  } else if (!protocol.empty() && protocol != "http") {
    return Fail(Code::invalid_input, "--protocol knows \"http\" and \"tcp\", not \"" +
                                         EscapeForHumans(protocol, 60) + "\"");
  }
  if (terms.protocol == GrantProtocol::unseen_tcp && terms.port == 0)
    return CannotOpen(place, "a tcp grant is for one port: HOST:PORT");
  terms.lasts = std::chrono::seconds(NumberIn(request, "seconds"));
  if (terms.lasts < std::chrono::seconds(1) || terms.lasts > kGrantLastsMax)
    return Fail(Code::invalid_input, "a grant lasts from 1 second to 8 hours: --for 30m");
  terms.reason = std::string(FindString(request, "reason"));
  if (terms.reason.size() > kGrantReasonMax || !IsUtf8(terms.reason))
    return Fail(Code::invalid_input,
                "the reason is text of at most " + std::to_string(kGrantReasonMax) + " bytes");
  return terms;
}

Action GrantAction(const GrantTerms& terms) {
  Operation operation;
  operation.name = std::string(kGrantOperation);
  operation.effect = Effect::irreversible;  // what has passed stays where it went
  operation.targets = {{std::string(kOwnProvider), "host", PlaceOf(terms)}};
  operation.because = Sentence(terms);
  Action action;
  action.provider = std::string(kOwnProvider);
  action.operations.push_back(std::move(operation));
  Summarize(action);
  action.request.scheme = std::string(kOwnProvider);
  action.request.host = "interlock.internal";
  action.request.port = kHttpPort;
  action.request.method = std::string(kMethod);
  action.request.target = "/grants";
  action.request.body = BodyOf(terms);
  return action;
}

Result<GrantTerms> GrantTermsOf(const Action& action) {
  const auto differs = [] {
    return Fail(Code::verification, "this is not a grant as this version asks for one");
  };
  const auto body = ParseJson(action.request.body);
  if (!body || !body->is_object()) return differs();
  const json::object& object = body->as_object();
  const std::int64_t port = NumberIn(object, "port");
  json::object request{{"session", FindString(object, "session")},
                       {"protocol", FindString(object, "protocol")},
                       {"seconds", NumberIn(object, "lasts_seconds")},
                       {"reason", FindString(object, "reason")},
                       {"place", std::string(FindString(object, "host")) +
                                     (port == 0 ? "" : ":" + std::to_string(port))}};
  auto terms = ReadGrantTerms(request);
  if (!terms || GrantAction(*terms) != action) return differs();
  return terms;
}

std::string GrantCommand(std::string_view session, std::string_view host, unsigned port) {
  const bool usual = port == kHttpPort || port == kHttpsPort || port == 0;
  GrantTerms terms;
  const std::string place =
      usual ? std::string(host) : std::string(host) + ":" + std::to_string(port);
  if (!TakePlace(place, terms)) return "";
  return "interlock grant " + PlaceOf(terms) + " --session " + std::string(session) + " --for 30m";
}

}  // namespace interlock::gateway
