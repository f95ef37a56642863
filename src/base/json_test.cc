#include "base/json.h"

#include <gtest/gtest.h>

#include <bit>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>
#include <cmath>
#include <filesystem>

#include "base/bytes.h"
#include "base/file.h"
#include "base/wiping.h"

namespace interlock {
namespace {

using namespace std::string_view_literals;

TEST(ParseJson, AcceptsEveryKindOfValue) {
  const std::pair<std::string_view, std::string_view> kCases[] = {
      {" null ", "null"},
      {"true", "true"},
      {"[false, 1,-1 ,0]", "[false,1,-1,0]"},
      {"{ }", "{}"},
      {"[ ]", "[]"},
      {"[[],[{}],{\"a\":[]}]", "[[],[{}],{\"a\":[]}]"},
      {"\"a\\u00e9\\ud83d\\ude00\\/\\b\\f\\n\\r\\t\\\"\\\\\"", "\"aé😀/\\b\\f\\n\\r\\t\\\"\\\\\""},
      {"{\"b\":1,\"a\":{\"d\":[1,2],\"c\":null}}", "{\"a\":{\"c\":null,\"d\":[1,2]},\"b\":1}"},
      {"9223372036854775807", "9223372036854775807"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"18446744073709551615", "18446744073709551615"},
      {"18446744073709551616", "18446744073709552000"},
      {"-0", "0"},
      {"1.5e3", "1500"},
      {"1E+2", "100"},
      {"\"\\u0000\"", "\"\\u0000\""},
      {"{\"a\\u0062\":1,\"\":2}", "{\"\":2,\"ab\":1}"},
  };
  for (const auto& [text, canonical] : kCases) {
    const auto value = ParseJson(text);
    ASSERT_TRUE(value) << text << ": " << value.error().message;
    EXPECT_EQ(Canonical(*value), canonical) << text;
  }
}

TEST(ParseJson, RefusesWhatParsersReadDifferently) {
  const std::pair<std::string_view, std::string_view> kCases[] = {
      {"", "unexpected end at byte 0"},
      {"  ", "unexpected end at byte 2"},
      {"{\"a\":1,\"a\":2}", "duplicate key at byte 7"},
      {"{\"a\":1,\"\\u0061\":2}", "duplicate key at byte 7"},
      {"[{\"x\":{\"k\":1,\"j\":2,\"k\":3}}]", "duplicate key at byte 19"},
      {"\"\xff\"", "invalid UTF-8"},
      {"\"\xed\xa0\x80\"", "invalid UTF-8"},
      {"{\"\xc0\xaf\":1}", "invalid UTF-8"},
      {"\"\\ud800\"", "lone surrogate at byte 1"},
      {"\"\\udc00\"", "lone surrogate"},
      {"\"\\ud800\\u0041\"", "lone surrogate"},
      {"\"\\ud800\\ud800\"", "lone surrogate"},
      {"\"\\u12g4\"", "broken"},
      {"\"\\u12\"", "broken"},
      {"\"\\u-123\"", "broken"},
      {"\"\\x\"", "unknown escape at byte 1"},
      {"\"\\\"", "without an end"},
      {"\"a", "without an end"},
      {"\"a\nb\"", "control character"},
      {"\"a\x00\""sv, "control character"},
      {"\xef\xbb\xbf{}", "expected a value at byte 0"},
      {"// c\n1", "expected a value"},
      {"[1,]", "expected a value at byte 3"},
      {"{\"a\":1,}", "expected a key"},
      {"{a:1}", "expected a key"},
      {"{'a':1}", "expected a key"},
      {"{\"a\" 1}", "expected a colon"},
      {"{\"a\":}", "expected a value"},
      {"{\"a\":1 \"b\":2}", "expected a comma"},
      {"[1 2]", "expected a comma"},
      {"[1}", "expected a comma"},
      {"[", "unexpected end"},
      {"{", "unexpected end"},
      {"{\"a\"", "expected a colon"},
      {"]", "expected a value"},
      {"NaN", "expected a value"},
      {"Infinity", "expected a value"},
      {"-Infinity", "expected a value"},
      {"nul", "unknown word"},
      {"True", "expected a value"},
      {"01", "leading zero"},
      {"-01", "leading zero"},
      {"+1", "expected a value"},
      {"1.", "after the point"},
      {".5", "expected a value"},
      {"1e", "in the exponent"},
      {"1e+", "in the exponent"},
      {"0x10", "text after the value"},
      {"1e400", "out of range"},
      {"-1e400", "out of range"},
      {"1e-400", "out of range"},
      {"{} {}", "text after the value at byte 3"},
      {"{}\0"sv, "text after the value"},
      {"\x0b"
       "1",
       "expected a value"},
  };
  for (const auto& [text, fault] : kCases) {
    const auto value = ParseJson(text);
    ASSERT_FALSE(value) << text;
    EXPECT_NE(value.error().message.find(fault), std::string::npos)
        << text << ": " << value.error().message;
  }
}

TEST(ParseJson, DepthIsBounded) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(ParseJson(nested(64)));
  EXPECT_EQ(ParseJson(nested(65)).error().code, Code::limit);
  EXPECT_EQ(ParseJson(std::string(1'000'000, '[')).error().code, Code::limit);
  EXPECT_EQ(ParseJson("[[1]]", {.depth_max = 1}).error().code, Code::limit);
}

TEST(ParseJson, ManyKeysAreFineAndADuplicateAmongThemIsFound) {
  std::string text = "{";
  for (int i = 0; i < 100'000; ++i) text += "\"k" + std::to_string(i) + "\":0,";
  EXPECT_TRUE(ParseJson(text + "\"last\":0}"));
  EXPECT_FALSE(ParseJson(text + "\"k77777\":0}"));
}

TEST(ParseJson, NeverReadsBeyondTheText) {
  const std::string text = R"({"a":[1,-2.5e3,"x\u00e9\ud83d\ude00",true,null],"b":{}})";
  ASSERT_TRUE(ParseJson(text));
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    const std::string part = text.substr(0, cut);  // on the heap, so that a sanitizer sees the end
    EXPECT_FALSE(ParseJson(part)) << part;
  }
}

// RFC 8785 appendix B, and the edge cases of the reference test file.
TEST(Canonical, NumbersHaveTheEcmascriptForm) {
  const std::pair<std::uint64_t, std::string_view> kCases[] = {
      {0x0000000000000000, "0"},
      {0x8000000000000000, "0"},
      {0x0000000000000001, "5e-324"},
      {0x8000000000000001, "-5e-324"},
      {0x7fefffffffffffff, "1.7976931348623157e+308"},
      {0xffefffffffffffff, "-1.7976931348623157e+308"},
      {0x4340000000000000, "9007199254740992"},
      {0xc340000000000000, "-9007199254740992"},
      {0x4430000000000000, "295147905179352830000"},
      {0x44b52d02c7e14af5, "9.999999999999997e+22"},
      {0x44b52d02c7e14af6, "1e+23"},
      {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
      {0x444b1ae4d6e2ef4e, "999999999999999700000"},
      {0x444b1ae4d6e2ef4f, "999999999999999900000"},
      {0x444b1ae4d6e2ef50, "1e+21"},
      {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
      {0x3eb0c6f7a0b5ed8d, "0.000001"},
      {0x41b3de4355555553, "333333333.3333332"},
      {0x41b3de4355555554, "333333333.33333325"},
      {0x41b3de4355555555, "333333333.3333333"},
      {0x41b3de4355555556, "333333333.3333334"},
      {0x41b3de4355555557, "333333333.33333343"},
      {0xbecbf647612f3696, "-0.0000033333333333333333"},
      {0x43143ff3c1cb0959, "1424953923781206.2"},
  };
  for (const auto& [bits, text] : kCases) EXPECT_EQ(Canonical(std::bit_cast<double>(bits)), text);
}

TEST(Canonical, KeysAreSortedByUtf16Units) {
  EXPECT_EQ(
      Canonical(*ParseJson("{\"\\ufb33\":1,\"\\ud83d\\ude00\":2,\"a\":3,\"\\ue000\":4,\"z\":5}")),
      "{\"a\":3,\"z\":5,\"😀\":2,\"\ue000\":4,\"\ufb33\":1}");
}

TEST(Canonical, MatchesThePublishedVectors) {
  const std::filesystem::path vectors = std::filesystem::path(ILK_SHARED_DIR) / "vectors/jcs";
  if (!std::filesystem::exists(vectors)) GTEST_SKIP() << vectors << " is not there";
  std::size_t seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator(vectors / "input")) {
    const auto input = ParseJson(ReadFile(entry.path()).value());
    ASSERT_TRUE(input) << entry.path() << ": " << input.error().message;
    const std::string wanted = ReadFile(vectors / "output" / entry.path().filename()).value();
    EXPECT_EQ(Canonical(*input), wanted) << entry.path();
    // The canonical form is its own canonical form.
    EXPECT_EQ(Canonical(ParseJson(wanted).value()), wanted);
    ++seen;
  }
  EXPECT_GE(seen, 6u);
}

TEST(Find, NeverThrows) {
  const json::value value = *ParseSecretJson(R"({"s":"x","o":{},"a":[],"n":1})");
  const json::object& object = value.get_object();
  EXPECT_EQ(FindString(object, "s"), "x");
  EXPECT_EQ(FindString(object, "n"), "");
  EXPECT_EQ(FindString(object, "none"), "");
  EXPECT_NE(FindObject(object, "o"), nullptr);
  EXPECT_EQ(FindObject(object, "a"), nullptr);
  EXPECT_NE(FindArray(object, "a"), nullptr);
  EXPECT_EQ(FindArray(object, "none"), nullptr);
  EXPECT_NE(Find(object, "n"), nullptr);
  EXPECT_EQ(Find(object, "none"), nullptr);
}

TEST(WipingStorage, AValueReadIntoItLiesThereWithAllItsParts) {
  const auto value =
      ParseSecretJson(R"({"a":["text that is longer than a small string",{"b":1}]})");
  ASSERT_TRUE(value);
  EXPECT_EQ(value->storage(), WipingStorage());
  EXPECT_EQ(value->at("a").storage(), WipingStorage());
  EXPECT_EQ(value->at("a").at(0).storage(), WipingStorage());
  EXPECT_EQ(ParseJson("[1]")->storage(), json::storage_ptr());
}

}  // namespace
}  // namespace interlock
