// From the checked tree to values. Private to this folder.
#pragma once

#include <vector>

#include "policy/config.h"

namespace interlock::policy {

// Every member but `rules`, from a tree that has every standard value.
Config ConfigOf(const json::object& tree);

// The rules of a file; none if it has no such key.
std::vector<Rule> RulesOf(const json::object& tree, RuleSource source);

// The words of `when.environment` that speak of the lent environment, and can't be names.
std::optional<Relation> ParseRelation(std::string_view word);

}  // namespace interlock::policy
