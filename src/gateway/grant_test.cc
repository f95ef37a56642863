#include "gateway/grant.h"

#include <gtest/gtest.h>

namespace interlock::gateway {
namespace {

json::object Asked(std::string place, std::string protocol = "http", std::int64_t seconds = 1800) {
  return {{"session", "s-1"},
          {"place", std::move(place)},
          {"protocol", std::move(protocol)},
          {"seconds", seconds},
          {"reason", "a mirror"}};
}

struct Place {
  std::string name;
  std::string place;
  std::string protocol;
  std::string wanted;  // as it is written down; "" when it can't be granted
};

class PlaceTest : public testing::TestWithParam<Place> {};

TEST_P(PlaceTest, IsReadAsItSays) {
  const Place& p = GetParam();
  const auto terms = ReadGrantTerms(Asked(p.place, p.protocol));
  if (p.wanted.empty()) {
    ASSERT_FALSE(terms);
    EXPECT_EQ(terms.error().code, Code::invalid_input);
    return;
  }
  ASSERT_TRUE(terms) << terms.error().message;
  EXPECT_EQ(PlaceOf(*terms), p.wanted);
}

INSTANTIATE_TEST_SUITE_P(
    Table, PlaceTest,
    testing::Values(
        Place{"a_name", "Files.Example.com", "http", "files.example.com"},
        Place{"a_name_and_port", "files.example.com:8443", "http", "files.example.com:8443"},
        Place{"a_public_address", "93.184.216.34:22", "tcp", "93.184.216.34:22"},
        Place{"a_public_v6_address", "[2606:4700:0::1111]:22", "tcp", "[2606:4700::1111]:22"},
        Place{"tcp_without_a_port", "files.example.com", "tcp", ""},
        Place{"nothing", "", "http", ""}, Place{"a_pattern", "*.example.com", "http", ""},
        Place{"a_url", "https://files.example.com/", "http", ""},
        Place{"user_info", "a@files.example.com", "http", ""},
        Place{"a_trailing_dot", "files.example.com.", "http", ""},
        Place{"a_shell_character", "files.example.com;id", "http", ""},
        Place{"not_ascii", "f\xc3\xadles.example.com", "http", ""},
        Place{"port_0", "files.example.com:0", "http", ""},
        Place{"a_port_beyond", "files.example.com:65536", "http", ""},
        Place{"a_port_of_words", "files.example.com:http", "http", ""},
        Place{"the_rooms_resolver", "files.example.com:53", "tcp", ""},
        Place{"localhost", "localhost:5432", "tcp", ""},
        Place{"below_localhost", "a.localhost", "http", ""},
        Place{"a_name_of_the_network", "db:5432", "tcp", ""},
        Place{"the_gateways_own_host", "interlock.internal", "http", ""},
        Place{"a_metadata_name", "metadata.google.internal", "http", ""},
        Place{"loopback", "127.0.0.1:5432", "tcp", ""},
        Place{"loopback_v6", "[::1]:5432", "tcp", ""},
        Place{"a_mapped_loopback", "[::ffff:127.0.0.1]:5432", "tcp", ""},
        Place{"metadata", "169.254.169.254", "http", ""},
        Place{"private_range", "10.1.2.3:22", "tcp", ""},
        Place{"unique_local", "[fd00::1]:22", "tcp", ""},
        Place{"a_short_address", "127.1:22", "tcp", ""},
        Place{"a_number", "2130706433:22", "tcp", ""}),
    [](const auto& place) { return place.param.name; });

TEST(Grant, LastsFromOneSecondToEightHours) {
  for (const std::int64_t seconds : {std::int64_t{1}, std::int64_t{8 * 3600}})
    EXPECT_TRUE(ReadGrantTerms(Asked("a.example", "http", seconds))) << seconds;
  for (const std::int64_t seconds :
       {std::int64_t{0}, std::int64_t{-5}, std::int64_t{8 * 3600 + 1}, INT64_MAX, INT64_MIN})
    EXPECT_FALSE(ReadGrantTerms(Asked("a.example", "http", seconds))) << seconds;
}

TEST(Grant, WithoutASessionIsRefused) {
  json::object asked = Asked("a.example");
  asked.erase("session");
  EXPECT_FALSE(ReadGrantTerms(asked));
}

TEST(Grant, AnUnknownProtocolIsRefused) {
  EXPECT_FALSE(ReadGrantTerms(Asked("a.example:1", "udp")));
}

TEST(Grant, TermsComeBackOutOfTheAction) {
  for (const auto& asked : {Asked("a.example"), Asked("a.example:8443"), Asked("8.8.8.8:22", "tcp"),
                            Asked("[2606:4700::1111]:22", "tcp")}) {
    const auto terms = ReadGrantTerms(asked);
    ASSERT_TRUE(terms) << terms.error().message;
    const auto back = GrantTermsOf(GrantAction(*terms));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, *terms);
  }
}

TEST(Grant, AnActionThatDiffersInAnythingIsNotAGrant) {
  const Action whole = GrantAction(*ReadGrantTerms(Asked("a.example")));
  EXPECT_TRUE(IsOwnOperation(whole));
  Action changed = whole;
  changed.request.scheme = "https";
  EXPECT_FALSE(GrantTermsOf(changed));
  changed = whole;
  changed.effect = Effect::read;
  EXPECT_FALSE(GrantTermsOf(changed));
  changed = whole;
  changed.request.body.replace(changed.request.body.find("a.example"), 9, "b.example");
  EXPECT_FALSE(GrantTermsOf(changed));
  changed = whole;
  changed.request.body += " ";
  EXPECT_FALSE(GrantTermsOf(changed));
  changed = whole;
  changed.request.body = "{}";
  EXPECT_FALSE(GrantTermsOf(changed));
}

TEST(Grant, TheActionSaysThatTcpPassesUnseen) {
  const Action tcp = GrantAction(*ReadGrantTerms(Asked("a.example:22", "tcp")));
  EXPECT_NE(tcp.because.find("can't be judged"), std::string::npos) << tcp.because;
  EXPECT_EQ(tcp.effect, Effect::irreversible);
}

TEST(Grant, CoversItsHostItsPortAndItsProtocolAlone) {
  const GrantTerms any = *ReadGrantTerms(Asked("a.example"));
  EXPECT_TRUE(Covers(any, GrantProtocol::judged_http, "a.example", 443));
  EXPECT_TRUE(Covers(any, GrantProtocol::judged_http, "a.example", 80));
  EXPECT_FALSE(Covers(any, GrantProtocol::judged_http, "a.example", 8443));
  EXPECT_FALSE(Covers(any, GrantProtocol::judged_http, "b.a.example", 443));
  EXPECT_FALSE(Covers(any, GrantProtocol::unseen_tcp, "a.example", 443));
  const GrantTerms one = *ReadGrantTerms(Asked("a.example:22", "tcp"));
  EXPECT_TRUE(Covers(one, GrantProtocol::unseen_tcp, "a.example", 22));
  EXPECT_FALSE(Covers(one, GrantProtocol::unseen_tcp, "a.example", 23));
  EXPECT_FALSE(Covers(one, GrantProtocol::judged_http, "a.example", 22));
}

TEST(Grant, TheCommandNamesOnlyWhatCanBeTyped) {
  EXPECT_EQ(GrantCommand("s-1", "a.example", 443),
            "interlock grant a.example --session s-1 --for 30m");
  EXPECT_EQ(GrantCommand("s-1", "a.example", 8443),
            "interlock grant a.example:8443 --session s-1 --for 30m");
  for (const char* host : {"$(id).example", "a b.example", "10.0.0.1", "localhost", "`id`", ""})
    EXPECT_EQ(GrantCommand("s-1", host, 443), "") << host;
}

}  // namespace
}  // namespace interlock::gateway
