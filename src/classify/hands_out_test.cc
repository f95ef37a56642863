#include "classify/hands_out.h"

#include <gtest/gtest.h>

#include "classify/pack_for_test.h"

namespace interlock::classify {
namespace {

// "data.token (kind)", one a line; "nobody knows" where the pack doesn't say.
std::string PlacesOf(const TestRequest& request, const Packs& packs = ProjectPacks()) {
  const auto asked = Ask(request, packs);
  const Action* action = std::get_if<Action>(&asked);
  if (action == nullptr) return "refused";
  const auto places = DisclosedPlacesOf(packs, *action);
  if (!places) return "nobody knows";
  std::string out;
  for (const DisclosedPlace& place : *places) {
    for (const std::string& step : place.path) out += (&step == &place.path[0] ? "" : ".") + step;
    out += " " + place.name + (place.kind.empty() ? "" : " (" + place.kind + ")") + "\n";
  }
  return out;
}

std::string OfDocument(std::string_view document) {
  return PlacesOf({.body = Canonical(json::object{{"query", document}})});
}

TEST(DisclosedPlaces, AreNamedAsTheAnswerNamesThem) {
  EXPECT_EQ(OfDocument(R"(mutation { projectTokenCreate(input: {name: "a", projectId: "p",
                            environmentId: "e"}) })"),
            "data.projectTokenCreate projectTokenCreate (project)\n");
  EXPECT_EQ(OfDocument(R"(mutation { hidden: apiTokenCreate(input: {name: "a"}) })"),
            "data.hidden apiTokenCreate (account)\n");
  EXPECT_EQ(OfDocument(R"({ a: variables(projectId: "p", environmentId: "e") me { id } })"),
            "data.a variables\n");
}

TEST(DisclosedPlaces, FieldsThatDiscloseAreFoundAtAnyDepthBehindFragmentsAndAliases) {
  EXPECT_EQ(OfDocument(R"(query { p: project(id: "p") { ...F id } }
                          fragment F on Project { nodes { keys: secretAccessKey } last: secret })"),
            "data.p.nodes.keys secretAccessKey\ndata.p.last secret\n");
}

TEST(DisclosedPlaces, OrdinaryRequestsHaveNone) {
  EXPECT_EQ(OfDocument(R"({ project(id: "p") { id name } })"), "nobody knows");
}

TEST(DisclosedPlaces, RoutesSayWhere) {
  const Packs packs = PacksOf(R"(
pack: x
apis:
  - hosts: [x.test]
    refuses_with: [401, 403]
    rest:
      - route: POST /tokens
        effect: reversible
        discloses: credential
        hands_out: [{ at: data.token, kind: pat }, { at: keys.*.secret }]
        because: makes a token
      - { route: GET /secrets, effect: read, discloses: credential, because: shows secrets }
)");
  EXPECT_EQ(
      PlacesOf({"POST", "/tokens", "{}", {{"content-type", "application/json"}}, "x.test"}, packs),
      "data.token token (pat)\nkeys.*.secret secret\n");
  EXPECT_EQ(PlacesOf({"GET", "/secrets", "", {}, "x.test"}, packs), "nobody knows");
  EXPECT_EQ(packs.Find("x.test")->refusals, (std::vector<int>{401, 403}));
}

struct BadPack {
  const char* name;
  const char* rule;
  const char* problem;
};

TEST(DisclosedPlaces, MistakesInAPackAreNamed) {
  const BadPack cases[] = {
      {"without_discloses", "hands_out: project", "'discloses' is missing"},
      {"no_path", "discloses: credential, hands_out: [{ kind: a }]", "'at' is missing"},
      {"empty_step", "discloses: credential, hands_out: [{ at: a..b }]", "path of names"},
      {"unknown_key", "discloses: credential, hands_out: [{ at: a, as: b }]", "unknown key 'as'"},
  };
  for (const BadPack& c : cases) {
    const auto pack = ParsePack(
        "pack: x\napis:\n  - hosts: [x.test]\n    rest:\n      - { route: "
        "GET /a, effect: read, because: b, " +
            std::string(c.rule) + " }\n",
        "pack.yaml");
    ASSERT_FALSE(pack) << c.name;
    EXPECT_NE(pack.error().message.find(c.problem), std::string::npos) << pack.error().message;
  }
  const auto pack =
      ParsePack("pack: x\napis:\n  - hosts: [x.test]\n    refuses_with: [200]\n", "pack.yaml");
  ASSERT_FALSE(pack);
  EXPECT_NE(pack.error().message.find("'200' is no status like 401"), std::string::npos);
}

}  // namespace
}  // namespace interlock::classify
