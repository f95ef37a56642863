#include "classify/body_rule.h"

#include <gtest/gtest.h>

#include "classify/in_order.h"
#include "classify/pack_for_test.h"

namespace interlock::classify {
namespace {

constexpr std::string_view kPack = R"(
pack: example
bodies:
  ask:
    inspect: 1MiB
    members: [model, messages, tools, connectors, extra.known]
    within: [messages]
    except: [input]
    tools:
      - at: tools
        deep: true
        by: type
        client:
          - function
          - { kind: search, when: [{ path: live, is: disabled }], keys: [type, live], because: it is offline }
        untyped: [name]
        groups: { group: entries }
      - { at: connectors, hosted: mcp }
      - at: messages.abilities
        by: "{key}"
        client: [functions]
    fetches:
      - { key: image_url, member: url, plain: ["data:*"] }
      - { key: source, member: type, objects: true, plain: [inline] }
    switches:
      - { at: model, matches: ["*:online"], hosted: web }
apis:
  - hosts: [api.example.com]
    rest:
      - { route: POST /ask, effect: read, because: asks, body: ask }
)";

std::string HostedIn(const std::string& body) {
  static const Packs* const kPacks = new Packs(PacksOf(kPack));
  const Classified found = Ask(
      {"POST", "/ask", body, {{"content-type", "application/json"}}, "api.example.com"}, *kPacks);
  if (const auto* malformed = std::get_if<Malformed>(&found)) return "refused " + malformed->name;
  std::string out;
  for (const std::string& name : HostedToolsOf(std::get<Action>(found)).names)
    out.append(out.empty() ? "" : " ").append(name);
  return out;
}

struct Claim {
  const char* claim;
  const char* body;
  const char* hosted;
};

TEST(HostedTools, WhatTheClientRunsPassesAndAllElseIsHosted) {
  const Claim kClaims[] = {
      {"nothing is asked for", R"({"messages":[]})", ""},
      {"a function", R"({"tools":[{"type":"function","name":"f"}]})", ""},
      {"a function with a date", R"({"tools":[{"type":"function_20250124"}]})", ""},
      {"a longer name is another tool", R"({"tools":[{"type":"function_2025"}]})", "function_2025"},
      {"a name that only begins so", R"({"tools":[{"type":"functions"}]})", "functions"},
      {"a kind in another case", R"({"tools":[{"type":"Function"}]})", "Function"},
      {"a kind nobody has heard of", R"({"tools":[{"type":"teleport_20300101"}]})", "teleport"},
      {"a kind in escapes", R"({"tools":[{"type":"\u006dcp"}]})", "mcp"},
      {"a member in escapes", R"({"\u0074ools":[{"type":"mcp"}]})", "mcp"},
      {"one among many", R"({"tools":[{"type":"function"},{"type":"mcp"},{"type":"function"}]})",
       "mcp"},
      {"without a type, but as the client's look", R"({"tools":[{"name":"f"}]})", ""},
      {"a null type is none", R"({"tools":[{"type":null,"name":"f"}]})", ""},
      {"without a type and otherwise", R"({"tools":[{"name":"f","url":"x"}]})", "unreadable"},
      {"an empty entry", R"({"tools":[{}]})", "unreadable"},
      {"a type that is no text", R"({"tools":[{"type":["function"]}]})", "unreadable"},
      {"an entry that is a text", R"({"tools":["mcp"]})", "unreadable"},
      {"an entry that is a list", R"({"tools":[[{"type":"function"}]]})", "unreadable"},
      {"null tools", R"({"tools":null})", ""},
      {"no tools", R"({"tools":[]})", ""},
      {"an object is a list of one", R"({"tools":{"type":"mcp"}})", "mcp"},
      {"a number of tools", R"({"tools":7})", "unreadable"},
      {"a client's tool under its condition", R"({"tools":[{"type":"search","live":false}]})", ""},
      {"and not without it", R"({"tools":[{"type":"search"}]})", "search"},
      {"and not with another member", R"({"tools":[{"type":"search","live":false,"via":"x"}]})",
       "search"},
      {"a group of functions", R"({"tools":[{"type":"group","entries":[{"type":"function"}]}]})",
       ""},
      {"a hosted one in a group", R"({"tools":[{"type":"group","entries":[{"type":"mcp"}]}]})",
       "mcp"},
      {"deep in the conversation", R"({"messages":[{"content":[{"tools":[{"type":"mcp"}]}]}]})",
       "mcp"},
      {"in the agent's own words", R"({"messages":[{"input":{"tools":[{"type":"mcp"}]}}]})", ""},
      {"a place where everything is hosted", R"({"connectors":[{"url":"https://x"}]})", "mcp"},
      {"that place empty", R"({"connectors":[]})", ""},
      {"keys name tools", R"({"messages":[{"abilities":[{"functions":[],"googling":{}}]}]})",
       "googling"},
      {"a member that isn't listed", R"({"search_options":{}})", "search_options"},
      {"that member null", R"({"search_options":null})", ""},
      {"a member below one", R"({"extra":{"known":1,"odd":2}})", "extra.odd"},
      {"a text where members are expected", R"({"extra":"x"})", "extra"},
      {"a model that searches", R"({"model":"m:online"})", "web"},
      {"that model in another case", R"({"model":"m:Online"})", "web"},
      {"another model", R"({"model":"online"})", ""},
      {"an image by its data", R"({"messages":[{"image_url":"data:image/png;base64,AA"}]})", ""},
      {"an image by its address", R"({"messages":[{"image_url":{"url":"https://x/?s=1"}}]})",
       "url"},
      {"an address without a scheme", R"({"messages":[{"image_url":"//x/y"}]})", "url"},
      {"an image that says nothing", R"({"messages":[{"image_url":{}}]})", "url"},
      {"an image of another kind", R"({"messages":[{"image_url":{"url":["data:x"]}}]})", "url"},
      {"a source by its address", R"({"messages":[{"a":{"b":{"source":{"type":"url"}}}}]})", "url"},
      {"a source inline", R"({"messages":[{"source":{"type":"inline"}}]})", ""},
      {"a source that is a text", R"({"messages":[{"source":"https://x"}]})", ""},
      {"several, sorted", R"({"tools":[{"type":"web"},{"type":"mcp"},{"type":"web"}]})", "mcp web"},
      {"a key twice", R"({"tools":[],"tools":[{"type":"mcp"}]})", "refused json"},
      {"a key twice in escapes", R"({"tools":[],"tool\u0073":[{"type":"mcp"}]})", "refused json"},
      {"no JSON", "tools=mcp", "refused json"},
      {"a list", "[]", "refused json-object-expected"},
      {"nothing", "", "refused json"},
  };
  for (const Claim& claim : kClaims) EXPECT_EQ(HostedIn(claim.body), claim.hosted) << claim.claim;
}

TEST(HostedTools, TheBodyIsReadAsJsonWhateverItIsCalled) {
  const Packs packs = PacksOf(kPack);
  for (const char* type :
       {"text/plain", "application/json; charset=utf-16", "application/x-yaml"}) {
    EXPECT_EQ(
        RefusalOf(Ask({"POST", "/ask", "{}", {{"content-type", type}}, "api.example.com"}, packs)),
        "json-expected");
  }
  EXPECT_EQ(RefusalOf(Ask({"POST", "/ask", "{}", {}, "api.example.com"}, packs)), "json-expected");
}

TEST(HostedTools, TheBodyGoesOnInOurWordsAndInItsOrder) {
  const Packs packs = PacksOf(kPack);
  const Classified found =
      Ask({"POST",
           "/ask",
           " {\"model\" : \"m\", \"messages\":[{\"b\":1.0,\"a\":\"\\u0041\"}] } ",
           {{"content-type", "application/json"}},
           "api.example.com"},
          packs);
  ASSERT_TRUE(std::holds_alternative<Action>(found));
  EXPECT_EQ(std::get<Action>(found).request.body, R"({"model":"m","messages":[{"b":1,"a":"A"}]})");
}

TEST(HostedTools, TheEntriesAreKeptForWhatTheyCouldCarry) {
  const Packs packs = PacksOf(kPack);
  const Classified found = Ask({"POST",
                                "/ask",
                                R"({"tools":[{"type":"mcp","authorization":"s3cret"}]})",
                                {{"content-type", "application/json"}},
                                "api.example.com"},
                               packs);
  EXPECT_NE(HostedToolsOf(std::get<Action>(found)).entries.find("s3cret"), std::string::npos);
}

TEST(WithoutDate, CutsADateAtTheEndAndNothingElse) {
  EXPECT_EQ(WithoutDate("web_search_20250305"), "web_search");
  EXPECT_EQ(WithoutDate("web_search_preview_2025_03_11"), "web_search_preview");
  EXPECT_EQ(WithoutDate("web-2025-03-11"), "web");
  EXPECT_EQ(WithoutDate("bash_2025"), "bash_2025");
  EXPECT_EQ(WithoutDate("_20250305"), "_20250305");
  EXPECT_EQ(WithoutDate(""), "");
}

TEST(CountsMoreValues, LooksAtStructureAlone) {
  EXPECT_FALSE(CountsMoreValues("[1,2,3]", 5));
  EXPECT_TRUE(CountsMoreValues("[1,2,3,4,5]", 5));
  EXPECT_FALSE(CountsMoreValues("[\",,,,,\\\",,,,,\"]", 5));
  EXPECT_TRUE(CountsMoreValues(std::string(100, '['), 50));
}

TEST(BodyRules, MistakesAreReportedWhereTheyStand) {
  const std::string head = "pack: p\nbodies:\n  b:\n    ";
  const std::string tail = "\napis:\n  - hosts: [x.example]\n";
  const std::pair<const char*, const char*> kMistakes[] = {
      {"inspect: 1MiB", "'members' is missing"},
      {"members: [a]\n    inspect: 65MiB", "size from 1MiB to 64MiB"},
      {"members: [a]\n    inspect: many", "size from 1MiB to 64MiB"},
      {"members: [a]\n    tool: []", "unknown key 'tool'; did you mean 'tools'?"},
      {"members: [a]\n    tools: [{ at: t }]", "give 'by'"},
      {"members: [a]\n    tools: [{ at: t, by: type, hosted: x }]", "give 'by'"},
      {"members: [a]\n    tools: [{ at: t, hosted: x, client: [f] }]", "without 'by'"},
      {"members: [a]\n    tools: [{ at: t, by: type, client: [{ kind: f }] }]", "say in 'because'"},
      {"members: [a]\n    fetches: [{ key: u }]", "'within' is missing"},
  };
  for (const auto& [text, wanted] : kMistakes) {
    const auto pack = ParsePack(head + text + tail, "pack.yaml");
    ASSERT_FALSE(pack) << text;
    EXPECT_NE(pack.error().message.find(wanted), std::string::npos) << pack.error().message;
  }
  const auto pack = ParsePack(
      "pack: p\napis:\n  - hosts: [x.example]\n    rest:\n      - { route: POST /a, effect: read, "
      "because: b, body: nowhere }\n      - { route: GET /a, effect: read, because: b, refreshes: "
      "{ "
      "token: t, learns: [t] } }\n    credentials:\n      - { kind: k, header: h, caller: me }\n",
      "pack.yaml");
  ASSERT_FALSE(pack);
  for (const char* wanted :
       {"there is no body 'nowhere'", "this method has no body", "expected 'key' or 'login'"})
    EXPECT_NE(pack.error().message.find(wanted), std::string::npos) << pack.error().message;
}

}  // namespace
}  // namespace interlock::classify
