#include <algorithm>
#include <utility>

#include "base/ids.h"
#include "writer.h"

namespace interlock::railsim {

Writer::Answer Writer::VolumeCreate(const PlannedField& field) {
  ILK_TRY(input, Input(field));
  ILK_TRY(project, reader_.One("Project", FindString(input, "projectId")));
  const std::string id = RandomUuid();
  ILK_TRY_VOID(db_.Run("INSERT INTO volumes VALUES (?1, ?2, ?3, ?4, NULL)",
                       {json::value(id), project.row.at("id"),
                        json::value("volume-" + id.substr(0, 4)), json::value(world_.Now())}));
  const std::string_view wanted = FindString(input, "environmentId");
  std::vector<std::string> environments;
  if (wanted.empty()) {
    ILK_TRY(all, EnvironmentsOf(FindString(project.row, "id"), true));
    environments = std::move(all);
  } else {
    ILK_TRY_VOID(reader_.One("Environment", wanted));
    environments.emplace_back(wanted);
  }
  const json::value* service = Find(input, "serviceId");
  for (const std::string& environment : environments) {
    ILK_TRY_VOID(AddInstance(id, environment, service == nullptr ? json::value() : *service,
                             json::value(FindString(input, "mountPath"))));
  }
  return Shown(field, "Volume", id);
}

Result<void> Writer::AddInstance(std::string_view volume, std::string_view environment,
                                 const json::value& service, const json::value& mount_path) {
  const std::string id = RandomUuid();
  ILK_TRY_VOID(
      db_.Run("INSERT INTO volumeInstances VALUES (?1, ?2, ?3, ?4, ?5, 5000, 'READY', ?6, NULL)",
              {json::value(id), json::value(volume), json::value(environment), service, mount_path,
               json::value(world_.Now())}));
  ILK_TRY_VOID(world_.files().Grow(volume, id, 0));
  return world_.files().Dump(volume, id);
}

Writer::Answer Writer::VolumeUpdate(const PlannedField& field) {
  ILK_TRY(input, Input(field));
  ILK_TRY(volume, reader_.One("Volume", Text(field, "volumeId")));
  if (const std::string_view name = FindString(input, "name"); !name.empty()) {
    ILK_TRY_VOID(db_.Run("UPDATE volumes SET name = ?2 WHERE id = ?1",
                         {volume.row.at("id"), json::value(name)}));
  }
  return Shown(field, "Volume", FindString(volume.row, "id"));
}

// The trap of the incident: the id names the volume in every environment, and being shown one
// instance of it is enough.
Writer::Answer Writer::VolumeDelete(const PlannedField& field) {
  ILK_TRY(volume, reader_.One("Volume", Text(field, "volumeId")));
  ILK_TRY_VOID(DeleteVolume(FindString(volume.row, "id")));
  return json::value(true);
}

Result<void> Writer::DeleteVolume(std::string_view volume) {
  const json::value now(world_.Now());
  ILK_TRY_VOID(
      db_.Run("UPDATE backups SET deletedAt = ?2 WHERE deletedAt IS NULL AND volumeInstanceId IN "
              "(SELECT id FROM volumeInstances WHERE volumeId = ?1)",
              {json::value(volume), now}));
  ILK_TRY_VOID(db_.Run(
      "UPDATE volumeInstances SET deletedAt = ?2, state = 'DELETED' WHERE volumeId = ?1 AND "
      "deletedAt IS NULL",
      {json::value(volume), now}));
  ILK_TRY_VOID(
      db_.Run("UPDATE volumes SET deletedAt = ?2 WHERE id = ?1", {json::value(volume), now}));
  world_.RemoveAfterCommit(world_.files().Volume(volume));
  return {};
}

Result<void> Writer::DeleteInstance(std::string_view volume, std::string_view instance) {
  ILK_TRY(others,
          db_.Number("SELECT count(*) FROM volumeInstances WHERE volumeId = ?1 AND id != ?2 AND "
                     "deletedAt IS NULL",
                     {json::value(volume), json::value(instance)}));
  if (others == 0) return DeleteVolume(volume);
  const json::value now(world_.Now());
  ILK_TRY_VOID(
      db_.Run("UPDATE backups SET deletedAt = ?2 WHERE deletedAt IS NULL AND volumeInstanceId = ?1",
              {json::value(instance), now}));
  ILK_TRY_VOID(db_.Run("UPDATE volumeInstances SET deletedAt = ?2, state = 'DELETED' WHERE id = ?1",
                       {json::value(instance), now}));
  world_.RemoveAfterCommit(world_.files().Instance(volume, instance));
  return {};
}

// Without an environment: every instance of the volume, also those the caller can't see.
Writer::Answer Writer::VolumeInstanceUpdate(const PlannedField& field) {
  ILK_TRY(input, Input(field));
  ILK_TRY(volume, reader_.One("Volume", Text(field, "volumeId")));
  const std::string environment = Text(field, "environmentId");
  if (!environment.empty()) ILK_TRY_VOID(reader_.One("Environment", environment));
  ILK_TRY(instances,
          db_.Query("SELECT id FROM volumeInstances WHERE volumeId = ?1 AND deletedAt IS NULL AND "
                    "(?2 = '' OR environmentId = ?2)",
                    {volume.row.at("id"), json::value(environment)}));
  if (instances.empty()) return Fail(Code::not_found, "VolumeInstance not found");
  for (const json::value& each : instances) {
    const json::value& id = each.as_object().at("id");
    if (FindString(input, "state") == "DELETED") {
      ILK_TRY_VOID(
          DeleteInstance(FindString(volume.row, "id"), FindString(each.as_object(), "id")));
      continue;
    }
    if (const json::value* state = Find(input, "state"); state != nullptr && !state->is_null()) {
      ILK_TRY_VOID(db_.Run("UPDATE volumeInstances SET state = ?2 WHERE id = ?1", {id, *state}));
    }
    if (const json::value* service = Find(input, "serviceId")) {
      ILK_TRY_VOID(
          db_.Run("UPDATE volumeInstances SET serviceId = ?2 WHERE id = ?1", {id, *service}));
    }
    if (const json::value* path = Find(input, "mountPath"); path != nullptr && !path->is_null()) {
      ILK_TRY_VOID(db_.Run("UPDATE volumeInstances SET mountPath = ?2 WHERE id = ?1", {id, *path}));
    }
  }
  return json::value(true);
}

Writer::Answer Writer::BackupCreate(const PlannedField& field) {
  ILK_TRY(instance, reader_.One("VolumeInstance", Text(field, "volumeInstanceId")));
  const std::string id = RandomUuid();
  const std::string name = Text(field, "name");
  ILK_TRY_VOID(
      db_.Run("INSERT INTO backups VALUES (?1, ?2, ?3, NULL, ?4, NULL, NULL)",
              {json::value(id), instance.row.at("id"),
               json::value(name.empty() ? "Manual backup" : name), json::value(world_.Now())}));
  ILK_TRY_VOID(world_.files().Snapshot(FindString(instance.row, "volumeId"),
                                       FindString(instance.row, "id"), id));
  return WorkflowAnswer(field);
}

Result<Object> Writer::BackupOf(const PlannedField& field, const Object& instance) {
  ILK_TRY(backup, reader_.One("VolumeInstanceBackup", Text(field, "volumeInstanceBackupId")));
  if (FindString(backup.row, "instanceId") != FindString(instance.row, "id")) {
    return Fail(Code::not_found, "VolumeInstanceBackup not found");
  }
  return backup;
}

Result<void> Writer::DeleteBackup(const Object& instance, std::string_view backup) {
  ILK_TRY_VOID(db_.Run("UPDATE backups SET deletedAt = ?2 WHERE id = ?1",
                       {json::value(backup), json::value(world_.Now())}));
  world_.RemoveAfterCommit(world_.files().Backup(FindString(instance.row, "volumeId"),
                                                 FindString(instance.row, "id"), backup));
  return {};
}

Writer::Answer Writer::BackupDelete(const PlannedField& field) {
  ILK_TRY(instance, reader_.One("VolumeInstance", Text(field, "volumeInstanceId")));
  ILK_TRY(backup, BackupOf(field, instance));
  ILK_TRY_VOID(DeleteBackup(instance, FindString(backup.row, "id")));
  return WorkflowAnswer(field);
}

// Restoring removes what is newer, and wipes the services it was told to wipe.
Writer::Answer Writer::BackupRestore(const PlannedField& field) {
  ILK_TRY(instance, reader_.One("VolumeInstance", Text(field, "volumeInstanceId")));
  ILK_TRY(backup, BackupOf(field, instance));
  ILK_TRY(newer,
          db_.Query("SELECT id FROM backups WHERE volumeInstanceId = ?1 AND createdAt > ?2 AND "
                    "deletedAt IS NULL",
                    {instance.row.at("id"), backup.row.at("createdAt")}));
  for (const json::value& each : newer) {
    ILK_TRY_VOID(DeleteBackup(instance, FindString(each.as_object(), "id")));
  }
  if (const json::array* services = FindArray(field.arguments, "wipeServiceIds")) {
    ILK_TRY_VOID(WipeServices(instance, *services));
  }
  ILK_TRY_VOID(world_.files().Restore(FindString(instance.row, "volumeId"),
                                      FindString(instance.row, "id"),
                                      FindString(backup.row, "id")));
  return WorkflowAnswer(field);
}

Result<void> Writer::WipeServices(const Object& instance, const json::array& services) {
  for (const json::value& service : services) {
    ILK_TRY(attached, db_.Query("SELECT id, volumeId FROM volumeInstances WHERE serviceId = ?1 AND "
                                "environmentId = ?2 AND deletedAt IS NULL",
                                {service, instance.row.at("environmentId")}));
    for (const json::value& each : attached) {
      ILK_TRY_VOID(world_.files().Wipe(FindString(each.as_object(), "volumeId"),
                                       FindString(each.as_object(), "id")));
    }
  }
  return {};
}

Writer::Answer Writer::BackupLock(const PlannedField& field) {
  ILK_TRY(instance, reader_.One("VolumeInstance", Text(field, "volumeInstanceId")));
  ILK_TRY(backup, BackupOf(field, instance));
  ILK_TRY_VOID(db_.Run("UPDATE backups SET expiresAt = NULL WHERE id = ?1", {backup.row.at("id")}));
  return json::value(true);
}

Writer::Answer Writer::BackupScheduleUpdate(const PlannedField& field) {
  struct Kind {
    std::string_view name;
    const char* cron;
    int retention_seconds;
  };
  constexpr Kind kKinds[] = {{"DAILY", "0 3 * * *", 6 * 86400},
                             {"WEEKLY", "0 3 * * 0", 30 * 86400},
                             {"MONTHLY", "0 3 1 * *", 90 * 86400}};
  ILK_TRY(instance, reader_.One("VolumeInstance", Text(field, "volumeInstanceId")));
  const json::array* kinds = FindArray(field.arguments, "kinds");
  if (kinds == nullptr) return Fail(Code::invalid_input, "\"kinds\" must be a list");
  ILK_TRY_VOID(
      db_.Run("DELETE FROM schedules WHERE volumeInstanceId = ?1", {instance.row.at("id")}));
  for (const json::value& wanted : *kinds) {
    const auto* const kind = std::ranges::find_if(
        kKinds, [&](const Kind& each) { return wanted == json::value(each.name); });
    if (kind == std::end(kKinds))
      return Fail(Code::invalid_input, "unknown kind of backup schedule");
    ILK_TRY_VOID(db_.Run("INSERT INTO schedules VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                         {json::value(RandomUuid()), instance.row.at("id"), json::value(kind->name),
                          kind->cron, kind->retention_seconds, json::value(world_.Now())}));
  }
  return json::value(true);
}

}  // namespace interlock::railsim
