// What a request asks for: the operation that would run, its root fields with their arguments, and
// every field below. Describes only; whether a field is dangerous is somebody else's business.
//
// All walks follow fragments, refuse cycles and unknown fragments, and stop with Code::limit after
// `visits_max` selections, so that fragments which double at each level end in an error.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "lang/graphql/document.h"

namespace interlock::graphql {

struct WalkLimits {
  std::size_t visits_max = 10'000;  // selections and their directives
  std::size_t depth_max = 128;      // nesting after fragments were expanded
  // Roughly what the resolved values may occupy: variables are copied to each place that names
  // them.
  std::size_t value_bytes_max = 16u << 20;
};

// GetOperation of section 6.1. "" means that the request named none: then there must be exactly
// one. The pointer lives as long as the document.
Result<const Operation*> SelectOperation(const Document& document, std::string_view operation_name);

struct RootField {
  std::string response_key;
  std::string name;
  // Literals and variables as JSON; enum values are strings. An argument or object entry whose
  // variable has neither value nor default is absent; such an item of a list is null
  // (6.1.2, 6.4.1).
  json::object arguments;
  // RFC 6901 pointers into `arguments` at which the text had an enum literal instead of a string.
  std::vector<std::string> enums;
  // @skip or @include (on the field or on a fragment around it) depends on a variable: treat the
  // field as executed. `excluded`: a literal condition keeps it from running.
  bool conditional = false;
  bool excluded = false;
  bool has_directives = false;           // carries a directive other than @skip and @include
  std::string_view type_condition;       // of the innermost fragment around it, "" when none
  const Selection* selection = nullptr;  // for VisitFields below it
};

// Every root field in the order of the text, once per occurrence: fields that a server would merge
// under one response key are still reported each. `variables` is the request's object; unknown keys
// in it are ignored. Fails on an undeclared variable, a fragment cycle, an unknown fragment, a
// limit.
Result<std::vector<RootField>> RootFields(const Document& document, const Operation& operation,
                                          const json::object& variables, WalkLimits limits = {});

// Section 6.1.2 as far as it goes without a schema: a non-null variable without a value or default,
// or with null, is an error. RootFields does not ask for it.
Result<void> CheckVariables(const Document& document, const Operation& operation,
                            const json::object& variables);

// Calls `visit` for every field of the operation at any depth, parents first; `path` holds the
// field names (not aliases) from the root to this field. Return false to stop early.
using FieldVisitor =
    std::function<bool(std::span<const std::string_view> path, const Selection& field)>;
Result<void> VisitFields(const Document& document, const Operation& operation,
                         const FieldVisitor& visit, WalkLimits limits = {});
// The same for the fields below one field; `path` starts there.
Result<void> VisitFieldsBelow(const Document& document, const Selection& field,
                              const FieldVisitor& visit, WalkLimits limits = {});

// The JSON of one value, by the rules of RootField::arguments; a variable at the top without value
// or default gives null. `operation` declares the variables.
Result<json::value> Resolve(const Document& document, const Operation& operation, Index value,
                            const json::object& variables, WalkLimits limits = {});

}  // namespace interlock::graphql
