#include "classify/graphql_request.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "classify/judge.h"
#include "lang/graphql/fields.h"
#include "lang/graphql/parser.h"
#include "lang/graphql/print.h"
#include "wire/http1/target.h"

namespace interlock::classify {
namespace {

using graphql::OperationType;
using graphql::RootField;
using Request = std::expected<GraphqlRequest, Malformed>;

std::unexpected<Malformed> Refuse(std::string name, std::string reason, int status = 400) {
  return std::unexpected(Malformed{std::move(name), std::move(reason), status});
}

std::unexpected<Malformed> RefuseExtensions(const json::value& extensions) {
  const json::object* object = extensions.if_object();
  if (object && object->contains("persistedQuery")) {
    return Refuse("graphql-persisted-query",
                  "a persisted query's hash does not show what would run; send the whole document");
  }
  return Refuse("graphql-extensions",
                "extensions could change what runs; send the request without");
}

bool IsNothing(const json::value& value) {
  return value.is_null() || (value.is_object() && value.get_object().empty());
}

// Moves one member of the request object into place; false when it is of the wrong kind.
bool TakeText(json::value& value, std::string& out) {
  if (value.is_null()) return true;
  const json::string* text = value.if_string();
  if (text) out = std::string_view(*text);
  return text != nullptr;
}

bool TakeObject(json::value& value, json::object& out) {
  if (value.is_null()) return true;
  json::object* object = value.if_object();
  if (object) out = std::move(*object);
  return object != nullptr;
}

Request FromObject(json::object object) {
  GraphqlRequest out;
  for (auto& entry : object) {
    const std::string_view key = entry.key();
    json::value& value = entry.value();
    if (key == "extensions") {
      if (!IsNothing(value)) return RefuseExtensions(value);
    } else if (key == "query") {
      if (!TakeText(value, out.query)) return Refuse("graphql-query", "'query' must be a text");
    } else if (key == "operationName") {
      if (!TakeText(value, out.operation_name)) {
        return Refuse("graphql-operation-name", "'operationName' must be a text or null");
      }
    } else if (key == "variables") {
      if (!TakeObject(value, out.variables)) {
        return Refuse("graphql-variables", "'variables' must be an object or null");
      }
    } else {
      return Refuse("graphql-unknown-key",
                    "the key '" + EscapeForHumans(key, 60) + "' is none of a GraphQL request");
    }
  }
  if (out.query.empty())
    return Refuse("graphql-no-query", "the request has no document in 'query'");
  return out;
}

// The field hands out a secret, going by its name and what stands around it.
bool Discloses(const DisclosingField& rule, const graphql::Document& document,
               const graphql::Operation& operation, const json::object& variables,
               std::span<const std::string_view> above, const graphql::Selection& field) {
  if (rule.leaf && field.selections != graphql::kNone) return false;
  if (!rule.within.empty() && std::ranges::find(above, rule.within) == above.end()) return false;
  if (rule.argument.empty()) return true;
  for (const graphql::Argument& argument : graphql::Chain(document.arguments, field.arguments)) {
    if (argument.name != rule.argument) continue;
    const auto value = graphql::Resolve(document, operation, argument.value, variables);
    if (!value) return true;
    const bool* flag = value->if_bool();
    return !value->is_null() && (!flag || *flag);
  }
  return false;
}

class Judging {
 public:
  Judging(const Api& api, const graphql::Document& document, const graphql::Operation& operation,
          const json::object& variables)
      : api_(api), document_(document), operation_(operation), variables_(variables) {}

  std::expected<std::vector<Operation>, Malformed> All() {
    auto fields = graphql::RootFields(document_, operation_, variables_);
    if (!fields) return Refuse("graphql-document", fields.error().message);
    if (fields->empty()) return Refuse("graphql-document", "the operation selects nothing");
    const bool strange = HasStrangeDirective();
    const std::optional<RootNames> disclosing = DisclosingRoots();
    std::vector<Operation> out;
    out.reserve(fields->size());
    for (RootField& field : *fields) {
      Operation operation = One(field);
      if (!disclosing || std::ranges::find(*disclosing, field.name) != disclosing->end()) {
        operation.discloses = Disclosure::credential;
      }
      if (strange) {
        operation.effect = Effect::unknown;
        operation.because = "carries a directive whose meaning is the server's own";
      }
      out.push_back(std::move(operation));
    }
    return out;
  }

