#include "credential/mint.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace interlock::credential {
namespace {

const TimePoint kNow = ParseTime("2026-11-24T12:00:00Z").value();

MintRule Installation() {
  MintRule rule;
  rule.kind = "installation";
  rule.with = "app";
  rule.proof = MintProof::jwt;
  rule.issuer = "${app}";
  rule.terms = {{"app", "the app's id"},
                {"installation", "the installation's id"},
                {"permissions", "JSON", MintTerm::Form::json},
                {"repositories", "names", MintTerm::Form::list, true}};
  rule.ask.method = "POST";
  rule.ask.path = "/app/installations/${installation}/access_tokens";
  rule.ask.body =
      ParseJson(R"({"permissions":"${permissions}","repositories":"${repositories}"})").value();
  rule.token = {"token"};
  rule.expires = "expires_at";
  return rule;
}

MintRule Sts() {
  MintRule rule;
  rule.kind = "access-key";
  rule.with = "access-key";
  rule.proof = MintProof::sigv4;
  rule.host = "sts.${region}.amazonaws.com";
  rule.terms = {{"role", "the role's ARN"},
                {"region", "a region", MintTerm::Form::text, false, "us-east-1"},
                {"policy", "a session policy", MintTerm::Form::json},
                {"seconds", "how long", MintTerm::Form::number, false, "3600"}};
  rule.ask.method = "POST";
  rule.ask.path = "/";
  rule.ask.form = {
      {"Action", "AssumeRole"},       {"Version", "2011-06-15"},         {"RoleArn", "${role}"},
      {"RoleSessionName", "${name}"}, {"DurationSeconds", "${seconds}"}, {"Policy", "${policy}"}};
  rule.xml = true;
  rule.token = {"AccessKeyId", "SecretAccessKey", "SessionToken"};
  rule.expires = "Expiration";
  return rule;
}

MintRule Tokens() {
  MintRule rule;
  rule.kind = "project";
  rule.token = {"data.made"};
  rule.find_list = "data.tokens.edges";
  rule.find_name = "node.name";
  rule.find_id = "node.id";
  return rule;
}

TEST(CompleteTerms, EveryFaultIsNamedAtOnce) {
  const auto faults =
      CompleteTerms(Installation(), {{"app", ""}, {"permissions", "{not json"}, {"repos", "a"}});
  ASSERT_FALSE(faults);
  for (const char* wanted :
       {"app is empty", "--term installation=", "permissions is not JSON", "no term \"repos\""})
    EXPECT_NE(faults.error().message.find(wanted), std::string::npos) << faults.error().message;
  EXPECT_FALSE(CompleteTerms(Sts(), {{"role", "r"}, {"policy", "{}"}, {"seconds", "1h"}}));
}

TEST(CompleteTerms, WhatWasLeftOutHasItsDefault) {
  const auto terms = CompleteTerms(Sts(), {{"role", "r"}, {"policy", "{}"}});
  ASSERT_TRUE(terms);
  EXPECT_EQ(terms->at("region"), "us-east-1");
  EXPECT_EQ(HostOf(Sts(), *terms), "sts.us-east-1.amazonaws.com");
}

TEST(BuildCall, ValuesStandInTheirOwnForm) {
  const MintRule rule = Installation();
  MintTerms values{{"app", "7"}, {"installation", "42"}, {"permissions", R"({"contents":"read"})"}};
  auto request = BuildCall(rule, rule.ask, values, "api.github.com");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->scheme, "https");
  EXPECT_EQ(request->target, "/app/installations/42/access_tokens");
  EXPECT_EQ(request->body, R"({"permissions":{"contents":"read"}})")
      << "the optional one is left out";
  values["repositories"] = "one,two";
  request = BuildCall(rule, rule.ask, values, "api.github.com");
  EXPECT_EQ(request->body, R"({"permissions":{"contents":"read"},"repositories":["one","two"]})");
}

TEST(BuildCall, AValueCanNotReachBeyondItsPlace) {
  const MintRule rule = Installation();
  const MintTerms values{{"app", "7"}, {"installation", "../../x?y=1#"}, {"permissions", "{}"}};
  EXPECT_EQ(BuildCall(rule, rule.ask, values, "h")->target,
            "/app/installations/..%2F..%2Fx%3Fy%3D1%23/access_tokens");
  const MintRule sts = Sts();
  const MintTerms terms{{"role", "r&Action=DeleteRole"},
                        {"region", "eu-west-1"},
                        {"policy", R"({"a":"b"})"},
                        {"seconds", "900"},
                        {"name", "interlock s-1"}};
  EXPECT_EQ(BuildCall(sts, sts.ask, terms, "h")->body,
            "Action=AssumeRole&Version=2011-06-15&RoleArn=r%26Action%3DDeleteRole&RoleSessionName="
            "interlock%20s-1&DurationSeconds=900&Policy=%7B%22a%22%3A%22b%22%7D");
  EXPECT_FALSE(BuildCall(rule, rule.ask, {}, "h"));
}

