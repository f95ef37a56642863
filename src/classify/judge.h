// What a pack says about one operation with its arguments. Pure and total.
#pragma once

#include "action/action.h"
#include "base/json.h"
#include "classify/pack.h"

namespace interlock::classify {

// Nesting beyond this counts as not understood, which is never the weaker answer.
inline constexpr std::size_t kArgumentDepthMax = 160;

// The id of a target that the request should name and doesn't. No provider has it, so its scope is
// never resolved.
inline constexpr std::string_view kNoId = "?";

bool Holds(const Condition& condition, const json::object& arguments);

// Name, effect, disclosure, targets and reason; `arguments` move into the answer.
Operation Judge(const OperationRule& rule, std::string_view provider, json::object arguments);

}  // namespace interlock::classify
