#include <gtest/gtest.h>

#include <string>

#include "classify/examples.h"
#include "classify/pack.h"
#include "classify/pack_for_test.h"
#include "classify/yaml.h"

namespace interlock::classify {
namespace {

struct BadYaml {
  const char* claim;
  const char* text;
  const char* error;
};

class YamlRefuses : public testing::TestWithParam<BadYaml> {};

TEST_P(YamlRefuses, WithPlace) {
  const auto node = ParseYaml(GetParam().text);
  ASSERT_FALSE(node);
  EXPECT_NE(node.error().message.find(GetParam().error), std::string::npos) << node.error().message;
}

const std::string kDeep = std::string(40, '[') + std::string(40, ']');

INSTANTIATE_TEST_SUITE_P(
    Table, YamlRefuses,
    testing::Values(BadYaml{"AnAlias", "a: &x 1\nb: *x\n", "anchors are not used here"},
                    BadYaml{"ATag", "a: !!str 1\n", "tags are not used here"},
                    BadYaml{"AKeyTwice", "a: 1\nb: 2\na: 3\n", "3:1: 'a' is there twice"},
                    BadYaml{"AMergeKey", "a:\n  <<: {b: 1}\n", "2:3: merge keys are not used here"},
                    BadYaml{"AMapAsKey", "{a: 1}: 2\n", "a key must be text"},
                    BadYaml{"ASecondDocument", "a: 1\n---\nb: 2\n", "a second document"},
                    BadYaml{"DeepNesting", kDeep.c_str(), "nested too deeply"},
                    BadYaml{"BrokenSyntax", "a: [1\n", ":"}, BadYaml{"NoDocument", "", "empty"}),
    [](const auto& param) { return std::string(param.param.claim); });

TEST(Yaml, ScalarsStayTexts) {
  const auto node = ParseYaml("a: yes\nb: 012\nc: \"null\"\nd:\n");
  ASSERT_TRUE(node) << node.error().message;
  EXPECT_EQ(node->Find("a")->text, "yes");
  EXPECT_EQ(node->Find("b")->text, "012");
  EXPECT_EQ(node->Find("c")->text, "null");
  EXPECT_EQ(node->Find("d")->kind, YamlKind::nothing);
  EXPECT_EQ(node->Find("c")->line, 3);
  EXPECT_EQ(node->Find("c")->column, 4);
}

std::string PackWith(const std::string& credential, const std::string& more = "") {
  return "pack: p\napis:\n  - hosts: [a.example]\n    credentials: [" + credential + "]\n" + more;
}

TEST(ParsePack, ACredentialStandsInOneOfManyPlaces) {
  const std::string routes =
      "    rest:\n      - { route: POST /token, effect: unknown, because: x }\n";
  struct {
    const char* text;
    CredentialPlace place;
  } const kCases[] = {
      {"{ kind: k, header: x-key }", {.kind = "k", .header = "x-key"}},
      {"{ kind: k, basic: password }",
       {.kind = "k", .header = "authorization", .stand = CredentialStand::basic_password}},
      {"{ kind: k, basic: password, user: git }",
       {.kind = "k",
        .header = "authorization",
        .stand = CredentialStand::basic_password,
        .name = "git"}},
      {"{ kind: k, basic: user }",
       {.kind = "k", .header = "authorization", .stand = CredentialStand::basic_user}},
      {"{ kind: k, basic: pair }",
       {.kind = "k", .header = "authorization", .stand = CredentialStand::basic_pair}},
      {"{ kind: k, cookie: sid }", {.kind = "k", .header = "cookie", .prefix = "sid="}},
      {"{ kind: k, query: key }", {.kind = "k", .stand = CredentialStand::query, .name = "key"}},
      {"{ kind: k, form: key, routes: [POST /token] }",
       {.kind = "k", .stand = CredentialStand::form, .name = "key", .routes = {"POST /token"}}},
      {"{ kind: k, json: a.b, routes: [POST /token] }",
       {.kind = "k", .stand = CredentialStand::json, .name = "a.b", .routes = {"POST /token"}}},
  };
  for (const auto& one : kCases) {
    const auto pack = ParsePack(PackWith(one.text, routes), "p");
    ASSERT_TRUE(pack) << one.text << pack.error().message;
    const CredentialPlace& found = pack->apis[0].credentials[0];
    EXPECT_EQ(found.header, one.place.header) << one.text;
    EXPECT_EQ(found.prefix, one.place.prefix) << one.text;
    EXPECT_EQ(found.stand, one.place.stand) << one.text;
    EXPECT_EQ(found.name, one.place.name) << one.text;
    EXPECT_EQ(found.routes, one.place.routes) << one.text;
  }
}

TEST(ParsePack, APlaceThatIsNoneIsRefused) {
  const std::string streamed =
      "    rest:\n      - { route: POST /token, effect: read, because: x, inspect: false }\n";
  const char* kRefused[] = {
      "{ kind: k }",
      "{ kind: k, header: a, query: b }",
      "{ kind: k, header: A }",
      "{ kind: k, basic: both }",
      "{ kind: k, basic: user, user: git }",
      "{ kind: k, query: key, prefix: x }",
      "{ kind: k, query: key, routes: [POST /token] }",
      "{ kind: k, form: key }",
      "{ kind: k, form: key, routes: [POST /other] }",
      "{ kind: k, json: key, routes: [POST /token] }",
      "{ kind: k, basic: password, caller: login }",
  };
  for (const char* text : kRefused) EXPECT_FALSE(ParsePack(PackWith(text, streamed), "p")) << text;
  EXPECT_FALSE(ParsePack(PackWith("{ kind: k, header: a }", "    git: { user: \"a b\" }\n"), "p"));
  EXPECT_FALSE(ParsePack(
      PackWith(
          "{ kind: k, header: a }",
          "    rest:\n      - { route: POST /x, effect: read, because: x, compressed: true }\n"),
      "p"));
}

TEST(ParsePack, EveryProblemIsNamedWithItsPlace) {
  const auto pack = ParsePack(R"(pack: Bad Name
apis:
  - hosts: [API.example.com]
    forward: [authorization]
    credentials:
      - { kind: k, header: authorization, prefx: "Bearer " }
    graphql:
      paths: [/graphql]
      mutations:
        drop:
          effct: read
          effect: irreversable
          targets: { id: "a:b", a@b@c: t }
        weaken:
          effect: irreversible
          because: deletes
          cases:
            - when: [{ path: a, is: nonsense }]
              effect: read
              because: claims to be harmless
            - when: [{ path: a, matches: nolist }]
              targets: { id: t }
    rest:
      - { route: "/x", effect: read, because: reads }
      - { route: POST /y, effect: reversible, because: writes, inspect: false }
)",
                              "pack.yaml");
  ASSERT_FALSE(pack);
  const std::string& message = pack.error().message;
  for (const std::string_view part :
       {"pack.yaml:1:1: a pack's name", "pack.yaml:3:12: 'API.example.com' is no host name",
        "'forward' passes the credential header", "unknown key 'prefx'; did you mean 'prefix'?",
        "unknown key 'effct'; did you mean 'effect'?", "did you mean 'irreversible'?",
        "'because' is missing", "expected the type of a resource", "more than two parts",
        "'nonsense' is no test", "a case weaker than its rule", "there is no list 'nolist'",
        "'route' must be a method and a path", "only what reads may go on"}) {
    EXPECT_NE(message.find(part), std::string::npos) << part << "\nin:\n" << message;
  }
}

constexpr std::string_view kTwoHosts = R"(pack: one
apis:
  - hosts: [api.example.com, "*.example.com", "*.deep.example.com"]
    rest: [{ route: GET /, effect: read, because: reads }]
)";