 private:
  // Looked for in the whole document: an unused fragment's directives cost an honest client
  // nothing.
  bool HasStrangeDirective() const {
    return std::ranges::any_of(document_.directives, [](const graphql::Directive& directive) {
      return directive.name != "skip" && directive.name != "include";
    });
  }

  Operation One(RootField& field) const {
    const OperationRule* rule = RuleFor(field.name);
    return rule ? Judge(*rule, api_.provider, std::move(field.arguments)) : Unlisted(field);
  }

  const ByName<OperationRule>& RulesOf(OperationType type) const {
    switch (type) {
      case OperationType::query:
        return api_.graphql->queries;
      case OperationType::mutation:
        return api_.graphql->mutations;
      case OperationType::subscription:
        break;
    }
    return api_.graphql->subscriptions;
  }

  const OperationRule* RuleFor(std::string_view name) const {
    const auto& rules = RulesOf(operation_.type);
    const auto it = rules.find(name);
    return it == rules.end() ? nullptr : &it->second;
  }

  Operation Unlisted(RootField& field) const {
    Operation out;
    out.name = api_.provider + "." + field.name;
    out.arguments = std::move(field.arguments);
    const bool introspects =
        field.name == "__typename" || field.name == "__schema" || field.name == "__type";
    if (introspects && operation_.type != OperationType::subscription) {
      out.effect = Effect::read;
      out.because = "asks for the API's own description";
    } else {
      out.effect = Effect::unknown;
      out.because = operation_.type == OperationType::subscription
                        ? "opens a subscription, which stays open after it was judged"
                        : "is not known to the pack";
    }
    return out;
  }

  using RootNames = std::vector<std::string_view>;

  // Names of the root fields below which a secret is selected; nothing when a limit kept the walk
  // from seeing everything. One walk for all of them, so that its limit bounds the whole request.
  std::optional<RootNames> DisclosingRoots() const {
    RootNames names;
    const auto look = [&](std::span<const std::string_view> path, const graphql::Selection& field) {
      const auto it = api_.graphql->disclosing.find(field.name);
      if (it == api_.graphql->disclosing.end() || path.size() < 2) return true;
      const auto shows = [&](const DisclosingField& rule) {
        return Discloses(rule, document_, operation_, variables_, path.first(path.size() - 1),
                         field);
      };
      if (std::ranges::any_of(it->second, shows)) names.push_back(path.front());
      return true;
    };
    if (!graphql::VisitFields(document_, operation_, look)) return std::nullopt;
    return names;
  }

