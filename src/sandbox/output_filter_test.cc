#include "sandbox/output_filter.h"

#include <gtest/gtest.h>

namespace interlock::sandbox {
namespace {

struct Case {
  const char* claim;
  std::string_view in;
  std::string_view out;
};

using namespace std::string_view_literals;

constexpr Case kCases[] = {
    {"text_passes", "a\tb\r\n\xc3\xa9"sv, "a\tb\r\n\xc3\xa9"sv},
    {"colours_and_movement_pass", "\x1b[1;31mred\x1b[0m\x1b[2J\x1b[10;5H"sv,
     "\x1b[1;31mred\x1b[0m\x1b[2J\x1b[10;5H"sv},
    {"a_cursor_position_may_be_asked_for", "\x1b[6n"sv, "\x1b[6n"sv},
    {"the_alternate_screen_passes", "\x1b[?1049h"sv, "\x1b[?1049h"sv},
    {"character_sets_pass",
     "\x1b(B\x1b=\x1b"
     "7"sv,
     "\x1b(B\x1b=\x1b"
     "7"sv},
    {"a_title_passes", "\x1b]0;claude\x07x"sv, "\x1b]0;claude\x1b\\x"sv},
    {"a_title_may_end_in_string_terminator", "\x1b]2;t\x1b\\x"sv, "\x1b]2;t\x1b\\x"sv},
    {"a_title_with_a_line_break_does_not", "\x1b]0;a\nb\x07x"sv, "x"sv},
    {"a_link_passes", "\x1b]8;;https://a.example/\x1b\\a\x1b]8;;\x1b\\"sv,
     "\x1b]8;;https://a.example/\x1b\\a\x1b]8;;\x1b\\"sv},
    {"the_clipboard_is_not_written", "\x1b]52;c;cm0gLXJmIH4=\x07x"sv, "x"sv},
    {"the_clipboard_is_not_read", "\x1b]52;c;?\x1b\\x"sv, "x"sv},
    {"nothing_is_downloaded", "\x1b]1337;File=name=YQ==:AAAA\x07x"sv, "x"sv},
    {"no_font_command", "\x1b]50;#1\x07x"sv, "x"sv},
    {"a_command_without_a_number_is_dropped", "\x1b]hello\x07x"sv, "x"sv},
    {"a_title_is_not_typed", "\x1b[21tx\x1b[20tx\x1b[21;1tx"sv, "xxx"sv},
    {"the_size_may_be_asked_for", "\x1b[18t"sv, "\x1b[18t"sv},
    {"no_checksums_of_the_screen", "\x1b[1;1;1;1;1;1*yx"sv, "x"sv},
    {"enquiry_gets_no_answer",
     "a\x05"
     "b\x1b[\x05"
     "1mc"sv,
     "ab\x1b[1mc"sv},
    {"identify_gets_no_answer", "\x1bZx"sv, "x"sv},
    {"device_control_is_dropped", "\x1bP$q\"p\x1b\\x\x1bPtmux;\x1b\x1b]52;c;YQ==\x07\x1b\\y"sv,
     "xy"sv},
    {"application_strings_are_dropped", "\x1b_Gq=1\x1b\\x\x1b^p\x1b\\y\x1bXs\x1b\\z"sv, "xyz"sv},
    {"an_abandoned_string_leaves_nothing", "\x1b]52;c;YQ\x18x"sv, "x"sv},
    {"an_escape_in_a_string_begins_anew", "\x1b]52;c;YQ\x1b[1mx"sv, "\x1b[1mx"sv},
};

class Filters : public testing::TestWithParam<Case> {};

TEST_P(Filters, WholeAndInEveryTwoPieces) {
  const Case& c = GetParam();
  EXPECT_EQ(OutputFilter().Feed(c.in), c.out);
  for (std::size_t cut = 1; cut < c.in.size(); ++cut) {
    OutputFilter filter;
    std::string out = filter.Feed(c.in.substr(0, cut));
    out += filter.Feed(c.in.substr(cut));
    EXPECT_EQ(out, c.out) << cut;
  }
}
INSTANTIATE_TEST_SUITE_P(Table, Filters, testing::ValuesIn(kCases),
                         [](const auto& param) { return std::string(param.param.claim); });

TEST(OutputFilter, AStringWithoutAnEndKeepsABoundedPart) {
  OutputFilter filter;
  EXPECT_EQ(filter.Feed("\x1b]0;" + std::string(1 << 20, 'a')), "");
  EXPECT_EQ(filter.Feed("\x07x"), "x");
}

TEST(OutputFilter, WhatIsStillOnIsSwitchedOff) {
  OutputFilter filter;
  filter.Feed("\x1b[?1049h\x1b[?1000;1006h\x1b[?25l\x1b[?2004h\x1b[?2004l\x1b[?7h");
  const std::string reset = filter.Reset();
  EXPECT_NE(reset.find("\x1b[?1049l"), std::string::npos);
  EXPECT_NE(reset.find("\x1b[?1000l"), std::string::npos);
  EXPECT_NE(reset.find("\x1b[?1006l"), std::string::npos);
  EXPECT_NE(reset.find("\x1b[?25h"), std::string::npos);
  EXPECT_EQ(reset.find("2004"), std::string::npos);
  EXPECT_EQ(reset.find("?7"), std::string::npos);
  filter.Feed("\x1b[?1049l\x1b[?1000;1006l\x1b[?25h");
  EXPECT_EQ(filter.Reset(), "");
}

}  // namespace
}  // namespace interlock::sandbox
