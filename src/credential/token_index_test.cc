#include "credential/token_index.h"

#include <gtest/gtest.h>

namespace interlock::credential {
namespace {

TEST(TokenIndex, FindsTokensAtEveryOffset) {
  TokenIndex index;
  index.Add("3d2c42fb-1111-4a4a-9b9b-123456789abc", "a:1");
  index.Add("short-token", "b:2");
  for (std::size_t before = 0; before < 40; ++before) {
    const std::string text = std::string(before, 'x') + "short-token" + std::string(before, 'y');
    const auto found = index.Find(text);
    ASSERT_EQ(found.size(), 1u) << before;
    EXPECT_EQ(found[0].offset, before);
    EXPECT_EQ(found[0].size, 11u);
    EXPECT_EQ(found[0].label, "b:2");
  }
  EXPECT_EQ(index.Find("id=3d2c42fb-1111-4a4a-9b9b-123456789abc&x=short-token").size(), 2u);
}

TEST(TokenIndex, NearMissesAreNotFound) {
  TokenIndex index;
  index.Add("short-token", "l");
  for (const char* text : {"", "short-toke", "Short-token", "short_token", "hort-token"})
    EXPECT_TRUE(index.Find(text).empty()) << text;
}

TEST(TokenIndex, TheFirstLabelStaysAndEmptyTokensAreIgnored) {
  TokenIndex index;
  EXPECT_TRUE(index.empty());
  index.Add("", "nothing");
  EXPECT_TRUE(index.empty());
  index.Add("one-token", "first");
  index.Add("one-token", "second");
  const auto found = index.Find("one-token");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].label, "first");
}

TEST(TokenIndex, BytesAboveAsciiAreBytes) {
  TokenIndex index;
  index.Add("\xff\xfe\x00\x01\x80", "l");
  index.Add("\xc3\xa9t\xc3\xa9-token", "m");
  EXPECT_EQ(index.Find("x\xc3\xa9t\xc3\xa9-token").size(), 1u);
}

}  // namespace
}  // namespace interlock::credential
