#include "base/bytes.h"

#include <gtest/gtest.h>

#include <array>

#include "base/ids.h"

namespace interlock {
namespace {

using namespace std::string_view_literals;

TEST(Hex, GoesBothWaysAndRefusesEverythingElse) {
  EXPECT_EQ(Hex("\x00\xff\x7a"sv), "00ff7a");
  EXPECT_EQ(FromHex("00FF7a"), "\x00\xff\x7a"sv);
  EXPECT_FALSE(FromHex("0"));
  EXPECT_FALSE(FromHex("0g"));
}

// RFC 4648, chapter 10.
TEST(Base64, MatchesTheVectorsOfTheStandard) {
  const std::pair<std::string_view, std::string_view> kCases[] = {{"", ""},
                                                                  {"f", "Zg=="},
                                                                  {"fo", "Zm8="},
                                                                  {"foo", "Zm9v"},
                                                                  {"foob", "Zm9vYg=="},
                                                                  {"fooba", "Zm9vYmE="},
                                                                  {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : kCases) {
    EXPECT_EQ(Base64(plain), coded);
    EXPECT_EQ(FromBase64(coded), plain);
  }
  EXPECT_EQ(Base64Url("\xfb\xff\xfe"sv), "-__-");
  EXPECT_EQ(FromBase64Url("-__-"), "\xfb\xff\xfe"sv);
  EXPECT_EQ(Base64Url("f"), "Zg");
}

TEST(Base64, HasOneSpellingPerValue) {
  for (const char* wrong :
       {"Zg", "Zg=", "Zh==", "Zg===", "====", "Zm9v\n", "Zm 9v", "Z=g=", "-__-"})
    EXPECT_FALSE(FromBase64(wrong)) << wrong;
  for (const char* wrong : {"Zg==", "Zh", "Z", "Zm9v+", "Zm9v/A"})
    EXPECT_FALSE(FromBase64Url(wrong)) << wrong;
}

TEST(PercentDecode, DecodesOnceAndRefusesBrokenEscapes) {
  EXPECT_EQ(PercentDecode("a%2Fb%252F+"), "a/b%2F+");
  EXPECT_EQ(PercentDecode("%e2%82%ac"), "€");
  for (const char* wrong : {"%", "%2", "a%", "%zz", "%-1"})
    EXPECT_FALSE(PercentDecode(wrong)) << wrong;
}

TEST(IsUtf8, AcceptsWellFormedTextOnly) {
  for (auto good : {"plain"sv, ""sv, "é€😀"sv, "\xf4\x8f\xbf\xbf"sv, "0123456789é"sv})
    EXPECT_TRUE(IsUtf8(good)) << good;
  for (auto bad : {"\x80"sv, "\xc0\xaf"sv, "\xc1\xbf"sv, "\xe0\x80\x80"sv, "\xed\xa0\x80"sv,
                   "\xf4\x90\x80\x80"sv, "\xf5\x80\x80\x80"sv, "\xe2\x82"sv, "01234567\xff"sv,
                   "\xf0\x8f\xbf\xbf"sv})
    EXPECT_FALSE(IsUtf8(bad)) << Hex(bad);
}

TEST(Case, IsAsciiOnly) {
  EXPECT_EQ(ToLower("Project-Access-TOKEN É"), "project-access-token É");
  EXPECT_TRUE(EqualsIgnoreCase("Host", "hOST"));
  EXPECT_FALSE(EqualsIgnoreCase("Host", "Hosts"));
}

TEST(GlobMatch, StarsMatchRunsAndEverythingElseIsLiteral) {
  const struct {
    std::string_view pattern, text;
    bool matches;
  } kCases[] = {{"", "", true},
                {"", "a", false},
                {"*", "", true},
                {"pr-*", "pr-17", true},
                {"pr-*", "pr", false},
                {"*.b.*", "a.b.c", true},
                {"a*b*c", "aXbYbZc", true},
                {"a*b", "acbd", false},
                {"a?c", "abc", false},
                {"[a]", "a", false},
                {"**x", "yyx", true},
                {"*a", "aaab", false}};
  for (const auto& c : kCases)
    EXPECT_EQ(GlobMatch(c.pattern, c.text), c.matches) << c.pattern << " on " << c.text;
}

TEST(GlobMatch, StaysPolynomialOnHostilePatterns) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  EXPECT_FALSE(GlobMatch(pattern + "b", std::string(5000, 'a')));
}

TEST(EscapeForHumans, ShowsWhatWouldHide) {
  const std::pair<std::string_view, std::string_view> kCases[] = {
      {"plain text, é€😀 漢字", "plain text, é€😀 漢字"},
      {"a\x1b[31mred", "a\\u{001B}[31mred"},
      {"line\nfeed\ttab\r", "line\\u{000A}feed\\u{0009}tab\\u{000D}"},
      {"\x00\x7f"sv, "\\u{0000}\\u{007F}"},
      {"\xc2\x80\xc2\x9b", "\\u{0080}\\u{009B}"},
      {"\u00a0\u3000", "\\u{00A0}\\u{3000}"},
      {"\u202egnp", "\\u{202E}gnp"},
      {"\u2066x\u2069", "\\u{2066}x\\u{2069}"},
      {"a\u200bb\u200d\u2060", "a\\u{200B}b\\u{200D}\\u{2060}"},
      {"\ufeffx", "\\u{FEFF}x"},
      {"\u00ad", "\\u{00AD}"},
      {"\U000E0041", "\\u{E0041}"},
      {"\U0010FFFD", "\\u{10FFFD}"},
      {"\u3164\u115f", "\\u{3164}\\u{115F}"},
      {"x\xff\xc0y", "x\\x{FF}\\x{C0}y"},
      {"\xed\xa0\x80", "\\x{ED}\\x{A0}\\x{80}"},
      {"C:\\dir", "C:\\dir"},
      {"\\u{202E}", "\\u{005C}u{202E}"},
      {"\u2029", "\\u{2029}"},
  };
  for (const auto& [text, shown] : kCases) EXPECT_EQ(EscapeForHumans(text), shown);
}

TEST(EscapeForHumans, CutsAtWholeCharactersAndSaysHowMuchIsMissing) {
  EXPECT_EQ(EscapeForHumans("abcdef", 4), "abcd… (2 more bytes)");
  EXPECT_EQ(EscapeForHumans("abc€", 4), "abc… (3 more bytes)");
  EXPECT_EQ(EscapeForHumans("abcd", 4), "abcd");
}

TEST(Nearest, FindsTheTypoAndNothingElse) {
  constexpr std::array<std::string_view, 4> kKeys = {"environment", "effect", "disposable", "then"};
  EXPECT_EQ(Nearest("enviroment", kKeys), "environment");
  EXPECT_EQ(Nearest("efect", kKeys), "effect");
  EXPECT_FALSE(Nearest("xyz", kKeys));
  EXPECT_FALSE(Nearest("", kKeys));
  EXPECT_FALSE(Nearest(std::string(10000, 'a'), kKeys));
}

TEST(Ids, HaveTheShapeTheyPromise) {
  EXPECT_EQ(ShortId("h").size(), 10u);
  EXPECT_TRUE(ShortId("h").starts_with("h-"));
  EXPECT_EQ(RandomToken().size(), 43u);
  const std::string uuid = RandomUuid();
  EXPECT_EQ(uuid.size(), 36u);
  EXPECT_EQ(uuid[14], '4');
  EXPECT_NE(std::string_view("89ab").find(uuid[19]), std::string_view::npos);
  EXPECT_NE(RandomToken(), RandomToken());
}

}  // namespace
}  // namespace interlock
