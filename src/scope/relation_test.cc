#include "scope/relation.h"

#include <gtest/gtest.h>

namespace interlock::scope {
namespace {

EnvironmentSeen Seen(const std::string& id, const std::string& mapped, bool disposable = false) {
  return {id, mapped, mapped, disposable, disposable};
}

Scope ScopeOf(std::vector<EnvironmentSeen> environments) {
  Scope scope;
  scope.environments = std::move(environments);
  return scope;
}

Action WithTarget() {
  Action action;
  action.targets = {{"railway", "volume", "v"}};
  return action;
}

const ResourceId kLost{"railway", "volume", "v-none"};

TEST(RelationOf, SaysHowTheEnvironmentsRelateToTheLentOne) {
  EXPECT_EQ(RelationOf(Scope{}, "staging"), Relation::none);
  EXPECT_EQ(RelationOf(ScopeOf({Seen("1", "staging")}), "staging"), Relation::lent);
  EXPECT_EQ(RelationOf(ScopeOf({Seen("1", "staging"), Seen("2", "staging")}), "staging"),
            Relation::lent);
  EXPECT_EQ(RelationOf(ScopeOf({Seen("1", "production")}), "staging"), Relation::other);
  EXPECT_EQ(RelationOf(ScopeOf({Seen("1", "staging"), Seen("2", "production")}), "staging"),
            Relation::other);
  EXPECT_EQ(RelationOf(ScopeOf({Seen("1", "staging")}), ""), Relation::other);
  Scope scope = ScopeOf({Seen("1", "staging")});
  scope.unresolved = {kLost};
  EXPECT_EQ(RelationOf(scope, "staging"), Relation::unresolved);
}

TEST(FillFacts, WhatIsUnresolvedCountsAsProduction) {
  Scope scope = ScopeOf({Seen("1", "scratch", true)});
  scope.unresolved = {kLost};
  Facts facts;
  FillFacts(facts, scope, WithTarget().targets, "scratch");
  EXPECT_EQ(facts.relation, Relation::unresolved);
  EXPECT_EQ(facts.environments, (std::vector<std::string>{"production", "scratch"}));
  EXPECT_FALSE(facts.disposable);
}

TEST(FillFacts, TargetsWithoutAScopeAreUnresolved) {
  Facts facts;
  FillFacts(facts, Scope{}, WithTarget().targets, "staging");
  EXPECT_EQ(facts.relation, Relation::unresolved);
  EXPECT_EQ(facts.environments, std::vector<std::string>{"production"});
}

TEST(FillFacts, WithoutTargetsThereIsNoEnvironment) {
  Facts facts;
  FillFacts(facts, Scope{}, {}, "staging");
  EXPECT_EQ(facts.relation, Relation::none);
  EXPECT_TRUE(facts.environments.empty());
  EXPECT_FALSE(facts.disposable);
}

TEST(FillFacts, DisposableMeansEveryEnvironmentIs) {
  Facts facts;
  FillFacts(facts, ScopeOf({Seen("1", "scratch", true), Seen("2", "scratch", true)}),
            WithTarget().targets, "staging");
  EXPECT_TRUE(facts.disposable);
  FillFacts(facts, ScopeOf({Seen("1", "scratch", true), Seen("2", "staging")}),
            WithTarget().targets, "staging");
  EXPECT_FALSE(facts.disposable);
}

Scope Example() {
  Scope scope = ScopeOf({Seen("1", "production"), Seen("2", "staging")});
  scope.where = {{"volume \"x\" in production", "Railway, seen 09:12"}};
  scope.loss = {{"volume \"x\" in production · 4.1 GB", "Railway, seen 09:12"},
                {"7 backups stored inside volume \"x\"", "Railway, seen 09:12"}};
  scope.names = {"x"};
  return scope;
}

TEST(Difference, IsEmptyForTheSame) { EXPECT_EQ(Difference(Example(), Example()), ""); }

TEST(Difference, IgnoresWhenItWasSeenAndHowFullItIs) {
  Scope later = Example();
  for (auto* list : {&later.where, &later.loss})
    for (Observation& observation : *list) observation.known_by = "Railway, seen 09:20";
  later.loss[0].what = "volume \"x\" in production · 980 MB";
  EXPECT_EQ(Difference(Example(), later), "");
}

struct Change {
  const char* name;
  void (*change)(Scope&);
  const char* sentence;
};

const Change kChanges[] = {
    {"another_environment", [](Scope& s) { s.environments.push_back(Seen("3", "qa")); },
     "it now also reaches qa"},
    {"one_less", [](Scope& s) { s.environments.pop_back(); }, "it no longer reaches staging"},
    {"a_new_one_of_the_same_name", [](Scope& s) { s.environments[1].id = "9"; },
     "it now also reaches staging; it no longer reaches staging"},
    {"renamed", [](Scope& s) { s.environments[1].name = "pr-1"; },
     "environment staging is now called pr-1"},
    {"mapped_differently", [](Scope& s) { s.environments[1].mapped = "production"; },
     "environment staging now counts as production, not as staging"},
    {"disposable", [](Scope& s) { s.environments[1].disposable = true; },
     "environment staging is now disposable"},
    {"unresolved",
     [](Scope& s) {
       s.unresolved = {kLost};
       s.unresolved_reason = "the provider shows no such volume";
     },
     "it can no longer be resolved: the provider shows no such volume"},
    {"another_name", [](Scope& s) { s.names = {"y"}; }, "what it acts on is now called \"y\""},
    {"more_backups", [](Scope& s) { s.loss[1].what = "8 backups stored inside volume \"x\""; },
     "would now be lost as well: 8 backups stored inside volume \"x\"; would no longer be lost: 7 "
     "backups stored inside volume \"x\""},
    {"another_place", [](Scope& s) { s.where[0].what = "volume \"x\" in qa"; },
     "now there: volume \"x\" in qa; no longer there: volume \"x\" in production"},
};

class DifferenceTest : public testing::TestWithParam<Change> {};
TEST_P(DifferenceTest, IsToldInWords) {
  Scope after = Example();
  GetParam().change(after);
  EXPECT_EQ(Difference(Example(), after), GetParam().sentence);
}
INSTANTIATE_TEST_SUITE_P(Table, DifferenceTest, testing::ValuesIn(kChanges),
                         [](const auto& param) { return std::string(param.param.name); });

}  // namespace
}  // namespace interlock::scope
