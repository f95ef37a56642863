#include "wire/host_name.h"

#include <gtest/gtest.h>

namespace interlock::wire {
namespace {

struct Good {
  std::string_view text;
  std::string_view host;
  HostKind kind;
};

TEST(ParseHost, AcceptsTheOneSpelling) {
  constexpr Good kGood[] = {
      {"example.com", "example.com", HostKind::name},
      {"API.Example.COM", "api.example.com", HostKind::name},
      {"localhost", "localhost", HostKind::name},
      {"my_service", "my_service", HostKind::name},
      {"xn--bcher-kva.example", "xn--bcher-kva.example", HostKind::name},
      {"0xbadhost.example", "0xbadhost.example", HostKind::name},
      {"1.2.3.4.example", "1.2.3.4.example", HostKind::name},
      {"127.0.0.1", "127.0.0.1", HostKind::ipv4},
      {"255.255.255.255", "255.255.255.255", HostKind::ipv4},
      {"[::1]", "[::1]", HostKind::ipv6},
      {"[2001:DB8:0:0::1]", "[2001:db8::1]", HostKind::ipv6},
      {"[::ffff:127.0.0.1]", "[::ffff:127.0.0.1]", HostKind::ipv6},
  };
  for (const Good& good : kGood) {
    const auto parsed = ParseHost(good.text);
    ASSERT_TRUE(std::holds_alternative<Host>(parsed)) << good.text;
    EXPECT_EQ(std::get<Host>(parsed), (Host{std::string(good.host), good.kind})) << good.text;
  }
}

struct Bad {
  std::string_view text;
  std::string_view name;
};

TEST(ParseHost, RefusesEveryOtherSpelling) {
  using namespace std::string_view_literals;
  const std::string long_label = std::string(64, 'a') + ".example";
  std::string long_name;
  for (int i = 0; i < 64; ++i) long_name += "abc.";
  long_name.pop_back();
  const Bad bad[] = {
      {"", "empty-host"},
      {"user@example.com", "userinfo-in-host"},
      {"example%2ecom", "percent-in-host"},
      {"attacker.example\0.google.com"sv, "nul-in-host"},
      {"b\xc3\xbc"
       "cher.example",
       "non-ascii-host"},
      {"example.com.", "trailing-dot-in-host"},
      {"example.com..", "trailing-dot-in-host"},
      {"a..b", "bad-host"},
      {".a", "bad-host"},
      {"-a.example", "bad-host"},
      {"a-.example", "bad-host"},
      {"a b", "bad-host"},
      {"a\tb", "bad-host"},
      {"a\r\nb", "bad-host"},
      {"a/b", "bad-host"},
      {"a\\b", "bad-host"},
      {"a,b", "bad-host"},
      {long_label, "bad-host"},
      {long_name, "bad-host"},
      {"2130706433", "ambiguous-ip"},
      {"127.1", "ambiguous-ip"},
      {"0177.0.0.1", "ambiguous-ip"},
      {"017700000001", "ambiguous-ip"},
      {"0x7f000001", "ambiguous-ip"},
      {"0x7F.0.0.1", "ambiguous-ip"},
      {"127.0.0.0x1", "ambiguous-ip"},
      {"127.0.0.01", "ambiguous-ip"},
      {"256.0.0.1", "ambiguous-ip"},
      {"1.2.3.4.5", "ambiguous-ip"},
      {"example.1", "ambiguous-ip"},
      {"example.0x", "ambiguous-ip"},
      {"[fe80::1%eth0]", "bad-host"},
      {"[::1", "bad-host"},
      {"[]", "bad-host"},
      {"[::g]", "bad-host"},
      {"[127.0.0.1]", "bad-host"},
      {"::1", "bad-host"},
  };
  for (const Bad& one : bad) {
    const auto parsed = ParseHost(one.text);
    ASSERT_TRUE(std::holds_alternative<Malformed>(parsed)) << one.text;
    EXPECT_EQ(std::get<Malformed>(parsed).name, one.name) << one.text;
  }
}

}  // namespace
}  // namespace interlock::wire
