#include "lang/graphql/document.h"

#include <algorithm>

namespace interlock::graphql {

std::string_view ToString(OperationType type) {
  switch (type) {
    case OperationType::query:
      return "query";
    case OperationType::mutation:
      return "mutation";
    case OperationType::subscription:
      return "subscription";
  }
  return "query";
}

const Fragment* Document::FindFragment(std::string_view name) const {
  const auto at =
      std::ranges::lower_bound(fragments, name, {}, [](const Fragment& f) { return f.name; });
  return at != fragments.end() && at->name == name ? &*at : nullptr;
}

const VariableDefinition* Document::FindVariable(const Operation& operation,
                                                 std::string_view name) const {
  for (const VariableDefinition& variable : Chain(variables, operation.variables)) {
    if (variable.name == name) return &variable;
  }
  return nullptr;
}

}  // namespace interlock::graphql