TEST(Packs, AnExactNameWinsOverAWildcardAndALongerOneOverAShorter) {
  Packs packs = PacksOf(kTwoHosts);
  EXPECT_TRUE(packs.Guarded("api.example.com"));
  EXPECT_TRUE(packs.Guarded("x.example.com"));
  EXPECT_TRUE(packs.Guarded("a.b.deep.example.com"));
  EXPECT_TRUE(packs.Guarded("API.Example.com."));
  EXPECT_FALSE(packs.Guarded("example.com"));
  EXPECT_FALSE(packs.Guarded("badexample.com"));
  EXPECT_FALSE(packs.Guarded(""));
}

TEST(Packs, AHostBelongsToOnePack) {
  Packs packs = PacksOf(kTwoHosts);
  auto other = ParsePack("pack: two\napis: [{ hosts: [api.example.com] }]\n", "two.yaml");
  ASSERT_TRUE(other);
  const auto added = packs.Add(*std::move(other));
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, Code::conflict);
}

TEST(Packs, AHostIsBoundToThePackThatNamesNone) {
  Packs packs = PacksOf("pack: open\napis: [{ hosts: [] }]\n");
  EXPECT_TRUE(packs.Bind("open", "Mirror.Example"));
  EXPECT_TRUE(packs.Guarded("mirror.example"));
  EXPECT_EQ(packs.HostsOf("open"), std::vector<std::string>{"mirror.example"});
  EXPECT_FALSE(packs.Bind("open", "mirror.example"));
  EXPECT_FALSE(packs.Bind("nobody", "x.example"));
}

class ProjectPack : public testing::TestWithParam<const char*> {};

TEST_P(ProjectPack, KeepsWhatItsExamplesSay) {
  const auto report = CheckPack(PackDirectory(GetParam()));
  ASSERT_TRUE(report) << report.error().message;
  for (const std::string& failure : report->failures) ADD_FAILURE() << failure;
  EXPECT_GT(report->passed, 0u);
}

INSTANTIATE_TEST_SUITE_P(Table, ProjectPack,
                         testing::Values("railway", "model-apis", "package-registries"),
                         [](const auto& param) {
                           std::string name = param.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST(CheckPack, AnExampleThatIsNotMetSaysWhatWasFound) {
  Packs packs = PacksOf(kTwoHosts);
  const std::filesystem::path file = testing::TempDir() + "/examples.yaml";
  std::FILE* out = std::fopen(file.c_str(), "w");
  ASSERT_NE(out, nullptr);
  std::fputs("- name: claims too much\n  request: POST /\n  expect: { effect: read }\n", out);
  std::fclose(out);
  const auto report = CheckExamples(packs, file);
  ASSERT_TRUE(report) << report.error().message;
  ASSERT_EQ(report->failures.size(), 1u);
  EXPECT_NE(report->failures[0].find("1:3: claims too much: effect: expected read, found unknown"),
            std::string::npos)
      << report->failures[0];
}

}  // namespace
}  // namespace interlock::classify
