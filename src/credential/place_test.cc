#include "credential/place.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/bytes.h"
#include "credential/foreign.h"

namespace interlock::credential {
namespace {

using enum CredentialStand;

const CredentialPlace kBearer = {"authorization", "Bearer "};
const CredentialPlace kPassword = {"authorization", "", false, basic_password, ""};
const CredentialPlace kGit = {"authorization", "", false, basic_password, "x-access-token"};
const CredentialPlace kUser = {"authorization", "", false, basic_user, ""};
const CredentialPlace kPair = {"authorization", "", false, basic_pair, ""};
const CredentialPlace kCookie = {"cookie", "sid="};
const CredentialPlace kQuery = {"", "", false, query, "api key"};
const CredentialPlace kForm = {"", "", false, form, "client_secret"};
const CredentialPlace kJson = {"", "", false, json, "client.secret"};

class PlaceTest : public testing::Test {
 protected:
  void SetUp() override {
    VaultEntry entry;
    entry.name = "staging";
    entry.version = 3;
    phantom_ =
        phantoms_.Issue("s-1", entry, Secret(std::string("3d2c42fb-1111-4a4a-9b9b-12345678")));
    entry.name = "pair";
    pair_ = phantoms_.Issue("s-1", entry, Secret(std::string("someone:with-a-password-0123")));
    entry.name = "staging";
    stranger_ =
        phantoms_.Issue("s-2", entry, Secret(std::string("3d2c42fb-1111-4a4a-9b9b-12345678")));
  }

  Result<UpstreamRequest> Take(const UpstreamRequest& request,
                               std::vector<CredentialPlace> places) const {
    UpstreamRequest copy = request;
    const auto taken = TakeCredential(copy, "s-1", places, phantoms_);
    if (taken) return copy;
    EXPECT_EQ(copy, request);
    EXPECT_EQ(taken.error().code, Code::denied);
    EXPECT_EQ(taken.error().message.find(phantom_), std::string::npos);
    return std::unexpected(taken.error());
  }
  static UpstreamRequest With(std::vector<Header> headers, std::string target = "/v1",
                              std::string body = "") {
    UpstreamRequest request;
    request.headers = std::move(headers);
    request.target = std::move(target);
    request.body = std::move(body);
    return request;
  }
  static Header Basic(const std::string& pair) {
    return {"authorization", "Basic " + Base64(pair)};
  }
  static UpstreamRequest Form(const std::string& body, const std::string& target = "/v1") {
    return With({{"content-type", "application/x-www-form-urlencoded; charset=utf-8"}}, target,
                body);
  }
  static UpstreamRequest Json(const std::string& body) {
    return With({{"content-type", "application/json"}}, "/v1", body);
  }

