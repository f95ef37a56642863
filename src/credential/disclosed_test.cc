#include "credential/disclosed.h"

#include <gtest/gtest.h>

namespace interlock::credential {
namespace {

// Stands in for the vault: keeps what it is given and answers with asterisks turned to 'P'.
struct Kept {
  std::vector<std::string> seen;  // "name/member/kind=value"
  KeepDisclosed keep = [this](DisclosedValue v) -> Result<std::string> {
    seen.push_back(v.name + "/" + v.member + "/" + v.kind + "=" + std::string(v.value.Reveal()));
    return std::string(v.value.size(), 'P');
  };
};

const std::vector<DisclosedPath> kToken = {
    {{"data", "projectTokenCreate"}, "projectTokenCreate", "project"}};
const std::vector<DisclosedPath> kVariables = {{{"data", "v"}, "variables", ""}};

TEST(ReplaceDisclosed, APromisedTokenIsKeptWithItsKind) {
  Kept kept;
  const auto out =
      ReplaceDisclosed(R"({"data":{"projectTokenCreate":"3d2c42fb-0000-4000-8000-1234567890ab"}})",
                       kToken, kept.keep);
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(*out, R"({"data":{"projectTokenCreate":"PPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPP"}})");
  EXPECT_EQ(kept.seen, std::vector<std::string>{
                           "projectTokenCreate//project=3d2c42fb-0000-4000-8000-1234567890ab"});
}

struct ValueCase {
  const char* member;
  const char* value;
  const char* shown;
};

TEST(ReplaceDisclosed, OfAMapOfVariablesOnlyWhatCanNotBeASecretStays) {
  const ValueCase cases[] = {
      {"DATABASE_URL", "postgres://app:correct-horse@db.internal:5432/main",
       "postgres://app:PPPPPPPPPPPPP@db.internal:5432/main"},
      {"REDIS_URL", "redis://:pa55word@cache.internal", "redis://:PPPPPPPP@cache.internal"},
      {"URL_WITH_AT", "mysql://a:p@ss:w0rd@h/db", "mysql://a:PPPPPPPPP@h/db"},
      {"HOOK", "https://hooks.example.com/services/T000/B000/XXXXXXXX",
       "PPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPP"},
      {"SIGNED", "https://a.example.com/x?sig=12345678", "PPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPP"},
      {"USER_ONLY", "https://0123456789abcdef@sentry.example.com/1",
       "PPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPP"},
      {"PUBLIC_URL", "https://web.up.example.app", "https://web.up.example.app"},
      {"PGHOST", "postgres.railway.internal", "postgres.railway.internal"},
      {"PORT", "8080", "8080"},
      {"DEBUG", "true", "true"},
      {"NODE_ENV", "production", "production"},
      {"RAILWAY_PROJECT_ID", "3d2c42fb-0000-4000-8000-1234567890ab",
       "3d2c42fb-0000-4000-8000-1234567890ab"},
      {"UUID", "3d2c42fb-0000-4000-8000-1234567890ab", "PPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPP"},
      {"POSTGRES_PASSWORD", "postgres", "PPPPPPPP"},
      {"PIN_CODE", "123456", "******"},
      {"SHORT_SECRET", "abc", "***"},
      {"ANYTHING", "Zm9vYmFyYmF6", "PPPPPPPPPPPP"},
      {"PEM", "line one\\nline two", "*****************"},
      {"EMPTY", "", ""},
  };
  for (const ValueCase& c : cases) {
    Kept kept;
    const std::string before = std::string(R"({"data":{"v":{")") + c.member + R"(":")";
    const auto out = ReplaceDisclosed(before + c.value + R"("}}})", kVariables, kept.keep);
    ASSERT_TRUE(out) << out.error().message;
    EXPECT_EQ(*out, before + c.shown + R"("}}})") << c.member;
  }
}

TEST(ReplaceDisclosed, ListsAndStarsOnTheWayMeanEveryOne) {
  Kept kept;
  const std::vector<DisclosedPath> places = {{{"items", "*", "secret"}, "secret", ""}};
  const auto out = ReplaceDisclosed(
      R"({"items":[{"a":{"secret":"12345678"}},{"b":{"secret":"abcdefgh"},"c":{"secret":null}}]})",
      places, kept.keep);
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(
      *out,
      R"({"items":[{"a":{"secret":"PPPPPPPP"}},{"b":{"secret":"PPPPPPPP"},"c":{"secret":null}}]})");
}

TEST(ReplaceDisclosed, WhatCanNotBeFoundOrReadIsAnError) {
  Kept kept;
  const char* const cases[] = {"",
                               "not json",
                               "[1,",
                               R"({"data":{"other":"12345678"}})",
                               R"({"data":"12345678"})",
                               R"({"secret":"12345678"})",
                               R"({"data":{"projectTokenCreate":"a"},"data":{}})"};
  for (const char* text : cases) {
    const auto out = ReplaceDisclosed(text, kToken, kept.keep);
    ASSERT_FALSE(out) << text;
    EXPECT_EQ(out.error().message.find("12345678"), std::string::npos);
  }
  EXPECT_TRUE(kept.seen.empty());
}

TEST(ReplaceDisclosed, ARefusalDisclosesNothing) {
  Kept kept;
  for (const char* text : {R"({"errors":[{"message":"no"}]})", R"({"data":null,"errors":[]})",
                           R"({"data":{"projectTokenCreate":null}})"}) {
    const auto out = ReplaceDisclosed(text, kToken, kept.keep);
    ASSERT_TRUE(out) << text;
    EXPECT_EQ(*out, text);
  }
}

TEST(ReplaceDisclosed, TooManyAreAnErrorAndSoIsWhatCanNotBeKept) {
  std::string many = R"({"data":{"v":[)";
  for (std::size_t i = 0; i <= kDisclosedMax; ++i)
    many += (i == 0 ? "" : ",") + std::string("\"secret-value-") + std::to_string(i) + "\"";
  Kept kept;
  EXPECT_FALSE(ReplaceDisclosed(many + "]}}", kVariables, kept.keep));
  const KeepDisclosed full = [](const DisclosedValue&) -> Result<std::string> {
    return Fail(Code::limit, "full");
  };
  EXPECT_FALSE(ReplaceDisclosed(R"({"data":{"v":"secret-value"}})", kVariables, full));
}

}  // namespace
}  // namespace interlock::credential
