// What a scope means for a decision, and whether two scopes differ.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "action/action.h"

namespace interlock::scope {

// How the scope's environments relate to the one that the session was lent ("" for none): anything
// unresolved makes it `unresolved`; no environment at all is `none`; all of them the lent one is
// `lent`.
Relation RelationOf(const Scope& scope, std::string_view lent);

// The scope's part of the facts: relation, environments (with "production" if anything is
// unresolved) and disposable. What has targets is never `none`, whatever the scope says.
void FillFacts(Facts& facts, const Scope& scope, const std::vector<ResourceId>& targets,
               std::string_view lent);

// "" when both say the same about where an action acts and what is lost with it; otherwise a
// sentence for the human who signed for `before`. When something was seen, and how full a volume
// is, does not count.
std::string Difference(const Scope& before, const Scope& after);

}  // namespace interlock::scope
