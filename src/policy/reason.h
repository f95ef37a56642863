// The sentences in which a decision explains itself to a human.
#pragma once

#include <string>

#include "policy/policy.h"

namespace interlock::policy {

// Why this rule covers this operation, from the conditions that the rule has.
std::string ReasonOf(const Rule& rule, const Operation& operation, const Facts& facts);

// Why an operation that no rule covers is held.
std::string ReasonUncovered(const Operation& operation, const Facts& facts);

}  // namespace interlock::policy
