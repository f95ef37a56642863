#include "writer.h"

#include <algorithm>
#include <utility>

#include "base/ids.h"

namespace interlock::railsim {

const Writer::Entry Writer::kEntries[] = {
    {"volumeCreate", &Writer::VolumeCreate},
    {"volumeUpdate", &Writer::VolumeUpdate},
    {"volumeDelete", &Writer::VolumeDelete},
    {"volumeInstanceUpdate", &Writer::VolumeInstanceUpdate},
    {"volumeInstanceBackupCreate", &Writer::BackupCreate},
    {"volumeInstanceBackupDelete", &Writer::BackupDelete},
    {"volumeInstanceBackupRestore", &Writer::BackupRestore},
    {"volumeInstanceBackupLock", &Writer::BackupLock},
    {"volumeInstanceBackupScheduleUpdate", &Writer::BackupScheduleUpdate},
    {"projectDelete", &Writer::ProjectDelete},
    {"projectScheduleDelete", &Writer::ProjectScheduleDelete},
    {"projectScheduleDeleteForce", &Writer::ProjectDelete},
    {"projectScheduleDeleteCancel", &Writer::ProjectScheduleDeleteCancel},
    {"projectTransfer", &Writer::ProjectTransfer},
    {"workspaceDelete", &Writer::WorkspaceDelete},
    {"userDelete", &Writer::UserDelete},
    {"environmentCreate", &Writer::EnvironmentCreate},
    {"environmentRename", &Writer::EnvironmentRename},
    {"environmentDelete", &Writer::EnvironmentDelete},
    {"environmentPatchCommit", &Writer::PatchCommit},
    {"environmentStageChanges", &Writer::StageChanges},
    {"environmentPatchCommitStaged", &Writer::PatchCommitStaged},
    {"serviceCreate", &Writer::ServiceCreate},
    {"serviceUpdate", &Writer::ServiceUpdate},
    {"serviceDelete", &Writer::ServiceDelete},
    {"serviceInstanceUpdate", &Writer::ServiceInstanceUpdate},
    {"serviceInstanceRedeploy", &Writer::ServiceInstanceRedeploy},
    {"deploymentRedeploy", &Writer::DeploymentRedeploy},
    {"deploymentRestart", &Writer::DeploymentRestart},
    {"variableUpsert", &Writer::VariableUpsert},
    {"variableDelete", &Writer::VariableDelete},
    {"variableCollectionUpsert", &Writer::VariableCollectionUpsert},
    {"projectTokenCreate", &Writer::ProjectTokenCreate},
    {"projectTokenDelete", &Writer::ProjectTokenDelete},
    {"apiTokenCreate", &Writer::ApiTokenCreate},
    {"customDomainCreate", &Writer::CustomDomainCreate},
    {"customDomainDelete", &Writer::CustomDomainDelete},
};

Writer::Answer Writer::Do(const PlannedField& field) {
  const auto* const entry = std::ranges::find(kEntries, std::string_view(field.name), &Entry::name);
  if (entry == std::end(kEntries)) return Fail(Code::not_found, field.name + " is not simulated");
  return (this->*entry->method)(field);
}

std::string Writer::Text(const PlannedField& field, std::string_view argument) {
  return std::string(FindString(field.arguments, argument));
}

Result<json::object> Writer::Input(const PlannedField& field) {
  const json::object* input = FindObject(field.arguments, "input");
  if (input == nullptr) return Fail(Code::invalid_input, "\"input\" must be an object");
  return *input;
}

Result<void> Writer::AccountOnly() const {
  if (caller_.kind != Caller::Kind::account) return NotAuthorized();
  return {};
}

Result<std::vector<std::string>> Writer::EnvironmentsOf(std::string_view project,
                                                        bool with_ephemeral) {
  ILK_TRY(
      rows,
      db_.Query("SELECT id FROM environments WHERE projectId = ?1 AND deletedAt IS NULL AND (?2 = "
                "'' OR id = ?2) AND (isEphemeral = 0 OR ?3 OR ?2 != '') ORDER BY createdAt",
                {json::value(project), json::value(caller_.environment), with_ephemeral}));
  std::vector<std::string> ids;
  for (const json::value& row : rows) ids.emplace_back(FindString(row.as_object(), "id"));
  return ids;
}

// Everything here is done when the answer leaves, so every workflow is complete.
Result<std::string> Writer::Workflow() {
  const std::string id = RandomUuid();
  ILK_TRY_VOID(db_.Run("INSERT INTO workflows VALUES (?1, 'Complete')", {json::value(id)}));
  return id;
}

Writer::Answer Writer::WorkflowAnswer(const PlannedField& field) {
  ILK_TRY(id, Workflow());
  return reader_.Project({"WorkflowId", {{"workflowId", id}}}, field.children);
}

Writer::Answer Writer::Shown(const PlannedField& field, std::string_view type,
                             std::string_view id) {
  ILK_TRY(object, reader_.One(type, id));
  return reader_.Project(object, field.children);
}

}  // namespace interlock::railsim
