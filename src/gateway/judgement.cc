#include "gateway/judgement.h"

#include <algorithm>

#include "credential/lend.h"
#include "scope/relation.h"

namespace interlock::gateway {
namespace {

constexpr std::string_view kProduction = "production";

Facts FactsOf(const Asker& asker, const Scope& scope, const std::vector<ResourceId>& targets) {
  Facts facts;
  facts.credential = asker.credential;
  facts.session = asker.session;
  facts.agent = asker.agent;
  scope::FillFacts(facts, scope, targets, asker.environment);
  return facts;
}

std::string BeyondLend(const Asker& asker, Effect effect, Relation relation) {
  if (asker.signed_for || asker.credential != CredentialSeen::phantom) return "";
  if (asker.entry == nullptr) return "the credential is not one this session was lent";
  return credential::BeyondLend(*asker.entry, effect, relation);
}

// The most that any environment of any part asks for.
int ApprovalsRequired(const policy::Config& config, Effect effect, const Facts& facts) {
  const auto of = [&config](std::string_view name) {
    const auto it = config.environments.find(std::string(name));
    return it == config.environments.end() ? 1 : it->second.approvals;
  };
  int most = 1;
  for (const std::string& name : facts.environments) most = std::max(most, of(name));
  if (policy::CountsAsProduction(effect, facts)) most = std::max(most, of(kProduction));
  return most;
}

}  // namespace

Judgement Judge(const policy::Policy& policy, const policy::Config& config, const Action& action,
                const Scopes& scopes, const Asker& asker) {
  Judgement out;
  out.facts = FactsOf(asker, scopes.whole, action.targets);
  out.beyond_lend = BeyondLend(asker, action.effect, out.facts.relation);
  out.approvals_required = ApprovalsRequired(config, action.effect, out.facts);
  std::vector<Facts> each;
  for (std::size_t i = 0; i < scopes.each.size() && i < action.operations.size(); ++i) {
    const Operation& operation = action.operations[i];
    each.push_back(FactsOf(asker, scopes.each[i], operation.targets));
    if (out.beyond_lend.empty())
      out.beyond_lend = BeyondLend(asker, operation.effect, each.back().relation);
    out.approvals_required =
        std::max(out.approvals_required, ApprovalsRequired(config, operation.effect, each.back()));
  }
  out.facts.beyond_lend = !out.beyond_lend.empty();
  for (Facts& facts : each) facts.beyond_lend = out.facts.beyond_lend;
  out.decision = policy::Decide(policy, action, out.facts, each);
  if (out.facts.beyond_lend && out.decision.rule == policy::kLendRule)
    out.decision.reason = out.beyond_lend;
  return out;
}

}  // namespace interlock::gateway