  const Api& api_;
  const graphql::Document& document_;
  const graphql::Operation& operation_;
  const json::object& variables_;
};

// Keys in the order of RFC 8785. A variable that the operation does not declare is left out.
std::string BodyOf(const graphql::Document& document, const graphql::Operation& operation,
                   json::object variables) {
  json::object declared;
  for (const auto& definition : graphql::Chain(document.variables, operation.variables)) {
    json::value* value = variables.if_contains(definition.name);
    if (value) declared.emplace(definition.name, std::move(*value));
  }
  std::string out = "{";
  // A GraphQL name needs no escapes.
  if (!operation.name.empty())
    out.append("\"operationName\":\"").append(operation.name).append("\",");
  out.append("\"query\":").append(Canonical(json::value(graphql::Print(document, operation))));
  if (!declared.empty()) {
    out.append(",\"variables\":").append(Canonical(json::value(std::move(declared))));
  }
  return out += '}';
}

}  // namespace

Request ReadGraphqlBody(std::string_view body) {
  Result<json::value> value = ParseJson(body);
  if (!value) return Refuse("json", value.error().message);
  if (value->is_array()) {
    return Refuse("graphql-batch",
                  "requests in a list are not judged one by one; send each by itself");
  }
  json::object* object = value->if_object();
  if (!object) return Refuse("graphql-body", "the body must be a JSON object");
  return FromObject(std::move(*object));
}

Request ReadGraphqlQuery(std::string_view query) {
  const auto parameters = http1::ParseQuery(query);
  if (!parameters) return Refuse("query-string", parameters.error().message);
  json::object object;
  for (const auto& [name, text] : *parameters) {
    if (object.contains(name)) return Refuse("query-string", "a parameter is there twice");
    if (name == "variables" || name == "extensions") {
      Result<json::value> value = ParseJson(text);
      if (!value) return Refuse("json", value.error().message);
      object[name] = *std::move(value);
    } else {
      object[name] = text;
    }
  }
  return FromObject(std::move(object));
}

std::expected<GraphqlReading, Malformed> JudgeGraphql(const Api& api, GraphqlRequest request,
                                                      MissingVariables missing) {
  if (!api.graphql) return Refuse("graphql-document", "the pack has no GraphQL rules");
  const auto document = graphql::Parse(request.query);
  if (!document) return Refuse("graphql-document", document.error().message);
  const auto operation = graphql::SelectOperation(*document, request.operation_name);
  if (!operation) return Refuse("graphql-operation-name", operation.error().message);
  if (missing == MissingVariables::refused) {
    const auto checked = graphql::CheckVariables(*document, **operation, request.variables);
    if (!checked) return Refuse("graphql-variables", checked.error().message);
  }
  GraphqlReading reading;
  reading.type = (*operation)->type;
  auto operations = Judging(api, *document, **operation, request.variables).All();
  if (!operations) return std::unexpected(std::move(operations.error()));
  reading.operations = *std::move(operations);
  reading.body = BodyOf(*document, **operation, std::move(request.variables));
  return reading;
}

namespace {

const ByName<OperationRule>& RulesFor(const GraphqlRules& rules, OperationType type) {
  if (type == OperationType::mutation) return rules.mutations;
  return type == OperationType::query ? rules.queries : rules.subscriptions;
}

bool MayDisclose(const OperationRule& rule) {
  return rule.discloses == Disclosure::credential ||
         std::ranges::any_of(rule.cases,
                             [](const Case& c) { return c.discloses == Disclosure::credential; });
}

}  // namespace

std::expected<std::vector<DisclosedPlace>, Malformed> DisclosedBy(const Api& api,
                                                                  const GraphqlRequest& request) {
  if (!api.graphql) return Refuse("graphql-document", "the pack has no GraphQL rules");
  const auto document = graphql::Parse(request.query);
  if (!document) return Refuse("graphql-document", document.error().message);
  const auto operation = graphql::SelectOperation(*document, request.operation_name);
  if (!operation) return Refuse("graphql-operation-name", operation.error().message);
  const auto& rules = RulesFor(*api.graphql, (*operation)->type);
  std::vector<DisclosedPlace> places;
  Path keys = {"data"};  // of the fields above, as the answer names them
  const auto look = [&](std::span<const std::string_view> path, const graphql::Selection& field) {
    keys.resize(path.size());
    keys.emplace_back(field.response_key());
    const std::string name(field.name);
    if (path.size() == 1) {
      const auto it = rules.find(name);
      if (it == rules.end() || !MayDisclose(it->second)) return true;
      if (it->second.hands_out.empty()) places.push_back({keys, name, ""});
      for (const HandOut& out : it->second.hands_out) {
        Path at = keys;
        at.insert(at.end(), out.at.begin(), out.at.end());
        places.push_back({std::move(at), name, out.kind});
      }
      return true;
    }
    const auto it = api.graphql->disclosing.find(name);
    if (it == api.graphql->disclosing.end()) return true;
    const bool discloses = std::ranges::any_of(it->second, [&](const DisclosingField& rule) {
      return Discloses(rule, *document, **operation, request.variables, path.first(path.size() - 1),
                       field);
    });
    if (discloses) places.push_back({keys, name, ""});
    return true;
  };
  if (const auto walked = graphql::VisitFields(*document, **operation, look); !walked)
    return Refuse("graphql-document", walked.error().message);
  return places;
}

}  // namespace interlock::classify
