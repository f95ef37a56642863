#include "scope/relation.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <vector>

#include "scope/words.h"

namespace interlock::scope {
namespace {

using Words = std::set<std::string>;

Words Minus(const Words& a, const Words& b) {
  Words out;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::inserter(out, out.end()));
  return out;
}

// Names of environments by what is compared: two of the same name are two.
std::vector<std::string> NamesNotIn(const Scope& scope, const Scope& other) {
  std::vector<std::string> out;
  for (const EnvironmentSeen& seen : scope.environments) {
    const bool same = std::any_of(other.environments.begin(), other.environments.end(),
                                  [&](const EnvironmentSeen& o) { return o.id == seen.id; });
    if (!same) out.push_back(Shown(seen.name));
  }
  return out;
}

std::string ChangesOf(const EnvironmentSeen& was, const EnvironmentSeen& is) {
  if (was.name != is.name)
    return "environment " + Shown(was.name) + " is now called " + Shown(is.name);
  if (was.mapped != is.mapped)
    return "environment " + Shown(is.name) + " now counts as " + Shown(is.mapped) + ", not as " +
           Shown(was.mapped);
  if (was.disposable != is.disposable || was.ephemeral != is.ephemeral)
    return "environment " + Shown(is.name) +
           (is.disposable || is.ephemeral ? " is now" : " is no longer") + " disposable";
  return {};
}

void CompareEnvironments(const Scope& before, const Scope& after, std::vector<std::string>& out) {
  if (const auto added = NamesNotIn(after, before); !added.empty())
    out.push_back("it now also reaches " + JoinWords(added));
  if (const auto gone = NamesNotIn(before, after); !gone.empty())
    out.push_back("it no longer reaches " + JoinWords(gone));
  for (const EnvironmentSeen& was : before.environments) {
    for (const EnvironmentSeen& is : after.environments) {
      if (was.id != is.id) continue;
      if (std::string change = ChangesOf(was, is); !change.empty()) out.push_back(change);
    }
  }
}

void CompareUnresolved(const Scope& before, const Scope& after, std::vector<std::string>& out) {
  if (before.unresolved == after.unresolved) return;
  if (after.unresolved.empty()) {
    out.push_back("what could not be resolved is resolved now");
  } else if (before.unresolved.empty()) {
    out.push_back("it can no longer be resolved: " + Shown(after.unresolved_reason));
  } else {
    out.push_back("something else can't be resolved now: " + Shown(after.unresolved_reason));
  }
}

Words LinesOf(const std::vector<Observation>& observations) {
  Words out;
  for (const Observation& observation : observations)
    out.insert(std::string(WithoutSize(observation.what)));
  return out;
}

void CompareLines(const Words& before, const Words& after, std::string_view gained,
                  std::string_view gone, std::vector<std::string>& out) {
  for (const std::string& line : Minus(after, before)) out.push_back(std::string(gained) + line);
  for (const std::string& line : Minus(before, after)) out.push_back(std::string(gone) + line);
}

}  // namespace

Relation RelationOf(const Scope& scope, std::string_view lent) {
  if (!scope.unresolved.empty()) return Relation::unresolved;
  if (scope.environments.empty()) return Relation::none;
  const bool all_lent = std::all_of(
      scope.environments.begin(), scope.environments.end(),
      [lent](const EnvironmentSeen& seen) { return !lent.empty() && seen.mapped == lent; });
  return all_lent ? Relation::lent : Relation::other;
}

void FillFacts(Facts& facts, const Scope& scope, const std::vector<ResourceId>& targets,
               std::string_view lent) {
  facts.relation = RelationOf(scope, lent);
  if (facts.relation == Relation::none && !targets.empty()) facts.relation = Relation::unresolved;
  std::set<std::string> names;
  for (const EnvironmentSeen& seen : scope.environments) names.insert(seen.mapped);
  if (facts.relation == Relation::unresolved) names.insert("production");
  facts.environments.assign(names.begin(), names.end());
  facts.disposable = facts.relation != Relation::none && facts.relation != Relation::unresolved &&
                     std::all_of(scope.environments.begin(), scope.environments.end(),
                                 [](const EnvironmentSeen& seen) { return seen.disposable; });
}

std::string Difference(const Scope& before, const Scope& after) {
  std::vector<std::string> changes;
  CompareEnvironments(before, after, changes);
  CompareUnresolved(before, after, changes);
  if (before.names != after.names)
    changes.push_back("what it acts on is now called " + [&after] {
      std::vector<std::string> names;
      for (const std::string& name : after.names) names.push_back(Quoted(name));
      return JoinWords(names);
    }());
  CompareLines(LinesOf(before.where), LinesOf(after.where),
               "now there: ", "no longer there: ", changes);
  CompareLines(LinesOf(before.loss), LinesOf(after.loss),
               "would now be lost as well: ", "would no longer be lost: ", changes);
  std::string out;
  for (const std::string& change : changes) out += (out.empty() ? "" : "; ") + change;
  return out;
}

}  // namespace interlock::scope
