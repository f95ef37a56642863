#include "lang/graphql/fields.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>

#include "base/bytes.h"

namespace interlock::graphql {
namespace {

std::string Quoted(std::string_view name) { return "`" + EscapeForHumans(name, 64) + "`"; }

std::unexpected<Error> TooLarge(std::size_t bytes) {
  return Fail(Code::limit,
              "arguments and variables resolve to more than " + std::to_string(bytes) + " bytes");
}

// A JSON pointer's reference token (RFC 6901 section 3).
std::string PointerPart(std::string_view name) {
  std::string part = "/";
  for (const char c : name) {
    if (c == '~') {
      part += "~0";
    } else if (c == '/') {
      part += "~1";
    } else {
      part += c;
    }
  }
  return part;
}

Result<json::value> NumberOf(const Value& value) {
  const char* const begin = value.text.data();
  const char* const end = begin + value.text.size();
  if (value.kind == ValueKind::integer) {
    std::int64_t small = 0;
    if (std::from_chars(begin, end, small).ec == std::errc()) return json::value(small);
    std::uint64_t large = 0;
    if (std::from_chars(begin, end, large).ec == std::errc()) return json::value(large);
  }
  double number = 0;
  if (std::from_chars(begin, end, number).ec == std::errc()) return json::value(number);
  return Fail(Code::invalid_input,
              "the number " + EscapeForHumans(value.text, 64) + " is out of range");
}

// Turns values into JSON, counting what they occupy. Depth is bounded by the parser for literals
// and by whoever parsed the request for variables.
class Resolver {
 public:
  Resolver(const Document& document, const Operation& operation, const json::object& variables,
           std::size_t bytes_max)
      : document_(document), variables_(variables), bytes_max_(bytes_max), bytes_left_(bytes_max) {
    for (const VariableDefinition& variable : Chain(document.variables, operation.variables)) {
      by_name_.push_back(&variable);
    }
    std::ranges::sort(by_name_, {}, &VariableDefinition::name);
  }

  // nullopt: a variable without value or default.
  Result<std::optional<json::value>> At(Index index, const std::string& pointer,
                                        std::vector<std::string>* enums);

 private:
  Result<std::optional<json::value>> Variable(const Value& value);
  Result<std::optional<json::value>> List(const Value& value, const std::string& pointer,
                                          std::vector<std::string>* enums);
  Result<std::optional<json::value>> Object(const Value& value, const std::string& pointer,
                                            std::vector<std::string>* enums);
  const VariableDefinition* FindVariable(std::string_view name) const;
  bool Charge(std::size_t bytes);
  bool Charge(const json::value& value);