  PhantomTable phantoms_{Secret(std::string("key"))};
  std::string phantom_;
  std::string pair_;
  std::string stranger_;
};

TEST_F(PlaceTest, EveryPlaceGivesTheReferenceAndKeepsNothingOfThePhantom) {
  const std::string mark(kCredentialMark);
  struct Case {
    UpstreamRequest request;
    CredentialPlace place;
    CredentialRef ref;
    std::string target = "/v1";
    std::string body = {};
  };
  std::string spelled;
  for (const char c : phantom_) spelled += "%" + Hex(std::string(1, c));
  const Case kCases[] = {
      {With({{"authorization", "bearer " + phantom_}}),
       kBearer,
       {"staging", 3, "authorization", "Bearer "}},
      {With({Basic("me:" + phantom_)}),
       kPassword,
       {"staging", 3, "authorization", "", basic_password, "me"}},
      {With({Basic("x-access-token:" + phantom_)}),
       kGit,
       {"staging", 3, "authorization", "", basic_password, "x-access-token"}},
      {With({Basic(phantom_ + ":")}), kUser, {"staging", 3, "authorization", "", basic_user, ""}},
      {With({Basic(phantom_ + ":x-oauth-basic")}),
       kUser,
       {"staging", 3, "authorization", "", basic_user, "x-oauth-basic"}},
      {With({Basic(pair_)}), kPair, {"pair", 3, "authorization", "", basic_pair, ""}},
      {With({{"cookie", "sid=" + phantom_}}), kCookie, {"staging", 3, "cookie", "sid="}},
      {With({}, "/v1?a=1&api+key=" + phantom_ + "&b"),
       kQuery,
       {"staging", 3, "", "", query, "api key"},
       "/v1?a=1&api+key=" + mark + "&b"},
      {With({}, "/v1?api%20key=" + spelled),
       kQuery,
       {"staging", 3, "", "", query, "api key"},
       "/v1?api%20key=" + mark},
      {Form("grant_type=x&client_secret=" + phantom_),
       kForm,
       {"staging", 3, "", "", form, "client_secret"},
       "/v1",
       "grant_type=x&client_secret=" + mark},
      {Json(R"({"client":{"secret":")" + phantom_ + R"(","id":1}})"),
       kJson,
       {"staging", 3, "", "", json, "client.secret"},
       "/v1",
       R"({"client":{"id":1,"secret":")" + mark + R"("}})"},
  };
  for (const Case& one : kCases) {
    const auto taken = Take(one.request, {kQuery, one.place});
    ASSERT_TRUE(taken) << &one - kCases << " " << taken.error().message;
    EXPECT_EQ(taken->credential, one.ref) << &one - kCases;
    EXPECT_EQ(taken->target, one.target);
    EXPECT_EQ(taken->body, one.body);
    for (const Header& header : taken->headers) EXPECT_NE(header.name, one.place.header);
  }
}

TEST_F(PlaceTest, ARequestWithoutACredentialStaysAsItIs) {
  const UpstreamRequest kPlain[] = {
      With({}),
      With({{"authorization", ""}}),
      With({}, "/v1?api+key="),
      With({}, "/v1?api+key"),
      With({}, "/v1?&&=&"),
      Form("grant_type=x&client_secret="),
      Form(""),
      Json(R"({"client":{"secret":""}})"),
      Json(R"({"client":{"secret":null}})"),
      Json(R"({"client":7})"),
      Json(R"([1])"),
      Json("{"),
      Json(""),
  };
  for (const UpstreamRequest& request : kPlain) {
    const auto taken = Take(request, {kBearer, kPassword, kQuery, kForm, kJson});
    ASSERT_TRUE(taken) << &request - kPlain;
    EXPECT_FALSE(taken->credential);
    EXPECT_EQ(taken->target, request.target);
    EXPECT_EQ(taken->body, request.body);
  }
}

TEST_F(PlaceTest, WhatIsNotTheSessionsPhantomIsRefusedInEveryPlace) {
  for (const std::string& other : {stranger_, std::string("anything"), phantom_ + "x"}) {
    const UpstreamRequest kRefused[] = {
        With({{"authorization", "Bearer " + other}}),
        With({Basic("me:" + other)}),
        With({Basic(other + ":")}),
        With({{"authorization", "Basic !" + Base64("me:" + phantom_)}}),
        With({{"cookie", "sid=" + other}}),
        With({{"cookie", "sid=" + phantom_ + "; other=1"}}),
        With({{"cookie", "other=1"}}),
        With({}, "/v1?api+key=" + other),
        Form("client_secret=" + other),
        Json(R"({"client":{"secret":")" + other + R"("}})"),
        Json(R"({"client":{"secret":[1]}})"),
    };
    for (const UpstreamRequest& request : kRefused) {
      EXPECT_FALSE(Take(request, {kBearer, kPassword, kUser, kCookie, kQuery, kForm, kJson}))
          << other << " " << &request - kRefused;
    }
  }
}

TEST_F(PlaceTest, APhantomInAnotherPlaceIsRefused) {
  const std::vector<CredentialPlace> places = {kGit, kQuery, kForm, kJson};
  const UpstreamRequest kRefused[] = {
      // Another user than the place's, the other half, both halves.
      With({Basic("me:" + phantom_)}),
      With({Basic(phantom_ + ":x-access-token")}),
      With({Basic(phantom_ + ":" + phantom_)}),
      // The right word in the wrong part of the request.
      With({{"x-api-key", phantom_}}),
      With({}, "/v1/" + phantom_),
      With({}, "/v1?client_secret=" + phantom_),
      With({}, "/v1?apikey=" + phantom_),
      With({}, "/v1?a=1;api+key=" + phantom_),
      With({}, "/v1?api+key=" + phantom_ + ";a=1"),
      Form("api+key=" + phantom_),
      Form("note=" + phantom_),
      Json(R"({"secret":")" + phantom_ + R"("})"),
      Json(R"({"client":{"note":")" + phantom_ + R"("}})"),
      Json(R"({"variables":{"client":{"secret":")" + phantom_ + R"("}}})"),
      Json(R"({"client":{"secret":")" + Base64(phantom_) + R"("}})"),
      // A body that says to be something else than what the place is for.
      With({}, "/v1", "client_secret=" + phantom_),
      With({{"content-type", "text/plain"}}, "/v1",
           R"({"client":{"secret":")" + phantom_ + R"("}})"),
      Json("client_secret=" + phantom_),
      Form(R"({"client":{"secret":")" + phantom_ + R"("}})"),
      // Two members of one name, one of which somebody else would read.
      Json(R"({"client":{"secret":")" + phantom_ + R"(","secret":"x"}})"),
  };
  for (const UpstreamRequest& request : kRefused)
    EXPECT_FALSE(Take(request, places)) << &request - kRefused;
}

TEST_F(PlaceTest, TwoCredentialsInOneRequestAreRefused) {
  const std::vector<CredentialPlace> places = {kBearer, kQuery, kForm};
  const Header bearer{"authorization", "Bearer " + phantom_};
  EXPECT_FALSE(Take(With({bearer}, "/v1?api+key=" + phantom_), places));
  EXPECT_FALSE(Take(With({}, "/v1?api+key=" + phantom_ + "&api+key=" + phantom_), places));
  EXPECT_FALSE(Take(With({}, "/v1?api+key=" + phantom_ + "&api+key=other"), places));
  EXPECT_FALSE(Take(Form("client_secret=" + phantom_, "/v1?api+key=" + phantom_), places));
}

TEST_F(PlaceTest, TheMarkIsInterlocksAlone) {
  const std::string mark(kCredentialMark);
  const std::vector<CredentialPlace> places = {kBearer, kQuery, kForm, kJson};
  EXPECT_FALSE(Take(With({}, "/v1?note=" + mark), places));
  EXPECT_FALSE(Take(With({}, "/v1?api+key=" + phantom_ + "&note=" + mark), places));
  EXPECT_FALSE(Take(Form("client_secret=" + phantom_ + "&note=" + mark), places));
  EXPECT_FALSE(
      Take(With({{"authorization", "Bearer " + phantom_}}, "/v1", "note: " + mark), places));
}

TEST_F(PlaceTest, WhatStandsBesideAPhantomIsBoundedAndPrintable) {
  EXPECT_TRUE(Take(With({Basic(std::string(256, 'u') + ":" + phantom_)}), {kPassword}));
  EXPECT_FALSE(Take(With({Basic(std::string(257, 'u') + ":" + phantom_)}), {kPassword}));
  EXPECT_FALSE(Take(With({Basic("u\r\nx:" + phantom_)}), {kPassword}));
  EXPECT_FALSE(Take(With({Basic("u\xc3\xa4:" + phantom_)}), {kPassword}));
}

TEST_F(PlaceTest, OnlyTheTokenOfAPlaceIsLookedUpAsForeign) {
  const TokenIndex none;
  const auto find = [&](const Header& header, std::vector<CredentialPlace> places) {
    const std::vector<Header> headers = {header};
    const RequestView view{"/v1", headers, ""};
    const ForeignContext context{.session = "s-1",
                                 .places = places,
                                 .phantoms = phantoms_,
                                 .vault = none,
                                 .workspace = none};
    return FindForeign(view, context).size();
  };
  EXPECT_EQ(find(Basic("me:" + phantom_), {kPassword}), 0u);
  EXPECT_EQ(find(Basic(phantom_ + ":"), {kUser, kPassword}), 0u);
  EXPECT_EQ(find(Basic(pair_), {kPair}), 0u);
  EXPECT_EQ(find({"cookie", "sid=" + phantom_}, {kCookie}), 0u);
  EXPECT_EQ(find(Basic("me:other-password"), {kPassword}), 1u);
  EXPECT_EQ(find(Basic("me:" + phantom_), {kGit}), 1u);
  EXPECT_EQ(find({"cookie", "sid=" + phantom_ + "; a=b"}, {kCookie}), 1u);
  EXPECT_GE(find(Basic("me:" + stranger_), {kPassword}), 1u);
}

}  // namespace
}  // namespace interlock::credential
