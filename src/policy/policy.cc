#include "policy/policy.h"

#include <algorithm>
#include <bit>
#include <tuple>

#include "base/bytes.h"
#include "policy/reason.h"

namespace interlock::policy {
namespace {

constexpr std::size_t kEffects = 4;
constexpr std::size_t kRelations = 4;
constexpr std::size_t kDisclosures = 2;
constexpr std::size_t kCredentials = 3;
constexpr std::size_t kPoints = kEffects * kRelations * 2 * kDisclosures * kCredentials;
constexpr std::size_t kWordBits = 64;
constexpr std::string_view kProduction = "production";

// The part of a question that has finitely many values.
struct Point {
  Effect effect;
  Relation relation;
  bool disposable;
  Disclosure discloses;
  CredentialSeen credential;
};

std::size_t IndexOf(const Point& p) {
  std::size_t index = static_cast<std::size_t>(p.effect);
  index = index * kRelations + static_cast<std::size_t>(p.relation);
  index = index * 2 + (p.disposable ? 1 : 0);
  index = index * kDisclosures + static_cast<std::size_t>(p.discloses);
  return index * kCredentials + static_cast<std::size_t>(p.credential);
}

Point PointAt(std::size_t index) {
  Point p{};
  p.credential = static_cast<CredentialSeen>(index % kCredentials);
  index /= kCredentials;
  p.discloses = static_cast<Disclosure>(index % kDisclosures);
  index /= kDisclosures;
  p.disposable = index % 2 == 1;
  index /= 2;
  p.relation = static_cast<Relation>(index % kRelations);
  p.effect = static_cast<Effect>(index / kRelations);
  return p;
}

template <typename T>
bool Contains(const std::vector<T>& list, const T& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

bool CoversEffect(const Rule& rule, Effect effect) {
  if (rule.when.effect.empty() || Contains(rule.when.effect, effect)) return true;
  // An action that hides what it does must not slip past a rule against irreversible ones.
  return rule.then != Verdict::allow && effect == Effect::unknown &&
         Contains(rule.when.effect, Effect::irreversible);
}

bool CoversRelation(const When& when, Relation relation) {
  if (Contains(when.relation, relation)) return true;
  return relation == Relation::unresolved && Contains(when.relation, Relation::other);
}

// False when no text could make the rule cover this point.
bool MayCover(const Rule& rule, const Point& p) {
  const When& when = rule.when;
  if (!CoversEffect(rule, p.effect)) return false;
  const bool anywhere = when.relation.empty() && when.environment.empty();
  if (!anywhere && when.environment.empty() && !CoversRelation(when, p.relation)) return false;
  if (when.disposable && *when.disposable != p.disposable) return false;
  if (when.discloses && *when.discloses != p.discloses) return false;
  if (!when.credential.empty() && !Contains(when.credential, p.credential)) return false;
  if (rule.then != Verdict::allow) return true;
  return p.effect != Effect::unknown || !when.operation.empty();
}

bool AnyGlob(const std::vector<std::string>& globs, std::string_view text) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return GlobMatch(glob, text); });
}

bool CoversEnvironments(const Rule& rule, Effect effect, const Facts& facts) {
  const When& when = rule.when;
  if (when.relation.empty() && when.environment.empty()) return true;
  if (CoversRelation(when, facts.relation)) return true;
  const auto named = [&when](const std::string& name) { return Contains(when.environment, name); };
  const bool production_named = Contains(when.environment, std::string(kProduction));
  if (rule.then == Verdict::allow) {
    if (facts.relation == Relation::unresolved && !production_named) return false;
    return !facts.environments.empty() &&
           std::all_of(facts.environments.begin(), facts.environments.end(), named);
  }
  if (production_named && CountsAsProduction(effect, facts)) return true;
  return std::any_of(facts.environments.begin(), facts.environments.end(), named);
}

bool CoversResources(const Rule& rule, const Operation& operation) {
  if (rule.when.resource.empty()) return true;
  const auto matches = [&rule](const ResourceId& id) {
    return AnyGlob(rule.when.resource, interlock::ToString(id));
  };
  const auto& targets = operation.targets;
  if (rule.then == Verdict::allow)
    return !targets.empty() && std::all_of(targets.begin(), targets.end(), matches);
  return std::any_of(targets.begin(), targets.end(), matches);
}

