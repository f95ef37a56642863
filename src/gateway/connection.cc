#include "gateway/connection.h"

#include <algorithm>
#include <optional>

#include "base/bytes.h"
#include "gateway/dns_server.h"
#include "gateway/exchange.h"
#include "gateway/not_http.h"
#include "gateway/pipeline.h"
#include "gateway/tunnel.h"

namespace interlock::gateway {
namespace {

constexpr std::chrono::milliseconds kHandshakeTimeout{10'000};
// On ports where clients wait for a greeting: one that speaks TLS or HTTP there does so at once.
constexpr std::chrono::milliseconds kSilence{500};
constexpr int kTlsHandshakeRecord = 0x16;

constexpr http1::Malformed kEarlyData{"bytes were sent before the tunnel was open", "early-data",
                                      400};
constexpr http1::Malformed kNotForProxy{"a proxy wants CONNECT or a full URL",
                                        "not-a-proxy-request", 400};
constexpr http1::Malformed kNeedsConnect{"https needs CONNECT", "https-without-connect", 400};

// "Bearer TOKEN", or "Basic base64(anything:TOKEN)" as curl and most libraries send it.
std::string ProxyToken(const http1::RequestHead& head) {
  const std::string* value = http1::Find(head.fields, "proxy-authorization");
  if (value == nullptr) return "";
  const auto space = value->find(' ');
  if (space == std::string::npos) return "";
  const std::string rest = value->substr(space + 1);
  if (EqualsIgnoreCase(std::string_view(*value).substr(0, space), "bearer")) return rest;
  if (!EqualsIgnoreCase(std::string_view(*value).substr(0, space), "basic")) return "";
  const auto decoded = FromBase64(rest);
  if (!decoded) return "";
  const auto colon = decoded->find(':');
  return colon == std::string::npos ? "" : decoded->substr(colon + 1);
}

Answer NeedsToken() {
  Answer answer =
      UpstreamAnswer(407, "proxy-token",
                     "This proxy serves sessions of `interlock run`; send the session's token in "
                     "Proxy-Authorization.");
  answer.fields.push_back({"proxy-authenticate", "Basic realm=\"interlock\""});
  answer.close = true;
  return answer;
}

// One connection whose destination is fixed: a tunnel, or a dial inside a room.
struct Fixed {
  std::shared_ptr<Session> session;
  Destination destination;
  bool tls = false;
};

// What is wrong with a request on a connection to `destination`, beyond its syntax.
std::optional<http1::Malformed> DiffersFrom(const Destination& destination,
                                            const http1::RequestHead& head,
                                            const std::string& server_name) {
  if (!server_name.empty() && ToLower(server_name) != destination.host) {
    return http1::Malformed{"the TLS server name is not the host that was dialled", "sni-mismatch",
                            421};
  }
  if (head.form == http1::TargetForm::authority) {
    return http1::Malformed{"CONNECT inside a connection to a host", "connect-in-tunnel", 400};
  }
  if (head.host != destination.host) {
    return http1::Malformed{"Host is not the host that was dialled", "host-mismatch", 421};
  }
  if (head.port != 0 && head.port != destination.port) {
    return http1::Malformed{"Host names another port than was dialled", "port-mismatch", 421};
  }
  if (!head.scheme.empty() && head.scheme != destination.scheme) {
    return http1::Malformed{"the target's scheme is not the connection's", "scheme-mismatch", 421};
  }
  return std::nullopt;
}

Task<void> Refuse(Stream& client, const http1::Malformed& malformed) {
  (void)co_await WriteAnswer(
      client, MalformedAnswer(malformed.http_status, malformed.name, malformed.reason), "GET",
      false);
}

// Serves requests until the client, a limit or the session ends it.
Task<void> ServeRequests(Core& core, Worker& worker, Stream& client, Inbox& inbox, Fixed fixed) {
  const std::string server_name = client.ServerName();
  bool first = true;
  for (;;) {
    client.SetDeadline(first ? core.times.header : core.times.idle);
    first = false;
    auto read = co_await ReadRequestHead(inbox, core.http_limits);
    if (auto* malformed = std::get_if<http1::Malformed>(&read)) {
      core.counters.malformed.fetch_add(1, std::memory_order_relaxed);
      co_await Refuse(client, *malformed);
      co_return;
    }
    auto* head = std::get_if<http1::RequestHead>(&read);
    if (head == nullptr) co_return;  // closed, cut off or too slow: there is nobody to answer
    if (const auto differs = DiffersFrom(fixed.destination, *head, server_name)) {
      co_await Refuse(client, *differs);
      co_return;
    }
    Exchange exchange{fixed.session, fixed.destination, std::move(*head), client, inbox};
    const bool keep = co_await HandleRequest(core, worker, exchange);
    if (!keep || fixed.session->ended) co_return;
  }
}

// One session may hold half of all connections, so that it can't lock the others out. A limit that
// was set this low is for one session anyway.
bool HasRoom(const Core& core, const Session& session) {
  constexpr std::size_t kSharedFrom = 64;
  const std::size_t most = core.connections_max;
  return session.connections.load() <= (most < kSharedFrom ? most : most / 2);
}

// False: it was something else, and was told so in its own words.
Task<bool> SpeaksHttp(Stream& client, Inbox& inbox, const Destination& to) {
  for (;;) {
    const FirstWords words = OnFirstWords(inbox.View(), to.host, to.port);
    switch (words.kind) {
      case FirstWords::Kind::other:
        co_return true;
      case FirstWords::Kind::refused:
        (void)co_await client.Write(words.refusal);
        co_return false;
      case FirstWords::Kind::encryption:
        inbox.Consume(words.consumed);
        if (!co_await client.Write("N")) co_return false;
        break;
      case FirstWords::Kind::more:
        break;
    }
    if (!inbox.empty() && words.kind == FirstWords::Kind::encryption) continue;
    const auto got = co_await inbox.Fill();
    if (!got || *got == 0) co_return false;
  }
}

// The first byte tells TLS from HTTP; the certificate is minted for the host that was dialled.
Task<void> ServeFixed(Core& core, Worker& worker, Stream& client, Fixed fixed) {
  // First, since in many protocols the server speaks first.
  if (auto pass = fixed.session->grants.Enter(GrantProtocol::unseen_tcp, fixed.destination.host,
                                              fixed.destination.port, GrantNow(core.clock))) {
    fixed.destination.scheme = "tcp";
    co_await PassTcp(core, worker, fixed.session, client, fixed.destination, std::move(pass));
    co_return;
  }
  const bool greets = ServerSpeaksFirst(fixed.destination.port);
  client.SetDeadline(greets ? kSilence : kHandshakeTimeout);
  const auto first = co_await client.PeekByte();
  if (fixed.session->ReachTo(fixed.destination.host, fixed.destination.port) != nullptr) {
    const ReachedProtocol protocol = ProtocolOf(first ? *first : -1);
    if (protocol.spoken != Spoken::tls && protocol.spoken != Spoken::http) {
      // A client that came and went, as those do that look whether a port is open.
      if (first && *first == Stream::kEnd) co_return;
      co_await RefuseProtocol(core, *fixed.session, fixed.destination, protocol, client);
      co_return;
    }
  }
  if (!first) {
    client.WriteNow(RefusalToSilence(fixed.destination.host, fixed.destination.port));
    co_return;
  }
  if (*first == Stream::kEnd) co_return;
  client.SetDeadline(kHandshakeTimeout);
  Inbox inbox(client);
  if (*first == kTlsHandshakeRecord) {
    std::string_view host = fixed.destination.host;
    if (host.starts_with('['))
      host = host.substr(1, host.size() - 2);  // a certificate names the bare address
    const auto context = core.server_tls.Get(host, core.clock.Now());
    if (!context) co_return;
    if (!co_await client.AcceptTls(context->get())) co_return;
    fixed.destination.scheme = "https";
  } else {
    if (!co_await SpeaksHttp(client, inbox, fixed.destination)) co_return;
    fixed.destination.scheme = "http";
  }
  co_await ServeRequests(core, worker, client, inbox, std::move(fixed));
}

}  // namespace

Task<void> ServeProxyClient(Core& core, Worker& worker, tcp::socket socket) {
  const ConnectionCount counted(core.counters.connections);
  Stream client(std::move(socket), worker.deadlines);
  Inbox inbox(client);
  bool first = true;
  for (;;) {
    client.SetDeadline(first ? core.times.header : core.times.idle);
    first = false;
    auto read = co_await ReadRequestHead(inbox, core.http_limits);
    if (auto* malformed = std::get_if<http1::Malformed>(&read)) {
      co_await Refuse(client, *malformed);
      co_return;
    }
    auto* head = std::get_if<http1::RequestHead>(&read);
    if (head == nullptr) co_return;
    const auto session = core.sessions.ByToken(ProxyToken(*head));
    if (session == nullptr || session->ended) {
      (void)co_await WriteAnswer(client, NeedsToken(), head->method, false);
      co_return;
    }
    if (head->form == http1::TargetForm::authority) {
      if (!inbox.empty()) {
        co_await Refuse(client, kEarlyData);
        co_return;
      }
      if (!co_await client.Write("HTTP/1.1 200 Connection established\r\n\r\n")) co_return;
      const ConnectionCount of_session(session->connections);
      if (!HasRoom(core, *session)) {
        core.counters.turned_away.fetch_add(1);
        co_return;
      }
      Fixed fixed{session, {"https", head->host, head->port}};
      co_await ServeFixed(core, worker, client, std::move(fixed));
      co_return;
    }
    if (head->form != http1::TargetForm::absolute) {
      co_await Refuse(client, kNotForProxy);
      co_return;
    }
    const unsigned port = head->port != 0 ? head->port : head->scheme == "https" ? 443 : 80;
    Destination destination{head->scheme, head->host, port};
    std::erase_if(head->fields,
                  [](const http1::Field& f) { return f.name == "proxy-authorization"; });
    Exchange exchange{session, std::move(destination), std::move(*head), client, inbox};
    // https:// in absolute form would ask us to speak TLS for a client that spoke in the clear.
    if (exchange.destination.scheme != "http") {
      co_await Refuse(client, kNeedsConnect);
      co_return;
    }
    if (!co_await HandleRequest(core, worker, exchange)) co_return;
  }
}

Task<void> ServeRoomClient(Core& core, Worker& worker, std::shared_ptr<Session> session,
                           tcp::socket socket) {
  const ConnectionCount counted(core.counters.connections);
  const ConnectionCount of_session(session->connections);
  if (!HasRoom(core, *session)) {
    core.counters.turned_away.fetch_add(1);
    co_return;
  }
  boost::system::error_code failed;
  const tcp::endpoint dialled = socket.local_endpoint(failed);
  if (failed || session->ended) co_return;
  auto address = dialled.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  // The capture port itself is reachable on the room's loopback: nobody means anything by that.
  if (address.is_loopback()) co_return;
  std::string host = address.is_v6() ? "[" + address.to_string() + "]" : address.to_string();
  if (address.is_v4()) {
    if (auto name = session->names.NameOf(address.to_v4().to_uint())) host = std::move(*name);
  }
  Stream client(std::move(socket), worker.deadlines);
  if (dialled.port() == 53) {
    co_await ServeDnsOverTcp(*session, client);
    co_return;
  }
  Fixed fixed{session, {"", std::move(host), dialled.port()}};
  co_await ServeFixed(core, worker, client, std::move(fixed));
}

}  // namespace interlock::gateway
