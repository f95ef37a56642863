#include "sandbox/capture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "sandbox/netlink.h"

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif
#ifndef IPV6_TRANSPARENT
#define IPV6_TRANSPARENT 75
#endif

namespace interlock::sandbox {
namespace {

constexpr std::uint16_t kDnsPort = 53;

bool SetOn(int socket, int level, int option, int value = 1) {
  return setsockopt(socket, level, option, &value, sizeof value) == 0;
}

bool Bind(int socket, Family family, std::uint16_t port) {
  if (family == Family::v4) {
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_port = htons(port);
    return bind(socket, reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0;
  }
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  any.sin6_port = htons(port);
  return bind(socket, reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0;
}

UniqueFd Socket(Family family, int type) {
  return UniqueFd(
      socket(family == Family::v4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

Outcome<UniqueFd> Listen(std::uint16_t port, Family family) {
  UniqueFd socket = Socket(family, SOCK_STREAM);
  const bool v6 = family == Family::v6;
  // Transparent: the socket may stand for addresses that aren't its own, which tproxy demands.
  if (!socket.valid() || (v6 && !SetOn(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0)) ||
      !SetOn(socket.get(), IPPROTO_IP, IP_TRANSPARENT) ||
      (v6 && !SetOn(socket.get(), IPPROTO_IPV6, IPV6_TRANSPARENT)) ||
      !Bind(socket.get(), family, port) || listen(socket.get(), SOMAXCONN) != 0) {
    return Broken(Step::network, "listen for the room's connections");
  }
  return socket;
}

Outcome<UniqueFd> OpenDns(Family family) {
  UniqueFd socket = Socket(family, SOCK_DGRAM);
  // The address a question was sent to is the one the answer must come from. For IPv6 the kernel
  // wants an address that some interface has, routes notwithstanding, unless the socket is free to
  // use others.
  const bool informed =
      socket.valid() &&
      (family == Family::v4 ? SetOn(socket.get(), IPPROTO_IP, IP_PKTINFO)
                            : SetOn(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY) &&
                                  SetOn(socket.get(), IPPROTO_IPV6, IPV6_FREEBIND) &&
                                  SetOn(socket.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO));
  if (!informed || !Bind(socket.get(), family, kDnsPort)) {
    return Broken(Step::network, "listen for the room's name questions");
  }
  return socket;
}

// A host may switch IPv6 off for new namespaces; here it must be on, so that it leads to us.
void SwitchOnV6() {
  for (const char* path :
       {"/proc/sys/net/ipv6/conf/all/disable_ipv6", "/proc/sys/net/ipv6/conf/lo/disable_ipv6"}) {
    UniqueFd file(open(path, O_WRONLY | O_CLOEXEC));
    if (file.valid()) (void)!write(file.get(), "0", 1);
  }
}

// The kernel lacks it, as opposed to refusing it: a module or a part that was not built.
bool IsLacking(int error) {
  return error == EPROTONOSUPPORT || error == EAFNOSUPPORT || error == EOPNOTSUPP ||
         error == ENOENT || error == EINVAL;
}

Outcome<void> Captured(std::uint16_t port, bool with_v6, Tproxy tproxy) {
  if (tproxy == Tproxy::never)
    return Broken(Step::capture, "capture the room's connections", EPROTONOSUPPORT);
  return CaptureTcp(port, with_v6);
}

Outcome<void> ListenOnPorts(Family family, Capture& out) {
  for (const std::uint16_t port : kFallbackPorts) {
    auto listener = Listen(port, family);
    if (!listener) return std::unexpected(std::move(listener.error()));
    if (port == kFallbackPorts.front())
      out.tcp = std::move(*listener);
    else
      out.ports.push_back(std::move(*listener));
  }
  return {};
}

}  // namespace

std::string FallbackPortsText() {
  std::string text;
  for (const std::uint16_t port : kFallbackPorts)
    text += (text.empty() ? "" : ", ") + std::to_string(port);
  return text;
}

Outcome<Capture> OpenCapture(std::uint16_t port, Tproxy tproxy) {
  ILK_STEP(RaiseLoopback());
  ILK_STEP(OwnEveryAddress(Family::v4));
  const bool with_v6 = Socket(Family::v6, SOCK_DGRAM).valid();
  if (with_v6 && !OwnEveryAddress(Family::v6)) {
    SwitchOnV6();
    ILK_STEP(OwnEveryAddress(Family::v6));
  }
  Capture out;
  const Family family = with_v6 ? Family::v6 : Family::v4;
  auto tcp = Listen(port, family);
  if (!tcp) return std::unexpected(std::move(tcp.error()));
  out.tcp = std::move(*tcp);
  if (const auto captured = Captured(port, with_v6, tproxy); !captured) {
    if (!IsLacking(captured.error().error)) return std::unexpected(captured.error());
    ILK_STEP(ListenOnPorts(family, out));
  }
  auto udp4 = OpenDns(Family::v4);
  if (!udp4) return std::unexpected(std::move(udp4.error()));
  out.udp4 = std::move(*udp4);
  if (!with_v6) return out;
  auto udp6 = OpenDns(Family::v6);
  if (!udp6) return std::unexpected(std::move(udp6.error()));
  out.udp6 = std::move(*udp6);
  return out;
}

}  // namespace interlock::sandbox
