#include "plan.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "lang/graphql/fields.h"

namespace interlock::railsim {
namespace {

using graphql::Chain;
using graphql::Index;
using graphql::kNone;
using graphql::Selection;
using graphql::SelectionKind;

constexpr std::size_t kFieldsMax = 10'000;
constexpr std::size_t kDepthMax = 32;

std::string Quoted(std::string_view text) { return "\"" + EscapeForHumans(text, 64) + "\""; }

class Planner {
 public:
  Planner(const graphql::Document& document, const graphql::Operation& operation,
          const json::object& variables)
      : document_(document), operation_(operation), variables_(variables) {}

  // `frame` is "" for an ordinary object; inside a connection "Connection", "Edge" or "PageInfo".
  Result<std::vector<PlannedField>> Set(std::string_view type, std::string_view frame,
                                        const std::vector<Index>& sets, std::size_t depth);

 private:
  // Selections that answer under one key are merged (section 5.3.2).
  struct Merged {
    std::string_view key;
    const Selection* first;
    std::vector<Index> sets;
  };
  Result<void> Collect(std::string_view type, std::string_view frame, Index set,
                       std::vector<Merged>& out, std::size_t depth);
  Result<void> Merge(const Selection& field, std::vector<Merged>& out);
  Result<bool> Included(const Selection& selection);
  Result<PlannedField> Field(std::string_view type, std::string_view frame, const Merged& merged,
                             std::size_t depth);
  Result<PlannedField> FrameField(std::string_view type, std::string_view frame, PlannedField field,
                                  const Merged& merged, std::size_t depth);
  Result<json::object> Arguments(const Selection& field);
  Result<void> CheckArguments(const PlannedField& field);

