#include "classify/websocket.h"

#include <gtest/gtest.h>

#include "classify/pack_for_test.h"

namespace interlock::classify {
namespace {

constexpr std::string_view kPack = R"(
pack: example
apis:
  - hosts: [api.example.com]
    forward: [accept, "sec-*"]
    graphql:
      paths: [/graphql]
      queries: [{ names: [things] }]
      subscriptions: [{ names: [logs], targets: { id: thing } }]
      mutations: { drop: { effect: irreversible, because: drops, targets: { id: thing } } }
    rest:
      - { route: GET /graphql, effect: read, because: listens, websocket: graphql }
      - { route: GET /raw, effect: read, because: listens, query: [v], websocket: pass }
      - { route: GET /talk, effect: read, because: talks, websocket: { as: POST /talk, words: { type: [say] }, members: [n] } }
      - { route: POST /talk, effect: read, because: talks }
)";

const Packs& Example() {
  static const Packs packs = PacksOf(kPack);
  return packs;
}

std::variant<Upgrade, Malformed> Open(std::string_view target, std::string_view method = "GET") {
  static const std::vector<http1::Field> kFields = {
      {"upgrade", "websocket"},        {"connection", "Upgrade"}, {"sec-websocket-key", "k"},
      {"sec-websocket-version", "13"}, {"accept", "*/*"},         {"cookie", "c"}};
  return ClassifyUpgrade(Example(), {"https", "api.example.com", 443, method, target, kFields, ""});
}

std::string Refused(const std::variant<Upgrade, Malformed>& found) {
  const auto* malformed = std::get_if<Malformed>(&found);
  return malformed ? malformed->name : "";
}

const WebSocketRule& RuleOf(std::string_view target) {
  return *std::get<Upgrade>(Open(target)).rule;
}

TEST(Upgrade, OnlyARouteThatSaysSoOpens) {
  EXPECT_EQ(Refused(Open("/raw")), "");
  EXPECT_EQ(Refused(Open("/raw?v=1")), "");
  EXPECT_EQ(Refused(Open("/raw?w=1")), "query-parameter");
  EXPECT_EQ(Refused(Open("/talk")), "");
  EXPECT_EQ(Refused(Open("/else")), "upgrade");
  EXPECT_EQ(Refused(Open("/talk", "POST")), "upgrade");
  EXPECT_EQ(
      Refused(ClassifyUpgrade(Example(), {"https", "other.example", 443, "GET", "/", {}, ""})),
      "upgrade");
}

TEST(Upgrade, WhatGoesOnHasNoFieldOfTheHandshakeOfTheClient) {
  const Upgrade upgrade = std::get<Upgrade>(Open("/raw"));
  EXPECT_EQ(upgrade.action.request.headers, (std::vector<Header>{{"accept", "*/*"}}));
  EXPECT_EQ(upgrade.action.operation, "example.GET /raw");
  EXPECT_EQ(upgrade.action.effect, Effect::read);
}

TEST(Upgrade, ItsRouteIsNothingElse) {
  TestRequest request{"GET", "/raw", "", {}, "api.example.com"};
  EXPECT_EQ(RefusalOf(Ask(request, Example())), "websocket-expected");
}

TEST(Upgrade, ListedSubscriptionsReadAndOthersAreUnknown) {
  const auto effect = [](const std::string& document) {
    TestRequest request{"POST", "/graphql", R"({"query":")" + document + "\"}"};
    request.host = "api.example.com";
    return EffectOf(Ask(request, Example()));
  };
  EXPECT_EQ(effect("subscription { logs(id: 1) }"), "read");
  EXPECT_EQ(effect("subscription { other }"), "unknown");
  EXPECT_EQ(effect("subscription { drop(id: 1) }"), "unknown");
  EXPECT_EQ(effect("query { logs(id: 1) }"), "unknown");
}

struct Claim {
  std::string_view text;
  std::string_view wanted;  // "plain …", "call ID BODY" or "refused"
};

