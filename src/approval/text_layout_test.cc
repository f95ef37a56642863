#include "approval/text_layout.h"

#include <gtest/gtest.h>

namespace interlock::approval {
namespace {

TEST(TextLayout, WrappingLosesNothingButTheBlanksItCutAt) {
  const std::string texts[] = {"",
                               "short",
                               "a b c d e f g h i j k l m n o p",
                               std::string(50, 'x'),
                               "abc " + std::string(30, 'y') + " d",
                               "漢字漢字漢字漢字漢字漢字",
                               "e\xcc\x81"
                               "e\xcc\x81"};
  for (const std::string& text : texts) {
    std::string whole;
    for (const std::string& line : Wrap(text, 10)) {
      EXPECT_LE(DisplayWidth(line), 10u) << line;
      whole += line;
    }
    std::string without;
    std::string original;
    for (const char c : whole)
      if (c != ' ') without += c;
    for (const char c : text)
      if (c != ' ') original += c;
    EXPECT_EQ(without, original);
  }
}

TEST(TextLayout, WidthCountsColumns) {
  EXPECT_EQ(DisplayWidth("abc"), 3u);
  EXPECT_EQ(DisplayWidth("漢字"), 4u);
  EXPECT_EQ(DisplayWidth("e\xcc\x81"), 1u);
  EXPECT_EQ(DisplayWidth("·–"), 2u);
}

TEST(TextLayout, CleanTextHasNoRunsOfBlanksAndNoControls) {
  EXPECT_EQ(CleanLine("a b"), "a b");
  EXPECT_EQ(CleanLine("a  b"), "a \\u{0020}b");
  EXPECT_EQ(CleanLine(" a"), "\\u{0020}a");
  EXPECT_EQ(CleanLine("a\nb").find('\n'), std::string::npos);
  EXPECT_EQ(CleanName("pg-data"), "pg-data");
  EXPECT_EQ(CleanName("pg data"), "\"pg data\"");
  EXPECT_EQ(CleanName(""), "\"\"");
}

TEST(TextLayout, LookAlikesAreFoundInIdentifiersAndMixedWords) {
  EXPECT_TRUE(LookAlikes("plain-name_1", TextKind::identifier).empty());
  EXPECT_EQ(LookAlikes("pg-d\xd0\xb0ta", TextKind::identifier).size(), 1u);
  EXPECT_EQ(LookAlikes("\xd0\xb4\xd0\xb0", TextKind::identifier).size(), 1u) << "all Cyrillic";
  EXPECT_TRUE(LookAlikes("\xd0\xb4\xd0\xb0 ok", TextKind::prose).empty()) << "a Russian word";
  EXPECT_EQ(LookAlikes("see d\xd0\xb0ta now", TextKind::prose).size(), 1u);
  EXPECT_TRUE(LookAlikes("caf\xc3\xa9 · 4 GB – ok…", TextKind::prose).empty());
  EXPECT_TRUE(LookAlikes("\xff\xfe", TextKind::prose).empty());
}

}  // namespace
}  // namespace interlock::approval
