// What an agent tries so that a request looks like less than it is.
#include <gtest/gtest.h>

#include <string>

#include "classify/classify.h"
#include "classify/graphql_request.h"
#include "classify/pack_for_test.h"

namespace interlock::classify {
namespace {

std::string BodyOf(std::string_view query) { return Canonical(json::object{{"query", query}}); }

struct DocumentCase {
  const char* claim;
  const char* document;
  const char* effect;  // or "refused"
};

class HiddenMutation : public testing::TestWithParam<DocumentCase> {};

TEST_P(HiddenMutation, IsFound) {
  const Classified classified = Ask({.body = BodyOf(GetParam().document)});
  EXPECT_EQ(EffectOf(classified), GetParam().effect);
}

INSTANTIATE_TEST_SUITE_P(
    Table, HiddenMutation,
    testing::Values(
        DocumentCase{"BehindAnAlias", R"(mutation { ok: volumeDelete(volumeId: "x") })",
                     "irreversible"},
        DocumentCase{"InANamedFragment",
                     R"(mutation { ...F } fragment F on Mutation { volumeDelete(volumeId: "x") })",
                     "irreversible"},
        DocumentCase{"InAnInlineFragment",
                     R"(mutation { ... on Mutation { volumeDelete(volumeId: "x") } })",
                     "irreversible"},
        DocumentCase{"InAFragmentOfAFragment",
                     R"(mutation { ...F } fragment F on Mutation { ...G }
                        fragment G on Mutation { volumeDelete(volumeId: "x") })",
                     "irreversible"},
        DocumentCase{"InACycle", R"(mutation { ...F } fragment F on Mutation { ...F })", "refused"},
        DocumentCase{"BehindAComment",
                     "# read only\nmutation {\n  volumeDelete(volumeId: \"x\") # query { x }\n}",
                     "irreversible"},
        DocumentCase{"BetweenCommas", R"(mutation,{,volumeDelete(volumeId: "x"),})",
                     "irreversible"},
        DocumentCase{"UnderABenignName", R"(mutation ListThings { volumeDelete(volumeId: "x") })",
                     "irreversible"},
        DocumentCase{"BesideAReversibleOne",
                     R"(mutation { a: volumeUpdate(volumeId: "x", input: {name: "y"}) { id }
                        b: volumeDelete(volumeId: "x") })",
                     "irreversible"},
        DocumentCase{
            "WhenAVariableDecides",
            R"(mutation M($b: Boolean = false) { volumeDelete(volumeId: "x") @include(if: $b) })",
            "irreversible"},
        DocumentCase{"WhenALiteralLeavesItOut",
                     R"(mutation { __typename volumeDelete(volumeId: "x") @skip(if: true) })",
                     "irreversible"},
        DocumentCase{"BehindADirectiveOfTheServer", R"(query { me @live { id } })", "unknown"},
        DocumentCase{"BehindADirectiveDeepInside", R"(query { me { id @export(as: "x") } })",
                     "unknown"},
        DocumentCase{"InTwoOperationsWithoutAName",
                     R"(query A { me { id } } mutation B { volumeDelete(volumeId: "x") })",
                     "refused"},
        DocumentCase{"AsASubscription", R"(subscription { volumeDelete(volumeId: "x") })",
                     "unknown"},
        DocumentCase{"InAQueryOfThatName", R"(query { volumeDelete(volumeId: "x") })", "unknown"},
        DocumentCase{"WithAnEscapeInItsName", R"(mutation { volume\u0044elete(volumeId: "x") })",
                     "refused"},
        DocumentCase{"WithAnIdInABlockString", "mutation { volumeDelete(volumeId: \"\"\"x\"\"\") }",
                     "irreversible"},
        DocumentCase{"AsATypeDefinition", "type Mutation { volumeDelete: Int }", "refused"},
        DocumentCase{"Empty", "", "refused"}, DocumentCase{"Blank", " ", "refused"}),
    [](const auto& param) { return std::string(param.param.claim); });

struct BodyCase {
  const char* claim;
  const char* body;
  const char* refused;
};

class OddBody : public testing::TestWithParam<BodyCase> {};

TEST_P(OddBody, IsRefusedByName) {
  EXPECT_EQ(RefusalOf(Ask({.body = GetParam().body})), GetParam().refused);
}

