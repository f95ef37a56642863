#include <utility>

#include "base/ids.h"
#include "writer.h"

namespace interlock::railsim {

Writer::Answer Writer::ServiceCreate(const PlannedField& field) {
  ILK_TRY(input, Input(field));
  ILK_TRY(project, reader_.One("Project", FindString(input, "projectId")));
  const std::string id = RandomUuid();
  const std::string_view name = FindString(input, "name");
  ILK_TRY_VOID(
      db_.Run("INSERT INTO services VALUES (?1, ?2, ?3, NULL, ?4, NULL)",
              {json::value(id), project.row.at("id"),
               json::value(name.empty() ? "service-" + id.substr(0, 4) : std::string(name)),
               json::value(world_.Now())}));
  ILK_TRY(environments, EnvironmentsOf(FindString(project.row, "id"), false));
  if (const std::string_view wanted = FindString(input, "environmentId"); !wanted.empty()) {
    ILK_TRY_VOID(reader_.One("Environment", wanted));
    environments = {std::string(wanted)};
  }
  for (const std::string& environment : environments) {
    ILK_TRY_VOID(db_.Run("INSERT INTO serviceInstances VALUES (?1, ?2, ?3, '{}', ?4, ?4, NULL)",
                         {json::value(RandomUuid()), json::value(id), json::value(environment),
                          json::value(world_.Now())}));
    ILK_TRY_VOID(Deploy(id, environment));
    if (const json::object* variables = FindObject(input, "variables")) {
      ILK_TRY_VOID(SetVariables(environment, id, *variables));
    }
  }
  return Shown(field, "Service", id);
}

Writer::Answer Writer::ServiceUpdate(const PlannedField& field) {
  ILK_TRY(input, Input(field));
  ILK_TRY(service, reader_.One("Service", Text(field, "id")));
  for (const char* column : {"name", "icon"}) {
    const json::value* value = Find(input, column);
    if (value == nullptr || !value->is_string()) continue;
    ILK_TRY_VOID(db_.Run(std::string("UPDATE services SET ") + column + " = ?2 WHERE id = ?1",
                         {service.row.at("id"), *value}));
  }
  return Shown(field, "Service", FindString(service.row, "id"));
}

// Without an environment: everywhere.
Writer::Answer Writer::ServiceDelete(const PlannedField& field) {
  ILK_TRY(service, reader_.One("Service", Text(field, "id")));
  const std::string environment = Text(field, "environmentId");
  if (!environment.empty()) ILK_TRY_VOID(reader_.One("Environment", environment));
  ILK_TRY(instances,
          db_.Query("SELECT environmentId FROM serviceInstances WHERE serviceId = ?1 AND deletedAt "
                    "IS NULL AND (?2 = '' OR environmentId = ?2)",
                    {service.row.at("id"), json::value(environment)}));
  if (instances.empty()) return Fail(Code::not_found, "ServiceInstance not found");
  for (const json::value& each : instances) {
    ILK_TRY_VOID(DeleteServiceIn(FindString(service.row, "id"),
                                 FindString(each.as_object(), "environmentId")));
  }
  return json::value(true);
}

// Its volumes stay, detached; with its last instance the service itself goes.
Result<void> Writer::DeleteServiceIn(std::string_view service, std::string_view environment) {
  const json::array ids{json::value(service), json::value(environment), json::value(world_.Now())};
  const json::array both{json::value(service), json::value(environment)};
  ILK_TRY_VOID(
      db_.Run("UPDATE serviceInstances SET deletedAt = ?3 WHERE serviceId = ?1 AND environmentId = "
              "?2 AND deletedAt IS NULL",
              ids));
  ILK_TRY_VOID(db_.Run("DELETE FROM variables WHERE serviceId = ?1 AND environmentId = ?2", both));
  ILK_TRY_VOID(db_.Run(
      "UPDATE volumeInstances SET serviceId = NULL WHERE serviceId = ?1 AND environmentId = "
      "?2",
      both));
  ILK_TRY_VOID(
      db_.Run("UPDATE domains SET deletedAt = ?3 WHERE serviceId = ?1 AND environmentId = ?2 AND "
              "deletedAt IS NULL",
              ids));
  return db_.Run(
      "UPDATE services SET deletedAt = ?2 WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM "
      "serviceInstances i WHERE i.serviceId = ?1 AND i.deletedAt IS NULL)",
      {json::value(service), json::value(world_.Now())});
}

Writer::Answer Writer::ServiceInstanceUpdate(const PlannedField& field) {
  ILK_TRY(input, Input(field));
  ILK_TRY(service, reader_.One("Service", Text(field, "serviceId")));
  const std::string environment = Text(field, "environmentId");
  if (!environment.empty()) ILK_TRY_VOID(reader_.One("Environment", environment));
  ILK_TRY_VOID(
      db_.Run("UPDATE serviceInstances SET config = json_patch(config, ?3), updatedAt = ?4 WHERE "
              "serviceId = ?1 AND deletedAt IS NULL AND (?2 = '' OR environmentId = ?2)",
              {service.row.at("id"), json::value(environment), json::value(std::move(input)),
               json::value(world_.Now())}));
  if (db_.changes() == 0) return Fail(Code::not_found, "ServiceInstance not found");
  return json::value(true);
}

Result<std::string> Writer::Deploy(std::string_view service, std::string_view environment) {
  const std::string id = RandomUuid();
  ILK_TRY_VOID(db_.Run("INSERT INTO deployments VALUES (?1, ?2, ?3, 'SUCCESS', ?4)",
                       {json::value(id), json::value(service), json::value(environment),
                        json::value(world_.Now())}));
  return id;
}

Writer::Answer Writer::ServiceInstanceRedeploy(const PlannedField& field) {
  ILK_TRY(service, reader_.One("Service", Text(field, "serviceId")));
  ILK_TRY(environment, reader_.One("Environment", Text(field, "environmentId")));
  ILK_TRY_VOID(Deploy(FindString(service.row, "id"), FindString(environment.row, "id")));
  return json::value(true);
}

Writer::Answer Writer::DeploymentRedeploy(const PlannedField& field) {
  ILK_TRY(deployment, reader_.One("Deployment", Text(field, "id")));
  ILK_TRY(id, Deploy(FindString(deployment.row, "serviceId"),
                     FindString(deployment.row, "environmentId")));
  return Shown(field, "Deployment", id);
}

Writer::Answer Writer::DeploymentRestart(const PlannedField& field) {
  ILK_TRY_VOID(reader_.One("Deployment", Text(field, "id")));
  return json::value(true);
}

Result<Writer::Place> Writer::PlaceOf(const json::object& input) {
  ILK_TRY(environment, reader_.One("Environment", FindString(input, "environmentId")));
  Place place{std::string(FindString(environment.row, "id")), ""};
  if (const std::string_view service = FindString(input, "serviceId"); !service.empty()) {
    ILK_TRY(found, reader_.One("Service", service));
    place.service = FindString(found.row, "id");
  }
  return place;
}

// A value is text, or {"value": text} as in an environment's configuration; null removes.
Result<void> Writer::SetVariables(std::string_view environment, std::string_view service,
                                  const json::object& variables) {
  for (const auto& [name, value] : variables) {
    const json::array at{json::value(environment), json::value(service), json::value(name)};
    if (value.is_null()) {
      ILK_TRY_VOID(db_.Run(
          "DELETE FROM variables WHERE environmentId = ?1 AND serviceId = ?2 AND name = ?3", at));
      continue;
    }
    json::value text = value;
    if (value.is_object()) text = json::value(FindString(value.get_object(), "value"));
    if (!text.is_string()) return Fail(Code::invalid_input, "a variable's value must be a string");
    json::array row = at;
    row.push_back(std::move(text));
    ILK_TRY_VOID(db_.Run("INSERT OR REPLACE INTO variables VALUES (?1, ?2, ?3, ?4)", row));
  }
  return {};
}

Writer::Answer Writer::VariableUpsert(const PlannedField& field) {
  ILK_TRY(input, Input(field));
  ILK_TRY(place, PlaceOf(input));
  const std::string_view name = FindString(input, "name");
  if (name.empty()) return Fail(Code::invalid_input, "a variable needs a name");
  ILK_TRY_VOID(SetVariables(place.environment, place.service,
                            {{name, json::value(FindString(input, "value"))}}));
  return json::value(true);
}

Writer::Answer Writer::VariableDelete(const PlannedField& field) {
  ILK_TRY(input, Input(field));
  ILK_TRY(place, PlaceOf(input));
  ILK_TRY_VOID(
      db_.Run("DELETE FROM variables WHERE environmentId = ?1 AND serviceId = ?2 AND name = ?3",
              {json::value(place.environment), json::value(place.service),
               json::value(FindString(input, "name"))}));
  if (db_.changes() == 0) return Fail(Code::not_found, "Variable not found");
  return json::value(true);
}

Writer::Answer Writer::VariableCollectionUpsert(const PlannedField& field) {
  ILK_TRY(input, Input(field));
  ILK_TRY(place, PlaceOf(input));
  const json::object* variables = FindObject(input, "variables");
  if (variables == nullptr) return Fail(Code::invalid_input, "\"variables\" must be an object");
  const json::value* replace = Find(input, "replace");
  if (replace != nullptr && *replace == json::value(true)) {
    ILK_TRY_VOID(db_.Run("DELETE FROM variables WHERE environmentId = ?1 AND serviceId = ?2",
                         {json::value(place.environment), json::value(place.service)}));
  }
  ILK_TRY_VOID(SetVariables(place.environment, place.service, *variables));
  return json::value(true);
}

Writer::Answer Writer::ProjectTokenCreate(const PlannedField& field) {
  ILK_TRY(input, Input(field));
  ILK_TRY(environment, reader_.One("Environment", FindString(input, "environmentId")));
  const std::string value = RandomUuid();
  ILK_TRY_VOID(db_.Run(
      "INSERT INTO tokens VALUES (?1, ?2, 'project', ?3, ?4, ?5, ?6)",
      {json::value(RandomUuid()), json::value(FindString(input, "name")), json::value(value),
       environment.row.at("projectId"), environment.row.at("id"), json::value(world_.Now())}));
  return json::value(value);
}

Writer::Answer Writer::ProjectTokenDelete(const PlannedField& field) {
  ILK_TRY_VOID(db_.Run("DELETE FROM tokens WHERE kind = 'project' AND id = ?1",
                       {json::value(Text(field, "id"))}));
  if (db_.changes() == 0) return Fail(Code::not_found, "Project Token not found");
  return json::value(true);
}

Writer::Answer Writer::ApiTokenCreate(const PlannedField& field) {
  ILK_TRY_VOID(AccountOnly());
  ILK_TRY(input, Input(field));
  const std::string value = RandomUuid();
  ILK_TRY_VOID(db_.Run("INSERT INTO tokens VALUES (?1, ?2, 'account', ?3, '', '', ?4)",
                       {json::value(RandomUuid()), json::value(FindString(input, "name")),
                        json::value(value), json::value(world_.Now())}));
  return json::value(value);
}

Writer::Answer Writer::CustomDomainCreate(const PlannedField& field) {
  ILK_TRY(input, Input(field));
  ILK_TRY(place, PlaceOf(input));
  ILK_TRY(environment, reader_.One("Environment", place.environment));
  const std::string_view domain = FindString(input, "domain");
  if (domain.empty() || place.service.empty()) {
    return Fail(Code::invalid_input, "a custom domain needs a domain and a service");
  }
  const std::string id = RandomUuid();
  const json::value* port = Find(input, "targetPort");
  ILK_TRY_VOID(db_.Run("INSERT INTO domains VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL)",
                       {json::value(id), json::value(domain), environment.row.at("projectId"),
                        json::value(place.environment), json::value(place.service),
                        port == nullptr ? json::value() : *port, json::value(world_.Now())}));
  return Shown(field, "CustomDomain", id);
}

Writer::Answer Writer::CustomDomainDelete(const PlannedField& field) {
  ILK_TRY(domain, reader_.One("CustomDomain", Text(field, "id")));
  ILK_TRY_VOID(db_.Run("UPDATE domains SET deletedAt = ?2 WHERE id = ?1",
                       {domain.row.at("id"), json::value(world_.Now())}));
  return json::value(true);
}

}  // namespace interlock::railsim