// How much a rule tells a human who reads its name: the particular before the general.
int Weight(const When& when) {
  int weight = 0;
  if (!when.resource.empty()) weight += 32;
  if (!when.operation.empty()) weight += 16;
  if (!when.credential.empty()) weight += 8;
  if (when.discloses) weight += 4;
  if (!when.effect.empty()) weight += 2;
  if (when.disposable || !when.relation.empty() || !when.environment.empty()) weight += 1;
  return weight;
}

// A total order on what can be told apart, so that the answer names the same rule in every order.
bool Before(const Rule& a, const Rule& b) {
  const auto key = [](const Rule& rule) {
    return std::tuple(-static_cast<int>(rule.then), -Weight(rule.when), std::string_view(rule.name),
                      static_cast<int>(rule.source));
  };
  if (key(a) != key(b)) return key(a) < key(b);
  const auto rest = [](const When& when) {
    return std::tie(when.effect, when.relation, when.environment, when.disposable, when.discloses,
                    when.credential, when.operation, when.provider, when.resource);
  };
  return rest(a.when) < rest(b.when);
}

bool InRange(const Operation& operation, const Facts& facts) {
  const auto below = [](auto value, std::size_t count) {
    return static_cast<std::size_t>(value) < count;
  };
  return below(operation.effect, kEffects) && below(operation.discloses, kDisclosures) &&
         below(facts.relation, kRelations) && below(facts.credential, kCredentials) &&
         !operation.name.empty();
}

// Nothing that was not observed is disposable.
bool IsDisposable(const Facts& facts) {
  return facts.disposable && facts.relation != Relation::none &&
         facts.relation != Relation::unresolved;
}

Decision Judge(const Policy& policy, const Action& action, const Operation& operation,
               const Facts& facts) {
  if (!InRange(operation, facts))
    return {Verdict::hold, "",
            "the action could not be described: a value is missing or out of range"};
  const Rule* rule = policy.Strictest(action, operation, facts);
  if (rule == nullptr) return {Verdict::hold, "", ReasonUncovered(operation, facts)};
  switch (rule->then) {
    case Verdict::allow:
    case Verdict::hold:
    case Verdict::deny:
      return {rule->then, rule->name, ReasonOf(*rule, operation, facts)};
  }
  return {Verdict::hold, rule->name, "the rule's verdict is out of range"};
}

// True when `a` says more than `b`: a stricter verdict, or the same one with a rule's name to it.
bool Outranks(const Decision& a, const Decision& b) {
  if (a.verdict != b.verdict) return a.verdict > b.verdict;
  return b.rule.empty() && !a.rule.empty();
}

// The summary of an action is what humans read; it must not be milder than the parts.
bool SummaryAgrees(const Action& action) {
  Effect effect = Effect::read;
  Disclosure discloses = Disclosure::none;
  for (const Operation& operation : action.operations) {
    effect = std::max(effect, operation.effect);
    discloses = std::max(discloses, operation.discloses);
  }
  return action.effect == effect && action.discloses == discloses;
}

Decision JudgeOperations(const Policy& policy, const Action& action, const Facts& facts,
                         std::span<const Facts> each) {
  if (action.operations.empty()) {
    const Operation whole{.name = action.operation,
                          .effect = action.effect,
                          .discloses = action.discloses,
                          .targets = action.targets,
                          .because = {},
                          .arguments = {}};
    return Judge(policy, action, whole, facts);
  }
  const bool several = action.operations.size() > 1;
  if (several && each.size() != action.operations.size())
    return {Verdict::hold, "", "where each of its operations acts was not determined"};
  std::optional<Decision> strictest;
  for (std::size_t i = 0; i < action.operations.size(); ++i) {
    const Operation& operation = action.operations[i];
    Decision decision = Judge(policy, action, operation, several ? each[i] : facts);
    if (several) decision.reason = EscapeForHumans(operation.name, 120) + ": " + decision.reason;
    if (!strictest || Outranks(decision, *strictest)) strictest = std::move(decision);
  }
  if (strictest->verdict == Verdict::allow && !SummaryAgrees(action))
    return {Verdict::hold, "", "the action's summary contradicts its operations"};
  return *strictest;
}

}  // namespace

