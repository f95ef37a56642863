#include "policy/reason.h"

#include "base/bytes.h"

namespace interlock::policy {
namespace {

constexpr std::size_t kNamesShown = 4;
constexpr std::size_t kNameBytesShown = 120;

std::string EffectClause(Effect effect) {
  switch (effect) {
    case Effect::read:
      return "it only reads";
    case Effect::reversible:
      return "it changes something and can be taken back";
    case Effect::irreversible:
      return "it can't be undone";
    case Effect::unknown:
      return "what it does could not be determined, so it counts as irreversible";
  }
  return "its effect is out of range";
}

std::string Environments(const Facts& facts) {
  if (facts.environments.empty()) return "an environment without a name";
  std::string out;
  const std::size_t count = facts.environments.size();
  for (std::size_t i = 0; i < count && i < kNamesShown; ++i) {
    if (i > 0) out += (i + 1 == count) ? " and " : ", ";
    out += EscapeForHumans(facts.environments[i], kNameBytesShown);
  }
  if (count > kNamesShown) out += " and " + std::to_string(count - kNamesShown) + " more";
  return out;
}

std::string WhereClause(const Facts& facts) {
  switch (facts.relation) {
    case Relation::none:
      return "it touches no environment";
    case Relation::lent:
      return "it stays in the lent environment, " + Environments(facts);
    case Relation::other:
      return "it reaches " + Environments(facts) + ", which is not what was lent";
    case Relation::unresolved:
      return "where it would act could not be observed, so it counts as production";
  }
  return "where it would act is out of range";
}

std::string DisposableClause(const Rule& rule, const Facts& facts) {
  if (*rule.when.disposable) return "everything it touches is disposable";
  if (facts.relation == Relation::none || facts.relation == Relation::unresolved)
    return WhereClause(facts);
  return "not everything in " + Environments(facts) + " is disposable";
}

std::string CredentialClause(const Facts& facts) {
  switch (facts.credential) {
    case CredentialSeen::none:
      return "it carries no credential";
    case CredentialSeen::phantom:
      return "it uses a lent credential";
    case CredentialSeen::foreign:
      return "it carries a credential that was not lent to this session";
  }
  return "its credential is out of range";
}

}  // namespace

std::string ReasonOf(const Rule& rule, const Operation& operation, const Facts& facts) {
  const When& when = rule.when;
  std::string out;
  const auto add = [&out](const std::string& clause) {
    if (!out.empty()) out += "; ";
    out += clause;
  };
  if (!when.credential.empty()) add(CredentialClause(facts));
  if (when.discloses && *when.discloses == Disclosure::credential)
    add("its answer would hand a credential to the agent");
  if (!when.effect.empty()) add(EffectClause(operation.effect));
  if (!when.relation.empty() || !when.environment.empty()) add(WhereClause(facts));
  if (when.disposable) add(DisposableClause(rule, facts));
  if (!when.operation.empty())
    add("the rule names " + EscapeForHumans(operation.name, kNameBytesShown));
  if (!when.resource.empty()) add("the rule names what it acts on");
  if (!when.provider.empty()) add("the rule names the provider");
  if (out.empty()) return "the rule covers every action";
  return out;
}

std::string ReasonUncovered(const Operation& operation, const Facts& facts) {
  return "no rule covers this: " + EffectClause(operation.effect) + "; " + WhereClause(facts);
}

}  // namespace interlock::policy
