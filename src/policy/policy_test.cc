#include "policy/policy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "policy/config.h"

namespace interlock::policy {
namespace {

Action ActionOf(std::string name, Effect effect, std::vector<ResourceId> targets = {},
                Disclosure discloses = Disclosure::none) {
  Action action;
  action.provider = "railway";
  action.operations.push_back({.name = std::move(name),
                               .effect = effect,
                               .discloses = discloses,
                               .targets = std::move(targets),
                               .because = {},
                               .arguments = {}});
  Summarize(action);
  return action;
}

Facts In(Relation relation, std::vector<std::string> environments, bool disposable = false) {
  Facts facts;
  facts.relation = relation;
  facts.environments = std::move(environments);
  facts.disposable = disposable;
  facts.credential = CredentialSeen::phantom;
  return facts;
}

Rule RuleOf(std::string name, When when, Verdict then) {
  return {std::move(name), std::move(when), then, RuleSource::system};
}

When Having(auto set) {
  When when;
  set(when);
  return when;
}

const ResourceId kVolume{"railway", "volume", "v1"};
const ResourceId kOtherVolume{"railway", "volume", "v2"};

// One rule, one action: what comes out.
struct Case {
  const char* name;
  Rule rule;
  Action action;
  Facts facts;
  Verdict verdict;
  const char* decided_by;
};

std::vector<Case> Cases() {
  const Action read = ActionOf("railway.project", Effect::read, {kVolume});
  const Action update =
      ActionOf("railway.variableUpsert", Effect::reversible, {kVolume, kOtherVolume});
  const Action opaque = ActionOf("railway.sandboxExec", Effect::unknown, {kVolume});
  const Facts staging = In(Relation::lent, {"staging"});
  const Facts both = In(Relation::other, {"production", "staging"});
  const Facts nowhere = In(Relation::none, {});
  const Facts lost = In(Relation::unresolved, {"production"});
  const auto environment = [](std::vector<std::string> names) {
    return Having([&](When& w) { w.environment = std::move(names); });
  };
  const auto relation = [](std::vector<Relation> words) {
    return Having([&](When& w) { w.relation = std::move(words); });
  };
  const auto operation = [](std::vector<std::string> globs) {
    return Having([&](When& w) { w.operation = std::move(globs); });
  };
  const auto resource = [](std::vector<std::string> globs) {
    return Having([&](When& w) { w.resource = std::move(globs); });
  };
  const auto effect = [](std::vector<Effect> effects) {
    return Having([&](When& w) { w.effect = std::move(effects); });
  };
  constexpr Verdict kAllow = Verdict::allow;
  constexpr Verdict kHold = Verdict::hold;
  constexpr Verdict kDeny = Verdict::deny;
  return {
      {"a_rule_that_matches_decides", RuleOf("r", effect({Effect::read}), kAllow), read, staging,
       kAllow, "r"},
      {"a_rule_that_does_not_match_leaves_a_hold", RuleOf("r", effect({Effect::read}), kAllow),
       update, staging, kHold, ""},
      {"allow_by_name_needs_every_environment_named", RuleOf("r", environment({"staging"}), kAllow),
       read, both, kHold, ""},
      {"allow_by_name_with_every_environment_named",
       RuleOf("r", environment({"staging", "production"}), kAllow), read, both, kAllow, "r"},
      {"allow_by_name_never_matches_no_environment", RuleOf("r", environment({"staging"}), kAllow),
       read, nowhere, kHold, ""},
      {"deny_by_name_needs_one_environment_named", RuleOf("r", environment({"production"}), kDeny),
       read, both, kDeny, "r"},
      {"deny_for_production_covers_unresolved", RuleOf("r", environment({"production"}), kDeny),
       read, In(Relation::unresolved, {}), kDeny, "r"},
      {"allow_for_staging_does_not_cover_unresolved", RuleOf("r", environment({"staging"}), kAllow),
       read, In(Relation::unresolved, {"staging"}), kHold, ""},
      {"other_covers_unresolved", RuleOf("r", relation({Relation::other}), kDeny), read, lost,
       kDeny, "r"},
      {"unresolved_does_not_cover_other", RuleOf("r", relation({Relation::unresolved}), kDeny),
       read, both, kHold, ""},
      {"lent_does_not_cover_several_environments", RuleOf("r", relation({Relation::lent}), kAllow),
       read, both, kHold, ""},
      {"a_glob_names_operations", RuleOf("r", operation({"railway.*"}), kAllow), read, staging,
       kAllow, "r"},
      {"a_glob_is_case_sensitive", RuleOf("r", operation({"Railway.*"}), kAllow), read, staging,
       kHold, ""},
      {"unknown_is_not_allowed_by_a_rule_without_operation",
       RuleOf("r", effect({Effect::unknown}), kAllow), opaque, staging, kHold, ""},
      {"unknown_is_not_allowed_by_a_glob", RuleOf("r", operation({"railway.sandbox*"}), kAllow),
       opaque, staging, kHold, ""},
      {"unknown_is_not_allowed_by_star", RuleOf("r", operation({"*"}), kAllow), opaque, staging,
       kHold, ""},
      {"unknown_is_allowed_by_its_full_name",
       RuleOf("r", operation({"railway.sandboxExec"}), kAllow), opaque, staging, kAllow, "r"},
      {"a_full_name_beside_a_glob_is_enough",
       RuleOf("r", operation({"*", "railway.sandboxExec"}), kAllow), opaque, staging, kAllow, "r"},
      {"a_deny_for_irreversible_covers_unknown", RuleOf("r", effect({Effect::irreversible}), kDeny),
       opaque, staging, kDeny, "r"},
      {"an_allow_for_irreversible_does_not_cover_unknown",
       RuleOf("r", Having([](When& w) {
                w.effect = {Effect::irreversible};
                w.operation = {"railway.sandboxExec"};
              }),
              kAllow),
       opaque, staging, kHold, ""},
      {"allow_by_resource_needs_every_target", RuleOf("r", resource({"railway:volume/v1"}), kAllow),
       update, staging, kHold, ""},
      {"allow_by_resource_with_every_target", RuleOf("r", resource({"railway:volume/*"}), kAllow),
       update, staging, kAllow, "r"},
      {"deny_by_resource_needs_one_target", RuleOf("r", resource({"railway:volume/v2"}), kDeny),
       update, staging, kDeny, "r"},
      {"allow_by_resource_needs_a_target", RuleOf("r", resource({"*"}), kAllow),
       ActionOf("railway.me", Effect::read), nowhere, kHold, ""},
      {"provider_is_a_condition",
       RuleOf("r", Having([](When& w) { w.provider = {"fly"}; }), kAllow), read, staging, kHold,
       ""},
      {"nothing_unobserved_is_disposable",
       RuleOf("r", Having([](When& w) { w.disposable = true; }), kAllow), update,
       In(Relation::unresolved, {"scratch"}, true), kHold, ""},
      {"a_rule_without_conditions_covers_everything", RuleOf("r", {}, kDeny), read, staging, kDeny,
       "r"},
  };
}

class OneRule : public testing::TestWithParam<Case> {};
TEST_P(OneRule, Decides) {
  const Case& c = GetParam();
  const Decision decision = Decide(Policy({c.rule}), c.action, c.facts);
  EXPECT_EQ(decision.verdict, c.verdict);
  EXPECT_EQ(decision.rule, c.decided_by);
  EXPECT_FALSE(decision.reason.empty());
}
INSTANTIATE_TEST_SUITE_P(Table, OneRule, testing::ValuesIn(Cases()),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(Decide, HoldsEverythingWithoutRules) {
  const Decision decision =
      Decide(Policy(), ActionOf("railway.me", Effect::read), In(Relation::none, {}));
  EXPECT_EQ(decision.verdict, Verdict::hold);
  EXPECT_EQ(decision.rule, "");
}

TEST(Decide, HoldsAnActionOfDefaultValues) {
  EXPECT_EQ(Decide(MakePolicy(DefaultConfig()), Action{}, Facts{}).verdict, Verdict::hold);
}

TEST(Decide, HoldsValuesOutOfRangeWhateverTheRules) {
  const Policy policy(
      {RuleOf("all", Having([](When& w) { w.operation = {"a.b"}; }), Verdict::allow)});
  const Action good = ActionOf("a.b", Effect::read);
  const Facts facts = In(Relation::lent, {"staging"});
  ASSERT_EQ(Decide(policy, good, facts).verdict, Verdict::allow);

  Action action = good;
  action.operations[0].effect = static_cast<Effect>(9);
  EXPECT_EQ(Decide(policy, action, facts).verdict, Verdict::hold);
  action = good;
  action.operations[0].discloses = static_cast<Disclosure>(-1);
  EXPECT_EQ(Decide(policy, action, facts).verdict, Verdict::hold);
  Facts bad = facts;
  bad.relation = static_cast<Relation>(77);
  EXPECT_EQ(Decide(policy, good, bad).verdict, Verdict::hold);
  bad = facts;
  bad.credential = static_cast<CredentialSeen>(3);
  EXPECT_EQ(Decide(policy, good, bad).verdict, Verdict::hold);
  action = good;
  action.operations[0].name.clear();
  EXPECT_EQ(Decide(policy, action, facts).verdict, Verdict::hold);

  const Policy corrupt({RuleOf("r", {}, static_cast<Verdict>(12))});
  EXPECT_EQ(Decide(corrupt, good, facts).verdict, Verdict::hold);
}

TEST(Decide, HoldsASummaryThatIsMilderThanItsOperations) {
  Action action = ActionOf("railway.volumeDelete", Effect::irreversible, {kVolume});
  action.effect = Effect::read;
  const Policy policy({RuleOf("r", Having([](When& w) { w.provider = {"*"}; }), Verdict::allow)});
  EXPECT_EQ(Decide(policy, action, In(Relation::lent, {"staging"})).verdict, Verdict::hold);
}

TEST(Decide, JudgesEveryOperationOfARequest) {
  Action action = ActionOf("railway.project", Effect::read);
  action.operations.push_back(
      ActionOf("railway.volumeDelete", Effect::irreversible, {kVolume}).operations[0]);
  Summarize(action);
  const Facts facts = In(Relation::lent, {"staging"});
  const Decision decision =
      Decide(MakePolicy(DefaultConfig()), action, facts, std::vector{facts, facts});
  EXPECT_EQ(decision.verdict, Verdict::hold);
  EXPECT_EQ(decision.rule, "for-good");
  EXPECT_TRUE(decision.reason.starts_with("railway.volumeDelete: ")) << decision.reason;
}

TEST(Decide, AStricterOperationDoesNotHideARuleForAMilderOne) {
  Action action = ActionOf("railway.variables", Effect::read);
  action.operations.push_back(ActionOf("railway.serviceUpdate", Effect::reversible).operations[0]);
  Summarize(action);
  const Policy policy({
      RuleOf("all", Having([](When& w) { w.effect = {Effect::read, Effect::reversible}; }),
             Verdict::allow),
      RuleOf("no-variables", Having([](When& w) {
               w.operation = {"railway.variables"};
               w.effect = {Effect::read};
             }),
             Verdict::deny),
  });
  const Facts facts = In(Relation::lent, {"staging"});
  EXPECT_EQ(Decide(policy, action, facts, std::vector{facts, facts}).rule, "no-variables");
}

TEST(Decide, AnOperationWithoutTargetsBorrowsNoEnvironment) {
  // Alone it is held: it touches no environment, and only reads may do that unasked.
  const Action account = ActionOf("railway.signalRuleSet", Effect::reversible);
  const Facts nowhere = In(Relation::none, {});
  const Policy policy = MakePolicy(DefaultConfig());
  ASSERT_EQ(Decide(policy, account, nowhere).verdict, Verdict::hold);
  Action both = ActionOf("railway.variableUpsert", Effect::reversible, {kVolume});
  both.operations.push_back(account.operations[0]);
  Summarize(both);
  const Facts staging = In(Relation::lent, {"staging"});
  EXPECT_EQ(Decide(policy, both, staging, std::vector{staging, nowhere}).verdict, Verdict::hold);
}

TEST(Decide, SeveralOperationsWithoutTheFactsOfEachAreHeld) {
  Action both = ActionOf("railway.me", Effect::read);
  both.operations.push_back(both.operations[0]);
  const Facts facts = In(Relation::lent, {"staging"});
  const Policy policy = MakePolicy(DefaultConfig());
  EXPECT_EQ(Decide(policy, both, facts).verdict, Verdict::hold);
  EXPECT_EQ(Decide(policy, both, facts, std::vector{facts}).verdict, Verdict::hold);
  EXPECT_EQ(Decide(policy, both, facts, std::vector{facts, facts}).verdict, Verdict::allow);
}

TEST(Decide, WhatIsForGoodBeyondEveryEnvironmentIsCoveredByProductionsRules) {
  const Policy policy(
      {RuleOf("never", Having([](When& w) { w.environment = {"production"}; }), Verdict::deny),
       RuleOf("all", Having([](When& w) { w.environment = {"production"}; }), Verdict::allow)});
  const Facts nowhere = In(Relation::none, {});
  EXPECT_EQ(Decide(policy, ActionOf("railway.userDelete", Effect::irreversible), nowhere).verdict,
            Verdict::deny);
  EXPECT_EQ(Decide(policy, ActionOf("railway.me", Effect::read), nowhere).verdict, Verdict::hold);
}

TEST(Decide, DeniesAForeignCredentialWithoutAnyRuleAboutIt) {
  const Policy policy({RuleOf("all", Having([](When& w) { w.provider = {"*"}; }), Verdict::allow)});
  Facts facts = In(Relation::lent, {"staging"});
  facts.credential = CredentialSeen::foreign;
  const Decision decision = Decide(policy, ActionOf("railway.me", Effect::read), facts);
  EXPECT_EQ(decision.verdict, Verdict::deny);
  EXPECT_EQ(decision.rule, kForeignRule);
}

TEST(Decide, BeyondTheLendIsHeldUnderItsOwnName) {
  const Policy policy = MakePolicy(DefaultConfig());
  Facts facts = In(Relation::lent, {"staging"});
  facts.beyond_lend = true;
  const Decision decision = Decide(policy, ActionOf("railway.me", Effect::read), facts);
  EXPECT_EQ(decision.verdict, Verdict::hold);
  EXPECT_EQ(decision.rule, kLendRule);
  EXPECT_EQ(Decide(policy, ActionOf("railway.volumeDelete", Effect::irreversible), facts).rule,
            "for-good");
}

TEST(Decide, ReasonsNameWhatMatters) {
  const Policy policy = MakePolicy(DefaultConfig());
  EXPECT_EQ(Decide(policy, ActionOf("railway.volumeDelete", Effect::irreversible, {kVolume}),
                   In(Relation::other, {"production", "staging"}))
                .reason,
            "it can't be undone; not everything in production and staging is disposable");
  EXPECT_EQ(Decide(policy, ActionOf("railway.project", Effect::read, {kVolume}),
                   In(Relation::unresolved, {"production"}))
                .reason,
            "it only reads; where it would act could not be observed, so it counts as production");
}

TEST(Decide, ReasonsEscapeWhatOthersNamed) {
  Facts facts = In(Relation::other, {"\x1b[2Jproduction"});
  const Decision decision =
      Decide(MakePolicy(DefaultConfig()), ActionOf("a.b", Effect::read), facts);
  EXPECT_EQ(decision.reason.find('\x1b'), std::string::npos);
}

Decision DecideAll(const Policy& policy, const Action& action, const Facts& facts) {
  return Decide(policy, action, facts, std::vector(action.operations.size(), facts));
}

// ---- Properties over random policies -----------------------------------------------------------

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  std::size_t Below(std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_);
  }
  bool Coin() { return Below(2) == 1; }
  std::string Environment() { return Pick<std::string>({"production", "staging", "scratch"}); }
  std::string Name() {
    return Pick<std::string>({"railway.volumeDelete", "railway.project", "railway.variables"});
  }