  const graphql::Document& document_;
  const graphql::Operation& operation_;
  const json::object& variables_;
  std::size_t visits_ = 0;
};

Result<bool> Planner::Included(const Selection& selection) {
  for (const graphql::Directive& directive : Chain(document_.directives, selection.directives)) {
    const bool skip = directive.name == "skip";
    if (!skip && directive.name != "include") {
      return Fail(Code::invalid_input,
                  "Unknown directive \"@" + std::string(directive.name) + "\".");
    }
    const graphql::Argument* condition = nullptr;
    for (const graphql::Argument& each : Chain(document_.arguments, directive.arguments)) {
      if (each.name == "if") condition = &each;
    }
    if (condition == nullptr) {
      return Fail(Code::invalid_input,
                  "Directive \"@" + std::string(directive.name) +
                      "\" argument \"if\" of type \"Boolean!\" is required, but "
                      "it was not provided.");
    }
    ILK_TRY(value, graphql::Resolve(document_, operation_, condition->value, variables_));
    if (!value.is_bool())
      return Fail(Code::invalid_input, "Boolean cannot represent a non boolean value");
    if (value.get_bool() == skip) return false;
  }
  return true;
}

Result<void> Planner::Merge(const Selection& field, std::vector<Merged>& out) {
  const std::string_view key = field.response_key();
  const auto at = std::ranges::find(out, key, &Merged::key);
  if (at == out.end()) {
    out.push_back({key, &field, {}});
    if (field.selections != kNone) out.back().sets.push_back(field.selections);
    return {};
  }
  ILK_TRY(mine, Arguments(field));
  ILK_TRY(theirs, Arguments(*at->first));
  if (at->first->name != field.name || mine != theirs) {
    return Fail(Code::invalid_input,
                "Fields " + Quoted(key) +
                    " conflict because they have differing names or arguments. "
                    "Use different aliases on the fields to fetch both if this was intentional.");
  }
  if (field.selections != kNone) at->sets.push_back(field.selections);
  return {};
}

Result<void> Planner::Collect(std::string_view type, std::string_view frame, Index set,
                              std::vector<Merged>& out, std::size_t depth) {
  if (depth > kDepthMax) return Fail(Code::limit, "Query is nested too deeply.");
  for (const Selection& selection : Chain(document_.selections, set)) {
    if (++visits_ > kFieldsMax) return Fail(Code::limit, "Query is too complex.");
    ILK_TRY(included, Included(selection));
    if (selection.kind == SelectionKind::field) {
      if (included) ILK_TRY_VOID(Merge(selection, out));
      continue;
    }
    std::string_view condition = selection.name;
    Index inner = selection.selections;
    if (selection.kind == SelectionKind::fragment_spread) {
      const graphql::Fragment* fragment = document_.FindFragment(selection.name);
      if (fragment == nullptr) {
        return Fail(Code::invalid_input, "Unknown fragment " + Quoted(selection.name) + ".");
      }
      condition = fragment->on;
      inner = fragment->selections;
    }
    const bool fits =
        condition.empty() || (frame.empty() && (condition == type || condition == "Node"));
    if (!fits && !IsKnownType(condition)) {
      return Fail(Code::invalid_input, "Unknown type " + Quoted(condition) + ".");
    }
    if (!fits) {
      return Fail(Code::invalid_input, "Fragment cannot be spread here as objects of type " +
                                           Quoted(type) + " can never be of type " +
                                           Quoted(condition) + ".");
    }
    if (included) ILK_TRY_VOID(Collect(type, frame, inner, out, depth + 1));
  }
  return {};
}

Result<json::object> Planner::Arguments(const Selection& field) {
  json::object arguments;
  for (const graphql::Argument& argument : Chain(document_.arguments, field.arguments)) {
    const graphql::Value& value = document_.values[argument.value];
    // A variable without value or default leaves its argument out, which is not the same as null.
    if (value.kind == graphql::ValueKind::variable && !variables_.contains(value.text)) {
      const auto* declared = document_.FindVariable(operation_, value.text);
      if (declared != nullptr && declared->default_value == kNone) continue;
    }
    ILK_TRY(resolved, graphql::Resolve(document_, operation_, argument.value, variables_));
    arguments.insert_or_assign(argument.name, std::move(resolved));
  }
  return arguments;
}

Result<void> Planner::CheckArguments(const PlannedField& field) {
  const auto specs = ArgumentsOf(*field.spec);
  for (const auto& [name, value] : field.arguments) {
    if (std::ranges::find(specs, std::string_view(name), &ArgumentSpec::name) == specs.end()) {
      return Fail(Code::invalid_input, "Unknown argument " + Quoted(name) + " on field \"" +
                                           std::string(field.spec->owner) + "." + field.name +
                                           "\".");
    }
  }
  for (const ArgumentSpec& spec : specs) {
    const json::value* given = Find(field.arguments, spec.name);
    if (spec.required && (given == nullptr || given->is_null())) {
      return Fail(Code::invalid_input, "Field \"" + field.name + "\" argument " +
                                           Quoted(spec.name) +
                                           " is required, but it was not provided.");
    }
  }
  return {};
}

Result<PlannedField> Planner::FrameField(std::string_view type, std::string_view frame,
                                         PlannedField field, const Merged& merged,
                                         std::size_t depth) {
  const auto is = [&](std::string_view where, std::string_view name) {
    return frame == where && field.name == name;
  };
  std::string_view inner;
  if (is("Connection", "edges")) inner = "Edge";
  if (is("Connection", "pageInfo")) inner = "PageInfo";
  if (!inner.empty() || is("Edge", "node")) {
    if (merged.sets.empty()) {
      return Fail(Code::invalid_input,
                  "Field " + Quoted(field.name) + " must have a selection of subfields.");
    }
    ILK_TRY(children, Set(type, inner, merged.sets, depth + 1));
    field.children = std::move(children);
    return field;
  }
  const bool scalar = is("Edge", "cursor") || is("PageInfo", "hasNextPage") ||
                      is("PageInfo", "hasPreviousPage") || is("PageInfo", "startCursor") ||
                      is("PageInfo", "endCursor");
  if (!scalar || !merged.sets.empty()) {
    return Fail(Code::invalid_input, "Cannot query field " + Quoted(field.name) + " on type \"" +
                                         std::string(type) + std::string(frame) + "\".");
  }
  return field;
}

Result<PlannedField> Planner::Field(std::string_view type, std::string_view frame,
                                    const Merged& merged, std::size_t depth) {
  PlannedField field;
  field.key = merged.key;
  field.name = merged.first->name;
  ILK_TRY(arguments, Arguments(*merged.first));
  field.arguments = std::move(arguments);
  if (field.name == "__typename") return field;
  if (!frame.empty()) return FrameField(type, frame, std::move(field), merged, depth);
  field.spec = FindField(type, field.name);
  if (field.spec == nullptr) {
    const bool root = type == "Query" || type == "Mutation";
    return Fail(
        root ? Code::not_found : Code::invalid_input,
        root ? Quoted(field.name) + " is not simulated"
             : "Cannot query field " + Quoted(field.name) + " on type " + Quoted(type) + ".");
  }
  ILK_TRY_VOID(CheckArguments(field));
  const bool leaf = field.spec->kind == FieldKind::scalar;
  if (leaf != merged.sets.empty()) {
    return Fail(Code::invalid_input,
                "Field " + Quoted(field.name) +
                    (leaf ? " must not have a selection since it has no subfields."
                          : " must have a selection of subfields."));
  }
  if (leaf) return field;
  const std::string_view inner = field.spec->kind == FieldKind::connection ? "Connection" : "";
  ILK_TRY(children, Set(field.spec->type, inner, merged.sets, depth + 1));
  field.children = std::move(children);
  return field;
}

Result<std::vector<PlannedField>> Planner::Set(std::string_view type, std::string_view frame,
                                               const std::vector<Index>& sets, std::size_t depth) {
  std::vector<Merged> merged;
  for (const Index set : sets) ILK_TRY_VOID(Collect(type, frame, set, merged, depth));
  std::vector<PlannedField> fields;
  for (const Merged& each : merged) {
    ILK_TRY(field, Field(type, frame, each, depth));
    fields.push_back(std::move(field));
  }
  return fields;
}

}  // namespace

Result<Plan> MakePlan(const graphql::Document& document, const graphql::Operation& operation,
                      const json::object& variables) {
  if (operation.type == graphql::OperationType::subscription) {
    return Fail(Code::not_found, "subscriptions are not simulated");
  }
  ILK_TRY_VOID(graphql::CheckVariables(document, operation, variables));
  // Cycles and bombs, with the parser's own words.
  ILK_TRY_VOID(
      graphql::VisitFields(document, operation, [](auto, const Selection&) { return true; }));
  Plan plan;
  plan.mutation = operation.type == graphql::OperationType::mutation;
  Planner planner(document, operation, variables);
  ILK_TRY(fields, planner.Set(plan.mutation ? "Mutation" : "Query", "", {operation.selections}, 0));
  plan.fields = std::move(fields);
  return plan;
}

}  // namespace interlock::railsim
