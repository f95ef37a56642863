// The policy as a value, and the one function that judges.
//
// Decide is pure and total: every combination of values, also a corrupt one, has an answer, and the
// answer depends on nothing else. The strictest rule that matches wins, so the order of the rules
// does not matter and adding a `hold` or `deny` rule can't loosen anything.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "action/action.h"

namespace interlock::policy {

// Where a rule was written. Shown to humans; it gives a rule no precedence.
enum class RuleSource { builtin, system, user, workspace };
std::string_view ToString(RuleSource source);

// The conditions of a rule: all that are given must hold, and within one list any entry suffices.
// An empty list and nullopt mean "whatever it is".
//
// An `allow` rule must speak for everything an action touches, a `hold` or `deny` rule is
// triggered by any part of it:
//   environment names   allow: every environment of the action is named · others: one of them is
//   resource globs      allow: every target matches (and there is one)  · others: one of them does
//   effect irreversible allow: exactly that                             · others: `unknown` as well
struct When {
  std::vector<Effect> effect;
  std::vector<Relation> relation;        // `other` also covers `unresolved`
  std::vector<std::string> environment;  // configured names; either list may match
  std::optional<bool> disposable;
  std::optional<Disclosure> discloses;
  std::vector<CredentialSeen> credential;
  std::vector<std::string> operation;  // globs, case-sensitive: "railway.volume*"
  std::vector<std::string> provider;   // globs over the pack's name
  std::vector<std::string> resource;   // globs over "railway:volume/3d2c…"
  bool operator==(const When&) const = default;
};

struct Rule {
  std::string name;
  When when;
  Verdict then = Verdict::hold;
  RuleSource source = RuleSource::builtin;
  bool operator==(const Rule&) const = default;
};

// Rules, compiled for judging. A value: copy it freely, share it between threads as const.
class Policy {
 public:
  Policy() = default;  // without a rule everything is held
  explicit Policy(std::vector<Rule> rules);

  const std::vector<Rule>& rules() const { return rules_; }
  bool operator==(const Policy& other) const { return rules_ == other.rules_; }

  // The strictest rule that covers one operation of an action; nullptr when none does. Of several
  // equally strict ones the most telling (see Weight), whatever order they were given in.
  const Rule* Strictest(const Action& action, const Operation& operation, const Facts& facts) const;

 private:
  // A pattern whose literal beginning is known: most of them are refused by one comparison.
  struct Glob {
    std::string pattern;
    std::size_t star = 0;  // where the first `*` stands; npos for a name in full
    bool Matches(std::string_view text) const;
  };
  struct Names {
    std::vector<Glob> operation;
    std::vector<Glob> provider;
  };
  static std::vector<Glob> Compile(const std::vector<std::string>& patterns);
  static bool Any(const std::vector<Glob>& globs, std::string_view text);
  static bool AnyInFull(const std::vector<Glob>& globs, std::string_view text);

  std::vector<Rule> rules_;   // strictest first
  std::vector<Names> names_;  // of the rule at the same place
  // For every point of the finite part of the conditions, the rules it does not exclude, as a bit
  // set of `words_` words: what is left to compare is text.
  std::size_t words_ = 0;
  std::vector<std::uint64_t> candidates_;
};

// The names under which Decide reports what no rule can change. No rule may be called like this.
inline constexpr std::string_view kLendRule = "lend";
inline constexpr std::string_view kForeignRule = "foreign-credential";

// Every operation of the action is judged by itself, by the facts of its own targets; the strictest
// verdict is the action's. `each` holds those facts, operation by operation, where there are
// several of them: judged by what is true of all together, an operation without targets would
// borrow the environment of its neighbours. `facts` are the whole action's. Whatever the rules say:
//   - no rule that covers it: held
//   - an `unknown` effect is allowed only by a rule that names the operation in full, without `*`
//   - a foreign credential is denied
//   - a use of the lent credential beyond what it was lent for is at least held ("lend")
//   - values out of range, an operation without a name, a summary that its operations contradict,
//   several operations without facts for each: held
// What can't be undone and touches no environment (an account, a user) is covered by the `hold` and
// `deny` rules of production.
Decision Decide(const Policy& policy, const Action& action, const Facts& facts,
                std::span<const Facts> each = {});

// True for what production's rules and production's number of approvals are for, though nobody saw
// it in production: what could not be resolved, and what is for good beyond every environment.
bool CountsAsProduction(Effect effect, const Facts& facts);

}  // namespace interlock::policy
