#include "wire/http1/body.h"

#include <gtest/gtest.h>

namespace interlock::http1 {
namespace {

using namespace std::string_view_literals;

struct Outcome {
  std::string data;
  std::size_t consumed = 0;
  bool done = false;
  std::string refusal;
  bool operator==(const Outcome&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  return out << outcome.data << " consumed " << outcome.consumed << " done " << outcome.done << " "
             << outcome.refusal;
}

// Feeds `in` in two parts.
Outcome DecodeCut(std::string_view in, Trailers trailers, std::size_t cut) {
  ChunkedDecoder decoder(trailers);
  Outcome outcome;
  for (const std::string_view part : {in.substr(0, cut), in.substr(cut)}) {
    const auto step = decoder.Decode(part, outcome.data);
    if (const auto* refusal = std::get_if<Malformed>(&step)) {
      outcome.refusal = refusal->name;
      outcome.consumed = 0;
      outcome.data.clear();
      return outcome;
    }
    outcome.consumed += std::get<Piece>(step).consumed;
    outcome.done = std::get<Piece>(step).done;
  }
  return outcome;
}

struct Claim {
  std::string_view in;
  Trailers trailers;
  Outcome outcome;
};

const Claim kClaims[] = {
    {"0\r\n\r\n", Trailers::refused, {"", 5, true, ""}},
    {"5\r\nhello\r\n0\r\n\r\nGET", Trailers::refused, {"hello", 15, true, ""}},
    {"A\r\n0123456789\r\n1\r\nx\r\n00\r\n\r\n", Trailers::refused, {"0123456789x", 27, true, ""}},
    {"5\r\nhel", Trailers::refused, {"hel", 6, false, ""}},
    {"0000000000000001\r\nx\r\n", Trailers::refused, {"x", 21, false, ""}},
    {"00000000000000001\r\nx", Trailers::refused, {"", 0, false, "bad-chunk-size"}},
    {"8000000000000000\r\n", Trailers::refused, {"", 0, false, "bad-chunk-size"}},
    {"-1\r\n", Trailers::refused, {"", 0, false, "bad-chunk-size"}},
    {"+1\r\nx", Trailers::refused, {"", 0, false, "bad-chunk-size"}},
    {"0x1\r\nx", Trailers::refused, {"", 0, false, "bad-chunk-size"}},
    {" 1\r\nx", Trailers::refused, {"", 0, false, "bad-chunk-size"}},
    {"1 \r\nx", Trailers::refused, {"", 0, false, "bad-chunk-size"}},
    {"\r\n", Trailers::refused, {"", 0, false, "bad-chunk-size"}},
    {"1_0\r\n", Trailers::refused, {"", 0, false, "bad-chunk-size"}},
    {"1;a=b\r\nx", Trailers::refused, {"", 0, false, "chunk-extension"}},
    {"1;\nx\r\n", Trailers::dropped, {"", 0, false, "chunk-extension"}},
    {"1\nx\r\n", Trailers::refused, {"", 0, false, "bare-lf"}},
    {"1\rx\r\n", Trailers::refused, {"", 0, false, "bare-cr"}},
    {"1\r\nx\n", Trailers::refused, {"", 0, false, "bare-lf"}},
    {"1\r\nx\rz", Trailers::refused, {"", 0, false, "bare-cr"}},
    {"1\r\nxy", Trailers::refused, {"", 0, false, "bad-chunk-end"}},
    {"0\r\n\n", Trailers::refused, {"", 0, false, "bare-lf"}},
    {"0\r\n\rX", Trailers::refused, {"", 0, false, "bare-cr"}},
    {"0\r\nX: 1\r\n\r\n", Trailers::refused, {"", 0, false, "trailers"}},
    {"0\r\nX: 1\r\nGrpc-Status:0\r\n\r\nHTTP", Trailers::dropped, {"", 26, true, ""}},
    {"0\r\nX 1\r\n\r\n", Trailers::dropped, {"", 0, false, "bad-trailer"}},
    {"0\r\n: 1\r\n\r\n", Trailers::dropped, {"", 0, false, "bad-trailer"}},
    {"0\r\n fold\r\n\r\n", Trailers::dropped, {"", 0, false, "bad-trailer"}},
    {"0\r\nX: 1\n\r\n", Trailers::dropped, {"", 0, false, "bare-lf"}},
    {"0\r\nX: \0\r\n\r\n"sv, Trailers::dropped, {"", 0, false, "bad-trailer"}},
    {"0\r\nX: 1\rY", Trailers::dropped, {"", 0, false, "bad-trailer"}},
};

TEST(ChunkedDecoder, HoweverTheBytesAreCutTheBodyIsTheSame) {
  for (const Claim& claim : kClaims) {
    for (std::size_t cut = 0; cut <= claim.in.size(); ++cut) {
      EXPECT_EQ(DecodeCut(claim.in, claim.trailers, cut), claim.outcome)
          << claim.in << " cut " << cut;
    }
  }
}

TEST(ChunkedDecoder, DataPointsIntoTheInput) {
  const std::string_view in = "3\r\nabc\r\n0\r\n\r\n";
  ChunkedDecoder decoder(Trailers::refused);
  const auto step = decoder.Next(in);
  const Piece& piece = std::get<Piece>(step);
  EXPECT_EQ(piece.data.data(), in.data() + 3);
  EXPECT_EQ(piece, (Piece{6, "abc", false}));
  EXPECT_EQ(std::get<Piece>(decoder.Next(in.substr(6))), (Piece{7, {}, true}));
  EXPECT_TRUE(decoder.done());
  EXPECT_EQ(decoder.data_bytes(), 3u);
}

TEST(ChunkedDecoder, ARefusalIsFinal) {
  ChunkedDecoder decoder(Trailers::refused);
  EXPECT_TRUE(std::holds_alternative<Malformed>(decoder.Next("x")));
  EXPECT_TRUE(std::holds_alternative<Malformed>(decoder.Next("0\r\n\r\n")));
  EXPECT_FALSE(decoder.done());
}

TEST(ChunkedDecoder, TrailersAreBounded) {
  ChunkedDecoder decoder(Trailers::dropped);
  std::string in = "0\r\n";
  for (int i = 0; i < 3000; ++i) in += "A:1\r\n";
  const auto step = decoder.Next(in);
  ASSERT_TRUE(std::holds_alternative<Malformed>(step));
  EXPECT_EQ(std::get<Malformed>(step).name, "trailers-too-large");
}

TEST(BodyReader, EndsWhereTheFramingSays) {
  BodyReader none({}, Trailers::refused);
  EXPECT_TRUE(none.done());
  EXPECT_EQ(std::get<Piece>(none.Next("GET")), (Piece{0, {}, true}));

  BodyReader length({FramingKind::length, 4}, Trailers::refused);
  EXPECT_EQ(std::get<Piece>(length.Next("ab")), (Piece{2, "ab", false}));
  EXPECT_FALSE(length.MayEndHere());
  EXPECT_EQ(std::get<Piece>(length.Next("cdGET")), (Piece{2, "cd", true}));
  EXPECT_TRUE(length.MayEndHere());

  EXPECT_TRUE(BodyReader({FramingKind::length, 0}, Trailers::refused).done());

  BodyReader chunked({FramingKind::chunked, 0}, Trailers::refused);
  EXPECT_EQ(std::get<Piece>(chunked.Next("1\r\na\r\n0")), (Piece{4, "a", false}));
  EXPECT_FALSE(chunked.MayEndHere());
  EXPECT_EQ(std::get<Piece>(chunked.Next("\r\n0\r\n\r\n")), (Piece{7, {}, true}));

  BodyReader until_close({FramingKind::until_close, 0}, Trailers::dropped);
  EXPECT_EQ(std::get<Piece>(until_close.Next("ab")), (Piece{2, "ab", false}));
  EXPECT_FALSE(until_close.done());
  EXPECT_TRUE(until_close.MayEndHere());
}

}  // namespace
}  // namespace interlock::http1
