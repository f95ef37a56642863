#include "wire/http1/serialize.h"

#include <gtest/gtest.h>

#include "wire/http1/body.h"

namespace interlock::http1 {
namespace {

TEST(AppendRequestHead, WhatIsWrittenIsReadBack) {
  const std::vector<Field> fields = {{"content-type", "application/json"}, {"x-empty", ""}};
  for (const Framing& framing :
       {Framing{}, Framing{FramingKind::length, 7}, Framing{FramingKind::chunked, 0}}) {
    std::string out;
    ASSERT_TRUE(AppendRequestHead(out, "POST", "/a?b", "example.com:81", fields, framing));
    const auto step = ParseRequestHead(out);
    ASSERT_TRUE(std::holds_alternative<RequestHead>(step)) << out;
    const RequestHead& head = std::get<RequestHead>(step);
    EXPECT_EQ(head.consumed, out.size());
    EXPECT_EQ(head.target, "/a?b");
    EXPECT_EQ(head.host, "example.com");
    EXPECT_EQ(head.port, 81);
    EXPECT_EQ(head.framing, framing);

    std::string again;
    ASSERT_TRUE(AppendRequestHead(again, head.method, head.target,
                                  HostField(head.host, head.port, "http"), head.fields,
                                  head.framing));
    EXPECT_EQ(again, out);
  }
}

TEST(AppendRequestHead, HostAndFramingComeFromTheArgumentsAlone) {
  std::string out;
  ASSERT_TRUE(AppendRequestHead(
      out, "GET", "/", "a",
      {{"Host", "b"}, {"Content-Length", "9"}, {"transfer-encoding", "chunked"}}, {}));
  EXPECT_EQ(out, "GET / HTTP/1.1\r\nhost: a\r\n\r\n");
}

TEST(AppendRequestHead, NothingThatBreaksALineIsWritten) {
  using namespace std::string_literals;
  std::string out = "before";
  EXPECT_FALSE(AppendRequestHead(out, "GET X", "/", "a", {}, {}));
  EXPECT_FALSE(AppendRequestHead(out, "", "/", "a", {}, {}));
  EXPECT_FALSE(AppendRequestHead(out, "GET", "/ HTTP/1.1\r\nX: y", "a", {}, {}));
  EXPECT_FALSE(AppendRequestHead(out, "GET", "", "a", {}, {}));
  EXPECT_FALSE(AppendRequestHead(out, "GET", "/", "a\r\nX: y", {}, {}));
  EXPECT_FALSE(AppendRequestHead(out, "GET", "/", "", {}, {}));
  EXPECT_FALSE(AppendRequestHead(out, "GET", "/", "a", {{"x", "a\r\nb: c"}}, {}));
  EXPECT_FALSE(AppendRequestHead(out, "GET", "/", "a", {{"x", "a\nb"}}, {}));
  EXPECT_FALSE(AppendRequestHead(out, "GET", "/", "a", {{"x", "a\0b"s}}, {}));
  EXPECT_FALSE(AppendRequestHead(out, "GET", "/", "a", {{"x: y\r\nz", "a"}}, {}));
  EXPECT_FALSE(AppendRequestHead(out, "GET", "/", "a", {{"", "a"}}, {}));
  EXPECT_FALSE(AppendRequestHead(out, "GET", "/", "a", {}, {FramingKind::until_close, 0}));
  EXPECT_EQ(out, "before");
}

TEST(AppendResponseHead, WhatIsWrittenIsReadBack) {
  std::string out;
  ASSERT_TRUE(AppendResponseHead(out, 403, "Forbidden", {{"interlock-hold", "h1"}},
                                 {FramingKind::length, 2}));
  const auto step = ParseResponseHead(out, "POST");
  ASSERT_TRUE(std::holds_alternative<ResponseHead>(step)) << out;
  EXPECT_EQ(std::get<ResponseHead>(step).status, 403);
  EXPECT_EQ(std::get<ResponseHead>(step).framing, (Framing{FramingKind::length, 2}));
  EXPECT_EQ(*Find(std::get<ResponseHead>(step).fields, "interlock-hold"), "h1");
}

TEST(AppendResponseHead, NothingThatBreaksALineIsWritten) {
  std::string out;
  EXPECT_FALSE(AppendResponseHead(out, 99, "", {}, {}));
  EXPECT_FALSE(AppendResponseHead(out, 200, "OK\r\nX: y", {}, {}));
  EXPECT_FALSE(AppendResponseHead(out, 200, "OK", {{"x", "\r"}}, {}));
  EXPECT_TRUE(out.empty());
}

TEST(AppendChunk, TheDecoderReadsWhatWasWritten) {
  std::string wire;
  AppendChunk(wire, "hello ");
  AppendChunk(wire, "");
  AppendChunk(wire, std::string(300, 'x'));
  wire += kLastChunk;
  std::string body;
  ChunkedDecoder decoder(Trailers::refused);
  const auto step = decoder.Decode(wire, body);
  ASSERT_TRUE(std::holds_alternative<Piece>(step));
  EXPECT_TRUE(decoder.done());
  EXPECT_EQ(std::get<Piece>(step).consumed, wire.size());
  EXPECT_EQ(body, "hello " + std::string(300, 'x'));
}

TEST(HostField, TheSchemesOwnPortIsLeftOut) {
  EXPECT_EQ(HostField("a", 0, "https"), "a");
  EXPECT_EQ(HostField("a", 443, "https"), "a");
  EXPECT_EQ(HostField("a", 443, "http"), "a:443");
  EXPECT_EQ(HostField("[::1]", 8080, "http"), "[::1]:8080");
}

}  // namespace
}  // namespace interlock::http1