INSTANTIATE_TEST_SUITE_P(
    Table, OddBody,
    testing::Values(
        BodyCase{"AList", R"([{"query":"{me{id}}"},{"query":"mutation{userDelete}"}])",
                 "graphql-batch"},
        BodyCase{"AListOfOne", R"([{"query":"{me{id}}"}])", "graphql-batch"},
        BodyCase{"AHashAlone",
                 R"({"extensions":{"persistedQuery":{"version":1,"sha256Hash":"0"}}})",
                 "graphql-persisted-query"},
        BodyCase{"AHashBesideADocument",
                 R"({"query":"{me{id}}","extensions":{"persistedQuery":{"sha256Hash":"0"}}})",
                 "graphql-persisted-query"},
        BodyCase{"ABatchInExtensions", R"({"query":"{me{id}}","extensions":{"batch":[1]}})",
                 "graphql-extensions"},
        BodyCase{"ADocumentTwice", R"({"query":"{me{id}}","query":"mutation{userDelete}"})",
                 "json"},
        BodyCase{"ADocumentTwiceByAnEscape",
                 R"({"query":"{me{id}}","\u0071uery":"mutation{userDelete}"})", "json"},
        BodyCase{"AStrangeKey", R"({"query":"{me{id}}","id":"1"})", "graphql-unknown-key"},
        BodyCase{"AKeyInAnotherCase", R"({"query":"{me{id}}","Query":"mutation{userDelete}"})",
                 "graphql-unknown-key"},
        BodyCase{"NoDocument", R"({"variables":{}})", "graphql-no-query"},
        BodyCase{"ADocumentThatIsNoText", R"({"query":["{me{id}}"]})", "graphql-query"},
        BodyCase{"VariablesAsAText", R"({"query":"{me{id}}","variables":"{}"})",
                 "graphql-variables"},
        BodyCase{"VariablesAsAList", R"({"query":"{me{id}}","variables":[{}]})",
                 "graphql-variables"},
        BodyCase{"ANameThatIsNoText", R"({"query":"{me{id}}","operationName":1})",
                 "graphql-operation-name"},
        BodyCase{"ANameThatIsNotThere", R"({"query":"query A {me{id}}","operationName":"B"})",
                 "graphql-operation-name"},
        BodyCase{"AText", R"("{me{id}}")", "graphql-body"}, BodyCase{"NoJson", "{me{id}}", "json"},
        BodyCase{"AByteOrderMark", "\xef\xbb\xbf{\"query\":\"{me{id}}\"}", "json"},
        BodyCase{"AComment", "{\"query\":\"{me{id}}\"/**/}", "json"},
        BodyCase{"TextAfterIt", R"({"query":"{me{id}}"}{})", "json"},
        BodyCase{"InvalidUtf8", "{\"query\":\"{me{id}}\xff\"}", "json"},
        BodyCase{"Nothing", "", "json"}),
    [](const auto& param) { return std::string(param.param.claim); });

TEST(Classify, NullsAreAsGoodAsAbsent) {
  const Classified classified = Ask(
      {.body = R"({"query":"{me{id}}","variables":null,"operationName":null,"extensions":{}})"});
  EXPECT_EQ(EffectOf(classified), "read");
}

struct HeadCase {
  const char* claim;
  TestRequest request;
  const char* refused;
};

class OddHead : public testing::TestWithParam<HeadCase> {};

TEST_P(OddHead, IsRefusedByName) {
  EXPECT_EQ(RefusalOf(Ask(GetParam().request)), GetParam().refused);
}

std::vector<http1::Field> Type(std::string value) { return {{"content-type", std::move(value)}}; }
const std::string kRead = R"({"query":"{me{id}}"})";

