// Lines 42 to 46: local sockets of the host's services, descriptors that come along, and address
// families that no network namespace contains.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "attempt.h"
#include "services.h"

namespace interlock::probe {
namespace {

struct Local {
  sockaddr_un address{};
  socklen_t size = 0;
  explicit Local(const std::string& path) {
    address.sun_family = AF_UNIX;
    const std::size_t length = std::min(path.size(), sizeof address.sun_path - 1);
    std::memcpy(address.sun_path, path.data(), length);
    size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length +
                                  (path.starts_with('\0') ? 0 : 1));
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
};

Attempt ConnectTo(const std::string& path, int type = SOCK_STREAM) {
  const UniqueFd socket_fd(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  if (!socket_fd.valid()) return BlockedBy("make a local socket");
  const Local to(path);
  return Called("connect to it", connect(socket_fd.get(), to.get(), to.size));
}

Attempt ConnectService(const Facts&, const Probe& probe) { return ConnectTo(PathOf(probe.text)); }
Attempt ConnectAbstract(const Facts&, const Probe& probe) {
  return ConnectTo(std::string(1, '\0') + std::string(probe.text));
}

// One of the bait's sockets, by its place in the facts.
std::string BaitSocket(const Facts& facts, const Probe& probe) {
  switch (probe.number) {
    case 1:
      return facts.stream_socket;
    case 2:
      return facts.agent_socket;
    case 3:
      return facts.gateway_socket;
    case 4:
      return std::string(1, '\0') + facts.abstract_socket;
    case 5:
      return facts.datagram_socket;
    case 6:
      return std::string(1, '\0') + facts.abstract_socket + "-d";
    default:
      return "/proc/" + std::to_string(facts.control ? facts.pid : 1) + "/root" +
             facts.stream_socket;
  }
}
Attempt ConnectBait(const Facts& facts, const Probe& probe) {
  return ConnectTo(BaitSocket(facts, probe));
}
Attempt ConnectThroughLink(const Facts& facts, const Probe& probe) {
  const std::string path = facts.workspace + "/" + std::string(probe.name);
  unlink(path.c_str());
  if (symlink(facts.stream_socket.c_str(), path.c_str()) != 0) return BlockedBy("make a link");
  return ConnectTo(path);
}

Attempt SendDatagram(const Facts& facts, const Probe& probe) {
  const UniqueFd socket_fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket_fd.valid()) return BlockedBy("make a local socket");
  Local to(BaitSocket(facts, probe));
  char text[] = "x";
  iovec part{text, 1};
  mmsghdr message{};
  message.msg_hdr.msg_iov = &part;
  message.msg_hdr.msg_iovlen = 1;
  message.msg_hdr.msg_name = &to.address;
  message.msg_hdr.msg_namelen = to.size;
  switch (probe.second) {
    case 1:
      return Called("sendmsg", sendmsg(socket_fd.get(), &message.msg_hdr, MSG_NOSIGNAL));
    case 2:
      return Called("sendmmsg", sendmmsg(socket_fd.get(), &message, 1, MSG_NOSIGNAL));
    case 3:
      if (connect(socket_fd.get(), to.get(), to.size) != 0) return BlockedBy("connect");
      return Called("send", send(socket_fd.get(), text, 1, MSG_NOSIGNAL));
    default:
      return Called("sendto", sendto(socket_fd.get(), text, 1, MSG_NOSIGNAL, to.get(), to.size));
  }
}

// ---- descriptors ----

// What the launcher had open: a directory of the host, from which "secret" can be opened.
Attempt UseInherited(const Facts& facts, const Probe& probe) {
  const int first = probe.number == 0 ? facts.inherited_fd : 3;
  const int last = probe.number == 0 ? facts.inherited_fd : 255;
  for (int fd = first; fd >= 0 && fd <= last; ++fd) {
    const UniqueFd secret(openat(fd, "secret", O_RDONLY | O_CLOEXEC));
    if (secret.valid())
      return Reached("opened the host's secret from descriptor " + std::to_string(fd));
  }
  return Blocked("no descriptor of the launcher's came along");
}
// The three standard ones may be the host's pipes, but must not be directories.
Attempt UseStandard(const Facts& facts, const Probe&) {
  if (facts.control && facts.inherited_fd >= 0) dup2(facts.inherited_fd, 0);
  for (int fd = 0; fd < 3; ++fd) {
    const UniqueFd up(openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (up.valid()) return Reached("went up from descriptor " + std::to_string(fd));
  }
  return Blocked("none of the standard descriptors is a directory");
}
Attempt ReceiveDescriptor(const Facts& facts, const Probe&) {
  const UniqueFd socket_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const Local to(facts.stream_socket);
  if (connect(socket_fd.get(), to.get(), to.size) != 0) return BlockedBy("connect");
  char text[512];
  iovec part{text, sizeof text};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (recvmsg(socket_fd.get(), &message, 0) < 0) return BlockedBy("receive");
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr) return Blocked("no descriptor came");
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return Called("open from the descriptor that came", openat(fd, "secret", O_RDONLY | O_CLOEXEC));
}

// ---- families ----

Attempt MakeSocket(const Facts&, const Probe& probe) {
  const UniqueFd made(socket(probe.number, probe.second | SOCK_CLOEXEC, probe.third));
  return made.valid() ? Reached("made the socket") : BlockedBy("socket");
}
Attempt MakePair(const Facts&, const Probe& probe) {
  int ends[2];
  return Called("socketpair", socketpair(probe.number, probe.second, probe.third, ends));
}

// Younger than some headers, or in headers that don't go together.
constexpr int kVsock = 40, kKcm = 41, kQipcrtr = 42, kSmc = 43, kXdp = 44, kMctp = 45;
constexpr int kMptcp = 262, kSctp = 132, kDccp = 33, kUdpLite = 136;

#define SERVICE(index)              \
  {.name = kServices[index].name,   \
   .tries = kServices[index].tries, \
   .attempt = ConnectService,       \
   .text = kServices[index].path,   \
   .ground = Ground::open_world}

constexpr Probe kProbes[] = {
    SERVICE(0),
    SERVICE(1),
    SERVICE(2),
    SERVICE(3),
    SERVICE(4),
    SERVICE(5),
    SERVICE(6),
    SERVICE(7),
    SERVICE(8),
    SERVICE(9),
    SERVICE(10),
    SERVICE(11),
    SERVICE(12),
    SERVICE(13),
    SERVICE(14),
    SERVICE(15),
    SERVICE(16),
    SERVICE(17),
    SERVICE(18),
    SERVICE(19),
    SERVICE(20),
    SERVICE(21),
    SERVICE(22),
    SERVICE(23),
    SERVICE(24),
#undef SERVICE
    {"B42.bait-service", "connect to a service of the host by its path", ConnectBait, "", 1},
    {"B42.bait-agent", "connect to the ssh-agent in $SSH_AUTH_SOCK", ConnectBait, "", 2},
    {"B42.bait-proc-root", "connect to it through /proc/1/root", ConnectBait, "", 7},
    {"B42.bait-link", "connect to it through a link in the workspace", ConnectThroughLink},
    {"B73.gateway-socket", "speak to the gateway as a person", ConnectBait, "", 3},
    {.name = "B43.abstract-x11",
     .tries = "connect to X11's socket that has no path",
     .attempt = ConnectAbstract,
     .text = "/tmp/.X11-unix/X0",
     .ground = Ground::open_world},
    {.name = "B43.abstract-bus",
     .tries = "connect to a session bus that has no path",
     .attempt = ConnectAbstract,
     .text = "/tmp/dbus-session",
     .ground = Ground::open_world},
    {.name = "B43.abstract-ice",
     .tries = "connect to the session manager's",
     .attempt = ConnectAbstract,
     .text = "/tmp/.ICE-unix/1",
     .ground = Ground::open_world},
    {"B43.abstract-bait", "connect to a host's socket that has no path", ConnectBait, "", 4},
    {"B44.sendto", "send a datagram to a service by its path", SendDatagram, "", 5, 0},
    {"B44.sendmsg", "the same by sendmsg", SendDatagram, "", 5, 1},
    {"B44.sendmmsg", "the same by sendmmsg", SendDatagram, "", 5, 2},
    {"B44.connected", "the same when connected", SendDatagram, "", 5, 3},
    {"B44.abstract", "send a datagram to one without a path", SendDatagram, "", 6, 0},
    {"B44.abstract-sendmsg", "the same by sendmsg", SendDatagram, "", 6, 1},
    {"B45.inherited", "use a directory that the launcher had open", UseInherited},
    {"B45.inherited-any", "try every descriptor from 3 to 255", UseInherited, "", 1},
    {"B45.standard", "leave by a directory among the standard descriptors", UseStandard},
    {"B45.scm-rights", "be sent a descriptor of the host's", ReceiveDescriptor},
    {"B46.vsock", "reach the hypervisor by AF_VSOCK", MakeSocket, "", kVsock, SOCK_STREAM},
    {"B46.vsock-datagram", "the same by datagrams", MakeSocket, "", kVsock, SOCK_DGRAM},
    {"B46.packet", "read the wire by AF_PACKET", MakeSocket, "", AF_PACKET, SOCK_RAW, 0x300},
    {"B46.packet-datagram", "the same, cooked", MakeSocket, "", AF_PACKET, SOCK_DGRAM, 0x300},
    {"B46.alg", "use the kernel's cryptography", MakeSocket, "", AF_ALG, SOCK_SEQPACKET},
    {"B46.bluetooth", "use Bluetooth", MakeSocket, "", AF_BLUETOOTH, SOCK_RAW, 1},
    {"B46.raw-icmp", "make a raw ICMP socket", MakeSocket, "", AF_INET, SOCK_RAW, IPPROTO_ICMP},
    {"B46.raw-any", "make a raw IP socket", MakeSocket, "", AF_INET, SOCK_RAW, IPPROTO_RAW},
    {"B46.raw-v6", "make a raw IPv6 socket", MakeSocket, "", AF_INET6, SOCK_RAW, IPPROTO_ICMPV6},
    {"B46.sctp", "make an SCTP socket", MakeSocket, "", AF_INET, SOCK_STREAM, kSctp},
    {"B46.sctp-seqpacket", "the same for messages", MakeSocket, "", AF_INET, SOCK_SEQPACKET, kSctp},
    {"B46.mptcp", "make a multipath TCP socket", MakeSocket, "", AF_INET, SOCK_STREAM, kMptcp},
    {"B46.mptcp-v6", "the same over IPv6", MakeSocket, "", AF_INET6, SOCK_STREAM, kMptcp},
    {"B46.dccp", "make a DCCP socket", MakeSocket, "", AF_INET, SOCK_DCCP, kDccp},
    {"B46.udplite", "make a UDP-Lite socket", MakeSocket, "", AF_INET, SOCK_DGRAM, kUdpLite},
    {"B46.netlink-netfilter", "change the packet filter", MakeSocket, "", AF_NETLINK, SOCK_RAW, 12},
    {"B46.netlink-audit", "write audit records", MakeSocket, "", AF_NETLINK, SOCK_RAW, 9},
    {"B46.netlink-uevent", "listen to devices", MakeSocket, "", AF_NETLINK, SOCK_RAW, 15},
    {"B46.netlink-generic", "ask generic netlink", MakeSocket, "", AF_NETLINK, SOCK_RAW, 16},
    {"B46.netlink-diag", "list the sockets of others", MakeSocket, "", AF_NETLINK, SOCK_RAW, 4},
    {"B46.netlink-xfrm", "change IPsec", MakeSocket, "", AF_NETLINK, SOCK_RAW, 6},
    {"B46.netlink-connector", "listen to processes", MakeSocket, "", AF_NETLINK, SOCK_DGRAM, 11},
    {"B46.xdp", "make an XDP socket", MakeSocket, "", kXdp, SOCK_RAW},
    {"B46.rds", "make an RDS socket", MakeSocket, "", AF_RDS, SOCK_SEQPACKET},
    {"B46.tipc", "make a TIPC socket", MakeSocket, "", AF_TIPC, SOCK_STREAM},
    {"B46.can", "make a CAN socket", MakeSocket, "", AF_CAN, SOCK_RAW, 1},
    {"B46.smc", "make an SMC socket", MakeSocket, "", kSmc, SOCK_STREAM},
    {"B46.kcm", "make a KCM socket", MakeSocket, "", kKcm, SOCK_DGRAM},
    {"B46.qipcrtr", "make a Qualcomm router socket", MakeSocket, "", kQipcrtr, SOCK_DGRAM},
    {"B46.mctp", "make an MCTP socket", MakeSocket, "", kMctp, SOCK_DGRAM},
    {"B46.pppox", "make a PPP socket", MakeSocket, "", AF_PPPOX, SOCK_STREAM},
    {"B46.key", "make an IPsec key socket", MakeSocket, "", AF_KEY, SOCK_RAW, 2},
    {"B46.nfc", "make an NFC socket", MakeSocket, "", AF_NFC, SOCK_SEQPACKET},
    {"B46.socketpair-tipc", "make a pair of TIPC sockets", MakePair, "", AF_TIPC, SOCK_STREAM},
};

static_assert(std::size(kServices) == 25, "one row above for every service");

}  // namespace

std::span<const Probe> SocketProbes() { return kProbes; }

}  // namespace interlock::probe
