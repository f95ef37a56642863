#include "gateway/reach.h"

#include <gtest/gtest.h>

#include <boost/asio/ip/address.hpp>

namespace interlock::gateway {
namespace {

struct Good {
  const char* name;
  const char* text;
  Reach reach;
};
class GoodReach : public testing::TestWithParam<Good> {};
TEST_P(GoodReach, IsUnderstood) {
  const auto reach = ParseReach(GetParam().text);
  ASSERT_TRUE(reach) << reach.error().message;
  EXPECT_EQ(*reach, GetParam().reach);
}
const std::string kAlias(kHostAlias);
const Good kGood[] = {
    {"a_name_keeps_its_name", "DB.lan:5432", {"db.lan", 5432, "db.lan"}},
    {"a_private_address_is_itself", "10.0.0.7:8080", {"10.0.0.7", 8080, "10.0.0.7"}},
    {"a_shared_address_is_itself", "100.64.1.2:80", {"100.64.1.2", 80, "100.64.1.2"}},
    {"unique_local_ipv6_is_itself", "[fd00::7]:80", {"[fd00::7]", 80, "fd00::7"}},
    {"a_public_address_is_itself", "93.184.216.34:443", {"93.184.216.34", 443, "93.184.216.34"}},
    {"localhost_gets_the_alias", "localhost:3000", {kAlias, 3000, "localhost"}},
    {"a_name_below_localhost_too", "api.localhost:3000", {kAlias, 3000, "localhost"}},
    {"loopback_gets_the_alias", "127.0.0.2:1", {kAlias, 1, "127.0.0.2"}},
    {"ipv6_loopback_gets_the_alias", "[::1]:65535", {kAlias, 65535, "::1"}},
};
INSTANTIATE_TEST_SUITE_P(Table, GoodReach, testing::ValuesIn(kGood),
                         [](const auto& one) { return std::string(one.param.name); });

struct Bad {
  const char* name;
  const char* text;
  const char* why;
};
class BadReach : public testing::TestWithParam<Bad> {};
TEST_P(BadReach, IsRefusedWithAReasonThatTeaches) {
  const auto reach = ParseReach(GetParam().text);
  ASSERT_FALSE(reach) << ToString(*reach);
  EXPECT_EQ(reach.error().code, Code::invalid_input);
  EXPECT_NE(reach.error().message.find(GetParam().why), std::string::npos) << reach.error().message;
}
constexpr Bad kBad[] = {
    {"nothing", "", "no port"},
    {"no_port", "db.lan", "no port"},
    {"no_host", ":5432", "HOST:PORT"},
    {"port_0", "db.lan:0", "1 to 65535"},
    {"port_too_large", "db.lan:65536", "1 to 65535"},
    {"port_far_too_large", "db.lan:4294972728", "1 to 65535"},
    {"port_with_a_sign", "db.lan:+80", "1 to 65535"},
    {"a_url", "http://db.lan:80", "scheme"},
    {"bare_ipv6", "fd00::7:80", "brackets"},
    {"ipv6_without_port", "[fd00::7]", "no port"},
    {"user_info", "me@db.lan:80", "HOST:PORT"},
    {"odd_ipv4", "127.1:80", "HOST:PORT"},
    {"decimal_ipv4", "2130706433:80", "HOST:PORT"},
    {"trailing_dot", "db.lan.:80", "HOST:PORT"},
    {"control_characters", "db\x1b[2J.lan:80", "HOST:PORT"},
    {"our_own_host", "interlock.internal:80", "Interlock's own"},
    {"the_alias_itself", "host.interlock.internal:80", "Interlock's own"},
    {"aws_metadata", "169.254.169.254:80", "link-local"},
    {"any_link_local", "169.254.1.1:80", "link-local"},
    {"aws_metadata_v6", "[fd00:ec2::254]:80", "metadata"},
    {"google_metadata_v6", "[fd20:ce::254]:80", "metadata"},
    {"alibaba_metadata", "100.100.100.200:80", "metadata"},
    {"aws_pod_identity_v6", "[fd00:ec2::23]:80", "metadata"},
    {"scaleway_metadata_v6", "[fd00:42::42]:80", "metadata"},
    {"azure_wire_server", "168.63.129.16:80", "metadata"},
    {"link_local_v6", "[fe80::1]:80", "not global unicast"},
    {"every_address", "0.0.0.0:80", "this network"},
    {"every_v6_address", "[::]:80", "not global unicast"},
    {"mapped_metadata", "[::ffff:169.254.169.254]:80", ""},
    {"multicast", "224.0.0.1:80", "multicast"},
};
INSTANTIATE_TEST_SUITE_P(Table, BadReach, testing::ValuesIn(kBad),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(OwnPorts, ArePresentUntilTheLastSessionWithThemEnds) {
  OwnPorts ports;
  ports.Add(3000);
  ports.Add(3000);
  ports.Remove(3000);
  EXPECT_TRUE(ports.Has(3000));
  ports.Remove(3000);
  ports.Remove(3000);
  EXPECT_FALSE(ports.Has(3000));
}

TEST(ReachedProtocols, OnlyTlsAndHttpAreServed) {
  for (int first = -1; first < 256; ++first) {
    const Spoken spoken = ProtocolOf(first).spoken;
    const bool letter = (first >= 'A' && first <= 'Z') || (first >= 'a' && first <= 'z');
    EXPECT_EQ(spoken == Spoken::tls, first == 0x16) << first;
    EXPECT_EQ(spoken == Spoken::http, letter) << first;
    EXPECT_FALSE(ProtocolOf(first).name.empty()) << first;
  }
}

}  // namespace
}  // namespace interlock::gateway