INSTANTIATE_TEST_SUITE_P(
    Table, OddHead,
    testing::Values(
        HeadCase{"ADocumentAsBody",
                 {.body = kRead, .fields = Type("application/graphql")},
                 "graphql-content-type"},
        HeadCase{"AForm",
                 {.body = "query=x", .fields = Type("application/x-www-form-urlencoded")},
                 "graphql-content-type"},
        HeadCase{"Multipart",
                 {.body = kRead, .fields = Type("multipart/form-data; boundary=x")},
                 "graphql-content-type"},
        HeadCase{"NoType", {.body = kRead, .fields = {}}, "graphql-content-type"},
        HeadCase{"Utf16",
                 {.body = kRead, .fields = Type("application/json; charset=utf-16")},
                 "graphql-content-type"},
        HeadCase{"TwoParameters",
                 {.body = kRead, .fields = Type("application/json; charset=utf-8; x=y")},
                 "graphql-content-type"},
        HeadCase{"TwoTypes",
                 {.body = kRead,
                  .fields = {{"content-type", "application/json"}, {"content-type", "text/plain"}}},
                 "content-type-twice"},
        HeadCase{"Gzip",
                 {.body = kRead,
                  .fields = {{"content-type", "application/json"}, {"content-encoding", "gzip"}}},
                 "content-encoding"},
        HeadCase{"AnotherMethodInAHeader",
                 {.body = kRead,
                  .fields = {{"content-type", "application/json"},
                             {"x-http-method-override", "DELETE"}}},
                 "method-override"},
        HeadCase{"AWebSocket", {.method = "GET", .fields = {{"upgrade", "websocket"}}}, "upgrade"},
        HeadCase{"AQueryStringBesideABody",
                 {.target = "/graphql/v2?query=x", .body = kRead},
                 "graphql-query-string"},
        HeadCase{"AMutationAsGet",
                 {.method = "GET", .target = "/graphql/v2?query=mutation{userDelete}"},
                 "graphql-get-mutation"},
        HeadCase{"ASubscriptionAsGet",
                 {.method = "GET", .target = "/graphql/v2?query=subscription{deployment{id}}"},
                 "graphql-get-mutation"},
        HeadCase{
            "AGetWithTheDocumentTwice",
            {.method = "GET", .target = "/graphql/v2?query={me{id}}&query=mutation{userDelete}"},
            "query-string"},
        HeadCase{"APersistedGet",
                 {.method = "GET", .target = "/graphql/v2?id=abc"},
                 "graphql-unknown-key"},
        HeadCase{"APersistedHashGet",
                 {.method = "GET", .target = "/graphql/v2?extensions={\"persistedQuery\":{}}"},
                 "graphql-persisted-query"},
        HeadCase{"AGetWithABody",
                 {.method = "GET", .target = "/graphql/v2?query={me{id}}", .body = kRead},
                 "body-on-get"},
        HeadCase{"APut", {.method = "PUT", .body = kRead}, "graphql-method"},
        HeadCase{"AMadeUpMethod", {.method = "dElEtE", .body = kRead}, "method"},
        HeadCase{"Connect", {.method = "CONNECT"}, "method"},
        HeadCase{"AnAbsoluteTarget",
                 {.target = "https://backboard.railway.com/graphql/v2", .body = kRead},
                 "target"}),
    [](const auto& param) { return std::string(param.param.claim); });

TEST(Classify, PathsBesideTheEndpointAreNotGraphql) {
  for (const std::string target :
       {"/graphql/v2/", "/GraphQL/v2", "//graphql/v2", "/graphql/internal"}) {
    EXPECT_EQ(EffectOf(Ask({.target = target, .body = kRead})), "unknown") << target;
  }
  EXPECT_EQ(EffectOf(Ask({.target = "/graphql/./v2", .body = kRead})), "refused");
  EXPECT_EQ(EffectOf(Ask({.target = "/graphql%2fv2", .body = kRead})), "refused");
}

TEST(Classify, AReadAsGetIsSentAsAPost) {
  const Classified classified =
      Ask({.method = "GET",
           .target = "/graphql/v2?query=query%20A%7Bme%7Bid%7D%7D&operationName=A",
           .fields = {}});
  const Action* action = std::get_if<Action>(&classified);
  ASSERT_NE(action, nullptr) << RefusalOf(classified);
  EXPECT_EQ(action->effect, Effect::read);
  EXPECT_EQ(action->request.method, "POST");
  EXPECT_EQ(action->request.target, "/graphql/v2");
  EXPECT_EQ(action->request.body, R"({"operationName":"A","query":"query A{me{id}}"})");
}

