#include "classify/rest.h"

#include <gtest/gtest.h>

#include <string>

#include "classify/pack_for_test.h"

namespace interlock::classify {
namespace {

struct RouteCase {
  const char* pattern;
  const char* path;
  bool matches;
};

TEST(RouteMatches, StarsStayInTheirSegment) {
  const RouteCase cases[] = {
      {"/v1/models", "/v1/models", true},
      {"/v1/models", "/v1/models/", false},
      {"/v1/models", "/v1/Models", false},
      {"/v1/*", "/v1/x", true},
      {"/v1/*", "/v1/x/y", false},
      {"/v1/*", "/v1/", true},
      {"/v1/*:go", "/v1/m:go", true},
      {"/v1/*:go", "/v1/m:go:go", true},
      {"/v1/*:go", "/v1/m/x:go", false},
      {"/a/*/c", "/a/b/c", true},
      {"/a/*/c", "/a//c", true},
      {"/a/*/c", "/a/b/b/c", false},
      {"/**", "/", true},
      {"/**", "/a/b", true},
      {"/a/**", "/a", false},
      {"/a/*/**", "/a/b/c/d", true},
      {"/a/*/**", "/b/b/c/d", false},
      {"", "", true},
      {"", "/", false},
  };
  for (const RouteCase& one : cases) {
    EXPECT_EQ(RouteMatches(one.pattern, one.path), one.matches) << one.pattern << " " << one.path;
  }
}

TEST(RouteMatches, ALongPathTakesNoLongTime) {
  EXPECT_FALSE(RouteMatches("/*a*b", "/" + std::string(16000, 'a')));
}

TEST(JudgeRest, AHostThatNobodyKnowsIsJudgedByItsMethod) {
  for (const std::string_view method : {"GET", "HEAD", "OPTIONS"}) {
    EXPECT_EQ(JudgeRest(nullptr, method, "/a?b=c")->effect, Effect::read) << method;
  }
  for (const std::string_view method : {"POST", "PUT", "PATCH", "DELETE"}) {
    EXPECT_EQ(JudgeRest(nullptr, method, "/a")->effect, Effect::unknown) << method;
  }
  EXPECT_EQ(JudgeRest(nullptr, "POST", "/a")->name, "http.POST /a");
}

TEST(JudgeRest, OfAKnownApiEvenAGetIsUnknownUnlessListed) {
  const Api* api = ProjectPacks().Find("api.openai.com");
  ASSERT_NE(api, nullptr);
  EXPECT_EQ(JudgeRest(api, "GET", "/v1/models")->effect, Effect::read);
  EXPECT_EQ(JudgeRest(api, "HEAD", "/v1/models")->effect, Effect::read);
  EXPECT_EQ(JudgeRest(api, "GET", "/v1/files")->effect, Effect::unknown);
  EXPECT_EQ(JudgeRest(api, "GET", "/v1/files")->name, "model-apis.GET /v1/files");
}

TEST(JudgeRest, ThePathStandsInTheArguments) {
  const auto operation = JudgeRest(nullptr, "GET", "/a?b=c");
  ASSERT_TRUE(operation);
  EXPECT_EQ(FindString(operation->arguments, "path"), "/a");
  EXPECT_EQ(FindString(operation->arguments, "query"), "b=c");
}

TEST(JudgeRest, AnAmbiguousPathIsRefused) {
  for (const std::string_view target :
       {"/a/../b", "/a/%2e%2e/b", "/a%2fb", "/a;x/b", "/a\\b", "/a%00"}) {
    EXPECT_FALSE(JudgeRest(&Railway(), "GET", target)) << target;
  }
}

TEST(NeedsBody, OnlyWhatAPackLetsPassMayStream) {
  const Packs& packs = ProjectPacks();
  EXPECT_TRUE(NeedsBody(packs, "api.anthropic.com", "POST", "/v1/messages?beta=true"));
  const Packs streaming = PacksOf(
      "pack: p\napis:\n  - hosts: [api.example.com]\n    rest:\n      - { route: POST /ask, "
      "effect: "
      "read, because: asks, inspect: false }\n");
  EXPECT_FALSE(NeedsBody(streaming, "api.example.com", "POST", "/ask?a=b"));
  EXPECT_TRUE(NeedsBody(streaming, "api.example.com", "POST", "/asks"));
  EXPECT_TRUE(NeedsBody(packs, "api.anthropic.com", "POST", "/v1/files"));
  EXPECT_TRUE(NeedsBody(packs, "api.anthropic.com", "PUT", "/v1/messages"));
  EXPECT_TRUE(NeedsBody(packs, "backboard.railway.com", "POST", "/graphql/v2"));
  EXPECT_TRUE(NeedsBody(packs, "backboard.railway.com", "POST", "/elsewhere"));
  EXPECT_TRUE(NeedsBody(packs, "nobody.example", "POST", "/"));
  EXPECT_FALSE(NeedsBody(packs, "backboard.railway.com", "GET", "/graphql/v2?query=x"));
}

}  // namespace
}  // namespace interlock::classify
