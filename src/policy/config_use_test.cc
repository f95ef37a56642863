#include <gtest/gtest.h>

#include <algorithm>

#include "policy/config.h"

namespace interlock::policy {
namespace {

Config WithMapping(std::map<std::string, std::string> mapping) {
  Config config = DefaultConfig();
  config.providers["railway"].environments = std::move(mapping);
  return config;
}

struct Mapping {
  const char* name;
  std::map<std::string, std::string> mapping;
  const char* seen;
  const char* mapped;
};

std::vector<Mapping> Mappings() {
  const std::map<std::string, std::string> usual = {
      {"production", "production"}, {"staging", "staging"}, {"pr-*", "scratch"}};
  return {
      {"an_exact_name", usual, "staging", "staging"},
      {"a_pattern", usual, "pr-17", "scratch"},
      {"an_unknown_name_is_production", usual, "preview", "production"},
      {"another_case_is_another_name", usual, "Staging", "production"},
      {"an_empty_name_is_production", usual, "", "production"},
      {"an_exact_name_wins_over_a_pattern",
       {{"pr-*", "scratch"}, {"pr-live", "production"}},
       "pr-live",
       "production"},
      {"the_longer_pattern_wins",
       {{"pr-*", "scratch"}, {"pr-prod*", "production"}},
       "pr-prod-1",
       "production"},
      {"the_longer_pattern_wins_either_way",
       {{"*", "production"}, {"stag*", "staging"}},
       "stag-2",
       "staging"},
      {"equal_patterns_that_disagree_are_production",
       {{"a*", "staging"}, {"*b", "scratch"}},
       "ab",
       "production"},
      {"without_a_mapping_a_declared_name_is_itself", {}, "staging", "staging"},
      {"without_a_mapping_nothing_is_disposable", {}, "scratch", "production"},
      {"without_a_mapping_other_names_are_production", {}, "pr-17", "production"},
      {"an_undeclared_target_is_production", {{"*", "nowhere"}}, "x", "production"},
  };
}

class MapEnvironmentTest : public testing::TestWithParam<Mapping> {};
TEST_P(MapEnvironmentTest, Maps) {
  EXPECT_EQ(MapEnvironment(WithMapping(GetParam().mapping), "railway", GetParam().seen),
            GetParam().mapped);
}
INSTANTIATE_TEST_SUITE_P(Table, MapEnvironmentTest, testing::ValuesIn(Mappings()),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(IsDeclaredDisposable, IsFalseForProductionAndForTheUnknown) {
  Config config = DefaultConfig();
  EXPECT_TRUE(IsDeclaredDisposable(config, "scratch"));
  EXPECT_FALSE(IsDeclaredDisposable(config, "staging"));
  EXPECT_FALSE(IsDeclaredDisposable(config, "pr-17"));
  config.environments["production"].disposable = true;
  EXPECT_FALSE(IsDeclaredDisposable(config, "production"));
}

TEST(CheckQuorum, CountsPeopleNotKeys) {
  Config config = DefaultConfig();
  config.environments["production"].approvals = 2;
  config.environments["production"].quorum_is_explicit = true;
  const EnrolledPerson alice{"alice", {KeyKind::file, KeyKind::passkey}};
  const EnrolledPerson bob{"bob", {KeyKind::file}};
  const std::vector<EnrolledPerson> one = {alice, alice};
  ASSERT_EQ(CheckQuorum(config, one).size(), 1u);
  EXPECT_EQ(CheckQuorum(config, one)[0], (QuorumGap{"production", 2, 1, true}));
  const std::vector<EnrolledPerson> two = {alice, bob};
  EXPECT_TRUE(CheckQuorum(config, two).empty());
}

TEST(CheckQuorum, CountsOnlyKeysOfAcceptedKinds) {
  Config config = DefaultConfig();
  config.environments["production"].keys = {KeyKind::security_key};
  const std::vector<EnrolledPerson> people = {{"alice", {KeyKind::file}}};
  ASSERT_EQ(CheckQuorum(config, people).size(), 1u);
  EXPECT_EQ(ToString(CheckQuorum(config, people)[0]),
            "environment production needs 1 approver, and 0 enrolled people have a key that counts "
            "there");
}

TEST(CheckQuorum, NobodyEnrolledIsAGapThatNoFileIsToBlameFor) {
  const auto gaps = CheckQuorum(DefaultConfig(), {});
  ASSERT_EQ(gaps.size(), 2u);  // production and staging; scratch asks nobody
  EXPECT_FALSE(gaps[0].is_explicit);
  EXPECT_FALSE(gaps[1].is_explicit);
}

TEST(CheckQuorum, AQuorumFromAFileIsExplicit) {
  std::vector<ConfigFile> files{
      *ReadConfig("environments: { production: { approvals: 2 } }\n", "f", RuleSource::system)};
  const auto gaps = CheckQuorum(*Merge(files), {});
  ASSERT_EQ(gaps.size(), 2u);
  EXPECT_TRUE(gaps[0].is_explicit);
  EXPECT_FALSE(gaps[1].is_explicit);
}

TEST(Counts, UnknownCountsAsIrreversible) {
  const BreakerConfig breaker{.effect = {Effect::irreversible}};
  EXPECT_TRUE(Counts(breaker, Effect::irreversible));
  EXPECT_TRUE(Counts(breaker, Effect::unknown));
  EXPECT_FALSE(Counts(breaker, Effect::reversible));
  EXPECT_TRUE(Counts(BreakerConfig{}, Effect::read));
}

TEST(PolicyDigest, IsTheSameInWhateverOrderTheRulesStand) {
  const Config config = DefaultConfig();
  Config turned = config;
  std::reverse(turned.rules.begin(), turned.rules.end());
  EXPECT_EQ(PolicyDigest(config), PolicyDigest(turned));
  EXPECT_EQ(PolicyDigest(config).size(), 64u);
}

TEST(PolicyDigest, ChangesWithWhatDecidesAndWithNothingElse) {
  const Config config = DefaultConfig();
  const std::string digest = PolicyDigest(config);
  Config other = config;
  other.gateway.proxy = "127.0.0.1:1";
  other.gateway.limits.connections = 1;
  EXPECT_EQ(PolicyDigest(other), digest);

  const auto changed = [&](auto change) {
    Config changed_config = config;
    change(changed_config);
    return PolicyDigest(changed_config) != digest;
  };
  EXPECT_TRUE(changed([](Config& c) { c.rules[0].then = Verdict::deny; }));
  EXPECT_TRUE(changed([](Config& c) { c.rules[0].when.disposable = true; }));
  EXPECT_TRUE(changed([](Config& c) { c.rules.pop_back(); }));
  EXPECT_TRUE(changed([](Config& c) { c.environments["staging"].disposable = true; }));
  EXPECT_TRUE(changed([](Config& c) { c.environments["staging"].approvals = 2; }));
  EXPECT_TRUE(changed([](Config& c) { c.environments["staging"].keys.pop_back(); }));
  EXPECT_TRUE(changed([](Config& c) { c.providers["railway"].environments["*"] = "staging"; }));
  EXPECT_TRUE(changed([](Config& c) { c.sessions["default"].egress.push_back("fly"); }));
  EXPECT_TRUE(changed([](Config& c) { c.sessions["default"].hosted_tools.push_back("mcp"); }));
  EXPECT_TRUE(changed([](Config& c) { c.breakers[0].count = 4; }));
  EXPECT_TRUE(changed([](Config& c) { c.gateway.upstreams.push_back({"a", "b:1", ""}); }));

  const std::vector<Rule> workspace = {{"w", {}, Verdict::hold, RuleSource::workspace}};
  EXPECT_NE(PolicyDigest(config, workspace), digest);
}

}  // namespace
}  // namespace interlock::policy
