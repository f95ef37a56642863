#include "sandbox/netlink.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cstring>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace interlock::sandbox {
namespace {

constexpr int kLoopbackIndex = 1;  // of every new network namespace
constexpr char kTable[] = "interlock";
constexpr char kChain[] = "capture";
constexpr std::int32_t kPriority =
    -150;  // where tproxy rules belong: before routing decides (mangle)

template <typename T>
std::string_view Raw(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// A run of netlink messages with nested attributes, each padded to 4 bytes.
class Messages {
 public:
  template <typename Header>
  void Begin(std::uint16_t type, std::uint16_t flags, const Header& header) {
    start_ = bytes_.size();
    nlmsghdr message{};
    message.nlmsg_type = type;
    message.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    message.nlmsg_seq = ++sequence_;
    if ((flags & NLM_F_ACK) != 0) ++acks_;
    bytes_ += Raw(message);
    bytes_ += Raw(header);
    Pad();
    Close();
  }
  void Attribute(std::uint16_t type, std::string_view value) {
    const nlattr header{static_cast<std::uint16_t>(NLA_HDRLEN + value.size()), type};
    bytes_ += Raw(header);
    bytes_ += value;
    Pad();
    Close();
  }
  void Text(std::uint16_t type, const char* value) {
    Attribute(type, {value, std::strlen(value) + 1});
  }
  void Big32(std::uint16_t type, std::uint32_t value) { Attribute(type, Raw(htonl(value))); }
  template <typename Inner>
  void Nested(std::uint16_t type, Inner inner) {
    const std::size_t at = bytes_.size();
    nlattr header{0, static_cast<std::uint16_t>(type | NLA_F_NESTED)};
    bytes_ += Raw(header);
    inner();
    header.nla_len = static_cast<std::uint16_t>(bytes_.size() - at);
    std::memcpy(bytes_.data() + at, &header, sizeof header);
    Close();
  }
  const std::string& bytes() const { return bytes_; }
  int acks() const { return acks_; }

 private:
  void Pad() { bytes_.resize(NLMSG_ALIGN(bytes_.size())); }
  // Keeps the length of the message that is being written.
  void Close() {
    const auto length = static_cast<std::uint32_t>(bytes_.size() - start_);
    std::memcpy(bytes_.data() + start_, &length, sizeof length);
  }
  std::string bytes_;
  std::size_t start_ = 0;
  std::uint32_t sequence_ = 0;
  int acks_ = 0;
};

// The errno of the first refusal in one datagram of answers, and how many acknowledgements it held.
int CountAcks(const char* data, std::size_t size, int& acks) {
  std::size_t at = 0;
  while (at + sizeof(nlmsghdr) <= size) {
    nlmsghdr header{};
    std::memcpy(&header, data + at, sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > size - at) return EBADMSG;
    if (header.nlmsg_type == NLMSG_ERROR) {
      int error = 0;
      if (header.nlmsg_len < sizeof header + sizeof error) return EBADMSG;
      std::memcpy(&error, data + at + sizeof header, sizeof error);
      if (error != 0) return -error;
      ++acks;
    }
    at += NLMSG_ALIGN(header.nlmsg_len);
  }
  return 0;
}

// Sends and waits for every acknowledgement. The kernel answers a request before send returns, so
// the timeout only guards against a kernel that forgets one.
Outcome<void> Transact(int protocol, const Messages& messages, Step step, const char* what) {
  UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  if (!socket.valid()) return Broken(step, what);
  const timeval limit{5, 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (sendto(socket.get(), messages.bytes().data(), messages.bytes().size(), 0,
             reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) < 0) {
    return Broken(step, what);
  }
  char answer[8192];
  for (int acks = 0; acks < messages.acks();) {
    const ssize_t got = recv(socket.get(), answer, sizeof answer, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Broken(step, what);
    const int error = CountAcks(answer, static_cast<std::size_t>(got), acks);
    if (error != 0) return Broken(step, what, error);
  }
  return {};
}

constexpr std::uint16_t NfType(int message) {
  return static_cast<std::uint16_t>((NFNL_SUBSYS_NFTABLES << 8) | message);
}

// One nf_tables rule: expressions that load, compare and act, in the terms of nf_tables.h.
class Rule {
 public:
  Rule(Messages& messages, std::uint8_t nf_family) : m_(messages), family_(nf_family) {}

  void Meta(std::uint32_t key) {
    Expression("meta", [&] {
      m_.Big32(NFTA_META_KEY, key);
      m_.Big32(NFTA_META_DREG, NFT_REG_1);
    });
  }
  void NetworkHeader(std::uint32_t offset, std::uint32_t length) {
    Expression("payload", [&] {
      m_.Big32(NFTA_PAYLOAD_DREG, NFT_REG_1);
      m_.Big32(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
      m_.Big32(NFTA_PAYLOAD_OFFSET, offset);
      m_.Big32(NFTA_PAYLOAD_LEN, length);
    });
  }
  void Equals(std::string_view value) {
    Expression("cmp", [&] {
      m_.Big32(NFTA_CMP_SREG, NFT_REG_1);
      m_.Big32(NFTA_CMP_OP, NFT_CMP_EQ);
      m_.Nested(NFTA_CMP_DATA, [&] { m_.Attribute(NFTA_DATA_VALUE, value); });
    });
  }
  void TransparentProxy(std::uint16_t port) {
    Expression("immediate", [&] {
      m_.Big32(NFTA_IMMEDIATE_DREG, NFT_REG_1);
      m_.Nested(NFTA_IMMEDIATE_DATA, [&] { m_.Attribute(NFTA_DATA_VALUE, Raw(htons(port))); });
    });
    Expression("tproxy", [&] {
      m_.Big32(NFTA_TPROXY_FAMILY, family_);
      m_.Big32(NFTA_TPROXY_REG_PORT, NFT_REG_1);
    });
  }
  void Accept() {
    Expression("immediate", [&] {
      m_.Big32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
      m_.Nested(NFTA_IMMEDIATE_DATA, [&] {
        m_.Nested(NFTA_DATA_VERDICT, [&] { m_.Big32(NFTA_VERDICT_CODE, NF_ACCEPT); });
      });
    });
  }

 private:
  template <typename Data>
  void Expression(const char* name, Data data) {
    m_.Nested(NFTA_LIST_ELEM, [&] {
      m_.Text(NFTA_EXPR_NAME, name);
      m_.Nested(NFTA_EXPR_DATA, data);
    });
  }
  Messages& m_;
  std::uint8_t family_;
};

template <typename Body>
void AddRule(Messages& messages, std::uint8_t nf_family, Body body) {
  messages.Begin(NfType(NFT_MSG_NEWRULE), NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK,
                 nfgenmsg{NFPROTO_INET, NFNETLINK_V0, 0});
  messages.Text(NFTA_RULE_TABLE, kTable);
  messages.Text(NFTA_RULE_CHAIN, kChain);
  messages.Nested(NFTA_RULE_EXPRESSIONS, [&] {
    Rule rule(messages, nf_family);
    rule.Meta(NFT_META_NFPROTO);
    rule.Equals(Raw(nf_family));
    body(rule);
    rule.Accept();
  });
}

void AddCaptureRule(Messages& messages, std::uint8_t nf_family, std::uint16_t port) {
  AddRule(messages, nf_family, [&](Rule& rule) {
    constexpr std::uint8_t kTcp = IPPROTO_TCP;
    rule.Meta(NFT_META_L4PROTO);
    rule.Equals(Raw(kTcp));
    rule.TransparentProxy(port);
  });
}

void AddTableAndChain(Messages& messages) {
  const nfgenmsg inet{NFPROTO_INET, NFNETLINK_V0, 0};
  messages.Begin(NfType(NFT_MSG_NEWTABLE), NLM_F_CREATE | NLM_F_ACK, inet);
  messages.Text(NFTA_TABLE_NAME, kTable);
  messages.Begin(NfType(NFT_MSG_NEWCHAIN), NLM_F_CREATE | NLM_F_ACK, inet);
  messages.Text(NFTA_CHAIN_TABLE, kTable);
  messages.Text(NFTA_CHAIN_NAME, kChain);
  messages.Nested(NFTA_CHAIN_HOOK, [&] {
    messages.Big32(NFTA_HOOK_HOOKNUM, NF_INET_PRE_ROUTING);
    messages.Big32(NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(kPriority));
  });
  messages.Text(NFTA_CHAIN_TYPE, "filter");
}

}  // namespace

Outcome<void> RaiseLoopback() {
  UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (!socket.valid() || ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) {
    return Broken(Step::network, "bring up the loopback of the room");
  }
  return {};
}

Outcome<void> OwnEveryAddress(Family family) {
  rtmsg route{};
  route.rtm_family = family == Family::v4 ? AF_INET : AF_INET6;
  route.rtm_table = RT_TABLE_LOCAL;
  route.rtm_protocol = RTPROT_BOOT;
  route.rtm_scope = family == Family::v4 ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
  route.rtm_type = RTN_LOCAL;
  Messages messages;
  messages.Begin(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, route);
  messages.Attribute(RTA_OIF, Raw(kLoopbackIndex));
  return Transact(NETLINK_ROUTE, messages, Step::network,
                  family == Family::v4 ? "route every IPv4 address to the room"
                                       : "route every IPv6 address to the room");
}

Outcome<void> CaptureTcp(std::uint16_t port, bool with_v6) {
  const nfgenmsg batch{AF_UNSPEC, NFNETLINK_V0, htons(NFNL_SUBSYS_NFTABLES)};
  Messages messages;
  messages.Begin(NFNL_MSG_BATCH_BEGIN, 0, batch);
  AddTableAndChain(messages);
  // Loopback stays the room's own, so that a development server inside can be reached.
  AddRule(messages, NFPROTO_IPV4, [](Rule& rule) {
    rule.NetworkHeader(16, 1);  // RFC 791: first byte of the destination
    rule.Equals("\x7f");
  });
  AddCaptureRule(messages, NFPROTO_IPV4, port);
  if (with_v6) {
    AddRule(messages, NFPROTO_IPV6, [](Rule& rule) {
      rule.NetworkHeader(24, 16);  // RFC 8200: the destination
      rule.Equals(Raw(in6addr_loopback));
    });
    AddCaptureRule(messages, NFPROTO_IPV6, port);
  }
  messages.Begin(NFNL_MSG_BATCH_END, 0, batch);
  return Transact(NETLINK_NETFILTER, messages, Step::capture, "capture the room's connections");
}

}  // namespace interlock::sandbox
