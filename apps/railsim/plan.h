// Document → plan: everything is looked up and checked before anything is executed, so that a
// request with a mistake in its last field changes nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "lang/graphql/document.h"
#include "schema.h"

namespace interlock::railsim {

// One field to be answered, fragments expanded, conditions decided, arguments resolved.
struct PlannedField {
  std::string key;
  std::string name;
  const FieldSpec* spec = nullptr;  // nullptr for __typename and the fields of a connection's frame
  json::object arguments;
  std::vector<PlannedField> children;
};

struct Plan {
  bool mutation = false;
  std::vector<PlannedField> fields;
};

// The error is what a GraphQL server would say about an invalid request.
Result<Plan> MakePlan(const graphql::Document& document, const graphql::Operation& operation,
                      const json::object& variables);

}  // namespace interlock::railsim