  const Document& document_;
  const json::object& variables_;
  const std::size_t bytes_max_;
  std::size_t bytes_left_;
  std::vector<const VariableDefinition*> by_name_;  // thousands may be declared and used
};

const VariableDefinition* Resolver::FindVariable(std::string_view name) const {
  const auto at = std::ranges::lower_bound(by_name_, name, {}, &VariableDefinition::name);
  return at != by_name_.end() && (*at)->name == name ? *at : nullptr;
}

bool Resolver::Charge(std::size_t bytes) {
  bytes += 32;  // the node itself
  if (bytes > bytes_left_) return false;
  bytes_left_ -= bytes;
  return true;
}

bool Resolver::Charge(const json::value& value) {
  if (const auto* text = value.if_string()) return Charge(text->size());
  if (const auto* list = value.if_array()) {
    return Charge(0) && std::ranges::all_of(*list, [&](const json::value& v) { return Charge(v); });
  }
  if (const auto* object = value.if_object()) {
    return Charge(0) && std::ranges::all_of(*object, [&](const json::key_value_pair& entry) {
             return Charge(entry.key().size()) && Charge(entry.value());
           });
  }
  return Charge(0);
}

Result<std::optional<json::value>> Resolver::At(Index index, const std::string& pointer,
                                                std::vector<std::string>* enums) {
  const Value& value = document_.values[index];
  if (!Charge(value.text.size() + pointer.size())) return TooLarge(bytes_max_);
  switch (value.kind) {
    case ValueKind::variable:
      return Variable(value);
    case ValueKind::integer:
    case ValueKind::floating: {
      ILK_TRY(number, NumberOf(value));
      return std::optional(std::move(number));
    }
    case ValueKind::enumeration:
      if (enums != nullptr) enums->push_back(pointer);
      return std::optional(json::value(value.text));
    case ValueKind::string:
      return std::optional(json::value(value.text));
    case ValueKind::boolean:
      return std::optional(json::value(value.text == "true"));
    case ValueKind::null:
      return std::optional(json::value(nullptr));
    case ValueKind::list:
      return List(value, pointer, enums);
    case ValueKind::object:
      return Object(value, pointer, enums);
  }
  return Fail(Code::internal, "a value of no known kind");
}

Result<std::optional<json::value>> Resolver::Variable(const Value& value) {
  const VariableDefinition* variable = FindVariable(value.text);
  if (variable == nullptr) {
    return Fail(Code::invalid_input, "the variable " + Quoted(value.text) +
                                         " is used but the operation does not declare it");
  }
  if (const json::value* given = variables_.if_contains(value.text)) {
    if (!Charge(*given)) return TooLarge(bytes_max_);
    return std::optional(*given);
  }
  // A default is a constant: the parser lets no variable stand in it, so this does not come back
  // here.
  if (variable->default_value != kNone) return At(variable->default_value, "", nullptr);
  return std::optional<json::value>();
}

Result<std::optional<json::value>> Resolver::List(const Value& value, const std::string& pointer,
                                                  std::vector<std::string>* enums) {
  json::array list;
  for (Index item = value.first; item != kNone; item = document_.values[item].next) {
    ILK_TRY(resolved, At(item, pointer + "/" + std::to_string(list.size()), enums));
    list.push_back(resolved ? std::move(*resolved) : json::value(nullptr));
  }
  return std::optional(json::value(std::move(list)));
}

Result<std::optional<json::value>> Resolver::Object(const Value& value, const std::string& pointer,
                                                    std::vector<std::string>* enums) {
  json::object object;
  for (const Argument& entry : Chain(document_.arguments, value.first)) {
    if (!Charge(entry.name.size())) return TooLarge(bytes_max_);
    ILK_TRY(resolved, At(entry.value, pointer + PointerPart(entry.name), enums));
    if (resolved) object.insert_or_assign(entry.name, std::move(*resolved));
  }
  return std::optional(json::value(std::move(object)));
}

// What @skip and @include say about one selection, together with what stood around it.
struct Condition {
  bool conditional = false;
  bool excluded = false;
};

Condition Under(const Document& document, Condition outer, Index directives) {
  for (const Directive& directive : Chain(document.directives, directives)) {
    const bool skip = directive.name == "skip";
    if (!skip && directive.name != "include") continue;
    const auto arguments = Chain(document.arguments, directive.arguments);
    const auto argument = std::find_if(arguments.begin(), arguments.end(),
                                       [](const Argument& a) { return a.name == "if"; });
    if (argument == arguments.end() ||
        document.values[argument->value].kind != ValueKind::boolean) {
      outer.conditional = true;
    } else if ((document.values[argument->value].text == "true") == skip) {
      outer.excluded = true;
    }
  }
  return outer;
}

bool HasOtherDirectives(const Document& document, Index directives) {
  return std::ranges::any_of(Chain(document.directives, directives), [](const Directive& d) {
    return d.name != "skip" && d.name != "include";
  });
}

// Walks selections with fragments expanded. `visit(selection, depth, condition, type condition)`
// is called for fields and says whether to go on.
class Walk {
 public:
  Walk(const Document& document, WalkLimits limits) : document_(document), limits_(limits) {}

  // Where a selection set stands.
  struct Place {
    std::size_t depth = 0;  // fields above
    Condition condition;
    std::string_view type_condition;
  };

  template <typename Visit>
  Result<bool> Run(Index first, const Place& place, std::size_t nesting, bool below, Visit&& visit);

 private:
  template <typename Visit>
  Result<bool> Spread(const Selection& spread, Place inside, std::size_t nesting, bool below,
                      Visit&& visit);