std::string Said(const WebSocketRule& rule, Talk talk, std::string_view text) {
  const auto spoken = ReadSpoken(rule, talk, text);
  if (const auto* plain = std::get_if<Plain>(&spoken)) return "plain " + plain->text;
  if (const auto* call = std::get_if<Call>(&spoken)) {
    return "call " + call->id + " " + call->body + " as " + WriteCall(talk, *call, call->body);
  }
  return "refused";
}

TEST(Spoken, GraphqlOverTransportWs) {
  const Claim kClaims[] = {
      {R"({"type":"connection_init"})", R"(plain {"type":"connection_init"})"},
      {R"({"type":"connection_init","payload":null})",
       R"(plain {"payload":null,"type":"connection_init"})"},
      {R"({"type":"connection_init","payload":{"token":"t"}})", "refused"},
      {R"({"type":"connection_init","payload":"t"})", "refused"},
      {R"({"payload":{"a":1},"type":"ping"})", R"(plain {"payload":{"a":1},"type":"ping"})"},
      {R"({"type":"complete","id":"1"})", R"(plain {"id":"1","type":"complete"})"},
      {R"({"type":"subscribe","id":"1","payload":{"query":"{a}"}})",
       R"(call 1 {"query":"{a}"} as {"type":"subscribe","id":"1","payload":{"query":"{a}"}})"},
      {R"({"type":"subscribe","id":"1"})", "refused"},
      {R"({"type":"subscribe","id":1,"payload":{}})", "refused"},
      {R"({"type":"subscribe","id":"","payload":{}})", "refused"},
      {R"({"type":"subscribe","payload":{}})", "refused"},
      {R"({"type":"subscribe","id":"1","payload":{},"query":"x"})", "refused"},
      {R"({"type":"subscribe","id":"1","payload":[]})", "refused"},
      {R"({"type":"ping","type":"subscribe","id":"1","payload":{}})", "refused"},
      {R"({"type":"start","id":"1","payload":{"query":"{a}"}})", "refused"},
      {R"({"type":"complete","id":"1","payload":{"query":"mutation{drop}"}})", "refused"},
      {R"({"type":"SUBSCRIBE","id":"1","payload":{}})", "refused"},
      {R"({"id":"1","payload":{"query":"{a}"}})", "refused"},
      {R"([{"type":"ping"}])", "refused"},
      {"ping", "refused"},
      {"", "refused"},
  };
  for (const Claim& claim : kClaims)
    EXPECT_EQ(Said(RuleOf("/graphql"), Talk::transport_ws, claim.text), claim.wanted) << claim.text;
}

TEST(Spoken, GraphqlOverItsPredecessor) {
  const Claim kClaims[] = {
      {R"({"type":"connection_init","payload":{}})",
       R"(plain {"payload":{},"type":"connection_init"})"},
      {R"({"type":"connection_init","payload":{"token":"t"}})", "refused"},
      {R"({"type":"connection_terminate"})", R"(plain {"type":"connection_terminate"})"},
      {R"({"type":"stop","id":"1"})", R"(plain {"id":"1","type":"stop"})"},
      {R"({"type":"start","id":"1","payload":{"query":"{a}"}})",
       R"(call 1 {"query":"{a}"} as {"type":"start","id":"1","payload":{"query":"{a}"}})"},
      {R"({"type":"subscribe","id":"1","payload":{"query":"{a}"}})", "refused"},
      {R"({"type":"ping"})", "refused"},
  };
  for (const Claim& claim : kClaims)
    EXPECT_EQ(Said(RuleOf("/graphql"), Talk::graphql_ws, claim.text), claim.wanted) << claim.text;
}

