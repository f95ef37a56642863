#include "wire/tls/client_hello.h"

#include <gtest/gtest.h>

namespace interlock::tls {
namespace {

using namespace std::string_literals;

std::string Number(std::size_t value, int width) {
  std::string out;
  for (int shift = 8 * (width - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift & 0xff));
  }
  return out;
}

std::string Prefixed(const std::string& body, int width) {
  return Number(body.size(), width) + body;
}

std::string Extension(std::size_t type, const std::string& body) {
  return Number(type, 2) + Prefixed(body, 2);
}

std::string ServerName(const std::string& name) {
  return Extension(0, Prefixed("\0"s + Prefixed(name, 2), 2));
}

std::string Handshake(const std::string& extensions) {
  const std::string body = "\x03\x03" + std::string(32, 'r') + Prefixed(std::string(32, 's'), 1) +
                           Prefixed("\x13\x01\x13\x02", 2) + Prefixed("\0"s, 1) +
                           Prefixed(extensions, 2);
  return "\x01" + Prefixed(body, 3);
}

// One record per `part` bytes of handshake.
std::string Records(const std::string& handshake, std::size_t part = 16384) {
  std::string out;
  for (std::size_t at = 0; at < handshake.size(); at += part) {
    out += "\x16\x03\x01" + Prefixed(handshake.substr(at, part), 2);
  }
  return out;
}

const std::string kOrdinary =
    Extension(0x0a0a, "") + ServerName("API.Example.com") +
    Extension(16, Prefixed(Prefixed("h2", 1) + Prefixed("http/1.1", 1), 2)) +
    Extension(43, Prefixed("\x7a\x7a\x03\x04\x03\x03", 1)) + Extension(0xfe0d, "\0\0\1"s);

ClientHello Accepted(std::string_view in) {
  const auto step = SniffClientHello(in);
  if (const auto* bad = std::get_if<wire::Malformed>(&step)) ADD_FAILURE() << bad->reason;
  const auto* hello = std::get_if<ClientHello>(&step);
  EXPECT_NE(hello, nullptr);
  return hello ? *hello : ClientHello{};
}

std::string RefusalOf(std::string_view in) {
  const auto step = SniffClientHello(in);
  if (const auto* bad = std::get_if<wire::Malformed>(&step)) return std::string(bad->name);
  return std::holds_alternative<wire::NeedMore>(step) ? "needs more" : "accepted";
}

TEST(SniffClientHello, ReadsNameProtocolsAndVersion) {
  const ClientHello hello = Accepted(Records(Handshake(kOrdinary)));
  EXPECT_EQ(hello.server_name, "api.example.com");
  EXPECT_EQ(hello.alpn, (std::vector<std::string>{"h2", "http/1.1"}));
  EXPECT_TRUE(hello.has_ech);
  EXPECT_EQ(hello.version_max, 0x0304);
}

TEST(SniffClientHello, AbsentExtensionsLeaveTheirFieldsEmpty) {
  const ClientHello hello = Accepted(Records(Handshake("")));
  EXPECT_EQ(hello.server_name, "");
  EXPECT_TRUE(hello.alpn.empty());
  EXPECT_FALSE(hello.has_ech);
  EXPECT_EQ(hello.version_max, 0x0303);
}

TEST(SniffClientHello, SplittingOverRecordsChangesNothing) {
  const std::string handshake = Handshake(kOrdinary);
  const ClientHello whole = Accepted(Records(handshake));
  for (std::size_t part = 4; part < handshake.size(); ++part) {
    EXPECT_EQ(Accepted(Records(handshake, part)), whole) << part;
  }
}

TEST(SniffClientHello, EveryStrictPrefixNeedsMore) {
  const std::string handshake = Handshake(kOrdinary);
  for (const std::size_t part : {std::size_t{5}, std::size_t{40}, std::size_t{16384}}) {
    const std::string whole = Records(handshake, part);
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
      EXPECT_EQ(RefusalOf(std::string_view(whole).substr(0, cut)), "needs more") << cut;
    }
    EXPECT_EQ(Accepted(whole + "more"), Accepted(whole));
  }
}

TEST(SniffClientHello, RefusesEverythingElseUnderItsName) {
  const std::string good = ServerName("a.example");
  std::string many;
  for (std::size_t type = 1000; type < 1065; ++type) many += Extension(type, "");
  const struct {
    std::string in;
    std::string_view name;
  } cases[] = {
      {"GET / HTTP/1.1\r\n", "not-tls"},
      {"\x17\x03\x03", "not-tls"},
      {"\x16\x02", "not-tls"},
      {"\x16\x03\x01\0\0"s, "bad-client-hello"},
      {"\x16\x03\x01\x40\x01"s, "bad-client-hello"},
      {"\x16\x03\x01\0\x04\x02\0\0\0"s, "not-client-hello"},
      {"\x16\x03\x01\0\x04\x01\0\x40\x01"s, "client-hello-too-large"},
      {Records(Handshake(good) + "x"), "bad-client-hello"},
      {Records(Handshake(good), 1), "bad-client-hello"},
      {Records(Handshake(good + good)), "duplicate-extension"},
      {Records(Handshake(many)), "duplicate-extension"},
      {Records(Handshake(good + "\0"s)), "bad-client-hello"},
      {Records(Handshake(ServerName("127.0.0.1"))), "bad-server-name"},
      {Records(Handshake(ServerName("[::1]"))), "bad-server-name"},
      {Records(Handshake(ServerName(""))), "bad-server-name"},
      {Records(Handshake(ServerName("a.example\0.b"s))), "bad-server-name"},
      {Records(Handshake(ServerName("a.example."))), "bad-server-name"},
      {Records(Handshake(
           Extension(0, Prefixed("\0"s + Prefixed("a", 2) + "\0"s + Prefixed("b", 2), 2)))),
       "bad-server-name"},
      {Records(Handshake(Extension(0, ""))), "bad-client-hello"},
      {Records(Handshake(Extension(16, Prefixed("", 2)))), "bad-client-hello"},
      {Records(Handshake(Extension(16, Prefixed("\x05h2", 2)))), "bad-client-hello"},
      {Records(Handshake(Extension(43, Prefixed("\x03", 1)))), "bad-client-hello"},
  };
  for (const auto& one : cases) EXPECT_EQ(RefusalOf(one.in), one.name);
}

}  // namespace
}  // namespace interlock::tls