TEST(Classify, SendsItsOwnWordsAndNotTheAgents) {
  const Classified classified = Ask({.body = R"({ "variables": {"id":"v1", "more":"x"},
        "query": "# hi\nquery Q{me{id}} mutation  D($id:String!){a:volumeDelete(volumeId:$id)}",
        "operationName":"D" })",
                                     .fields = {{"content-type", "application/json; charset=UTF-8"},
                                                {"authorization", "Bearer x"},
                                                {"cookie", "a=b"},
                                                {"accept", "application/json"},
                                                {"x-source", "CLI 5"},
                                                {"x-forwarded-for", "1.2.3.4"}}});
  const Action* action = std::get_if<Action>(&classified);
  ASSERT_NE(action, nullptr) << RefusalOf(classified);
  EXPECT_EQ(action->provider, "railway");
  EXPECT_EQ(action->operation, "railway.volumeDelete");
  EXPECT_EQ(action->request.body.find("Q{"), std::string::npos);
  const auto body = ParseJson(action->request.body);
  ASSERT_TRUE(body);
  EXPECT_EQ(Canonical(*body), action->request.body);
  EXPECT_EQ(Canonical(*Find(body->as_object(), "variables")), R"({"id":"v1"})");
  EXPECT_EQ(FindString(body->as_object(), "operationName"), "D");
  const std::vector<Header> expected = {
      {"accept", "application/json"}, {"x-source", "CLI 5"}, {"content-type", "application/json"}};
  EXPECT_EQ(action->request.headers, expected);
  EXPECT_FALSE(action->request.credential.has_value());
}

TEST(Classify, WhatItSendsMeansTheSameWhenReadAgain) {
  const Classified first =
      Ask({.body = BodyOf(R"(mutation M { a: volumeDelete(volumeId: "v1") ...F }
      fragment F on Mutation { environmentRename(id: "e1", input: {name: """x"""}) { id } })")});
  ASSERT_TRUE(std::holds_alternative<Action>(first)) << RefusalOf(first);
  const Action& action = std::get<Action>(first);
  const Classified second = Ask({.body = action.request.body});
  ASSERT_TRUE(std::holds_alternative<Action>(second)) << RefusalOf(second);
  EXPECT_EQ(std::get<Action>(second), action);
}

TEST(Classify, TheSameMeaningHasTheSameDigest) {
  const Classified a = Ask({.body = R"({"query":"{me{id}}"})"});
  const Classified b = Ask({.body = R"({"variables":{},"query":"query   { me { id } } # x"})"});
  EXPECT_EQ(Digest(std::get<Action>(a)), Digest(std::get<Action>(b)));
}

TEST(Classify, AJsonBodyOfAnyApiIsCanonical) {
  const Classified classified = Ask({.target = "/v1/files",
                                     .body = R"({ "b":1, "a":9007199254740993 })",
                                     .host = "api.openai.com"});
  ASSERT_TRUE(std::holds_alternative<Action>(classified));
  EXPECT_EQ(std::get<Action>(classified).request.body, R"({"a":9007199254740993,"b":1})");
  EXPECT_EQ(
      RefusalOf(Ask({.target = "/v1/files", .body = R"({"a":1,"a":2})", .host = "api.openai.com"})),
      "json");
}

TEST(Classify, ABodyThatStreamsKeepsItsType) {
  const Packs packs = PacksOf(
      "pack: p\napis:\n  - hosts: [api.example.com]\n    rest:\n      - { route: POST /ask, "
      "effect: "
      "read, because: asks, inspect: false }\n");
  const Classified classified = Ask({.target = "/ask", .host = "api.example.com"}, packs);
  ASSERT_TRUE(std::holds_alternative<Action>(classified)) << RefusalOf(classified);
  const std::vector<Header> expected = {{"content-type", "application/json"}};
  EXPECT_EQ(std::get<Action>(classified).request.headers, expected);
}

TEST(Classify, ManyFieldsBelowManyAliasesEndInALimit) {
  std::string document = "mutation {";
  for (int i = 0; i < 5000; ++i) {
    document +=
        " a" + std::to_string(i) + ": volumeUpdate(volumeId: \"v\", input: {name: \"x\"}) { ...F }";
  }
  document += "} fragment F on Volume { id name project { id name } }";
  const Classified classified = Ask({.body = BodyOf(document)});
  // Either refused, or judged with every doubt counted.
  if (const auto* action = std::get_if<Action>(&classified)) {
    EXPECT_EQ(action->discloses, Disclosure::credential);
  }
}

}  // namespace
}  // namespace interlock::classify
