// Carries mutations out, at once and without a question: that is what the `legacy` mode is about.
//
// A project token may act on what its environment shows it. Ids that are shown there but belong to
// the whole project (a volume, a service) work on all environments, as the operation says.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "plan.h"
#include "reader.h"
#include "world.h"

namespace interlock::railsim {

class Writer {
 public:
  Writer(World& world, const Caller& caller)
      : world_(world), db_(world.db()), caller_(caller), reader_(world, caller) {}

  // Runs inside World::Apply. The value is the field's answer.
  Result<json::value> Do(const PlannedField& field);

 private:
  using Answer = Result<json::value>;
  using Method = Answer (Writer::*)(const PlannedField&);
  struct Entry {
    std::string_view name;
    Method method;
  };
  static const Entry kEntries[];

  // ── volumes and backups (writer_volumes.cc) ──
  Answer VolumeCreate(const PlannedField& field);
  Answer VolumeUpdate(const PlannedField& field);
  Answer VolumeDelete(const PlannedField& field);
  Answer VolumeInstanceUpdate(const PlannedField& field);
  Answer BackupCreate(const PlannedField& field);
  Answer BackupDelete(const PlannedField& field);
  Answer BackupRestore(const PlannedField& field);
  Answer BackupLock(const PlannedField& field);
  Answer BackupScheduleUpdate(const PlannedField& field);
  Result<void> AddInstance(std::string_view volume, std::string_view environment,
                           const json::value& service, const json::value& mount_path);
  Result<void> DeleteVolume(std::string_view volume);
  Result<void> DeleteInstance(std::string_view volume, std::string_view instance);
  Result<void> DeleteBackup(const Object& instance, std::string_view backup);
  Result<void> WipeServices(const Object& instance, const json::array& services);
  Result<Object> BackupOf(const PlannedField& field, const Object& instance);

  // ── projects and environments (writer_projects.cc) ──
  Answer ProjectDelete(const PlannedField& field);
  Answer ProjectScheduleDelete(const PlannedField& field);
  Answer ProjectScheduleDeleteCancel(const PlannedField& field);
  Answer ProjectTransfer(const PlannedField& field);
  Answer WorkspaceDelete(const PlannedField& field);
  Answer UserDelete(const PlannedField& field);
  Answer EnvironmentCreate(const PlannedField& field);
  Answer EnvironmentRename(const PlannedField& field);
  Answer EnvironmentDelete(const PlannedField& field);
  Answer PatchCommit(const PlannedField& field);
  Answer StageChanges(const PlannedField& field);
  Answer PatchCommitStaged(const PlannedField& field);
  Result<void> DeleteProject(std::string_view project);
  Result<void> DeleteEnvironment(std::string_view environment);
  Result<void> CopyEnvironment(std::string_view from, std::string_view to);
  Result<void> ApplyPatch(std::string_view environment, const json::object& patch);
  Result<void> PatchService(std::string_view environment, std::string_view service,
                            const json::object& patch);
  Result<void> PatchVolume(std::string_view environment, std::string_view volume,
                           const json::object& patch);

  // ── services, variables, credentials (writer_services.cc) ──
  Answer ServiceCreate(const PlannedField& field);
  Answer ServiceUpdate(const PlannedField& field);
  Answer ServiceDelete(const PlannedField& field);
  Answer ServiceInstanceUpdate(const PlannedField& field);
  Answer ServiceInstanceRedeploy(const PlannedField& field);
  Answer DeploymentRedeploy(const PlannedField& field);
  Answer DeploymentRestart(const PlannedField& field);
  Answer VariableUpsert(const PlannedField& field);
  Answer VariableDelete(const PlannedField& field);
  Answer VariableCollectionUpsert(const PlannedField& field);
  Answer ProjectTokenCreate(const PlannedField& field);
  Answer ProjectTokenDelete(const PlannedField& field);
  Answer ApiTokenCreate(const PlannedField& field);
  Answer CustomDomainCreate(const PlannedField& field);
  Answer CustomDomainDelete(const PlannedField& field);
  Result<void> DeleteServiceIn(std::string_view service, std::string_view environment);
  Result<std::string> Deploy(std::string_view service, std::string_view environment);
  Result<void> SetVariables(std::string_view environment, std::string_view service,
                            const json::object& variables);
  // The environment and service ("" for a shared variable) that an input names, both seen.
  struct Place {
    std::string environment;
    std::string service;
  };
  Result<Place> PlaceOf(const json::object& input);

  // ── shared (writer.cc) ──
  static std::string Text(const PlannedField& field, std::string_view argument);
  static Result<json::object> Input(const PlannedField& field);
  Result<void> AccountOnly() const;
  // The environments of a project that the caller sees and that live.
  Result<std::vector<std::string>> EnvironmentsOf(std::string_view project, bool with_ephemeral);
  Result<std::string> Workflow();
  Answer WorkflowAnswer(const PlannedField& field);
  Answer Shown(const PlannedField& field, std::string_view type, std::string_view id);

  World& world_;
  Database& db_;
  const Caller& caller_;
  Reader reader_;
};

}  // namespace interlock::railsim