  Rule AnyRule() {
    Rule rule;
    rule.name = "r" + std::to_string(Below(1000));
    When& when = rule.when;
    if (Coin()) when.effect.push_back(static_cast<Effect>(Below(4)));
    if (Coin()) when.effect.push_back(static_cast<Effect>(Below(4)));
    if (Coin()) when.relation.push_back(static_cast<Relation>(Below(4)));
    if (Below(3) == 0) when.environment.push_back(Environment());
    if (Below(3) == 0) when.disposable = Coin();
    if (Below(4) == 0) when.discloses = static_cast<Disclosure>(Below(2));
    if (Below(4) == 0) when.credential.push_back(static_cast<CredentialSeen>(Below(3)));
    if (Below(3) == 0) when.operation.push_back(Coin() ? Name() : "railway.v*");
    if (Below(5) == 0) when.resource.push_back(Coin() ? "railway:volume/v1" : "railway:volume/*");
    rule.then = static_cast<Verdict>(Below(3));
    rule.source = static_cast<RuleSource>(Below(4));
    return rule;
  }
  std::vector<Rule> Rules(std::size_t count) {
    std::vector<Rule> rules;
    for (std::size_t i = 0; i < count; ++i) rules.push_back(AnyRule());
    return rules;
  }
  Action AnyAction() {
    Action action;
    action.provider = "railway";
    for (std::size_t i = 0, n = 1 + Below(3); i < n; ++i) {
      std::vector<ResourceId> targets;
      if (Coin()) targets.push_back(kVolume);
      if (Coin()) targets.push_back(kOtherVolume);
      action.operations.push_back(ActionOf(Name(), static_cast<Effect>(Below(4)), targets,
                                           static_cast<Disclosure>(Below(2)))
                                      .operations[0]);
    }
    Summarize(action);
    return action;
  }
  Facts AnyFacts() {
    Facts facts = In(static_cast<Relation>(Below(4)), {}, Coin());
    if (facts.relation != Relation::none) facts.environments.push_back(Environment());
    if (facts.relation == Relation::other && Coin()) facts.environments.push_back("production");
    facts.credential = static_cast<CredentialSeen>(Below(3));
    facts.beyond_lend = Below(4) == 0;
    return facts;
  }
  void Shuffle(std::vector<Rule>& rules) { std::shuffle(rules.begin(), rules.end(), random_); }

