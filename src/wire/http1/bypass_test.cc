// The ways past an HTTP front that are known from other tools: each is met by a refusal with a
// name, or by a value the caller can't overlook.
#include <gtest/gtest.h>

#include "wire/dns/message.h"
#include "wire/http1/body.h"
#include "wire/http1/message.h"
#include "wire/http1/target.h"
#include "wire/tls/client_hello.h"

namespace interlock::http1 {
namespace {

using namespace std::string_literals;

std::string RefusalOf(std::string_view in) {
  const auto step = ParseRequestHead(in);
  if (const auto* refusal = std::get_if<Malformed>(&step)) return std::string(refusal->name);
  return std::holds_alternative<NeedMore>(step) ? "needs more" : "accepted";
}

std::string ConnectTo(const std::string& target) {
  return RefusalOf("CONNECT " + target + " HTTP/1.1\r\nHost: a.example\r\n\r\n");
}

std::string Get(const std::string& fields) {
  return RefusalOf("GET / HTTP/1.1\r\nHost: a.example\r\n" + fields + "\r\n");
}

TEST(HostTricks, AConnectTargetHasOneReading) {
  EXPECT_EQ(ConnectTo("a.example:443"), "accepted");
  EXPECT_EQ(ConnectTo("A.EXAMPLE:443"), "accepted");
  EXPECT_EQ(ConnectTo("attacker.example\0.a.example:443"s), "nul-in-target");
  EXPECT_EQ(ConnectTo("a.example.:443"), "trailing-dot-in-host");
  EXPECT_EQ(ConnectTo("a%2eexample:443"), "percent-in-host");
  EXPECT_EQ(ConnectTo("attacker.example@a.example:443"), "userinfo-in-host");
  EXPECT_EQ(ConnectTo("a.example:443@attacker.example:443"), "userinfo-in-host");
  EXPECT_EQ(ConnectTo("a.ex\xd0\xb0mple:443"), "non-ascii-in-target");
  EXPECT_EQ(ConnectTo("xn--a-7sb.example:443"), "host-mismatch");
  EXPECT_EQ(ConnectTo("a.example\t:443"), "control-in-target");
  EXPECT_EQ(ConnectTo("a.example\r:443"), "bare-cr");
  EXPECT_EQ(ConnectTo("a.example\n:443"), "bare-lf");
  EXPECT_EQ(ConnectTo("2130706433:443"), "ambiguous-ip");
  EXPECT_EQ(ConnectTo("0x7f.1:443"), "ambiguous-ip");
  EXPECT_EQ(ConnectTo("0177.0.0.1:443"), "ambiguous-ip");
}

TEST(HostTricks, EveryPlaceThatNamesTheHostAgrees) {
  EXPECT_EQ(RefusalOf("CONNECT a.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n"),
            "host-mismatch");
  EXPECT_EQ(RefusalOf("GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n"),
            "host-mismatch");
  EXPECT_EQ(Get("Host: b.example\r\n"), "several-hosts");
  EXPECT_EQ(Get("X-Forwarded-Host: b.example\r\n"), "host-override");
}

TEST(Smuggling, LengthsHaveOneReading) {
  EXPECT_EQ(Get("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"),
            "transfer-encoding-and-content-length");
  EXPECT_EQ(Get("Content-Length: 4\r\nContent-Length: 4\r\n"), "duplicate-content-length");
  EXPECT_EQ(Get("Transfer-Encoding: xchunked\r\n"), "transfer-encoding-unknown");
  EXPECT_EQ(Get("Transfer-Encoding : chunked\r\n"), "space-before-colon");
  EXPECT_EQ(Get("Transfer-Encoding:\r\n chunked\r\n"), "obs-fold");
  EXPECT_EQ(Get("X: y\nTransfer-Encoding: chunked\r\n"), "bare-lf");
  EXPECT_EQ(RefusalOf("GET /\r\n"), "http-0-9");
  for (const std::string_view body :
       {"-1\r\n", "fffffffffffffffff\r\n", "1;x\r\n", "1\nx", "0\r\nX: y\r\n\r\n"}) {
    ChunkedDecoder decoder(Trailers::refused);
    EXPECT_TRUE(std::holds_alternative<Malformed>(decoder.Next(body))) << body;
  }
}

TEST(Http2, IsNeverSpokenUnseen) {
  EXPECT_EQ(Get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"),
            "upgrade-h2c");
  EXPECT_EQ(Get("Upgrade: h2c\r\n"), "upgrade-h2c");
  EXPECT_EQ(RefusalOf("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "http2-preface");
}

TEST(WebSocket, IsReportedAndNeverEntered) {
  const auto step = ParseRequestHead(
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  ASSERT_TRUE(std::holds_alternative<RequestHead>(step));
  RequestHead head = std::get<RequestHead>(step);
  EXPECT_TRUE(head.wants_websocket);
  StripHopByHop(head.fields);
  EXPECT_EQ(Find(head.fields, "upgrade"), nullptr);
  EXPECT_TRUE(std::holds_alternative<Malformed>(
      ParseResponseHead("HTTP/1.1 101 Switching Protocols\r\n\r\n", "GET")));
}

TEST(MethodTricks, TheMethodIsTheOneInTheRequestLine) {
  EXPECT_EQ(Get("X-HTTP-Method-Override: DELETE\r\n"), "method-override");
  EXPECT_EQ(Get("X-Method-Override: DELETE\r\n"), "method-override");
  EXPECT_EQ(CheckTarget("/volumes/1?_method=DELETE")->name, "method-override");
  EXPECT_EQ(RefusalOf("dElEtE / HTTP/1.1\r\nHost: a\r\n\r\n"), "method-case");
  EXPECT_EQ(RefusalOf("MKCOL / HTTP/1.1\r\nHost: a\r\n\r\n"), "method-unknown");
  const auto step = ParseRequestHead("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
  ASSERT_TRUE(std::holds_alternative<RequestHead>(step));
  EXPECT_EQ(std::get<RequestHead>(step).framing, (Framing{FramingKind::length, 9}));
}

TEST(PathTricks, AGuardedPathHasOneReading) {
  for (const std::string_view path :
       {"/a/./b", "/a/../b", "/a/%2e%2e/b", "/a/%252e%252e/b", "/a;jsessionid=1", "/a%00",
        "/%c0%ae%c0%ae/b", "/a\\b", "/a./b", "/a;x=1/b", "/a%2fb", "/%61"}) {
    EXPECT_TRUE(CheckPath(path).has_value()) << path;
  }
}

TEST(TlsTricks, IsNotTakenForHttp) {
  EXPECT_EQ(RefusalOf("\x16\x03\x01\x02"), "tls-not-http");
  EXPECT_TRUE(tls::LooksLikeTls("\x16\x03\x01\x02"));
  EXPECT_FALSE(tls::LooksLikeTls("GET"));
}

}  // namespace
}  // namespace interlock::http1
