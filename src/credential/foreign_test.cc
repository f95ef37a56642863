#include "credential/foreign.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "credential/shapes.h"

namespace interlock::credential {
namespace {

constexpr std::string_view kReal = "11111111-2222-4333-8444-555555555555";
constexpr std::string_view kLeaked = "7c1f9f0e-2b6d-4d7e-9a1c-5a2b8d3e4f60";
constexpr std::string_view kOtherUuid = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
const std::string kGithub = "ghp_0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX";

const CredentialPlace kPlaces[] = {{"authorization", "Bearer "}, {"project-access-token", ""}};

class ForeignTest : public testing::Test {
 protected:
  void SetUp() override {
    VaultEntry entry;
    entry.name = "staging";
    entry.version = 3;
    phantom_ = phantoms_.Issue("s-1", entry, *real_);
    stranger_ = phantoms_.Issue("s-2", entry, *real_);
    ended_ = phantoms_.Issue("s-3", entry, *real_);
    phantoms_.EndSession("s-3");
    vault_.Add(kReal, "vault entry staging");
    workspace_.Add(kLeaked, "scripts/domains.ts:14");
    workspace_.Add(phantom_, ".env:1");
  }

  std::vector<Finding> Find(std::vector<Header> headers, std::string_view target = "/graphql/v2",
                            std::string_view body = "", Guard guard = Guard::guarded) {
    const ForeignContext context{.session = "s-1",
                                 .guard = guard,
                                 .places = kPlaces,
                                 .phantoms = phantoms_,
                                 .vault = vault_,
                                 .workspace = workspace_};
    const RequestView request{target, headers, body};
    auto found = FindForeign(request, context);
    for (const Finding& finding : found) {
      for (std::string_view value : {kReal, kLeaked, std::string_view(kGithub)}) {
        EXPECT_EQ(finding.place.find(value), std::string::npos);
        EXPECT_EQ(finding.kind.find(value), std::string::npos);
      }
      EXPECT_EQ(finding.fingerprint.size(), 12u);
    }
    return found;
  }
  UpstreamRequest Request(std::vector<Header> headers, std::string target = "/graphql/v2",
                          std::string body = "") {
    UpstreamRequest request;
    request.headers = std::move(headers);
    request.target = std::move(target);
    request.body = std::move(body);
    return request;
  }

  std::shared_ptr<const Secret> real_ = std::make_shared<const Secret>(std::string(kReal));
  TokenIndex vault_;
  PhantomTable phantoms_{Secret(std::string("key"))};
  TokenIndex workspace_;
  std::string phantom_;
  std::string stranger_;
  std::string ended_;
};

TEST_F(ForeignTest, TheSessionsOwnPhantomIsNotForeign) {
  EXPECT_TRUE(Find({{"authorization", "Bearer " + phantom_}}).empty());
  EXPECT_TRUE(Find({{"authorization", "bearer " + phantom_}}).empty());
  EXPECT_TRUE(Find({{"project-access-token", phantom_}}).empty());
  EXPECT_TRUE(Find({}, "/", R"({"query":"{ me { id } }"})").empty());
}

TEST_F(ForeignTest, ATokenFoundInTheCodeIsForeignAndItsOriginIsTold) {
  const std::vector<Finding> wanted = {{"header authorization", "token from the workspace",
                                        Fingerprint(kLeaked), "scripts/domains.ts:14",
                                        Certainty::known}};
  EXPECT_EQ(Find({{"authorization", "Bearer " + std::string(kLeaked)}}), wanted);
}

TEST_F(ForeignTest, WhateverElseStandsInACredentialPlaceIsForeign) {
  for (const std::string& value : {std::string(kOtherUuid), std::string("x"), std::string(" "),
                                   phantom_ + "x", " " + phantom_, ToLower("BEARER ") + phantom_}) {
    const auto found = Find({{"project-access-token", value}});
    ASSERT_EQ(found.size(), 1u) << value;
    EXPECT_EQ(found[0].place, "header project-access-token");
    EXPECT_EQ(found[0].certainty, Certainty::place);
  }
  EXPECT_EQ(Find({{"authorization", "Token " + phantom_}}).size(), 1u);
  EXPECT_EQ(Find({{"authorization", "Basic " + Base64("user:" + phantom_)}}).size(), 1u);
  EXPECT_TRUE(Find({{"project-access-token", ""}}).empty());
}

TEST_F(ForeignTest, PhantomsOfOtherAndEndedSessionsAreForeign) {
  for (const std::string& phantom : {stranger_, ended_}) {
    const auto found = Find({{"project-access-token", phantom}});
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].kind, "phantom of another session");
    EXPECT_EQ(found[0].certainty, Certainty::known);
    EXPECT_EQ(Find({}, "/", "{\"id\":\"" + phantom + "\"}").size(), 1u);
  }
}

TEST_F(ForeignTest, ARealValueIsFoundInEveryPlaceAndEncoding) {
  const std::string real(kReal);
  std::string escaped;
  std::string percent;
  for (char c : real) {
    escaped += "\\u00" + Hex(std::string(1, c));
    percent += "%" + Hex(std::string(1, c));
  }
  const std::string kTexts[] = {real,
                                "prefix" + real + "suffix",
                                escaped,
                                percent,
                                Base64(real),
                                Base64("user:" + real),
                                Base64Url("{\"t\":\"" + real + "\"}"),
                                Base64(Base64(real))};
  for (const std::string& text : kTexts) {
    for (const auto& found : {Find({{"x-note", text}}), Find({}, "/p?q=" + text),
                              Find({}, "/", "{\"a\":\"" + text + "\"}"),
                              Find({{"x-note", text}}, "/", "", Guard::unguarded)}) {
      ASSERT_EQ(found.size(), 1u) << text;
      EXPECT_EQ(found[0].kind, "vault entry staging");
      EXPECT_EQ(found[0].fingerprint, Fingerprint(kReal));
    }
  }
}

