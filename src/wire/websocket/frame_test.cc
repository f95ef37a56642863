#include "wire/websocket/frame.h"

#include <gtest/gtest.h>

#include <ostream>
#include <vector>

namespace interlock::websocket {

void PrintTo(const Message& message, std::ostream* out) {
  *out << static_cast<int>(message.kind) << " '" << message.payload << "' " << message.close_code;
}

namespace {

using namespace std::string_view_literals;

constexpr std::size_t kMax = 1u << 20;

struct Outcome {
  std::vector<Message> messages;
  std::string refusal;
  bool operator==(const Outcome&) const = default;
};

void PrintTo(const Outcome& outcome, std::ostream* out) {
  *out << testing::PrintToString(outcome.messages) << " " << outcome.refusal;
}

// As a connection reads: what isn't consumed stays in front of what comes next.
Outcome Read(From from, std::string_view in, std::vector<std::size_t> cuts = {},
             std::size_t most = kMax) {
  MessageReader reader(from, most);
  Outcome outcome;
  std::string waiting;
  std::size_t begin = 0;
  cuts.push_back(in.size());
  for (const std::size_t end : cuts) {
    waiting += in.substr(begin, end - begin);
    begin = end;
    for (;;) {
      auto next = reader.Next(waiting);
      if (const auto* refused = std::get_if<Malformed>(&next)) {
        outcome.refusal = refused->name;
        return outcome;
      }
      Step& step = std::get<Step>(next);
      waiting.erase(0, step.consumed);
      if (!step.message) break;
      outcome.messages.push_back(std::move(*step.message));
    }
  }
  return outcome;
}

Message Text(std::string text) { return {Kind::text, std::move(text), kNoCode}; }

struct Claim {
  std::string_view name;
  From from;
  std::string_view in;
  Outcome outcome;
};

const std::vector<Claim> kClaims = {
    // RFC 6455, 5.7.
    {"single_unmasked_text", From::server, "\x81\x05Hello"sv, {{Text("Hello")}, ""}},
    {"single_masked_text",
     From::client,
     "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"sv,
     {{Text("Hello")}, ""}},
    {"fragmented_unmasked_text", From::server, "\x01\x03Hel\x80\x02lo"sv, {{Text("Hello")}, ""}},
    {"unmasked_ping", From::server, "\x89\x05Hello"sv, {{{Kind::ping, "Hello", kNoCode}}, ""}},
    {"masked_pong",
     From::client,
     "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"sv,
     {{{Kind::pong, "Hello", kNoCode}}, ""}},
    // What may come in between, and what is empty.
    {"a_ping_between_fragments_comes_out_first",
     From::server,
     "\x01\x01H\x89\x01p\x80\x01i"sv,
     {{{Kind::ping, "p", kNoCode}, Text("Hi")}, ""}},
    {"empty_messages_and_fragments",
     From::server,
     "\x81\x00\x02\x00\x00\x00\x80\x00"sv,
     {{Text(""), {Kind::binary, "", kNoCode}}, ""}},
    {"a_character_cut_between_fragments",
     From::server,
     "\x01\x01\xc3\x80\x01\xa9"sv,
     {{Text("\xc3\xa9")}, ""}},
    {"close_without_a_code", From::server, "\x88\x00"sv, {{{Kind::close, "", kNoCode}}, ""}},
    {"close_with_a_reason",
     From::server,
     "\x88\x05\x03\xe9"
     "bye"sv,
     {{{Kind::close, "bye", kGoingAway}}, ""}},
    // Refusals.
    {"reserved_bit_1", From::server, "\xc1\x00"sv, {{}, "websocket-reserved-bit"}},
    {"reserved_bit_3", From::server, "\x91\x00"sv, {{}, "websocket-reserved-bit"}},
    {"opcode_3", From::server, "\x83\x00"sv, {{}, "websocket-opcode"}},
    {"opcode_11", From::server, "\x8b\x00"sv, {{}, "websocket-opcode"}},
    {"fragmented_ping", From::server, "\x09\x00"sv, {{}, "websocket-control-fragment"}},
    {"long_ping", From::server, "\x89\x7e\x00\x7e"sv, {{}, "websocket-control-length"}},
    {"continuation_of_nothing", From::server, "\x80\x00"sv, {{}, "websocket-continuation"}},
    {"text_within_a_text", From::server, "\x01\x00\x81\x00"sv, {{}, "websocket-continuation"}},
    {"continuation_after_the_end",
     From::server,
     "\x81\x00\x80\x00"sv,
     {{Text("")}, "websocket-continuation"}},
    {"unmasked_client", From::client, "\x81\x05Hello"sv, {{}, "websocket-mask"}},
    {"masked_server", From::server, "\x81\x80\x00\x00\x00\x00"sv, {{}, "websocket-mask"}},
    {"16_bits_for_a_short_length", From::server, "\x82\x7e\x00\x7d"sv, {{}, "websocket-length"}},
    {"64_bits_for_a_short_length",
     From::server,
     "\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff"sv,
     {{}, "websocket-length"}},
    {"the_highest_bit_of_a_length",
     From::server,
     "\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00"sv,
     {{}, "websocket-length"}},
    {"more_than_the_limit",
     From::server,
     "\x82\x7f\x00\x00\x00\x00\x00\x10\x00\x01"sv,
     {{}, "websocket-message-too-large"}},
    {"text_that_is_no_utf8", From::server, "\x81\x02\xc3\x28"sv, {{}, "websocket-text"}},
    {"text_that_ends_within_a_character", From::server, "\x81\x01\xc3"sv, {{}, "websocket-text"}},
    {"a_surrogate", From::server, "\x81\x03\xed\xa0\x80"sv, {{}, "websocket-text"}},
    {"half_a_close_code", From::server, "\x88\x01\x03"sv, {{}, "websocket-close-code"}},
    {"close_999", From::server, "\x88\x02\x03\xe7"sv, {{}, "websocket-close-code"}},
    {"close_1005", From::server, "\x88\x02\x03\xed"sv, {{}, "websocket-close-code"}},
    {"close_1015", From::server, "\x88\x02\x03\xf7"sv, {{}, "websocket-close-code"}},
    {"close_2999", From::server, "\x88\x02\x0b\xb7"sv, {{}, "websocket-close-code"}},
    {"close_reason_that_is_no_utf8",
     From::server,
     "\x88\x03\x03\xe8\xff"sv,
     {{}, "websocket-text"}},
};

TEST(MessageReader, ReadsAndRefusesUnderItsName) {
  for (const Claim& claim : kClaims)
    EXPECT_EQ(Read(claim.from, claim.in), claim.outcome) << claim.name;
}

TEST(MessageReader, HoweverTheBytesAreCutTheMessagesAreTheSame) {
  for (const Claim& claim : kClaims) {
    for (std::size_t a = 0; a <= claim.in.size(); ++a) {
      for (std::size_t b = a; b <= claim.in.size(); ++b)
        EXPECT_EQ(Read(claim.from, claim.in, {a, b}), claim.outcome)
            << claim.name << " cut at " << a << " and " << b;
    }
  }
}

TEST(MessageReader, TheLimitCountsAllFragmentsAndIsReachable) {
  constexpr std::string_view bytes =
      "\x02\x02"
      "ab"
      "\x00\x01"
      "c"
      "\x80\x01"
      "d"sv;
  EXPECT_EQ(Read(From::server, bytes, {}, 4), (Outcome{{{Kind::binary, "abcd", kNoCode}}, ""}));
  EXPECT_EQ(Read(From::server, bytes, {}, 3).refusal, "websocket-message-too-large");
}

TEST(MessageReader, ARefusalIsFinal) {
  MessageReader reader(From::server, kMax);
  EXPECT_TRUE(std::holds_alternative<Malformed>(reader.Next("\x83")));
  EXPECT_TRUE(std::holds_alternative<Malformed>(reader.Next("\x81\x00"sv)));
}

TEST(MessageReader, SaysWhetherAMessageIsUnderWay) {
  MessageReader reader(From::server, kMax);
  EXPECT_FALSE(reader.within());
  (void)reader.Next(
      "\x01\x02"
      "a");
  EXPECT_TRUE(reader.within());
  (void)reader.Next("b");
  EXPECT_TRUE(reader.within());
  EXPECT_EQ(reader.buffered(), 2u);
  (void)reader.Next("\x80\x00"sv);
  EXPECT_FALSE(reader.within());
  EXPECT_EQ(reader.buffered(), 0u);
}

TEST(AppendFrame, EveryLengthReadsBackInItsShortestForm) {
  struct Length {
    std::size_t payload, head;
  };
  for (const Length& length :
       {Length{0, 2}, Length{125, 2}, Length{126, 4}, Length{65535, 4}, Length{65536, 10}}) {
    const std::string payload(length.payload, 'x');
    std::string plain;
    AppendFrame(plain, Kind::binary, payload, std::nullopt);
    EXPECT_EQ(plain.size(), length.head + length.payload);
    EXPECT_EQ(Read(From::server, plain), (Outcome{{{Kind::binary, payload, kNoCode}}, ""}));
    std::string masked;
    AppendFrame(masked, Kind::binary, payload, Mask{'\x01', '\x80', '\x00', '\xff'});
    EXPECT_EQ(masked.size(), length.head + 4 + length.payload);
    EXPECT_EQ(Read(From::client, masked), (Outcome{{{Kind::binary, payload, kNoCode}}, ""}));
  }
}

TEST(AppendFrame, WritesTheExampleOfTheRfc) {
  std::string out;
  AppendFrame(out, Kind::text, "Hello", Mask{'\x37', '\xfa', '\x21', '\x3d'});
  EXPECT_EQ(out, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
}

TEST(AppendClose, AReasonIsCutAtACharacter) {
  std::string reason(kCloseReasonMax - 1, 'x');
  reason += "\xc3\xa9";
  std::string out;
  AppendClose(out, kPolicy, reason, std::nullopt);
  const Outcome read = Read(From::server, out);
  EXPECT_EQ(read, (Outcome{{{Kind::close, reason.substr(0, kCloseReasonMax - 1), kPolicy}}, ""}));
  std::string bare;
  AppendClose(bare, kNoCode, "never written", std::nullopt);
  EXPECT_EQ(Read(From::server, bare), (Outcome{{{Kind::close, "", kNoCode}}, ""}));
}

}  // namespace
}  // namespace interlock::websocket