  const Document& document_;
  const WalkLimits limits_;
  std::size_t visits_ = 0;
  std::vector<const Fragment*> open_;  // the fragments we are in, for cycles
};

template <typename Visit>
Result<bool> Walk::Run(Index first, const Place& place, std::size_t nesting, bool below,
                       Visit&& visit) {
  if (nesting > limits_.depth_max) {
    return Fail(Code::limit, "with its fragments expanded, the document nests deeper than " +
                                 std::to_string(limits_.depth_max));
  }
  for (const Selection& selection : Chain(document_.selections, first)) {
    // Directives count as well: a fragment with thousands of them costs at each spread.
    const auto directives = Chain(document_.directives, selection.directives);
    visits_ += 1 + static_cast<std::size_t>(std::ranges::distance(directives));
    if (visits_ > limits_.visits_max) {
      return Fail(Code::limit, "with its fragments expanded, the document has more than " +
                                   std::to_string(limits_.visits_max) +
                                   " selections and directives");
    }
    Place inside = place;
    inside.condition = Under(document_, place.condition, selection.directives);
    Result<bool> go_on = true;
    if (selection.kind == SelectionKind::fragment_spread) {
      go_on = Spread(selection, inside, nesting, below, visit);
    } else if (selection.kind == SelectionKind::inline_fragment) {
      if (!selection.name.empty()) inside.type_condition = selection.name;
      go_on = Run(selection.selections, inside, nesting + 1, below, visit);
    } else {
      go_on = visit(selection, inside);
      inside.depth += 1;
      if (go_on && *go_on && below) {
        go_on = Run(selection.selections, inside, nesting + 1, below, visit);
      }
    }
    if (!go_on || !*go_on) return go_on;
  }
  return true;
}

template <typename Visit>
Result<bool> Walk::Spread(const Selection& spread, Place inside, std::size_t nesting, bool below,
                          Visit&& visit) {
  const Fragment* fragment = document_.FindFragment(spread.name);
  if (fragment == nullptr) {
    return Fail(Code::invalid_input, "the fragment " + Quoted(spread.name) + " is not defined");
  }
  if (std::ranges::count(open_, fragment) > 0) {
    return Fail(Code::invalid_input,
                "the fragment " + Quoted(spread.name) + " contains itself (a cycle)");
  }
  inside.type_condition = fragment->on;
  open_.push_back(fragment);
  Result<bool> go_on = Run(fragment->selections, inside, nesting + 1, below, visit);
  open_.pop_back();
  return go_on;
}

Result<void> VisitFrom(const Document& document, Index first, const FieldVisitor& visit,
                       WalkLimits limits) {
  std::vector<std::string_view> path;
  Walk walk(document, limits);
  ILK_TRY_VOID(walk.Run(first, {}, 0, true,
                        [&](const Selection& field, const Walk::Place& place) -> Result<bool> {
                          path.resize(place.depth);
                          path.push_back(field.name);
                          return visit(path, field);
                        }));
  return {};
}

}  // namespace

Result<const Operation*> SelectOperation(const Document& document,
                                         std::string_view operation_name) {
  if (document.operations.empty()) {
    return Fail(Code::invalid_input, "the document has no operation");
  }
  if (operation_name.empty()) {
    if (document.operations.size() == 1) return &document.operations.front();
    return Fail(Code::invalid_input,
                "the document has several operations and the request names none of them");
  }
  for (const Operation& operation : document.operations) {
    if (operation.name == operation_name) return &operation;
  }
  return Fail(Code::not_found, "the document has no operation " + Quoted(operation_name));
}

Result<std::vector<RootField>> RootFields(const Document& document, const Operation& operation,
                                          const json::object& variables, WalkLimits limits) {
  std::vector<RootField> fields;
  Resolver resolver(document, operation, variables, limits.value_bytes_max);
  Walk walk(document, limits);
  const auto add = [&](const Selection& selection, const Walk::Place& place) -> Result<bool> {
    RootField field;
    field.response_key = selection.response_key();
    field.name = selection.name;
    for (const Argument& argument : Chain(document.arguments, selection.arguments)) {
      ILK_TRY(value, resolver.At(argument.value, PointerPart(argument.name), &field.enums));
      if (value) field.arguments.insert_or_assign(argument.name, std::move(*value));
    }
    field.conditional = place.condition.conditional;
    field.excluded = place.condition.excluded;
    field.has_directives = HasOtherDirectives(document, selection.directives);
    field.type_condition = place.type_condition;
    field.selection = &selection;
    fields.push_back(std::move(field));
    return true;
  };
  ILK_TRY_VOID(walk.Run(operation.selections, {}, 0, false, add));
  return fields;
}

Result<void> CheckVariables(const Document& document, const Operation& operation,
                            const json::object& variables) {
  for (const VariableDefinition& variable : Chain(document.variables, operation.variables)) {
    if (!document.types[variable.type].non_null) continue;
    const json::value* given = variables.if_contains(variable.name);
    if (given == nullptr && variable.default_value != kNone) continue;
    if (given == nullptr || given->is_null()) {
      return Fail(Code::invalid_input,
                  "the variable " + Quoted(variable.name) + " must have a value that is not null");
    }
  }
  return {};
}

Result<void> VisitFields(const Document& document, const Operation& operation,
                         const FieldVisitor& visit, WalkLimits limits) {
  return VisitFrom(document, operation.selections, visit, limits);
}

Result<void> VisitFieldsBelow(const Document& document, const Selection& field,
                              const FieldVisitor& visit, WalkLimits limits) {
  return VisitFrom(document, field.selections, visit, limits);
}

Result<json::value> Resolve(const Document& document, const Operation& operation, Index value,
                            const json::object& variables, WalkLimits limits) {
  Resolver resolver(document, operation, variables, limits.value_bytes_max);
  ILK_TRY(resolved, resolver.At(value, "", nullptr));
  return resolved ? std::move(*resolved) : json::value(nullptr);
}

}  // namespace interlock::graphql
