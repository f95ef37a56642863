#include "policy/prove.h"

#include <gtest/gtest.h>

#include "policy/config.h"

namespace interlock::policy {
namespace {

Policy PolicyFrom(const std::string& rules) {
  auto file = ReadConfig("rules:\n" + rules, "f", RuleSource::system);
  EXPECT_TRUE(file) << ToError(file.error()).message;
  const std::vector<ConfigFile> files{*file};
  return MakePolicy(*Merge(files));
}

std::string BrokenBy(const std::string& rules) {
  std::string out;
  for (const Theorem& theorem : Prove(PolicyFrom(rules)).theorems) {
    if (theorem.counterexample) out += (out.empty() ? "" : " ") + std::string(theorem.name);
  }
  return out;
}

TEST(Prove, EveryTheoremHoldsForTheStandardPolicy) {
  const Proof proof = Prove(MakePolicy(DefaultConfig()));
  for (const Theorem& theorem : proof.theorems)
    EXPECT_FALSE(theorem.counterexample)
        << theorem.name << ": " << Describe(*theorem.counterexample);
  EXPECT_TRUE(proof.Holds());
  EXPECT_GT(proof.inputs, 1000u);
}

TEST(Prove, EveryTheoremHoldsWithoutRules) { EXPECT_TRUE(Prove(Policy()).Holds()); }

struct Case {
  const char* name;
  const char* rules;
  const char* broken;
};

constexpr Case kCases[] = {
    {"reads_alone", "  - { name: a, when: { effect: read, discloses: none }, then: allow }\n", ""},
    {"reads_that_may_disclose", "  - { name: a, when: { effect: read }, then: allow }\n",
     "secrets-stay"},
    {"irreversible_in_staging",
     "  - { name: a, when: { effect: irreversible, environment: staging, discloses: none }, then: "
     "allow }\n",
     "irreversible-is-signed"},
    {"irreversible_by_pattern",
     "  - { name: a, when: { operation: \"x.*\", effect: irreversible, discloses: none }, then: "
     "allow }\n",
     "irreversible-is-signed unresolved-is-not-changed"},
    {"a_hold_that_covers_the_pattern",
     "  - { name: a, when: { operation: \"x.del*\", effect: irreversible, discloses: none }, then: "
     "allow }\n"
     "  - { name: b, when: { operation: \"x.*\", disposable: false }, then: hold }\n",
     ""},
    {"a_hold_that_covers_part_of_the_pattern",
     "  - { name: a, when: { operation: \"x.*\", effect: irreversible, environment: lent, "
     "discloses: none }, then: allow }\n"
     "  - { name: b, when: { operation: \"x.del*\" }, then: hold }\n",
     "irreversible-is-signed"},
    {"a_hold_on_a_name_beside_an_allow_on_the_same",
     "  - { name: a, when: { operation: x.y, discloses: none }, then: allow }\n"
     "  - { name: b, when: { operation: x.y }, then: hold }\n",
     ""},
    {"an_unknown_effect_that_is_named",
     "  - { name: a, when: { operation: x.exec, environment: lent, discloses: none }, then: allow "
     "}\n",
     "irreversible-is-signed"},
    {"changes_anywhere",
     "  - { name: a, when: { effect: reversible, environment: other, discloses: none }, then: "
     "allow }\n",
     "unresolved-is-not-changed"},
    {"changes_in_production_by_name",
     "  - { name: a, when: { effect: reversible, environment: production, discloses: none }, then: "
     "allow }\n",
     "unresolved-is-not-changed"},
    {"disposable_things",
     "  - { name: a, when: { disposable: true, discloses: none }, then: allow }\n", ""},
    {"a_resource",
     "  - { name: a, when: { resource: \"railway:volume/v-*\", effect: irreversible, environment: "
     "staging, discloses: none }, then: allow }\n",
     "irreversible-is-signed"},
};

class ProveTest : public testing::TestWithParam<Case> {};
TEST_P(ProveTest, FindsWhatAPolicyBreaks) {
  EXPECT_EQ(BrokenBy(GetParam().rules), GetParam().broken);
}
INSTANTIATE_TEST_SUITE_P(Table, ProveTest, testing::ValuesIn(kCases),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(Prove, ACounterexampleIsOneThatThePolicyReallyAllows) {
  const Policy policy = PolicyFrom(
      "  - { name: oops, when: { operation: \"x.*\", effect: irreversible, environment: staging }, "
      "then: allow }\n");
  for (const Theorem& theorem : Prove(policy).theorems) {
    if (!theorem.counterexample) continue;
    const Counterexample& found = *theorem.counterexample;
    EXPECT_EQ(Decide(policy, found.action, found.facts), found.decision);
    EXPECT_EQ(found.decision.verdict, Verdict::allow);
    EXPECT_EQ(Describe(found).find("rule oops lets through: operation x.*, effect irreversible"),
              0u)
        << Describe(found);
  }
}

}  // namespace
}  // namespace interlock::policy