TEST(Spoken, AMessageThatIsACall) {
  const Claim kClaims[] = {
      {R"({"type":"say","b":1,"a":2})", R"(call  {"b":1,"a":2} as {"type":"say","b":1,"a":2})"},
      {R"({"a":{"type":"x"},"n":null,"type":"say"})",
       R"(call  {"a":{"type":"x"}} as {"type":"say","n":null,"a":{"type":"x"}})"},
      {R"({"a":1,"n":{"tools":[]},"type":"say"})", "refused"},
      {R"({"a":1,"n":[1],"type":"say"})", "refused"},
      {R"({"type":"say"})", R"(call  {} as {"type":"say"})"},
      {R"({"type":"shout","a":2})", "refused"},
      {R"({"a":2})", "refused"},
      {R"({"type":"say","type":"say"})", "refused"},
      {"\"say\"", "refused"},
  };
  for (const Claim& claim : kClaims)
    EXPECT_EQ(Said(RuleOf("/talk"), Talk::as, claim.text), claim.wanted) << claim.text;
}

TEST(Spoken, OnlyProtocolsThatAreJudgedAreOffered) {
  const WebSocketRule& graphql = RuleOf("/graphql");
  const std::vector<std::string> offered = {"x", "graphql-ws", "graphql-transport-ws"};
  EXPECT_EQ(ProtocolsFor(graphql, offered),
            (std::vector<std::string>{"graphql-ws", "graphql-transport-ws"}));
  EXPECT_TRUE(ProtocolsFor(RuleOf("/raw"), offered).empty());
  EXPECT_EQ(TalkOf(graphql, "graphql-ws"), Talk::graphql_ws);
  EXPECT_EQ(TalkOf(graphql, "graphql-transport-ws"), Talk::transport_ws);
  EXPECT_EQ(TalkOf(graphql, ""), std::nullopt);
  EXPECT_EQ(TalkOf(graphql, "x"), std::nullopt);
}

TEST(Spoken, ARefusalSpeaksTheProtocolOfTheCall) {
  const Call call{"7", "{}", {}};
  const SpokenRefusal held{403, "INTERLOCK_HOLD", "h-1", "INTERLOCK HOLD h-1: not executed."};
  EXPECT_EQ(WriteRefusal(Talk::transport_ws, call, held),
            R"({"id":"7","type":"error","payload":[{"message":"INTERLOCK HOLD h-1: not executed.",)"
            R"("extensions":{"code":"INTERLOCK_HOLD","hold":"h-1"}}]})");
  EXPECT_EQ(WriteRefusal(Talk::graphql_ws, call, held),
            R"({"id":"7","type":"error","payload":{"message":"INTERLOCK HOLD h-1: not executed.",)"
            R"("extensions":{"code":"INTERLOCK_HOLD","hold":"h-1"}}})");
  EXPECT_EQ(WriteRefusal(Talk::as, call, held),
            R"({"type":"error","status":403,"error":{"type":"interlock","code":"INTERLOCK_HOLD",)"
            R"("message":"INTERLOCK HOLD h-1: not executed.","hold":"h-1"}})");
}

TEST(WebSocketRule, MistakesInAPackAreNamed) {
  const struct {
    std::string_view rest;
    std::string_view problem;
  } kCases[] = {
      {"{ route: GET /a, effect: read, because: b, websocket: maybe }", "expected 'pass'"},
      {"{ route: POST /a, effect: read, because: b, websocket: pass }", "begins with a GET"},
      {"{ route: GET /a, effect: read, because: b, websocket: graphql }", "needs 'graphql'"},
      {"{ route: GET /a, effect: read, because: b, websocket: { as: POST /b } }", "isn't listed"},
      {"{ route: GET /a, effect: read, because: b, websocket: { as: GET /a } }", "with a body"},
      {"{ route: GET /a, effect: read, because: b, websocket: { as: POST /a/* } }", "one path"},
      {"{ route: GET /a, effect: read, because: b, websocket: { to: POST /a } }", "to"},
  };
  for (const auto& c : kCases) {
    const std::string text =
        "pack: p\napis:\n  - hosts: [a.example]\n    rest:\n      - " + std::string(c.rest) + "\n";
    const auto pack = ParsePack(text, "pack.yaml");
    ASSERT_FALSE(pack) << c.rest;
    EXPECT_NE(pack.error().message.find(c.problem), std::string::npos) << pack.error().message;
  }
}

}  // namespace
}  // namespace interlock::classify
