#include <chrono>
#include <utility>

#include "base/ids.h"
#include "writer.h"

namespace interlock::railsim {
namespace {

bool IsTrue(const json::object& object, std::string_view key) {
  const json::value* value = Find(object, key);
  return value != nullptr && value->is_bool() && value->get_bool();
}

// RFC 7396 in spirit, but null stays: in a patch it means "remove".
void MergeInto(json::object& into, const json::object& from) {
  for (const auto& [key, value] : from) {
    json::value& slot = into[key];
    if (slot.is_object() && value.is_object()) {
      MergeInto(slot.get_object(), value.get_object());  // as deep as the request's JSON may be
    } else {
      slot = value;
    }
  }
}

}  // namespace

Writer::Answer Writer::ProjectDelete(const PlannedField& field) {
  ILK_TRY_VOID(AccountOnly());
  ILK_TRY(project, reader_.One("Project", Text(field, "id")));
  ILK_TRY_VOID(DeleteProject(FindString(project.row, "id")));
  return json::value(true);
}

Result<void> Writer::DeleteProject(std::string_view project) {
  const json::array id{json::value(project)};
  ILK_TRY(volumes,
          db_.Query("SELECT id FROM volumes WHERE projectId = ?1 AND deletedAt IS NULL", id));
  for (const json::value& each : volumes) {
    ILK_TRY_VOID(DeleteVolume(FindString(each.as_object(), "id")));
  }
  ILK_TRY(environments,
          db_.Query("SELECT id FROM environments WHERE projectId = ?1 AND deletedAt IS NULL", id));
  for (const json::value& each : environments) {
    ILK_TRY_VOID(DeleteEnvironment(FindString(each.as_object(), "id")));
  }
  const json::array at{json::value(project), json::value(world_.Now())};
  ILK_TRY_VOID(
      db_.Run("UPDATE services SET deletedAt = ?2 WHERE projectId = ?1 AND deletedAt IS NULL", at));
  return db_.Run("UPDATE projects SET deletedAt = ?2 WHERE id = ?1", at);
}

Writer::Answer Writer::ProjectScheduleDelete(const PlannedField& field) {
  ILK_TRY_VOID(AccountOnly());
  ILK_TRY(project, reader_.One("Project", Text(field, "id")));
  ILK_TRY(now, ParseTime(world_.Now()));
  ILK_TRY_VOID(
      db_.Run("UPDATE projects SET scheduledDeletionAt = ?2 WHERE id = ?1",
              {project.row.at("id"), json::value(FormatTime(now + std::chrono::hours(48)))}));
  return json::value(true);
}

Writer::Answer Writer::ProjectScheduleDeleteCancel(const PlannedField& field) {
  ILK_TRY_VOID(AccountOnly());
  ILK_TRY(project, reader_.One("Project", Text(field, "id")));
  ILK_TRY_VOID(db_.Run("UPDATE projects SET scheduledDeletionAt = NULL WHERE id = ?1",
                       {project.row.at("id")}));
  return json::value(true);
}

Writer::Answer Writer::ProjectTransfer(const PlannedField& field) {
  ILK_TRY_VOID(AccountOnly());
  ILK_TRY(input, Input(field));
  ILK_TRY(project, reader_.One("Project", Text(field, "projectId")));
  ILK_TRY(workspace, reader_.One("Workspace", FindString(input, "workspaceId")));
  ILK_TRY_VOID(db_.Run("UPDATE projects SET workspaceId = ?2 WHERE id = ?1",
                       {project.row.at("id"), workspace.row.at("id")}));
  return json::value(true);
}

Writer::Answer Writer::WorkspaceDelete(const PlannedField& field) {
  ILK_TRY_VOID(AccountOnly());
  ILK_TRY(workspace, reader_.One("Workspace", Text(field, "id")));
  ILK_TRY(projects,
          db_.Query("SELECT id FROM projects WHERE workspaceId = ?1 AND deletedAt IS NULL",
                    {workspace.row.at("id")}));
  for (const json::value& each : projects) {
    ILK_TRY_VOID(DeleteProject(FindString(each.as_object(), "id")));
  }
  ILK_TRY_VOID(db_.Run("UPDATE workspaces SET deletedAt = ?2 WHERE id = ?1",
                       {workspace.row.at("id"), json::value(world_.Now())}));
  return json::value(true);
}

Writer::Answer Writer::UserDelete(const PlannedField&) {
  ILK_TRY_VOID(AccountOnly());
  return Fail(Code::conflict, "The account still owns workspaces");
}

Writer::Answer Writer::EnvironmentCreate(const PlannedField& field) {
  ILK_TRY_VOID(AccountOnly());
  ILK_TRY(input, Input(field));
  ILK_TRY(project, reader_.One("Project", FindString(input, "projectId")));
  const std::string_view name = FindString(input, "name");
  if (name.empty()) return Fail(Code::invalid_input, "an environment needs a name");
  const std::string id = RandomUuid();
  ILK_TRY_VOID(db_.Run("INSERT INTO environments VALUES (?1, ?2, ?3, ?4, ?5, NULL)",
                       {json::value(id), project.row.at("id"), json::value(name),
                        json::value(IsTrue(input, "ephemeral")), json::value(world_.Now())}));
  if (const std::string_view source = FindString(input, "sourceEnvironmentId"); !source.empty()) {
    ILK_TRY_VOID(reader_.One("Environment", source));
    ILK_TRY_VOID(CopyEnvironment(source, id));
  }
  return Shown(field, "Environment", id);
}

// Services, variables and volumes; the new volume instances are empty.
Result<void> Writer::CopyEnvironment(std::string_view from, std::string_view to) {
  const json::array ids{json::value(from), json::value(to)};
  ILK_TRY_VOID(
      db_.Run("INSERT INTO variables SELECT ?2, serviceId, name, value FROM variables WHERE "
              "environmentId = ?1",
              ids));
  ILK_TRY(services,
          db_.Query("SELECT serviceId, config FROM serviceInstances WHERE environmentId = ?1 AND "
                    "deletedAt IS NULL",
                    {json::value(from)}));
  for (const json::value& each : services) {
    const json::object& service = each.as_object();
    ILK_TRY_VOID(db_.Run("INSERT INTO serviceInstances VALUES (?1, ?2, ?3, ?4, ?5, ?5, NULL)",
                         {json::value(RandomUuid()), service.at("serviceId"), json::value(to),
                          service.at("config"), json::value(world_.Now())}));
    ILK_TRY_VOID(Deploy(FindString(service, "serviceId"), to));
  }
  ILK_TRY(volumes, db_.Query("SELECT volumeId, serviceId, mountPath FROM volumeInstances WHERE "
                             "environmentId = ?1 AND deletedAt IS NULL",
                             {json::value(from)}));
  for (const json::value& each : volumes) {
    const json::object& volume = each.as_object();
    ILK_TRY_VOID(AddInstance(FindString(volume, "volumeId"), to, volume.at("serviceId"),
                             volume.at("mountPath")));
  }
  return {};
}

Writer::Answer Writer::EnvironmentRename(const PlannedField& field) {
  ILK_TRY(input, Input(field));
  ILK_TRY(environment, reader_.One("Environment", Text(field, "id")));
  if (FindString(input, "name").empty())
    return Fail(Code::invalid_input, "a name must not be empty");
  ILK_TRY_VOID(db_.Run("UPDATE environments SET name = ?2 WHERE id = ?1",
                       {environment.row.at("id"), json::value(FindString(input, "name"))}));
  return Shown(field, "Environment", FindString(environment.row, "id"));
}

Writer::Answer Writer::EnvironmentDelete(const PlannedField& field) {
  ILK_TRY(environment, reader_.One("Environment", Text(field, "id")));
  ILK_TRY_VOID(DeleteEnvironment(FindString(environment.row, "id")));
  return json::value(true);
}

Result<void> Writer::DeleteEnvironment(std::string_view environment) {
  const json::array id{json::value(environment)};
  const json::array at{json::value(environment), json::value(world_.Now())};
  ILK_TRY(instances,
          db_.Query("SELECT id, volumeId FROM volumeInstances WHERE environmentId = ?1 AND "
                    "deletedAt IS NULL",
                    id));
  for (const json::value& each : instances) {
    ILK_TRY_VOID(DeleteInstance(FindString(each.as_object(), "volumeId"),
                                FindString(each.as_object(), "id")));
  }
  ILK_TRY_VOID(db_.Run(
      "UPDATE serviceInstances SET deletedAt = ?2 WHERE environmentId = ?1 AND deletedAt IS "
      "NULL",
      at));
  for (const char* table : {"variables", "tokens", "staged"}) {
    ILK_TRY_VOID(db_.Run(std::string("DELETE FROM ") + table + " WHERE environmentId = ?1", id));
  }
  return db_.Run("UPDATE environments SET deletedAt = ?2 WHERE id = ?1", at);
}

Writer::Answer Writer::PatchCommit(const PlannedField& field) {
  ILK_TRY(environment, reader_.One("Environment", Text(field, "environmentId")));
  if (const json::object* patch = FindObject(field.arguments, "patch")) {
    ILK_TRY_VOID(ApplyPatch(FindString(environment.row, "id"), *patch));
  }
  ILK_TRY(workflow, Workflow());
  return json::value(workflow);
}

Writer::Answer Writer::StageChanges(const PlannedField& field) {
  ILK_TRY(input, Input(field));
  ILK_TRY(environment, reader_.One("Environment", Text(field, "environmentId")));
  const json::value& environment_id = environment.row.at("id");
  json::object patch = input;
  ILK_TRY(before, db_.Query("SELECT patch FROM staged WHERE environmentId = ?1", {environment_id}));
  if (IsTrue(field.arguments, "merge") && !before.empty()) {
    ILK_TRY(staged, ParseJson(FindString(before[0].as_object(), "patch")));
    patch = std::move(staged.as_object());
    MergeInto(patch, input);
  }
  const std::string id = RandomUuid();
  ILK_TRY_VOID(db_.Run(
      "INSERT OR REPLACE INTO staged VALUES (?1, ?2, ?3, ?4)",
      {json::value(id), environment_id, json::value(std::move(patch)), json::value(world_.Now())}));
  return Shown(field, "EnvironmentPatch", id);
}

// The second of two calls: it carries nothing that would say what it does.
Writer::Answer Writer::PatchCommitStaged(const PlannedField& field) {
  ILK_TRY(environment, reader_.One("Environment", Text(field, "environmentId")));
  ILK_TRY(rows, db_.Query("SELECT patch FROM staged WHERE environmentId = ?1",
                          {environment.row.at("id")}));
  if (rows.empty()) return Fail(Code::not_found, "No patch to commit");
  ILK_TRY(patch, ParseJson(FindString(rows[0].as_object(), "patch")));
  ILK_TRY_VOID(ApplyPatch(FindString(environment.row, "id"), patch.as_object()));
  ILK_TRY_VOID(db_.Run("DELETE FROM staged WHERE environmentId = ?1", {environment.row.at("id")}));
  ILK_TRY(workflow, Workflow());
  return json::value(workflow);
}

Result<void> Writer::ApplyPatch(std::string_view environment, const json::object& patch) {
  const auto each = [&](std::string_view section, auto&& apply) -> Result<void> {
    const json::object* entries = FindObject(patch, section);
    if (entries == nullptr) return {};
    for (const auto& [id, value] : *entries) {
      if (!value.is_object()) return Fail(Code::invalid_input, "a patch's entry must be an object");
      ILK_TRY_VOID(apply(std::string_view(id), value.get_object()));
    }
    return {};
  };
  ILK_TRY_VOID(each("services", [&](std::string_view id, const json::object& entry) {
    return PatchService(environment, id, entry);
  }));
  ILK_TRY_VOID(each("volumes", [&](std::string_view id, const json::object& entry) {
    return PatchVolume(environment, id, entry);
  }));
  ILK_TRY_VOID(each("buckets", [](std::string_view, const json::object&) -> Result<void> {
    return Fail(Code::not_found, "Bucket not found");
  }));
  if (const json::object* shared = FindObject(patch, "sharedVariables")) {
    return SetVariables(environment, "", *shared);
  }
  return {};
}

Result<void> Writer::PatchService(std::string_view environment, std::string_view service,
                                  const json::object& patch) {
  ILK_TRY(
      there,
      db_.Number("SELECT count(*) FROM serviceInstances WHERE serviceId = ?1 AND environmentId = "
                 "?2 AND deletedAt IS NULL",
                 {json::value(service), json::value(environment)}));
  if (there == 0) return Fail(Code::not_found, "Service not found");
  if (IsTrue(patch, "isDeleted")) return DeleteServiceIn(service, environment);
  if (const json::object* variables = FindObject(patch, "variables")) {
    return SetVariables(environment, service, *variables);
  }
  return {};
}

Result<void> Writer::PatchVolume(std::string_view environment, std::string_view volume,
                                 const json::object& patch) {
  ILK_TRY(rows,
          db_.Query("SELECT id FROM volumeInstances WHERE volumeId = ?1 AND environmentId = ?2 AND "
                    "deletedAt IS NULL",
                    {json::value(volume), json::value(environment)}));
  if (rows.empty()) return Fail(Code::not_found, "Volume not found");
  if (!IsTrue(patch, "isDeleted")) return {};
  return DeleteInstance(volume, FindString(rows[0].as_object(), "id"));
}

}  // namespace interlock::railsim