std::string_view ToString(RuleSource source) {
  switch (source) {
    case RuleSource::builtin:
      return "builtin";
    case RuleSource::system:
      return "system";
    case RuleSource::user:
      return "user";
    case RuleSource::workspace:
      return "workspace";
  }
  return "unknown";
}

bool Policy::Glob::Matches(std::string_view text) const {
  if (star == std::string::npos) return pattern == text;
  const std::string_view all(pattern);
  return text.starts_with(all.substr(0, star)) && GlobMatch(all.substr(star), text.substr(star));
}

std::vector<Policy::Glob> Policy::Compile(const std::vector<std::string>& patterns) {
  std::vector<Glob> out;
  for (const std::string& pattern : patterns) out.push_back({pattern, pattern.find('*')});
  return out;
}

bool Policy::Any(const std::vector<Glob>& globs, std::string_view text) {
  return std::any_of(globs.begin(), globs.end(),
                     [text](const Glob& glob) { return glob.Matches(text); });
}

bool Policy::AnyInFull(const std::vector<Glob>& globs, std::string_view text) {
  return std::any_of(globs.begin(), globs.end(), [text](const Glob& glob) {
    return glob.star == std::string::npos && glob.pattern == text;
  });
}

Policy::Policy(std::vector<Rule> rules) : rules_(std::move(rules)) {
  std::sort(rules_.begin(), rules_.end(), Before);
  for (const Rule& rule : rules_)
    names_.push_back({Compile(rule.when.operation), Compile(rule.when.provider)});
  words_ = (rules_.size() + kWordBits - 1) / kWordBits;
  candidates_.assign(kPoints * words_, 0);
  for (std::size_t point = 0; point < kPoints; ++point) {
    for (std::size_t i = 0; i < rules_.size(); ++i) {
      if (!MayCover(rules_[i], PointAt(point))) continue;
      candidates_[point * words_ + i / kWordBits] |= std::uint64_t{1} << (i % kWordBits);
    }
  }
}

const Rule* Policy::Strictest(const Action& action, const Operation& operation,
                              const Facts& facts) const {
  if (!InRange(operation, facts)) return nullptr;
  const std::size_t point = IndexOf({operation.effect, facts.relation, IsDisposable(facts),
                                     operation.discloses, facts.credential});
  for (std::size_t word = 0; word < words_; ++word) {
    std::uint64_t bits = candidates_[point * words_ + word];
    for (; bits != 0; bits &= bits - 1) {
      const auto bit = static_cast<std::size_t>(std::countr_zero(bits));
      const std::size_t at = word * kWordBits + bit;
      const Rule& rule = rules_[at];
      const Names& names = names_[at];
      if (!names.operation.empty() && !Any(names.operation, operation.name)) continue;
      if (!names.provider.empty() && !Any(names.provider, action.provider)) continue;
      if (rule.then == Verdict::allow && operation.effect == Effect::unknown &&
          !AnyInFull(names.operation, operation.name))
        continue;
      if (CoversEnvironments(rule, operation.effect, facts) && CoversResources(rule, operation))
        return &rule;
    }
  }
  return nullptr;
}

bool CountsAsProduction(Effect effect, const Facts& facts) {
  return facts.relation == Relation::unresolved ||
         (facts.relation == Relation::none && effect >= Effect::irreversible);
}

Decision Decide(const Policy& policy, const Action& action, const Facts& facts,
                std::span<const Facts> each) {
  Decision decision = JudgeOperations(policy, action, facts, each);
  if (facts.credential == CredentialSeen::foreign && decision.verdict != Verdict::deny)
    return {Verdict::deny, std::string(kForeignRule),
            "it carries a credential that was not lent to this session"};
  if (facts.beyond_lend && decision.verdict == Verdict::allow)
    return {Verdict::hold, std::string(kLendRule),
            "the lent credential may not be used for this without a question"};
  return decision;
}

}  // namespace interlock::policy
