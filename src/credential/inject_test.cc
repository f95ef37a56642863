#include "credential/inject.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace interlock::credential {
namespace {

using enum CredentialStand;

struct Case {
  const char* name;
  CredentialRef place;
  const char* real;
  const char* sent;  // nullptr: it is refused
};

const Case kCases[] = {
    {"bearer", {"e", 1, "authorization", "Bearer "}, "a/b+c=d", "Bearer a/b+c=d"},
    {"custom_header", {"e", 1, "x-key", ""}, "a b", "a b"},
    {"cookie", {"e", 1, "cookie", "sid="}, "a.b_c", "sid=a.b_c"},
    {"cookie_that_would_end_early", {"e", 1, "cookie", "sid="}, "a;b=c", nullptr},
    {"basic_password",
     {"e", 1, "authorization", "", basic_password, "me"},
     "pa:ss",
     "Basic bWU6cGE6c3M="},
    {"basic_user", {"e", 1, "authorization", "", basic_user, ""}, "key", "Basic a2V5Og=="},
    {"basic_user_beside_a_word",
     {"e", 1, "authorization", "", basic_user, "x"},
     "key",
     "Basic a2V5Ong="},
    {"basic_user_that_would_say_another",
     {"e", 1, "authorization", "", basic_user, ""},
     "k:ey",
     nullptr},
    {"basic_pair", {"e", 1, "authorization", "", basic_pair, ""}, "me:key", "Basic bWU6a2V5"},
    {"basic_pair_of_one", {"e", 1, "authorization", "", basic_pair, ""}, "key", nullptr},
    {"query", {"e", 1, "", "", query, "key"}, "a&b=c+d/e%~-_.", "a%26b%3Dc%2Bd%2Fe%25~-_."},
    {"form", {"e", 1, "", "", form, "key"}, "a b&c", "a%20b%26c"},
    {"json", {"e", 1, "", "", json, "key"}, R"(a"b\c)", R"(a\"b\\c)"},
    {"a_line_break", {"e", 1, "x-key", ""}, "a\r\nx: y", nullptr},
    {"a_nul_or_more_than_ascii", {"e", 1, "", "", json, "key"}, "\xc3\xa4", nullptr},
    {"nothing", {"e", 1, "x-key", ""}, "", nullptr},
};

class EncodeTest : public testing::TestWithParam<Case> {};

TEST_P(EncodeTest, SaysWhatTheValueIsAndNothingElse) {
  const auto sent = EncodeFor(GetParam().place, Secret(std::string(GetParam().real)));
  if (GetParam().sent == nullptr) {
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().code, Code::denied);
    if (*GetParam().real != '\0') {
      EXPECT_EQ(sent.error().message.find(GetParam().real), std::string::npos);
    }
  } else {
    ASSERT_TRUE(sent) << sent.error().message;
    EXPECT_EQ(sent->Reveal(), GetParam().sent);
  }
}

INSTANTIATE_TEST_SUITE_P(Table, EncodeTest, testing::ValuesIn(kCases),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(Splice, PutsTheValueWhereTheMarkIs) {
  const Secret value{std::string("v%20")};
  const std::string mark(kCredentialMark);
  EXPECT_EQ(Splice("/x?k=" + mark + "&a=1", value)->Reveal(), "/x?k=v%20&a=1");
  EXPECT_EQ(Splice(mark, value)->Reveal(), "v%20");
  for (const std::string& text : {std::string(), std::string("/x"), mark + mark}) {
    const auto spliced = Splice(text, value);
    ASSERT_FALSE(spliced) << text;
    EXPECT_EQ(spliced.error().code, Code::conflict);
  }
}

}  // namespace
}  // namespace interlock::credential
