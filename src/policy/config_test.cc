#include "policy/config.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/file.h"

namespace interlock::policy {
namespace {

// Every problem of a text, one a line, without the file's name.
std::string ProblemsOf(std::string_view text) {
  const auto file = ReadConfig(text, "f", RuleSource::system);
  std::vector<Problem> problems;
  if (!file) {
    problems = file.error();
  } else {
    std::vector<ConfigFile> files{*file};
    const auto merged = Merge(files);
    if (!merged) problems = merged.error();
  }
  std::string out;
  for (const Problem& problem : problems)
    out += std::to_string(problem.line) + ":" + std::to_string(problem.column) + ": " +
           problem.message + "\n";
  return out;
}

Config ConfigFrom(std::vector<std::string> texts) {
  std::vector<ConfigFile> files;
  for (const std::string& text : texts) {
    auto file =
        ReadConfig(text, "dir/f.yaml", files.empty() ? RuleSource::system : RuleSource::user);
    EXPECT_TRUE(file) << ToError(file.error()).message;
    if (file) files.push_back(std::move(*file));
  }
  auto config = Merge(files);
  EXPECT_TRUE(config) << ToError(config.error()).message;
  return config ? *config : Config{};
}

struct Refusal {
  const char* name;
  const char* text;
  const char* problems;
};

constexpr Refusal kRefusals[] = {
    {"unknown_key_names_the_nearest", "environments:\n  production: { aprovals: 2 }\n",
     "2:17: unknown key \"aprovals\" (did you mean \"approvals\"?)\n"},
    {"unknown_key_far_from_all_lists_them", "zzzzzzzzzzzz: 1\n",
     "1:1: unknown key \"zzzzzzzzzzzz\"; known here: version, gateway, environments, providers, "
     "sessions, breakers, rules\n"},
    {"all_problems_are_reported",
     "versoin: 1\nrules:\n  - { name: a, then: alow }\n  - { then: hold }\n",
     "1:1: unknown key \"versoin\" (did you mean \"version\"?)\n"
     "3:22: \"then\" must be one of allow, hold, deny, not \"alow\" (did you mean \"allow\"?)\n"
     "4:5: the key \"name\" is missing\n"},
    {"duplicate_key", "version: 1\nversion: 1\n", "2:1: key \"version\" appears twice\n"},
    {"duplicate_key_in_quotes", "version: 1\n\"version\": 1\n",
     "2:1: key \"version\" appears twice\n"},
    {"anchor", "environments:\n  a: &x { approvals: 1 }\n",
     "2:6: anchors (&name) are not allowed\n"},
    {"tag", "version: !!int 1\n", "1:10: tags (!name) are not allowed\n"},
    {"merge_key", "environments:\n  staging: { <<: 1 }\n",
     "2:14: merge keys (<<) are not allowed\n"},
    {"several_documents", "version: 1\n---\nversion: 1\n",
     "2:1: only one document is allowed in a file\n"},
    {"not_yaml", "rules: [\n", nullptr},
    {"byte_order_mark", "\xEF\xBB\xBFversion: 1\n", "1:1: starts with a byte-order mark\n"},
    {"not_utf8", "version: \xFF\n", "1:1: not UTF-8\n"},
    {"control_character", "version: 1\nrules: \x01\n", "2:8: a control character is not allowed\n"},
    {"key_that_is_a_list", "[a, b]: 1\n", "1:1: a key must be a word\n"},
    {"file_that_is_a_list", "- 1\n", "1:1: the file must be a mapping, not a list\n"},
    {"empty_section", "rules:\n", "1:1: \"rules\" must be a list, not nothing\n"},
    {"other_version", "version: 2\n", "1:10: \"version\" must be 1, not \"2\"\n"},
    {"number_in_quotes", "version: \"1\"\n", "1:10: \"version\" must be 1, not \"1\"\n"},
    {"yes_is_not_true", "environments: { scratch: { disposable: yes } }\n",
     "1:40: \"disposable\" must be true or false, not \"yes\"\n"},
    {"zero_approvals", "environments: { staging: { approvals: 0 } }\n",
     "1:39: \"approvals\" must be a whole number between 1 and 20, not \"0\"\n"},
    {"no_keys_at_all", "environments: { staging: { keys: [] } }\n",
     "1:34: \"keys\" is an empty list; leave the key out for what holds without it\n"},
    {"size_without_unit", "gateway: { limits: { header: 65536 } }\n",
     "1:30: \"header\" must be a size like 64KiB between 1KiB and 1MiB, not \"65536\"\n"},
    {"size_over_its_bound", "gateway: { limits: { header: 1GiB } }\n",
     "1:30: \"header\" must be a size like 64KiB between 1KiB and 1MiB, not \"1GiB\"\n"},
    {"size_that_overflows", "gateway: { limits: { header: 99999999999GiB } }\n",
     "1:30: \"header\" must be a size like 64KiB between 1KiB and 1MiB, not \"99999999999GiB\"\n"},
    {"duration_of_zero", "breakers:\n  - { when: { within: 0s, count: 1 }, then: halt }\n",
     "2:23: \"within\" must be a duration like 10m between 1s and 366d, not \"0s\"\n"},
    {"address_without_port", "gateway: { proxy: localhost }\n",
     "1:19: \"proxy\" must be HOST:PORT, not \"localhost\"\n"},
    {"address_with_port_beyond_range", "gateway: { proxy: \"localhost:70000\" }\n",
     "1:19: \"proxy\" must be HOST:PORT, not \"localhost:70000\"\n"},
    {"host_that_is_a_url",
     "gateway: { upstreams: [ { host: \"https://a/\", connect: \"b:1\" } ] }\n",
     "1:33: \"host\" must be a host name or *.NAME, not \"https://a/\"\n"},
    {"rule_twice", "rules:\n  - { name: a, then: hold }\n  - { name: a, then: deny }\n",
     "3:13: rule \"a\" appears twice\n"},
    {"reserved_rule_name", "rules:\n  - { name: lend, then: hold }\n",
     "2:13: \"lend\" is a name of Interlock's own\n"},
    {"allow_without_condition", "rules:\n  - { name: a, then: allow }\n",
     "2:5: rule \"a\" allows everything; it needs a condition\n"},
    {"allow_unknown_without_name",
     "rules:\n  - { name: a, when: { effect: unknown, operation: \"x.*\" }, then: allow }\n",
     "2:32: an unknown effect can't be allowed without naming the operation in full\n"},
    {"allow_foreign", "rules:\n  - { name: a, when: { credential: foreign }, then: allow }\n",
     "2:36: a foreign credential can't be allowed\n"},
    {"rule_for_an_undeclared_environment",
     "rules:\n  - { name: a, when: { environment: [lent, stagin] }, then: deny }\n",
     "2:44: unknown environment \"stagin\" (did you mean \"staging\"?)\n"},
    {"session_in_an_undeclared_environment", "sessions: { default: { environment: prod } }\n",
     "1:37: unknown environment \"prod\"; known here: production, scratch, staging\n"},
    {"mapping_to_an_undeclared_environment",
     "providers: { railway: { environments: { \"pr-*\": scrath } } }\n",
     "1:49: unknown environment \"scrath\" (did you mean \"scratch\"?)\n"},
    {"environment_named_like_a_word", "environments: { other: { approvals: 1 } }\n",
     "1:17: \"other\" is a word of the rules and can't name an environment\n"},
    {"environment_with_an_odd_name", "environments: { \"a b\": { approvals: 1 } }\n",
     "1:17: \"a b\" is not a name (letters, digits, -, _ and .)\n"},
    {"disposable_production", "environments: { production: { disposable: true } }\n",
     "1:43: production can't be disposable: whatever can't be resolved counts as it\n"},
    {"origin_without_certificate",
     "gateway: { console: { origin: \"https://interlock.example.com\" } }\n",
     "1:31: \"origin\" needs \"cert\" and \"key\" beside it\n"},
    {"origin_in_clear", "gateway: { console: { origin: \"http://interlock.example.com\" } }\n",
     "1:31: \"origin\" must be https for any host but localhost\n"},
    {"origin_with_a_path", "gateway: { console: { origin: \"http://localhost:1/x\" } }\n",
     "1:31: \"origin\" must be a scheme, a host and a port, nothing else\n"},
};

class Refused : public testing::TestWithParam<Refusal> {};
TEST_P(Refused, WithPlaceAndReason) {
  const std::string problems = ProblemsOf(GetParam().text);
  if (GetParam().problems == nullptr) {
    EXPECT_FALSE(problems.empty());
  } else {
    EXPECT_EQ(problems, GetParam().problems);
  }
}
INSTANTIATE_TEST_SUITE_P(Table, Refused, testing::ValuesIn(kRefusals),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(ReadConfig, AliasesAreRefusedEvenWhenTheyResolve) {
  EXPECT_NE(ProblemsOf("environments:\n  a: &x { approvals: 1 }\n  b: *x\n")
                .find("aliases (*name) are not allowed"),
            std::string::npos);
}

TEST(ReadConfig, NestingAndSizeAreBounded) {
  EXPECT_NE(ProblemsOf("rules: " + std::string(5000, '[')).find("nested deeper"),
            std::string::npos);
  EXPECT_NE(ProblemsOf(std::string((1u << 20) + 1, '#')).find("larger than the limit"),
            std::string::npos);
}

TEST(ReadConfig, MessagesHaveTheFormThatPeopleKnow) {
  const auto file = ReadConfig("environments:\n  production: { aprovals: 2 }\n",
                               "/etc/interlock/interlock.yaml", RuleSource::system);
  ASSERT_FALSE(file);
  EXPECT_EQ(ToString(file.error()[0]),
            "policy /etc/interlock/interlock.yaml:2:17: unknown key \"aprovals\" (did you mean "
            "\"approvals\"?)");
}

TEST(ReadConfig, MessagesEscapeTheFilesBytes) {
  EXPECT_EQ(ProblemsOf("\"a\\u202Eb\": 1\n").find("\u202E"), std::string::npos);
}

TEST(Merge, WithoutAFileTheStandardValuesHold) {
  const Config config = ConfigFrom({});
  EXPECT_EQ(config, DefaultConfig());
  EXPECT_EQ(config.gateway.proxy, "127.0.0.1:7442");
  EXPECT_EQ(config.gateway.console.origin, "http://localhost:7443");
  EXPECT_EQ(config.gateway.limits.header_bytes, 64u << 10);
  EXPECT_EQ(config.gateway.limits.inspect_bytes, 8u << 20);
  EXPECT_EQ(config.gateway.limits.connections, 20000);
  EXPECT_TRUE(config.gateway.upstreams.empty());
  ASSERT_EQ(config.environments.size(), 3u);
  EXPECT_EQ(config.environments.at("production").approvals, 1);
  EXPECT_EQ(config.environments.at("production").recovery, RecoveryNeed::shown);
  EXPECT_TRUE(config.environments.at("scratch").disposable);
  EXPECT_FALSE(config.environments.at("staging").disposable);
  EXPECT_TRUE(config.providers.empty());
  EXPECT_EQ(config.sessions.at("default").environment, "staging");
  EXPECT_EQ(config.sessions.at("default").egress,
            (std::vector<std::string>{"model-apis", "package-registries", "railway"}));
  ASSERT_EQ(config.breakers.size(), 1u);
  EXPECT_EQ(config.breakers[0].within, std::chrono::minutes(10));
  EXPECT_EQ(config.breakers[0].count, 3);
  EXPECT_EQ(config.rules.size(), 7u);
}

TEST(Merge, AFileOfCommentsChangesNothing) {
  EXPECT_EQ(ConfigFrom({"# nothing yet\n"}), DefaultConfig());
  EXPECT_EQ(ConfigFrom({""}), DefaultConfig());
}

TEST(Merge, ALaterFileReplacesKeyByKey) {
  const Config config = ConfigFrom({
      "environments: { production: { approvals: 2, recovery: verified }, qa: { approvals: 1 } }\n",
      "environments: { production: { approvals: 3 } }\ngateway: { limits: { header: 32KiB } }\n",
  });
  EXPECT_EQ(config.environments.at("production").approvals, 3);
  EXPECT_EQ(config.environments.at("production").recovery, RecoveryNeed::verified);
  EXPECT_TRUE(config.environments.contains("qa"));
  EXPECT_EQ(config.gateway.limits.header_bytes, 32u << 10);
  EXPECT_EQ(config.gateway.limits.inspect_bytes, 8u << 20);
}

TEST(Merge, RulesReplaceTheStandardOnesAndAreKeptFromAllFiles) {
  const Config config = ConfigFrom({
      "rules:\n  - { name: a, when: { effect: read }, then: allow }\n",
      "rules:\n  - { name: b, when: { effect: read }, then: deny }\n",
  });
  ASSERT_EQ(config.rules.size(), 2u);
  EXPECT_EQ(config.rules[0].source, RuleSource::system);
  EXPECT_EQ(config.rules[1].source, RuleSource::user);
  Action action;
  action.operation = "x.y";
  action.effect = Effect::read;
  EXPECT_EQ(Decide(MakePolicy(config), action, Facts{}).rule, "b");
}

TEST(Merge, AnEmptyListOfRulesHoldsEverything) {
  const Config config = ConfigFrom({"rules: []\n"});
  EXPECT_TRUE(config.rules.empty());
}

TEST(Merge, AFileMayNameWhatAnEarlierOneDeclares) {
  const Config config = ConfigFrom({
      "environments: { qa: { approvals: 1 } }\n",
      "rules:\n  - { name: a, when: { environment: qa, effect: read }, then: allow }\n",
  });
  EXPECT_EQ(config.rules[0].when.environment, std::vector<std::string>{"qa"});
}

TEST(Merge, EveryConditionIsRead) {
  const Config config = ConfigFrom({R"(
rules:
  - name: all
    when:
      effect: [read, unknown]
      environment: [lent, none, staging]
      disposable: false
      discloses: none
      credential: phantom
      operation: railway.volumeDelete
      provider: railway
      resource: "railway:volume/*"
    then: allow
)"});
  const When& when = config.rules[0].when;
  EXPECT_EQ(when.effect, (std::vector<Effect>{Effect::read, Effect::unknown}));
  EXPECT_EQ(when.relation, (std::vector<Relation>{Relation::lent, Relation::none}));
  EXPECT_EQ(when.environment, std::vector<std::string>{"staging"});
  EXPECT_EQ(when.disposable, false);
  EXPECT_EQ(when.discloses, Disclosure::none);
  EXPECT_EQ(when.credential, std::vector<CredentialSeen>{CredentialSeen::phantom});
  EXPECT_EQ(when.operation, std::vector<std::string>{"railway.volumeDelete"});
  EXPECT_EQ(when.provider, std::vector<std::string>{"railway"});
  EXPECT_EQ(when.resource, std::vector<std::string>{"railway:volume/*"});
}

TEST(Merge, FilesAreRelativeToTheFileThatNamesThem) {
  const Config config = ConfigFrom({R"(
gateway:
  console: { listen: "0.0.0.0:8443", origin: "https://interlock.example.com", cert: c.pem, key: /k.pem }
  upstreams:
    - { host: Backboard.Railway.com, connect: "127.0.0.1:9443", ca: ../railsim.pem }
)"});
  EXPECT_EQ(config.gateway.console.cert, "dir/c.pem");
  EXPECT_EQ(config.gateway.console.key, "/k.pem");
  EXPECT_EQ(config.gateway.upstreams[0].ca, "railsim.pem");
  EXPECT_EQ(config.gateway.upstreams[0].host, "backboard.railway.com");
}

TEST(Merge, TheOriginFollowsThePortThatTheConsoleListensOn) {
  EXPECT_EQ(
      ConfigFrom({"gateway: { console: { listen: \"127.0.0.1:9000\" } }\n"}).gateway.console.origin,
      "http://localhost:9000");
}

TEST(LoadConfig, SkipsMissingFilesUnlessTheyAreAskedFor) {
  const std::filesystem::path dir =
      std::filesystem::temp_directory_path() / ("interlock-config-" + std::to_string(::getpid()));
  ASSERT_TRUE(MakePrivateDirectory(dir));
  ASSERT_TRUE(WriteFileDurably(dir / "a.yaml", "environments: { qa: { approvals: 2 } }\n"));
  const std::vector<ConfigPath> found = {{dir / "none.yaml", RuleSource::system, false},
                                         {dir / "a.yaml", RuleSource::user, true}};
  const auto config = LoadConfig(found);
  ASSERT_TRUE(config);
  EXPECT_EQ(config->environments.at("qa").approvals, 2);

  const std::vector<ConfigPath> asked = {{dir / "none.yaml", RuleSource::user, true}};
  const auto missing = LoadConfig(asked);
  ASSERT_FALSE(missing);
  EXPECT_NE(ToString(missing.error()[0]).find("none.yaml"), std::string::npos);
  std::filesystem::remove_all(dir);
}

TEST(LoadWorkspaceFile, TakesRulesThatHoldOrDeny) {
  const auto rules = LoadWorkspaceFile(
      "version: 1\nrules:\n  - { name: no-volumes, when: { operation: \"railway.volume*\" }, then: "
      "deny }\n",
      "interlock.yaml", DefaultConfig());
  ASSERT_TRUE(rules);
  EXPECT_EQ((*rules)[0].source, RuleSource::workspace);
  EXPECT_EQ((*rules)[0].then, Verdict::deny);
}

TEST(LoadWorkspaceFile, RefusesWhatCouldLoosen) {
  const auto refused = [](std::string_view text) {
    return !LoadWorkspaceFile(text, "interlock.yaml", DefaultConfig());
  };
  EXPECT_TRUE(refused("rules:\n  - { name: a, when: { effect: read }, then: allow }\n"));
  EXPECT_TRUE(refused("environments: { staging: { disposable: true } }\n"));
  EXPECT_TRUE(refused("gateway: { proxy: \"127.0.0.1:1\" }\n"));
  EXPECT_TRUE(refused("breakers: []\n"));
  EXPECT_TRUE(refused("rules:\n  - { name: a, when: { environment: prodution }, then: deny }\n"));
}

// The files under docs/ are what the program says. ILK_UPDATE_GOLDEN=1 writes them.
void ExpectGolden(const char* name, const std::string& text) {
  const std::filesystem::path path = std::filesystem::path(ILK_SOURCE_DIR) / "docs" / name;
  if (std::getenv("ILK_UPDATE_GOLDEN") != nullptr) {
    ASSERT_TRUE(WriteFileDurably(path, text, 0644));
  }
  const auto file = ReadFile(path);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(*file, text) << "run with ILK_UPDATE_GOLDEN=1 to write " << path;
}

TEST(ConfigDocs, TheDocumentationIsMadeFromTheTable) {
  ExpectGolden("configuration.md", ConfigMarkdown());
}

TEST(ConfigDocs, TheSchemaIsMadeFromTheTable) {
  const std::string schema = ConfigSchemaJson();
  EXPECT_TRUE(ParseJson(schema));
  ExpectGolden("interlock.schema.json", schema);
}

}  // namespace
}  // namespace interlock::policy
