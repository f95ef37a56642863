// The standard policy, for every combination of what it may look at.
#include <gtest/gtest.h>

#include "policy/config.h"

namespace interlock::policy {
namespace {

struct Row {
  Effect effect;
  Relation relation;
  bool disposable;
  Verdict verdict;   // for a phantom, within the lend, disclosing nothing
  const char* rule;  // "" when no rule covers it
};

constexpr Verdict kAllow = Verdict::allow;
constexpr Verdict kHold = Verdict::hold;

constexpr Row kTable[] = {
    {Effect::read, Relation::none, false, kAllow, "reads"},
    {Effect::read, Relation::none, true, kAllow, "reads"},
    {Effect::read, Relation::lent, false, kAllow, "reads"},
    {Effect::read, Relation::lent, true, kAllow, "reads"},
    {Effect::read, Relation::other, false, kHold, "elsewhere"},
    {Effect::read, Relation::other, true, kHold, "elsewhere"},
    {Effect::read, Relation::unresolved, false, kHold, "elsewhere"},
    {Effect::read, Relation::unresolved, true, kHold, "elsewhere"},
    {Effect::reversible, Relation::none, false, kHold, ""},
    {Effect::reversible, Relation::none, true, kHold, ""},
    {Effect::reversible, Relation::lent, false, kAllow, "own-env"},
    {Effect::reversible, Relation::lent, true, kAllow, "own-env"},
    {Effect::reversible, Relation::other, false, kHold, "elsewhere"},
    {Effect::reversible, Relation::other, true, kHold, "elsewhere"},
    {Effect::reversible, Relation::unresolved, false, kHold, "elsewhere"},
    {Effect::reversible, Relation::unresolved, true, kHold, "elsewhere"},
    {Effect::irreversible, Relation::none, false, kHold, "for-good"},
    {Effect::irreversible, Relation::none, true, kHold, "for-good"},
    {Effect::irreversible, Relation::lent, false, kHold, "for-good"},
    {Effect::irreversible, Relation::lent, true, kAllow, "scratch"},
    {Effect::irreversible, Relation::other, false, kHold, "for-good"},
    {Effect::irreversible, Relation::other, true, kAllow, "scratch"},
    {Effect::irreversible, Relation::unresolved, false, kHold, "for-good"},
    {Effect::irreversible, Relation::unresolved, true, kHold, "for-good"},
    {Effect::unknown, Relation::none, false, kHold, "for-good"},
    {Effect::unknown, Relation::none, true, kHold, "for-good"},
    {Effect::unknown, Relation::lent, false, kHold, "for-good"},
    {Effect::unknown, Relation::lent, true, kHold, ""},
    {Effect::unknown, Relation::other, false, kHold, "for-good"},
    {Effect::unknown, Relation::other, true, kHold, ""},
    {Effect::unknown, Relation::unresolved, false, kHold, "for-good"},
    {Effect::unknown, Relation::unresolved, true, kHold, "for-good"},
};

std::vector<std::string> EnvironmentsOf(Relation relation) {
  switch (relation) {
    case Relation::none:
      return {};
    case Relation::lent:
      return {"staging"};
    case Relation::other:
      return {"production", "staging"};
    case Relation::unresolved:
      return {"production"};
  }
  return {};
}

TEST(DefaultPolicy, DecidesEveryCombinationAsWrittenDown) {
  const Policy policy = MakePolicy(DefaultConfig());
  int combinations = 0;
  for (const Row& row : kTable) {
    for (const Disclosure discloses : {Disclosure::none, Disclosure::credential}) {
      for (const CredentialSeen credential :
           {CredentialSeen::none, CredentialSeen::phantom, CredentialSeen::foreign}) {
        for (const bool beyond_lend : {false, true}) {
          Action action;
          action.operation = "railway.something";
          action.effect = row.effect;
          action.discloses = discloses;
          Facts facts;
          facts.relation = row.relation;
          facts.environments = EnvironmentsOf(row.relation);
          facts.disposable = row.disposable;
          facts.credential = credential;
          facts.beyond_lend = beyond_lend;

          Verdict verdict = row.verdict;
          std::string rule = row.rule;
          if (discloses == Disclosure::credential) {
            verdict = kHold;
            rule = "secrets";
          }
          if (beyond_lend && verdict == kAllow) {
            verdict = kHold;
            rule = "lend";
          }
          if (credential == CredentialSeen::foreign) {
            verdict = Verdict::deny;
            rule = "leaked";
          }
          const Decision decision = Decide(policy, action, facts);
          EXPECT_EQ(decision.verdict, verdict);
          EXPECT_EQ(decision.rule, rule)
              << ToString(row.effect) << " " << ToString(row.relation) << " " << row.disposable
              << " " << ToString(discloses) << " " << ToString(credential) << " " << beyond_lend;
          EXPECT_FALSE(decision.reason.empty());
          ++combinations;
        }
      }
    }
  }
  EXPECT_EQ(combinations, 4 * 4 * 2 * 2 * 3 * 2);
}

TEST(DefaultPolicy, HasExactlyTheDocumentedRules) {
  std::vector<std::string> names;
  for (const Rule& rule : DefaultRules()) {
    names.push_back(rule.name);
    EXPECT_EQ(rule.source, RuleSource::builtin);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"reads", "own-env", "elsewhere", "for-good", "scratch",
                                             "secrets", "leaked"}));
}

}  // namespace
}  // namespace interlock::policy