TEST(ReadMinted, TokenAndExpiryAreRead) {
  const auto minted = ReadMinted(
      Installation(), 201,
      R"({"token":"ghs_16C7e42F292c6912E7","expires_at":"2026-11-24T13:00:00Z","permissions":{}})",
      kNow);
  ASSERT_TRUE(minted) << minted.error().message;
  EXPECT_EQ(minted->value.Reveal(), "ghs_16C7e42F292c6912E7");
  EXPECT_EQ(minted->expires, kNow + std::chrono::hours(1));
}

TEST(ReadMinted, XmlIsReadByItsElements) {
  const std::string xml =
      "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId>"
      "<SecretAccessKey>sEcReT/+</SecretAccessKey><SessionToken>tok==</SessionToken>"
      "<Expiration>2026-11-24T13:00:00Z</Expiration></Credentials></AssumeRoleResult></"
      "AssumeRoleResponse>";
  const auto minted = ReadMinted(Sts(), 200, xml, kNow);
  ASSERT_TRUE(minted) << minted.error().message;
  EXPECT_EQ(minted->value.Reveal(), "ASIAEXAMPLE:sEcReT/+:tok==");
  EXPECT_FALSE(ReadMinted(Sts(), 200, xml + xml, kNow)) << "two of each";
  EXPECT_FALSE(ReadMinted(Sts(), 200, "<AccessKeyId>A</AccessKeyId>", kNow));
  const auto refused = ReadMinted(
      Sts(), 403, "<ErrorResponse><Error><Message>not allowed</Message></Error></ErrorResponse>",
      kNow);
  EXPECT_NE(refused.error().message.find("status 403: not allowed"), std::string::npos);
}

TEST(ReadMinted, WhatIsNoTokenIsRefusedWithWhatTheProviderSaid) {
  struct Case {
    int status;
    const char* body;
    const char* said;
  };
  constexpr Case kCases[] = {
      {200, R"({"errors":[{"message":"Not Authorized"}],"data":null})", "Not Authorized"},
      {200, R"({"errors":[{"message":"half"}],"data":{"made":"token-token-token"}})", "half"},
      {401, R"({"message":"Bad credentials"})", "status 401: Bad credentials"},
      {500, "oops", "status 500"},
      {200, "oops", "not JSON"},
      {200, R"({"data":{}})", "no token"},
      {200, R"({"data":{"made":""}})", "no token"},
      {200, R"({"data":{"made":"short"}})", "8 to 8192"},
      {302, R"({"data":{"made":"token-token-token"}})", "status 302"},
  };
  for (const Case& c : kCases) {
    const auto minted = ReadMinted(Tokens(), c.status, c.body, kNow);
    ASSERT_FALSE(minted) << c.body;
    EXPECT_NE(minted.error().message.find(c.said), std::string::npos) << minted.error().message;
    EXPECT_EQ(minted.error().message.find("token-token"), std::string::npos);
  }
  EXPECT_FALSE(ReadMinted(
      Installation(), 201,
      R"({"token":"ghs_16C7e42F292c6912E7","expires_at":"2026-11-24T11:00:00Z"})", kNow));
  EXPECT_FALSE(ReadMinted(Installation(), 201, R"({"token":"ghs_16C7e42F292c6912E7"})", kNow))
      << "an expiry that was promised";
}

TEST(ReadFound, TheTokenIsFoundByItsName) {
  const char* body =
      R"({"data":{"tokens":{"edges":[{"node":{"id":"1","name":"a"}},{"node":{"id":"2","name":"b"}}]}}})";
  EXPECT_EQ(ReadFound(Tokens(), 200, body, "b").value(), "2");
  EXPECT_EQ(ReadFound(Tokens(), 200, body, "c").value(), std::nullopt);
  EXPECT_FALSE(ReadFound(Tokens(), 200, R"({"data":{}})", "a"));
  EXPECT_FALSE(ReadFound(Tokens(), 403, body, "a"));
}

TEST(ReadRevoked, GoneIsGone) {
  EXPECT_TRUE(ReadRevoked(204, ""));
  EXPECT_TRUE(ReadRevoked(200, R"({"data":{"deleted":true}})"));
  EXPECT_TRUE(ReadRevoked(404, ""));
  EXPECT_FALSE(ReadRevoked(200, R"({"errors":[{"message":"Not Authorized"}]})"));
  EXPECT_FALSE(ReadRevoked(500, ""));
}

TEST(SignedJwt, ABadKeyIsRefused) {
  const Secret key(std::string("bm8ga2V5"));
  EXPECT_FALSE(SignedJwt(Installation(), {{"app", "7"}}, key, kNow));
  EXPECT_FALSE(SignedJwt(Installation(), {}, key, kNow));
}

}  // namespace
}  // namespace interlock::credential
