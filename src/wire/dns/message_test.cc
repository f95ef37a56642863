#include "wire/dns/message.h"

#include <gtest/gtest.h>

namespace interlock::dns {
namespace {

using namespace std::string_literals;

constexpr char kOptBytes[] = "\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00";  // EDNS, no options
const std::string kOpt(kOptBytes, 11);

std::string Header(std::string_view flags, char additional = 0) {
  return "\x12\x34"s + std::string(flags) + "\0\x01\0\0\0\0\0"s + additional;
}

std::string Name(std::initializer_list<std::string_view> labels) {
  std::string name;
  for (const std::string_view label : labels) {
    name.push_back(static_cast<char>(label.size()));
    name.append(label);
  }
  name.push_back('\0');
  return name;
}

std::string Question(const std::string& name, char type, char query_class = 1) {
  return name + '\0' + type + '\0' + query_class;
}

const std::string kRd = "\x01\0"s;

std::string Ask(char type) { return Header(kRd) + Question(Name({"Api", "Example"}), type); }

Query Accepted(std::string_view bytes) {
  const auto parsed = ParseQuery(bytes);
  if (const auto* bad = std::get_if<BadQuery>(&parsed)) ADD_FAILURE() << bad->name;
  const auto* query = std::get_if<Query>(&parsed);
  return query ? *query : Query{};
}

std::string RefusalOf(std::string_view bytes) {
  const auto parsed = ParseQuery(bytes);
  const auto* bad = std::get_if<BadQuery>(&parsed);
  return bad ? std::string(bad->name) : "accepted";
}

TEST(ParseQuery, ReadsAQuestion) {
  const Query query = Accepted(Ask(1));
  EXPECT_EQ(query.id, 0x1234);
  EXPECT_EQ(query.name, "api.example");
  EXPECT_EQ(query.type, kTypeA);
  EXPECT_EQ(query.query_class, kClassIn);
  EXPECT_TRUE(query.recursion_desired);
  EXPECT_FALSE(query.has_edns);
  EXPECT_TRUE(Accepted(Header(kRd, 1) + Question(Name({"a"}), 28) + kOpt).has_edns);
}

TEST(ParseQuery, RefusesEverythingElseUnderItsName) {
  const std::string question = Question(Name({"a"}), 1);
  const std::string label(63, 'a');
  const struct {
    std::string bytes;
    std::string_view name;
  } cases[] = {
      {"", "truncated"},
      {"\x12\x34\x01", "truncated"},
      {Header("\x81\0"s) + question, "not-a-query"},
      {Header("\x29\0"s) + question, "bad-opcode"},
      {Header("\x03\0"s) + question, "truncated"},
      {"\x12\x34\x01\0\0\0\0\0\0\0\0\0"s, "several-questions"},
      {"\x12\x34\x01\0\0\x02\0\0\0\0\0\0"s + question + question, "several-questions"},
      {"\x12\x34\x01\0\0\x01\0\x01\0\0\0\0"s + question, "records-in-query"},
      {"\x12\x34\x01\0\0\x01\0\0\0\x01\0\0"s + question, "records-in-query"},
      {"\x12\x34\x01\0\0\x01\0\0\0\0\0\x02"s + question + kOpt + kOpt, "records-in-query"},
      {Header(kRd) + question + "x", "trailing-bytes"},
      {Header(kRd, 1) + question, "records-in-query"},
      {Header(kRd, 1) + question + kOpt + "x", "trailing-bytes"},
      {Header(kRd) + "\xc0\x0c\0\x01\0\x01"s, "compressed-question"},
      {Header(kRd) + "\x01" + "a\xc0\x0c\0\x01\0\x01"s, "compressed-question"},
      {Header(kRd) + "\x40" + std::string(64, 'a') + "\0\0\x01\0\x01"s, "compressed-question"},
      {Header(kRd) + Question(Name({label, label, label, label}), 1), "name-too-long"},
      {Header(kRd) + Question(Name({}), 1), "bad-name"},
      {Header(kRd) + Question(Name({"a.b"}), 1), "bad-name"},
      {Header(kRd) + Question(Name({"a\0b"s}), 1), "bad-name"},
      {Header(kRd) + Question(Name({"a b"}), 1), "bad-name"},
      {Header(kRd) + Question(Name({"\xc3\xbc"}), 1), "bad-name"},
      {Header(kRd) + Question(Name({"127", "0", "0", "1"}), 1), "bad-name"},
      {Header(kRd) + question + std::string(5000, 'x'), "message-too-large"},
  };
  for (const auto& one : cases) EXPECT_EQ(RefusalOf(one.bytes), one.name);
}

TEST(ParseQuery, NoPrefixIsAccepted) {
  const std::string whole = Header(kRd, 1) + Question(Name({"api", "example"}), 1) + kOpt;
  EXPECT_EQ(RefusalOf(whole), "accepted");
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    EXPECT_NE(RefusalOf(std::string_view(whole).substr(0, cut)), "accepted") << cut;
  }
}

TEST(ParseQuery, AnAnswerIsNeverAnswered) {
  const auto answer = ParseQuery(Header("\x81\0"s) + Question(Name({"a"}), 1));
  EXPECT_FALSE(std::get<BadQuery>(answer).id.has_value());
  const auto junk = ParseQuery(Header(kRd) + "x");
  EXPECT_EQ(std::get<BadQuery>(junk).id, std::optional<std::uint16_t>(0x1234));
  EXPECT_EQ(BuildError(0x1234, Rcode::format_error), "\x12\x34\x80\x81\0\0\0\0\0\0\0\0"s);
}

TEST(BuildAnswer, AnAddressAnswersTheQuestionInTheAskersCase) {
  const std::string answer = BuildAnswer(Accepted(Ask(1)), {{198, 18, 0, 5}}, 60);
  EXPECT_EQ(answer, "\x12\x34\x81\x80\0\x01\0\x01\0\0\0\0"s +
                        Question(Name({"Api", "Example"}), 1) +
                        "\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc6\x12\0\x05"s);
}

TEST(BuildAnswer, OtherTypesAreEmptyOrRefused) {
  const auto flags = [](char type, char query_class = 1) {
    const Query query = Accepted(Header(kRd) + Question(Name({"a"}), type, query_class));
    const std::string answer = BuildAnswer(query, {{198, 18, 0, 5}}, 60);
    EXPECT_EQ(answer.substr(6, 2), "\0\0"s);
    return answer[3] & 0x0f;
  };
  EXPECT_EQ(flags(28), 0);
  EXPECT_EQ(flags(64), 0);
  EXPECT_EQ(flags(65), 0);
  EXPECT_EQ(flags(16), 5);      // TXT
  EXPECT_EQ(flags(5), 5);       // CNAME
  EXPECT_EQ(flags(10), 5);      // NULL
  EXPECT_EQ(flags('\xff'), 5);  // ANY
  EXPECT_EQ(flags(1, 3), 5);    // CHAOS
}

TEST(BuildAnswer, EdnsIsAnsweredWithEdns) {
  const Query query = Accepted(Header(kRd, 1) + Question(Name({"a"}), 1) + kOpt);
  for (const std::string& answer :
       {BuildAnswer(query, {{198, 18, 0, 5}}, 60), BuildError(query, Rcode::name_error)}) {
    EXPECT_EQ(answer[11], 1);
    EXPECT_EQ(answer.substr(answer.size() - 11), kOpt);
  }
}

TEST(NextTcpMessage, FramesAreReadBackHoweverCut) {
  const std::string message = Ask(1);
  const std::string framed = TcpFrame(message);
  for (std::size_t cut = 0; cut < framed.size(); ++cut) {
    const auto step = NextTcpMessage(std::string_view(framed).substr(0, cut));
    ASSERT_TRUE(std::holds_alternative<wire::NeedMore>(step)) << cut;
    EXPECT_LE(cut + std::get<wire::NeedMore>(step).bytes_min, framed.size());
  }
  EXPECT_EQ(std::get<std::string_view>(NextTcpMessage(framed + "next")), message);
  EXPECT_TRUE(std::holds_alternative<wire::Malformed>(NextTcpMessage("\0\x0b"s)));
  EXPECT_TRUE(std::holds_alternative<wire::Malformed>(NextTcpMessage("\x10\x01"s)));
}

}  // namespace
}  // namespace interlock::dns
