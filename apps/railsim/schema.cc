#include "schema.h"

#include <algorithm>

namespace interlock::railsim {
namespace {

constexpr FieldKind S = FieldKind::scalar;
constexpr FieldKind O = FieldKind::object;
constexpr FieldKind L = FieldKind::list;
constexpr FieldKind C = FieldKind::connection;

constexpr std::string_view kPage = "first after last before";

// clang-format off
constexpr FieldSpec kFields[] = {
    {"Query", "projects", C, "Project", "first after last before includeDeleted orderBy userId workspaceId"},
    {"Query", "project", O, "Project", "id!"},
    {"Query", "environment", O, "Environment", "id! projectId"},
    {"Query", "environments", C, "Environment", "first after last before isEphemeral projectId!"},
    {"Query", "service", O, "Service", "id!"},
    {"Query", "serviceInstance", O, "ServiceInstance", "environmentId! serviceId!"},
    {"Query", "volumeInstance", O, "VolumeInstance", "id!"},
    {"Query", "volumeInstanceBackupList", L, "VolumeInstanceBackup", "volumeInstanceId!"},
    {"Query", "volumeInstanceBackupScheduleList", L, "VolumeInstanceBackupSchedule", "volumeInstanceId!"},
    {"Query", "variables", S, "JSON", "projectId! environmentId! serviceId unrendered"},
    {"Query", "projectToken", O, "ProjectToken", ""},
    {"Query", "projectTokens", C, "ProjectToken", "first after last before projectId!"},
    {"Query", "apiToken", O, "ApiTokenContext", ""},
    {"Query", "apiTokens", C, "ApiToken", kPage},
    {"Query", "me", O, "User", ""},
    {"Query", "workspace", O, "Workspace", "workspaceId!"},
    {"Query", "workflowStatus", O, "WorkflowResult", "workflowId!"},
    {"Query", "environmentStagedChanges", O, "EnvironmentPatch", "environmentId!"},

    {"Project", "id", S, "ID", ""},
    {"Project", "name", S, "String", ""},
    {"Project", "description", S, "String", ""},
    {"Project", "createdAt", S, "DateTime", ""},
    {"Project", "updatedAt", S, "DateTime", ""},
    {"Project", "deletedAt", S, "DateTime", ""},
    {"Project", "isPublic", S, "Boolean", ""},
    {"Project", "primaryEnvironmentId", S, "String", ""},
    {"Project", "baseEnvironmentId", S, "String", ""},
    {"Project", "workspaceId", S, "String", ""},
    {"Project", "workspace", O, "Workspace", ""},
    {"Project", "environments", C, "Environment", "first after last before isEphemeral sort"},
    {"Project", "services", C, "Service", kPage},
    {"Project", "volumes", C, "Volume", kPage},

    {"Environment", "id", S, "ID", ""},
    {"Environment", "name", S, "String", ""},
    {"Environment", "projectId", S, "String", ""},
    {"Environment", "isEphemeral", S, "Boolean", ""},
    {"Environment", "canAccess", S, "Boolean", ""},
    {"Environment", "createdAt", S, "DateTime", ""},
    {"Environment", "updatedAt", S, "DateTime", ""},
    {"Environment", "deletedAt", S, "DateTime", ""},
    {"Environment", "volumeInstances", C, "VolumeInstance", kPage},
    {"Environment", "serviceInstances", C, "ServiceInstance", kPage},
    {"Environment", "deployments", C, "Deployment", kPage},

    {"Service", "id", S, "ID", ""},
    {"Service", "name", S, "String", ""},
    {"Service", "icon", S, "String", ""},
    {"Service", "projectId", S, "String", ""},
    {"Service", "createdAt", S, "DateTime", ""},
    {"Service", "updatedAt", S, "DateTime", ""},
    {"Service", "deletedAt", S, "DateTime", ""},
    {"Service", "project", O, "Project", ""},
    {"Service", "serviceInstances", C, "ServiceInstance", kPage},

    {"ServiceInstance", "id", S, "ID", ""},
    {"ServiceInstance", "serviceId", S, "String", ""},
    {"ServiceInstance", "serviceName", S, "String", ""},
    {"ServiceInstance", "environmentId", S, "String", ""},
    {"ServiceInstance", "createdAt", S, "DateTime", ""},
    {"ServiceInstance", "updatedAt", S, "DateTime", ""},
    {"ServiceInstance", "deletedAt", S, "DateTime", ""},
    {"ServiceInstance", "startCommand", S, "String", ""},
    {"ServiceInstance", "buildCommand", S, "String", ""},
    {"ServiceInstance", "cronSchedule", S, "String", ""},
    {"ServiceInstance", "healthcheckPath", S, "String", ""},
    {"ServiceInstance", "rootDirectory", S, "String", ""},
    {"ServiceInstance", "region", S, "String", ""},
    {"ServiceInstance", "numReplicas", S, "Int", ""},
    {"ServiceInstance", "sleepApplication", S, "Boolean", ""},
    {"ServiceInstance", "service", O, "Service", ""},
    {"ServiceInstance", "latestDeployment", O, "Deployment", ""},

    {"Deployment", "id", S, "ID", ""},
    {"Deployment", "status", S, "String", ""},
    {"Deployment", "projectId", S, "String", ""},
    {"Deployment", "environmentId", S, "String", ""},
    {"Deployment", "serviceId", S, "String", ""},
    {"Deployment", "createdAt", S, "DateTime", ""},
    {"Deployment", "updatedAt", S, "DateTime", ""},
    {"Deployment", "canRedeploy", S, "Boolean", ""},
    {"Deployment", "environment", O, "Environment", ""},
    {"Deployment", "service", O, "Service", ""},

    {"Volume", "id", S, "ID", ""},
    {"Volume", "name", S, "String", ""},
    {"Volume", "projectId", S, "String", ""},
    {"Volume", "createdAt", S, "DateTime", ""},
    {"Volume", "project", O, "Project", ""},
    {"Volume", "volumeInstances", C, "VolumeInstance", kPage},

    {"VolumeInstance", "id", S, "ID", ""},
    {"VolumeInstance", "volumeId", S, "String", ""},
    {"VolumeInstance", "environmentId", S, "String", ""},
    {"VolumeInstance", "serviceId", S, "String", ""},
    {"VolumeInstance", "mountPath", S, "String", ""},
    {"VolumeInstance", "sizeMB", S, "Int", ""},
    {"VolumeInstance", "currentSizeMB", S, "Float", ""},
    {"VolumeInstance", "state", S, "VolumeState", ""},
    {"VolumeInstance", "isPendingDeletion", S, "Boolean", ""},
    {"VolumeInstance", "externalId", S, "String", ""},
    {"VolumeInstance", "region", S, "String", ""},
    {"VolumeInstance", "createdAt", S, "DateTime", ""},
    {"VolumeInstance", "deletedAt", S, "DateTime", ""},
    {"VolumeInstance", "environment", O, "Environment", ""},
    {"VolumeInstance", "service", O, "Service", ""},
    {"VolumeInstance", "volume", O, "Volume", ""},

    {"VolumeInstanceBackup", "id", S, "String", ""},
    {"VolumeInstanceBackup", "name", S, "String", ""},
    {"VolumeInstanceBackup", "createdAt", S, "DateTime", ""},
    {"VolumeInstanceBackup", "expiresAt", S, "DateTime", ""},
    {"VolumeInstanceBackup", "externalId", S, "String", ""},
    {"VolumeInstanceBackup", "usedMB", S, "Int", ""},
    {"VolumeInstanceBackup", "referencedMB", S, "Int", ""},
    {"VolumeInstanceBackup", "volumeInstanceSizeMB", S, "Int", ""},
    {"VolumeInstanceBackup", "scheduleId", S, "String", ""},
    {"VolumeInstanceBackup", "creatorId", S, "String", ""},

    {"VolumeInstanceBackupSchedule", "id", S, "ID", ""},
    {"VolumeInstanceBackupSchedule", "name", S, "String", ""},
    {"VolumeInstanceBackupSchedule", "kind", S, "VolumeInstanceBackupScheduleKind", ""},
    {"VolumeInstanceBackupSchedule", "cron", S, "String", ""},
    {"VolumeInstanceBackupSchedule", "retentionSeconds", S, "Int", ""},
    {"VolumeInstanceBackupSchedule", "createdAt", S, "DateTime", ""},

    {"Workspace", "id", S, "ID", ""},
    {"Workspace", "name", S, "String", ""},
    {"Workspace", "createdAt", S, "DateTime", ""},
    {"Workspace", "projects", C, "Project", kPage},
    {"User", "id", S, "ID", ""},
    {"User", "name", S, "String", ""},
    {"User", "email", S, "String", ""},
    {"User", "createdAt", S, "DateTime", ""},
    {"User", "workspaces", L, "Workspace", ""},
    {"ApiTokenContext", "workspaces", L, "ApiTokenWorkspace", ""},
    {"ApiTokenWorkspace", "id", S, "ID", ""},
    {"ApiTokenWorkspace", "name", S, "String", ""},
    {"ApiToken", "id", S, "ID", ""},
    {"ApiToken", "name", S, "String", ""},
    {"ApiToken", "displayToken", S, "String", ""},
    {"ApiToken", "workspaceId", S, "String", ""},
    {"ProjectToken", "id", S, "ID", ""},
    {"ProjectToken", "name", S, "String", ""},
    {"ProjectToken", "displayToken", S, "String", ""},
    {"ProjectToken", "projectId", S, "String", ""},
    {"ProjectToken", "environmentId", S, "String", ""},
    {"ProjectToken", "createdAt", S, "DateTime", ""},
    {"ProjectToken", "project", O, "Project", ""},
    {"ProjectToken", "environment", O, "Environment", ""},
    {"WorkflowResult", "status", S, "WorkflowStatus", ""},
    {"WorkflowResult", "error", S, "String", ""},
    {"WorkflowId", "workflowId", S, "String", ""},
    {"EnvironmentPatch", "id", S, "ID", ""},
    {"EnvironmentPatch", "environmentId", S, "String", ""},
    {"EnvironmentPatch", "status", S, "EnvironmentPatchStatus", ""},
    {"EnvironmentPatch", "createdAt", S, "DateTime", ""},
    {"EnvironmentPatch", "updatedAt", S, "DateTime", ""},
    {"EnvironmentPatch", "appliedAt", S, "DateTime", ""},
    {"EnvironmentPatch", "lastAppliedError", S, "String", ""},
    {"EnvironmentPatch", "message", S, "String", ""},
    {"EnvironmentPatch", "patch", S, "JSON", "decryptVariables"},
    {"EnvironmentPatch", "environment", O, "Environment", ""},
    {"CustomDomain", "id", S, "ID", ""},
    {"CustomDomain", "domain", S, "String", ""},
    {"CustomDomain", "projectId", S, "String", ""},
    {"CustomDomain", "environmentId", S, "String", ""},
    {"CustomDomain", "serviceId", S, "String", ""},
    {"CustomDomain", "targetPort", S, "Int", ""},
    {"CustomDomain", "syncStatus", S, "CustomDomainSyncStatus", ""},
    {"CustomDomain", "createdAt", S, "DateTime", ""},
    {"CustomDomain", "updatedAt", S, "DateTime", ""},
    {"CustomDomain", "deletedAt", S, "DateTime", ""},

    {"Mutation", "volumeCreate", O, "Volume", "input!"},
    {"Mutation", "volumeUpdate", O, "Volume", "input! volumeId!"},
    {"Mutation", "volumeDelete", S, "Boolean", "volumeId!"},
    {"Mutation", "volumeInstanceUpdate", S, "Boolean", "environmentId input! volumeId!"},
    {"Mutation", "volumeInstanceBackupCreate", O, "WorkflowId", "name volumeInstanceId!"},
    {"Mutation", "volumeInstanceBackupDelete", O, "WorkflowId", "volumeInstanceBackupId! volumeInstanceId!"},
    {"Mutation", "volumeInstanceBackupRestore", O, "WorkflowId", "replicaServiceIds volumeInstanceBackupId! volumeInstanceId! wipeServiceIds"},
    {"Mutation", "volumeInstanceBackupLock", S, "Boolean", "volumeInstanceBackupId! volumeInstanceId!"},
    {"Mutation", "volumeInstanceBackupScheduleUpdate", S, "Boolean", "kinds! volumeInstanceId!"},
    {"Mutation", "projectDelete", S, "Boolean", "id!"},
    {"Mutation", "projectScheduleDelete", S, "Boolean", "id!"},
    {"Mutation", "projectScheduleDeleteForce", S, "Boolean", "id!"},
    {"Mutation", "projectScheduleDeleteCancel", S, "Boolean", "id!"},
    {"Mutation", "projectTransfer", S, "Boolean", "input! projectId!"},
    {"Mutation", "workspaceDelete", S, "Boolean", "id!"},
    {"Mutation", "userDelete", S, "Boolean", ""},
    {"Mutation", "environmentCreate", O, "Environment", "input!"},
    {"Mutation", "environmentRename", O, "Environment", "id! input!"},
    {"Mutation", "environmentDelete", S, "Boolean", "id!"},
    {"Mutation", "environmentPatchCommit", S, "String", "commitMessage environmentId! patch"},
    {"Mutation", "environmentStageChanges", O, "EnvironmentPatch", "environmentId! input! merge"},
    {"Mutation", "environmentPatchCommitStaged", S, "String", "commitMessage environmentId! skipDeploys"},
    {"Mutation", "serviceCreate", O, "Service", "input!"},
    {"Mutation", "serviceUpdate", O, "Service", "id! input!"},
    {"Mutation", "serviceDelete", S, "Boolean", "environmentId id!"},
    {"Mutation", "serviceInstanceUpdate", S, "Boolean", "environmentId input! serviceId!"},
    {"Mutation", "serviceInstanceRedeploy", S, "Boolean", "environmentId! serviceId!"},
    {"Mutation", "deploymentRedeploy", O, "Deployment", "id! usePreviousImageTag"},
    {"Mutation", "deploymentRestart", S, "Boolean", "id!"},
    {"Mutation", "variableUpsert", S, "Boolean", "input!"},
    {"Mutation", "variableDelete", S, "Boolean", "input!"},
    {"Mutation", "variableCollectionUpsert", S, "Boolean", "input!"},
    {"Mutation", "projectTokenCreate", S, "String", "input!"},
    {"Mutation", "projectTokenDelete", S, "Boolean", "id!"},
    {"Mutation", "apiTokenCreate", S, "String", "input!"},
    {"Mutation", "customDomainCreate", O, "CustomDomain", "input!"},
    {"Mutation", "customDomainDelete", S, "Boolean", "id!"},
};
// clang-format on

}  // namespace

const FieldSpec* FindField(std::string_view type, std::string_view field) {
  const auto* const at = std::ranges::find_if(
      kFields, [&](const FieldSpec& spec) { return spec.owner == type && spec.name == field; });
  return at == std::end(kFields) ? nullptr : at;
}

bool IsKnownType(std::string_view type) {
  return type == "Node" ||
         std::ranges::any_of(kFields, [&](const FieldSpec& spec) { return spec.owner == type; });
}

std::vector<ArgumentSpec> ArgumentsOf(const FieldSpec& field) {
  std::vector<ArgumentSpec> out;
  std::string_view rest = field.arguments;
  while (!rest.empty()) {
    const std::size_t space = rest.find(' ');
    std::string_view word = rest.substr(0, space);
    rest = space == std::string_view::npos ? std::string_view() : rest.substr(space + 1);
    const bool required = word.ends_with('!');
    if (required) word.remove_suffix(1);
    out.push_back({word, required});
  }
  return out;
}

}  // namespace interlock::railsim