TEST_F(ForeignTest, WellKnownPrefixesAreFoundAnywhere) {
  const auto found = Find({{"x-note", "see " + kGithub}});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].kind, "github token");
  EXPECT_EQ(found[0].certainty, Certainty::shape);
  EXPECT_EQ(Find({}, "/", "{\"token\":\"" + kGithub + "\"}").size(), 1u);
  EXPECT_EQ(Find({{"authorization", "Bearer " + kGithub}})[0].kind, "github token");
}

TEST_F(ForeignTest, IdsThatLookLikeTokensAreLeftAlone) {
  EXPECT_TRUE(Find({}, "/v/" + std::string(kOtherUuid), std::string(kOtherUuid)).empty());
}

TEST_F(ForeignTest, OtherCredentialHeadersOfGuardedHostsAreForeign) {
  for (const char* name : {"proxy-authorization", "cookie", "x-api-key", "x-railway-token",
                           "client-secret", "x-auth-user", "apikey", "private-token"}) {
    const auto found = Find({{name, "some-value"}});
    ASSERT_EQ(found.size(), 1u) << name;
    EXPECT_EQ(found[0].place, std::string("header ") + name);
    EXPECT_TRUE(Find({{name, "some-value"}}, "/", "", Guard::unguarded).empty()) << name;
  }
  for (const char* name : {"content-type", "idempotency-key", "accept", "x-request-id"})
    EXPECT_TRUE(Find({{name, "some-value"}}).empty()) << name;
}

TEST_F(ForeignTest, CredentialParametersOfGuardedHostsAreForeign) {
  for (const char* query :
       {"token=abc", "a=1&access_token=abc", "api_key=abc", "apiKey=abc", "password=abc",
        "client%5Fsecret=abc", "X-Amz-Signature=abc", "a;token=abc", "private_token=abc"}) {
    const auto found = Find({}, std::string("/p?") + query);
    ASSERT_EQ(found.size(), 1u) << query;
    EXPECT_TRUE(found[0].place.starts_with("query ")) << found[0].place;
  }
  for (const char* query :
       {"token=", "token", "pageToken=abc", "next_token=abc", "a=token", "keys=1"})
    EXPECT_TRUE(Find({}, std::string("/p?") + query).empty()) << query;
}

TEST_F(ForeignTest, TowardsAnUnguardedHostOnlyKnownTokensOutsideBodiesRefuse) {
  const auto refuses = [](const std::vector<Finding>& found, Guard guard) {
    return std::ranges::any_of(found, [&](const Finding& f) { return IsForeignUse(f, guard); });
  };
  const std::string leaked(kLeaked);
  EXPECT_TRUE(refuses(Find({{"x", leaked}}, "/", "", Guard::unguarded), Guard::unguarded));
  EXPECT_FALSE(refuses(Find({}, "/", leaked, Guard::unguarded), Guard::unguarded));
  EXPECT_TRUE(refuses(Find({}, "/", leaked), Guard::guarded));
  EXPECT_FALSE(refuses(Find({{"x", kGithub}}, "/", "", Guard::unguarded), Guard::unguarded));
}

TEST_F(ForeignTest, TakingACredentialLeavesTheReferenceAlone) {
  UpstreamRequest request = Request({{"accept", "*/*"}, {"authorization", "bearer " + phantom_}});
  ASSERT_TRUE(TakeCredential(request, "s-1", kPlaces, phantoms_));
  EXPECT_EQ(request.credential, (CredentialRef{"staging", 3, "authorization", "Bearer "}));
  EXPECT_EQ(request.headers, (std::vector<Header>{{"accept", "*/*"}}));
  UpstreamRequest none = Request({{"accept", "*/*"}, {"project-access-token", ""}});
  ASSERT_TRUE(TakeCredential(none, "s-1", kPlaces, phantoms_));
  EXPECT_FALSE(none.credential);
}

TEST_F(ForeignTest, AMisplacedPhantomIsRefusedWithoutBeingShown) {
  const std::string own = phantom_;
  const Header good{"authorization", "Bearer " + own};
  const UpstreamRequest kRefused[] = {
      Request({good, {"project-access-token", own}}),
      Request({good, good}),
      Request({good}, "/p?t=" + own),
      Request({good}, "/graphql/v2", "{\"v\":\"" + own + "\"}"),
      Request({good}, "/graphql/v2", Base64("x" + own)),
      Request({good, {"x-note", own}}),
      Request({{"x-note", own}}),
      Request({{"authorization", "Basic " + Base64("u:" + own)}}),
      Request({{"authorization", "Bearer " + stranger_}}),
      Request({{"authorization", "Bearer " + ended_}}),
      Request({{"authorization", "Bearer " + std::string(kLeaked)}}),
      Request({{"authorization", "Bearer "}}),
      Request({good}, "/p?t=" + stranger_),
  };
  for (const UpstreamRequest& request : kRefused) {
    UpstreamRequest copy = request;
    const auto taken = TakeCredential(copy, "s-1", kPlaces, phantoms_);
    ASSERT_FALSE(taken) << &request - kRefused;
    EXPECT_EQ(taken.error().code, Code::denied);
    EXPECT_EQ(taken.error().message.find(own), std::string::npos);
    EXPECT_EQ(taken.error().message.find(kLeaked), std::string::npos);
    EXPECT_EQ(copy, request);
  }
}

}  // namespace
}  // namespace interlock::credential
