// The part of the provider's schema that is imitated, as one table of fields.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace interlock::railsim {

enum class FieldKind {
  scalar,      // `type` is a scalar's name and says how a column is shown
  object,      // one object of `type`, or null
  list,        // a plain list of `type`
  connection,  // Relay: edges { cursor node { … } } pageInfo { … }
};

struct FieldSpec {
  std::string_view owner;
  std::string_view name;
  FieldKind kind;
  std::string_view type;
  std::string_view arguments;  // "first! after": names, `!` marks a required one
};

// nullptr when the type has no such field here.
const FieldSpec* FindField(std::string_view type, std::string_view field);
bool IsKnownType(std::string_view type);

struct ArgumentSpec {
  std::string_view name;
  bool required;
};
std::vector<ArgumentSpec> ArgumentsOf(const FieldSpec& field);

}  // namespace interlock::railsim
