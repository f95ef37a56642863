#include <gtest/gtest.h>

#include "wire/http1/message.h"

namespace interlock::http1 {
namespace {

using namespace std::string_view_literals;

ResponseHead Accepted(std::string_view in, std::string_view method = "GET") {
  const auto step = ParseResponseHead(in, method);
  const auto* head = std::get_if<ResponseHead>(&step);
  if (const auto* refusal = std::get_if<Malformed>(&step)) {
    ADD_FAILURE() << refusal->name << ": " << in;
  } else if (!head) {
    ADD_FAILURE() << "incomplete: " << in;
  }
  return head ? *head : ResponseHead{};
}

std::string RefusalOf(std::string_view in, std::string_view method = "GET") {
  const auto step = ParseResponseHead(in, method);
  if (const auto* refusal = std::get_if<Malformed>(&step)) {
    EXPECT_EQ(refusal->http_status, 502) << in;
    return std::string(refusal->name);
  }
  return std::holds_alternative<NeedMore>(step) ? "needs more" : "accepted";
}

constexpr std::string_view kJson =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

TEST(ParseResponseHead, ReadsAnOrdinaryAnswer) {
  const ResponseHead head = Accepted(kJson);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.reason, "OK");
  EXPECT_EQ(head.framing, (Framing{FramingKind::length, 2}));
  EXPECT_TRUE(head.keep_alive);
  EXPECT_FALSE(head.interim);
  EXPECT_EQ(kJson.substr(head.consumed), "{}");
}

struct Framed {
  std::string_view why;
  std::string_view in;
  std::string_view method;
  Framing framing;
  Framing announced;
  bool keep_alive;
};

TEST(ParseResponseHead, FramingFollowsRfc9112Section63) {
  constexpr Framing kNone{};
  constexpr Framing kFive{FramingKind::length, 5};
  constexpr Framing kZero{FramingKind::length, 0};
  constexpr Framing kChunked{FramingKind::chunked, 0};
  constexpr Framing kUntilClose{FramingKind::until_close, 0};
  const Framed cases[] = {
      {"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "GET", kChunked,
       kChunked, true},
      {"nothing_said", "HTTP/1.1 200 OK\r\n\r\n", "GET", kUntilClose, kNone, false},
      {"http_1_0", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", "GET", kFive, kFive, false},
      {"close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n", "GET", kFive,
       kFive, false},
      {"head", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD", kNone, kFive, true},
      {"head_chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HEAD", kNone,
       kChunked, true},
      {"not_modified", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "GET", kNone,
       kFive, true},
      {"no_content", "HTTP/1.1 204 No Content\r\n\r\n", "DELETE", kNone, kNone, true},
      {"no_content_zero", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "DELETE", kNone,
       kZero, true},
      {"continue", "HTTP/1.1 100 Continue\r\n\r\n", "POST", kNone, kNone, true},
      {"tunnel", "HTTP/1.1 200 Connection established\r\n\r\n", "CONNECT", kNone, kNone, true},
      {"tunnel_refused", "HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\n", "CONNECT", kFive,
       kFive, true},
      {"equal_lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", "GET",
       kFive, kFive, true},
      {"no_reason", "HTTP/1.1 200\r\nContent-Length: 5\r\n\r\n", "GET", kFive, kFive, true},
      {"empty_reason", "HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\n", "GET", kFive, kFive, true},
      {"connection_names_te",
       "HTTP/1.1 200 OK\r\nConnection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n",
       "GET", kChunked, kChunked, true},
  };
  for (const Framed& one : cases) {
    const ResponseHead head = Accepted(one.in, one.method);
    EXPECT_EQ(head.framing, one.framing) << one.why;
    EXPECT_EQ(head.announced, one.announced) << one.why;
    EXPECT_EQ(head.keep_alive, one.keep_alive) << one.why;
    EXPECT_EQ(head.interim, head.status < 200) << one.why;
  }
}

struct Claim {
  std::string_view in;
  std::string_view refusal;
};

#define OK "HTTP/1.1 200 OK\r\n"

constexpr Claim kRefused[] = {
    {"ICY 200 OK\r\n\r\n", "http-version"},
    {"HTTP/2 200\r\n\r\n", "http-version"},
    {"HTTP/1.2 200 OK\r\n\r\n", "http-version"},
    {"\x15\x03\x03", "http-version"},
    {"HTTP/1.1 20 OK\r\n\r\n", "bad-status-line"},
    {"HTTP/1.1 2000 OK\r\n\r\n", "bad-status-line"},
    {"HTTP/1.1 099 OK\r\n\r\n", "bad-status-line"},
    {"HTTP/1.1 600 OK\r\n\r\n", "bad-status-line"},
    {"HTTP/1.1  200 OK\r\n\r\n", "bad-status-line"},
    {"HTTP/1.1 200 O\x01K\r\n\r\n", "bad-status-line"},
    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", "switching-protocols"},
    {"HTTP/1.1 200 OK\n\r\n", "bare-lf"},
    {OK "A: 1\n\r\n", "bare-lf"},
    {OK "A: 1\r2\r\n\r\n", "bare-cr"},
    {OK "A: 1\r\n 2\r\n\r\n", "obs-fold"},
    {OK "A : 1\r\n\r\n", "space-before-colon"},
    {OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
     "transfer-encoding-and-content-length"},
    {OK "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", "duplicate-content-length"},
    {OK "Content-Length: 1, 1\r\n\r\n", "bad-content-length"},
    {OK "Content-Length: -1\r\n\r\n", "bad-content-length"},
    {OK "Transfer-Encoding: gzip, chunked\r\n\r\n", "transfer-encoding-unknown"},
    {OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     "duplicate-transfer-encoding"},
    {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "transfer-encoding-in-http-1-0"},
    {"HTTP/1.1 204 No Content\r\nContent-Length: 1\r\n\r\n", "body-not-allowed"},
    {"HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n", "body-not-allowed"},
    {OK "Connection: Content-Length\r\nContent-Length: 1\r\n\r\n", "connection-names-field"},
};

TEST(ParseResponseHead, RefusesEachAmbiguityUnderItsName) {
  for (const Claim& claim : kRefused) EXPECT_EQ(RefusalOf(claim.in), claim.refusal) << claim.in;
}

TEST(ParseResponseHead, HoweverTheBytesAreCutTheAnswerIsTheSame) {
  const ResponseHead whole = Accepted(kJson);
  for (std::size_t cut = 0; cut < whole.consumed; ++cut) {
    EXPECT_EQ(RefusalOf(kJson.substr(0, cut)), "needs more") << cut;
  }
  for (const Claim& claim : kRefused) {
    for (std::size_t cut = 0; cut < claim.in.size(); ++cut) {
      const std::string refusal = RefusalOf(claim.in.substr(0, cut));
      if (refusal == "needs more") continue;
      EXPECT_EQ(refusal, claim.refusal) << claim.in << " at " << cut;
    }
  }
}

TEST(ParseResponseHead, SwitchingIsAFinalAnswerWhereItWasAskedFor) {
  constexpr std::string_view kSwitch = "HTTP/1.1 101 Go\r\nUpgrade: websocket\r\n\r\n\x81";
  Limits limits;
  limits.switching_protocols = true;
  const auto step = ParseResponseHead(kSwitch, "GET", limits);
  const auto* head = std::get_if<ResponseHead>(&step);
  ASSERT_NE(head, nullptr);
  EXPECT_FALSE(head->interim);
  EXPECT_EQ(head->framing, Framing{});
  EXPECT_EQ(head->consumed, kSwitch.size() - 1);
  EXPECT_TRUE(std::holds_alternative<Malformed>(
      ParseResponseHead("HTTP/1.1 101 Go\r\nContent-Length: 1\r\n\r\n", "GET", limits)));
}

TEST(ParseResponseHead, LimitsHold) {
  EXPECT_EQ(RefusalOf("HTTP/1.1 200 " + std::string(2000, 'a')), "bad-status-line");
  EXPECT_EQ(RefusalOf(OK "A: " + std::string(70000, 'a')), "head-too-large");
  std::string many = OK;
  for (int i = 0; i < 201; ++i) many += "A: 1\r\n";
  EXPECT_EQ(RefusalOf(many + "\r\n"), "too-many-fields");
}

}  // namespace
}  // namespace interlock::http1
