#include "credential/scrub.h"

#include <gtest/gtest.h>

#include <random>

namespace interlock::credential {
namespace {

std::shared_ptr<const Secret> Make(std::string_view value) {
  return std::make_shared<const Secret>(std::string(value));
}

std::string Scrub(const std::vector<Replacement>& replacements,
                  const std::vector<std::string_view>& chunks) {
  Scrubber scrubber(replacements);
  std::string out;
  for (std::string_view chunk : chunks) out += scrubber.Feed(chunk);
  return out + scrubber.Finish();
}

const std::vector<Replacement> kTwo = {{Make("secret-value"), "phantom-valu"},
                                       {Make("secret-value-long"), "PHANTOM-VALUE-LON"},
                                       {Make("aab"), "xyz"}};

TEST(Scrubber, ReplacesEverySecretAndKeepsTheLength) {
  EXPECT_EQ(Scrub(kTwo, {"a secret-value b"}), "a phantom-valu b");
  EXPECT_EQ(Scrub(kTwo, {"secret-valuesecret-value"}), "phantom-valuphantom-valu");
  EXPECT_EQ(Scrub(kTwo, {"secret-value-lon"}), "phantom-valu-lon");
  EXPECT_EQ(Scrub(kTwo, {"secret-value-long"}), "PHANTOM-VALUE-LON");
  EXPECT_EQ(Scrub(kTwo, {"aaab"}), "axyz");
  EXPECT_EQ(Scrub(kTwo, {""}), "");
  EXPECT_EQ(Scrub({}, {"anything"}), "anything");
}

TEST(Scrubber, PhantomsOfAnotherLengthAreFitted) {
  EXPECT_EQ(Scrub({{Make("12345678"), "ab"}}, {"x12345678y"}), "xababababy");
  EXPECT_EQ(Scrub({{Make("12345678"), "abcdefghijkl"}}, {"12345678"}), "abcdefgh");
  EXPECT_EQ(Scrub({{Make("12345678"), ""}}, {"12345678"}), "********");
}

TEST(Scrubber, CuttingTheStreamChangesNothing) {
  const std::string text = "xx secret-value-lo secret-value-long aab secret-valaab secret-value";
  const std::string whole = Scrub(kTwo, {text});
  EXPECT_EQ(whole.find("secret-value"), std::string::npos);
  for (std::size_t a = 0; a <= text.size(); ++a) {
    for (std::size_t b = a; b <= text.size(); ++b) {
      const std::string_view view = text;
      EXPECT_EQ(Scrub(kTwo, {view.substr(0, a), view.substr(a, b - a), view.substr(b)}), whole);
    }
  }
}

TEST(Scrubber, RandomTextsInRandomPiecesNeverKeepASecret) {
  std::mt19937 random(20260424);
  const std::vector<Replacement> replacements = {{Make("abab"), "wxyz"}, {Make("bba"), "xxx"}};
  for (int round = 0; round < 500; ++round) {
    std::string text;
    for (int i = 0; i < 60; ++i) text += static_cast<char>('a' + random() % 2);
    Scrubber scrubber(replacements);
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t size = 1 + random() % 7;
      out += scrubber.Feed(std::string_view(text).substr(at, size));
      at += size;
    }
    out += scrubber.Finish();
    EXPECT_EQ(out.size(), text.size());
    EXPECT_EQ(out, Scrub(replacements, {text})) << text;
    EXPECT_EQ(out.find("abab"), std::string::npos);
    EXPECT_EQ(out.find("bba"), std::string::npos);
  }
}

TEST(Scrubber, CountsAndDoesNotHoldBackMoreThanItMust) {
  Scrubber scrubber({{Make("12345678"), "abcdefgh"}});
  EXPECT_EQ(scrubber.Feed("0123456789abcdefg").size(), 10u);
  EXPECT_EQ(scrubber.Finish().size(), 7u);
  EXPECT_EQ(scrubber.replaced(), 1u);
}

TEST(Scrubber, ALineComesOutAtOnceWhateverItEndsWith) {
  Scrubber scrubber({{std::make_shared<const Secret>(std::string("secret-0123456789")), "p"}});
  EXPECT_EQ(scrubber.Feed("data: a\n\n"), "data: a\n\n");
  EXPECT_EQ(scrubber.Feed("data: secret-0123\n"), "data: secret-0123\n");
  EXPECT_EQ(scrubber.Feed("x\nsecret-01234"), "x\n");
  EXPECT_EQ(scrubber.Feed("56789\n"), "ppppppppppppppppp\n");
  EXPECT_EQ(scrubber.Finish(), "");
}

// Otherwise a provider that repeats what it is sent would tell how much of a guess is right.
TEST(Scrubber, HowMuchIsHeldBackSaysNothingAboutTheSecret) {
  for (const char* guess : {"secret-0123", "secret-012x", "xxxxxxxxxxx"}) {
    Scrubber scrubber({{std::make_shared<const Secret>(std::string("secret-0123456789")), "p"}});
    EXPECT_EQ(scrubber.Feed(std::string("0123456789") + guess).size(), 5u) << guess;
  }
}

}  // namespace
}  // namespace interlock::credential
