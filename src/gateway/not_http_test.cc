#include "gateway/not_http.h"

#include <gtest/gtest.h>

namespace interlock::gateway {
namespace {

using namespace std::string_view_literals;
using Kind = FirstWords::Kind;

constexpr std::string_view kReason = "INTERLOCK DENIED: not sent, nothing changed.";

FirstWords On(std::string_view in) { return OnFirstWords(in, "db.test", 5432); }

TEST(NotHttp, TheReasonStandsInTheProtocolThatWasSpoken) {
  const struct {
    std::string_view in;
    std::string_view begins;
  } kCases[] = {
      {"SSH-2.0-OpenSSH_9.2\r\n", "SSH-2.0-Interlock\r\n"},
      {"\0\0\0\x20\0\x03\0\0user\0x\0\0"sv, "E"},
      {"*1\r\n$4\r\nPING\r\n", "-NOPERM INTERLOCK DENIED"},
  };
  for (const auto& c : kCases) {
    const FirstWords words = On(c.in);
    EXPECT_EQ(words.kind, Kind::refused) << c.in;
    EXPECT_TRUE(words.refusal.starts_with(c.begins)) << words.refusal;
    EXPECT_NE(words.refusal.find(kReason), std::string::npos) << words.refusal;
    EXPECT_NE(words.refusal.find("db.test:5432"), std::string::npos) << words.refusal;
  }
}

TEST(NotHttp, HttpAndTheUnknownAreNotItsBusiness) {
  for (const std::string_view in : {"GET / HTTP/1.1\r\n"sv, "SEARCH /"sv, "S\0"sv, "\x01"sv,
                                    "\0\0\0\x08\0\0\0\0"sv, "\0\0\xff\xff\0\x03\0\0"sv})
    EXPECT_EQ(On(in).kind, Kind::other) << in;
}

TEST(NotHttp, ABeginningThatCouldBeOneAsksForMore) {
  for (const std::string_view in : {""sv, "S"sv, "SSH"sv, "\0"sv, "\0\0\0\x08\x04\xd2\x16"sv})
    EXPECT_EQ(On(in).kind, Kind::more) << in;
}

TEST(NotHttp, PostgresIsToldThatThereIsNoEncryptionFirst) {
  for (const std::string_view in :
       {"\0\0\0\x08\x04\xd2\x16\x2f"sv, "\0\0\0\x08\x04\xd2\x16\x30"sv}) {
    EXPECT_EQ(On(in).kind, Kind::encryption);
    EXPECT_EQ(On(in).consumed, 8u);
  }
}

TEST(NotHttp, AnSshPacketFillsBlocksOfEight) {
  for (const std::string_view host : {"a", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg"}) {
    const std::string out = OnFirstWords("SSH-2.0-x\r\n", host, 22).refusal;
    const std::string packet = out.substr(out.find('\n') + 1);
    EXPECT_EQ(packet.size() % 8, 0u);
    EXPECT_EQ(static_cast<std::size_t>(static_cast<unsigned char>(packet[3])) + 4, packet.size());
    EXPECT_GE(packet[4], 4);
  }
}

TEST(NotHttp, WhoWaitsForAGreetingGetsOne) {
  const struct {
    unsigned port;
    std::string_view begins;
  } kCases[] = {{21, "421 I"},
                {25, "554 I"},
                {587, "554 I"},
                {110, "-ERR I"},
                {143, "* BYE I"},
                {22, "SSH-2.0-"},
                {4444, "INTERLOCK DENIED"}};
  for (const auto& c : kCases) {
    EXPECT_TRUE(RefusalToSilence("mail.test", c.port).starts_with(c.begins)) << c.port;
    EXPECT_EQ(ServerSpeaksFirst(c.port), c.port != 4444);
  }
  const std::string mysql = RefusalToSilence("db.test", 3306);
  EXPECT_EQ(mysql.substr(3, 4), "\0\xff\x6a\x04"sv);
  EXPECT_EQ(static_cast<unsigned char>(mysql[0]) + 4u, mysql.size());
}

TEST(NotHttp, AHostCantBreakOutOfItsLine) {
  const std::string out = RefusalToSilence("a\r\n250 ok\x1b", 25);
  EXPECT_EQ(out.find('\r'), out.size() - 2);
  EXPECT_EQ(out.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace interlock::gateway
