#include "api.h"

#include <boost/json/serialize.hpp>

#include <mutex>
#include <utility>

#include "lang/graphql/fields.h"
#include "lang/graphql/parser.h"
#include "plan.h"
#include "reader.h"
#include "writer.h"

namespace interlock::railsim {
namespace {

const char* CodeName(Code code) {
  switch (code) {
    case Code::invalid_input:
      return "BAD_USER_INPUT";
    case Code::not_found:
      return "NOT_FOUND";
    case Code::denied:
      return "UNAUTHORIZED";
    case Code::conflict:
      return "CONFLICT";
    case Code::limit:
      return "LIMIT";
    case Code::unavailable:
    case Code::verification:
    case Code::internal:
      return "INTERNAL_SERVER_ERROR";
  }
  return "INTERNAL_SERVER_ERROR";
}

json::object ErrorObject(const Error& error, std::string_view key) {
  json::object out{{"message", error.message}};
  if (!key.empty()) out["path"] = json::array{json::value(key)};
  out["extensions"] = {{"code", CodeName(error.code)}};
  return out;
}

// A request that was refused as a whole, before anything was executed.
void Refuse(Answer& answer, unsigned status, const Error& error) {
  answer.status = status;
  answer.body = json::serialize(json::object{{"errors", json::array{ErrorObject(error, "")}}});
}

void Finish(Answer& answer, json::object data, json::array errors) {
  json::object body;
  if (errors.empty()) {
    body["data"] = std::move(data);
  } else {
    // The root fields are non-null in the schema: one that fails takes the whole data with it.
    body["data"] = nullptr;
    body["errors"] = std::move(errors);
  }
  answer.body = json::serialize(body);
}

struct Request {
  std::string query;
  std::string operation_name;
  json::object variables;
};

Result<Request> ReadRequest(std::string_view body) {
  ILK_TRY(value, ParseJson(body));
  if (!value.is_object()) return Fail(Code::invalid_input, "the body must be one JSON object");
  const json::object& object = value.get_object();
  Request request;
  request.query = FindString(object, "query");
  if (request.query.empty()) return Fail(Code::invalid_input, "Must provide query string.");
  if (const json::value* name = Find(object, "operationName");
      name != nullptr && !name->is_null()) {
    if (!name->is_string()) return Fail(Code::invalid_input, "operationName must be a string");
    request.operation_name = name->get_string();
  }
  if (const json::value* variables = Find(object, "variables");
      variables != nullptr && !variables->is_null()) {
    if (!variables->is_object()) return Fail(Code::invalid_input, "variables must be an object");
    request.variables = variables->get_object();
  }
  return request;
}

std::vector<std::string> RootNames(const graphql::Document& document,
                                   const graphql::Operation& operation) {
  std::vector<std::string> names;
  // A walk that ends in an error has named what it came to see before.
  (void)graphql::VisitFields(
      document, operation, [&](std::span<const std::string_view> path, const graphql::Selection&) {
        if (path.size() == 1 && !path[0].starts_with("__")) {
          names.emplace_back(path[0]);
        }
        return true;
      });
  return names;
}

Result<void> RecordAll(World& world, const std::vector<std::string>& names, const Caller& caller) {
  ILK_TRY_VOID(world.db().Script("BEGIN IMMEDIATE"));
  for (const std::string& name : names) ILK_TRY_VOID(world.Record(name, caller));
  return world.db().Script("COMMIT");
}

void RunQuery(World& world, const Caller& caller, const Plan& plan, Answer& answer) {
  Reader reader(world, caller);
  json::object data;
  json::array errors;
  for (const PlannedField& field : plan.fields) {
    auto value = reader.Answer({"Query", {}}, field);
    if (value) {
      data.insert_or_assign(field.key, std::move(*value));
    } else {
      errors.push_back(ErrorObject(value.error(), field.key));
    }
  }
  Finish(answer, std::move(data), std::move(errors));
}

// One after the other (section 6.2.2). The first that fails is the last that is tried; those behind
// it are recorded as not applied.
void RunMutation(World& world, const Caller& caller, const Plan& plan, Answer& answer) {
  Writer writer(world, caller);
  json::object data;
  json::array errors;
  for (const PlannedField& field : plan.fields) {
    if (field.name == "__typename") {
      data.insert_or_assign(field.key, "Mutation");
    } else if (!errors.empty()) {
      (void)world.Record(field.name, caller);
    } else if (auto value = world.Apply(field.name, caller, [&] { return writer.Do(field); })) {
      data.insert_or_assign(field.key, std::move(*value));
    } else {
      errors.push_back(ErrorObject(value.error(), field.key));
    }
  }
  Finish(answer, std::move(data), std::move(errors));
}

}  // namespace

Answer Handle(World& world, const Credentials& credentials, std::string_view body) {
  Answer answer;
  const auto request = ReadRequest(body);
  if (!request) return Refuse(answer, 400, request.error()), answer;
  const auto document = graphql::Parse(request->query);
  if (!document) return Refuse(answer, 400, document.error()), answer;
  const auto operation = graphql::SelectOperation(*document, request->operation_name);
  if (!operation) return Refuse(answer, 400, operation.error()), answer;

  answer.operations = RootNames(*document, **operation);
  answer.mutation = (*operation)->type == graphql::OperationType::mutation;
  const std::lock_guard lock(world.mutex());
  const auto caller = world.Identify(credentials);
  if (!caller) return Refuse(answer, 500, caller.error()), answer;
  const auto plan = MakePlan(*document, **operation, request->variables);
  const bool known = caller->kind != Caller::Kind::nobody;
  if (!plan || !known || !plan->mutation) {
    if (const auto recorded = RecordAll(world, answer.operations, *caller); !recorded) {
      return Refuse(answer, 500, recorded.error()), answer;
    }
  }
  if (!plan && plan.error().code != Code::not_found) {
    Refuse(answer, 400, plan.error());
  } else if (!plan || !known) {
    std::string_view key;
    if (plan && !plan->fields.empty()) {
      key = plan->fields.front().key;
    } else if (!answer.operations.empty()) {
      key = answer.operations.front();
    }
    const Error error = plan ? Error{Code::denied, kNotAuthorized} : plan.error();
    Finish(answer, {}, {ErrorObject(error, key)});
  } else if (plan->mutation) {
    RunMutation(world, *caller, *plan, answer);
  } else {
    RunQuery(world, *caller, *plan, answer);
  }
  return answer;
}

}  // namespace interlock::railsim
