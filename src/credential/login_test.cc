#include "credential/login.h"

#include <gtest/gtest.h>

#include "credential/foreign.h"

namespace interlock::credential {
namespace {

const std::string kToken = "oat01-2f9d1c0b7a6e5d4c3b2a";
const std::string kRefresh = "ort01-9e8d7c6b5a4f3e2d1c0b";
const std::string kHost = "model.example";

TEST(Logins, ATokenPassesToItsHostsAlone) {
  Logins logins;
  ASSERT_TRUE(logins.Add(kToken, {kHost, "id.example"}));
  ASSERT_NE(logins.PassingTo(kHost, kToken), nullptr);
  EXPECT_EQ(logins.PassingTo(kHost, kToken)->Reveal(), kToken);
  EXPECT_NE(logins.PassingTo("id.example", kToken), nullptr);
  EXPECT_EQ(logins.PassingTo("other.example", kToken), nullptr);
  EXPECT_EQ(logins.PassingTo(kHost, kToken + "x"), nullptr);
  EXPECT_EQ(logins.PassingTo(kHost, ""), nullptr);
}

TEST(Logins, WhatCouldNotBeHeldInBoundsIsRefused) {
  Logins logins;
  EXPECT_FALSE(logins.Add("short", {kHost}));
  EXPECT_FALSE(logins.Add(std::string(kLoginBytesMin - 1, 'a'), {kHost}));
  EXPECT_FALSE(logins.Add(std::string(kLoginBytesMax + 1, 'a'), {kHost}));
  EXPECT_FALSE(logins.Add("with a space in the middle", {kHost}));
  EXPECT_FALSE(logins.Add("with-a-line\nbreak-in-the-middle", {kHost}));
  EXPECT_FALSE(logins.Add(kToken, {}));
  EXPECT_FALSE(logins.Add(kToken, std::vector<std::string>(kLoginHostsMax + 1, kHost)));
  EXPECT_TRUE(logins.empty());
  for (std::size_t i = 0; i < kLoginsMax; ++i)
    ASSERT_TRUE(logins.Add(kToken + std::to_string(i), {kHost}));
  EXPECT_EQ(logins.Add(kToken, {kHost}).error().code, Code::limit);
}

TEST(Logins, WhatARenewalBringsPassesWhereTheSentOneDid) {
  Logins logins;
  ASSERT_TRUE(logins.Add(kRefresh, {"id.example"}));
  EXPECT_EQ(logins.Learn(kRefresh, {kToken, "short"}), 1u);
  EXPECT_NE(logins.PassingTo("id.example", kToken), nullptr);
  EXPECT_EQ(logins.PassingTo(kHost, kToken), nullptr);
  EXPECT_EQ(logins.Learn("never-heard-of-that-token", {kToken + "2"}), 0u);
  EXPECT_EQ(logins.PassingTo("id.example", kToken + "2"), nullptr);
}

TEST(Logins, ARenewalDoesNotWidenATokenThatIsThere) {
  Logins logins;
  ASSERT_TRUE(logins.Add(kRefresh, {"id.example", kHost}));
  ASSERT_TRUE(logins.Add(kToken, {"id.example"}));
  logins.Learn(kRefresh, {kToken});
  EXPECT_EQ(logins.PassingTo(kHost, kToken), nullptr);
}

TEST(Logins, TheOldestGoWhenThereAreTooMany) {
  Logins logins;
  ASSERT_TRUE(logins.Add(kRefresh, {kHost}));
  std::string last = kRefresh;
  for (std::size_t i = 0; i < kLoginTokensMax; ++i) {
    const std::string next = kToken + std::to_string(i);
    ASSERT_EQ(logins.Learn(last, {next}), 1u);
    last = next;
  }
  EXPECT_EQ(logins.PassingTo(kHost, kRefresh), nullptr);
  EXPECT_NE(logins.PassingTo(kHost, last), nullptr);
}

class OwnLoginTest : public testing::Test {
 protected:
  OwnLoginTest() { EXPECT_TRUE(logins_.Add(kToken, {kHost})); }

  std::vector<Finding> Find(std::vector<Header> headers, std::string target = "/",
                            std::string body = "", std::string_view host = kHost) {
    return FindForeign({target, headers, body},
                       {"s-1", Guard::guarded, kPlaces, phantoms_, none_, none_, host, &logins_});
  }
  Result<std::optional<OwnLogin>> Take(std::vector<Header> headers, std::string_view host = kHost) {
    UpstreamRequest request;
    request.headers = std::move(headers);
    auto taken = TakeCredential(request, "s-1", kPlaces, phantoms_, {host, &logins_});
    left_ = request.headers;
    return taken;
  }

  const std::vector<CredentialPlace> kPlaces = {{"x-api-key", "", false},
                                                {"authorization", "Bearer ", false},
                                                {"authorization", "Bearer ", true}};
  Logins logins_;
  TokenIndex none_;
  PhantomTable phantoms_{Secret(std::string(32, 'k'))};
  std::vector<Header> left_;
};

TEST_F(OwnLoginTest, PassesInAPlaceForLoginsTowardsItsHost) {
  const std::vector<Header> good = {{"authorization", "Bearer " + kToken}, {"accept", "*/*"}};
  EXPECT_TRUE(Find(good).empty());
  const auto taken = Take(good);
  ASSERT_TRUE(taken && *taken);
  EXPECT_EQ((*taken)->token->Reveal(), kToken);
  EXPECT_EQ((*taken)->header, "authorization");
  EXPECT_EQ(left_, (std::vector<Header>{{"accept", "*/*"}}));
}

TEST_F(OwnLoginTest, IsForeignAnywhereElse) {
  const std::vector<Header> good = {{"authorization", "Bearer " + kToken}};
  EXPECT_FALSE(Find(good, "/", "", "other.example").empty());
  EXPECT_FALSE(Take(good, "other.example"));
  EXPECT_FALSE(Find({{"x-api-key", kToken}}).empty());
  EXPECT_FALSE(Take({{"x-api-key", kToken}}));
  EXPECT_FALSE(Find({{"x-note", kToken}}).empty());
  EXPECT_FALSE(Find({{"authorization", "Basic " + kToken}}).empty());
  EXPECT_FALSE(Find({{"authorization", "Bearer x" + kToken}}).empty());
  EXPECT_FALSE(Find({{"authorization", "Bearer " + kToken + ", " + kToken}}).empty());
  EXPECT_FALSE(Find({}, "/p?q=" + kToken).empty());
  EXPECT_FALSE(Find({}, "/", "{\"note\":\"" + kToken + "\"}").empty());
  EXPECT_FALSE(Take({good[0], good[0]}));
}

TEST_F(OwnLoginTest, AnothersTokenIsForeignInTheSamePlace) {
  const std::vector<Header> other = {{"authorization", "Bearer somebody-elses-token-0123"}};
  EXPECT_FALSE(Find(other).empty());
  EXPECT_FALSE(Take(other));
}

}  // namespace
}  // namespace interlock::credential