 private:
  template <typename T>
  T Pick(std::vector<T> from) {
    return from[Below(from.size())];
  }
  std::mt19937 random_;
};

TEST(DecideProperty, TheOrderOfRulesChangesNothing) {
  for (unsigned seed = 0; seed < 2000; ++seed) {
    Generator g(seed);
    std::vector<Rule> rules = g.Rules(1 + g.Below(12));
    const Action action = g.AnyAction();
    const Facts facts = g.AnyFacts();
    const Decision decision = DecideAll(Policy(rules), action, facts);
    g.Shuffle(rules);
    EXPECT_EQ(DecideAll(Policy(rules), action, facts), decision) << "seed " << seed;
  }
}

TEST(DecideProperty, AddingAHoldOrDenyRuleNeverLoosens) {
  for (unsigned seed = 0; seed < 2000; ++seed) {
    Generator g(seed);
    std::vector<Rule> rules = g.Rules(g.Below(10));
    const Action action = g.AnyAction();
    const Facts facts = g.AnyFacts();
    const Verdict before = DecideAll(Policy(rules), action, facts).verdict;
    Rule more = g.AnyRule();
    more.then = g.Coin() ? Verdict::hold : Verdict::deny;
    rules.push_back(more);
    EXPECT_GE(DecideAll(Policy(rules), action, facts).verdict, before) << "seed " << seed;
  }
}

TEST(DecideProperty, TogetherIsNeverMilderThanAlone) {
  for (unsigned seed = 0; seed < 4000; ++seed) {
    Generator g(seed);
    const Policy policy(g.Rules(1 + g.Below(10)));
    std::vector<Action> alone;
    std::vector<Facts> each;
    Action together;
    for (std::size_t i = 0; i < 2 + g.Below(3); ++i) {
      Action one = g.AnyAction();
      one.operations.resize(1);
      Summarize(one);
      together.provider = one.provider;
      together.operations.push_back(one.operations[0]);
      each.push_back(g.AnyFacts());
      each.back().beyond_lend = false;
      each.back().credential = CredentialSeen::phantom;
      alone.push_back(std::move(one));
    }
    Summarize(together);
    const Verdict verdict = Decide(policy, together, each[0], each).verdict;
    for (std::size_t i = 0; i < alone.size(); ++i) {
      alone[i].provider = together.provider;
      EXPECT_GE(verdict, Decide(policy, alone[i], each[i]).verdict) << "seed " << seed;
    }
  }
}

TEST(DecideProperty, NoPolicyBreaksTheFloors) {
  for (unsigned seed = 0; seed < 4000; ++seed) {
    Generator g(seed);
    std::vector<Rule> rules = g.Rules(g.Below(10));
    for (Rule& rule : rules) {
      rule.then = Verdict::allow;
      std::erase_if(rule.when.operation, [](const std::string& o) { return !o.ends_with('*'); });
    }
    const Action action = g.AnyAction();
    const Facts facts = g.AnyFacts();
    const Verdict verdict = DecideAll(Policy(rules), action, facts).verdict;
    if (facts.credential == CredentialSeen::foreign) {
      EXPECT_EQ(verdict, Verdict::deny) << seed;
    }
    if (facts.beyond_lend) {
      EXPECT_GE(verdict, Verdict::hold) << seed;
    }
    if (action.effect == Effect::unknown) {
      EXPECT_GE(verdict, Verdict::hold) << seed;
    }
  }
}

TEST(DecideProperty, ManyRulesAreJudgedLikeFew) {
  // More rules than one word of the bit sets holds: the last ones count as well.
  std::vector<Rule> rules;
  for (int i = 0; i < 200; ++i)
    rules.push_back(RuleOf("h" + std::to_string(i),
                           Having([](When& w) { w.operation = {"other.*"}; }), Verdict::hold));
  rules.push_back(
      RuleOf("yes", Having([](When& w) { w.effect = {Effect::read}; }), Verdict::allow));
  const Decision decision =
      Decide(Policy(rules), ActionOf("railway.me", Effect::read), In(Relation::none, {}));
  EXPECT_EQ(decision.rule, "yes");
}

}  // namespace
}  // namespace interlock::policy
