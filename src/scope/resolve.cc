#include "scope/resolve.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "scope/targets.h"
#include "scope/words.h"

namespace interlock::scope {
namespace {

constexpr std::string_view kProduction = "production";

// Why a target is unresolved; "" when it is resolved.
using Reason = std::string;

class Resolver {
 public:
  Resolver(const World& world, const EnvironmentMapper& mapper, const PinnedEphemeral& pinned,
           const Details* details)
      : world_(world),
        mapper_(mapper),
        pinned_(pinned),
        details_(details),
        known_by_("Railway, seen " + FormatTime(world.seen_at())) {}

  void Add(const ResourceId& target) {
    const Reason reason =
        target.provider == kProvider ? AddKnown(target) : Reason("it is not a resource of Railway");
    if (reason.empty()) return;
    scope_.unresolved.push_back(target);
    scope_.names.push_back(target.id);
    Where(Shown(ToString(target)) + " could not be resolved: " + reason);
    if (reasons_.insert(reason).second)
      scope_.unresolved_reason += (scope_.unresolved_reason.empty() ? "" : "; ") + reason;
  }

  Scope Take() {
    for (const auto& [id, seen] : seen_) scope_.environments.push_back(seen);
    std::sort(scope_.environments.begin(), scope_.environments.end(),
              [](const EnvironmentSeen& a, const EnvironmentSeen& b) {
                return std::tie(a.name, a.id) < std::tie(b.name, b.id);
              });
    return std::move(scope_);
  }

 private:
  Reason AddKnown(const ResourceId& target) {
    const std::string& id = target.id;
    if (target.type == "volume") return AddVolume(id);
    if (target.type == "volumeInstance") return AddInstance(id);
    if (target.type == "environment") return AddEnvironment(id);
    if (target.type == "service") return AddService(id);
    if (target.type == "project") return AddProject(id);
    if (target.type == "deployment") return AddDeployment(id);
    const auto pair = SplitPair(id);
    if (pair && target.type == "serviceInstance")
      return AddServiceInstance(pair->first, pair->second);
    if (pair && target.type == "volumeInstanceOf") return AddInstanceOf(pair->first, pair->second);
    if (pair && target.type == "backup") return AddBackup(pair->first, pair->second);
    return "where a " + Shown(target.type) + " like this lives is not known";
  }

  Reason AddVolume(const std::string& id) {
    const Volume* volume = world_.FindVolume(id);
    if (volume == nullptr) return NotShown("volume");
    if (Reason reason = Incomplete(volume->project); !reason.empty()) return reason;
    const auto instances = world_.InstancesOf(id);
    if (instances.empty()) return "no environment is shown that this volume lives in";
    for (const VolumeInstance* instance : instances) LoseInstance(*instance);
    scope_.names.push_back(volume->name);
    return {};
  }

  Reason AddInstance(const std::string& id) {
    const VolumeInstance* instance = world_.FindInstance(id);
    if (instance == nullptr) return NotShown("volume instance");
    LoseInstance(*instance);
    scope_.names.push_back(world_.FindVolume(instance->volume)->name);
    return {};
  }

  Reason AddInstanceOf(const std::string& volume, const std::string& environment) {
    const VolumeInstance* instance = world_.FindInstanceOf(volume, environment);
    if (instance == nullptr) return NotShown("volume in that environment");
    return AddInstance(instance->id);
  }

  Reason AddEnvironment(const std::string& id) {
    const Environment* environment = world_.FindEnvironment(id);
    if (environment == nullptr) return NotShown("environment");
    See(*environment);
    Where("environment " + Shown(environment->name) + ProjectWords(environment->project));
    Lose("environment " + Shown(environment->name) + " with all that is in it");
    for (const VolumeInstance* instance : world_.InstancesIn(id)) LoseInstance(*instance);
    scope_.names.push_back(environment->name);
    return {};
  }

  Reason AddService(const std::string& id) {
    const Service* service = world_.FindService(id);
    if (service == nullptr) return NotShown("service");
    std::vector<std::string> names;
    if (Reason reason = SeeProject(service->project, names); !reason.empty()) return reason;
    const std::string what = "service " + Quoted(service->name);
    Where(what + " can run in every environment of its project: " + JoinWords(names));
    Lose(what + " in " + JoinWords(names));
    scope_.names.push_back(service->name);
    return {};
  }

  Reason AddServiceInstance(const std::string& id, const std::string& environment_id) {
    const Service* service = world_.FindService(id);
    const Environment* environment = world_.FindEnvironment(environment_id);
    if (environment == nullptr) return NotShown("environment");
    if (service == nullptr) return NotShown("service");
    if (service->project != environment->project)
      return "the service and the environment belong to different projects";
    See(*environment);
    const std::string what = "service " + Quoted(service->name) + " in " + Shown(environment->name);
    Where(what);
    Lose(what);
    scope_.names.push_back(service->name);
    return {};
  }

  Reason AddProject(const std::string& id) {
    const Project* project = world_.FindProject(id);
    if (project == nullptr) return NotShown("project");
    std::vector<std::string> names;
    if (Reason reason = SeeProject(id, names); !reason.empty()) return reason;
    const std::string what = "project " + Quoted(project->name);
    Where(what + " has the environments " + JoinWords(names));
    Lose(what + " with all that is in " + JoinWords(names));
    for (const Environment* environment : world_.EnvironmentsOf(id)) {
      for (const VolumeInstance* instance : world_.InstancesIn(environment->id))
        LoseInstance(*instance);
    }
    scope_.names.push_back(project->name);
    return {};
  }

  Reason AddBackup(const std::string& instance_id, const std::string& backup_id) {
    const VolumeInstance* instance = world_.FindInstance(instance_id);
    if (instance == nullptr) return NotShown("volume instance");
    See(*world_.FindEnvironment(instance->environment));
    std::string name = backup_id;
    if (const Backup* backup = FindBackup(instance_id, backup_id)) {
      name = backup->name.empty() ? backup_id : backup->name;
      Lose("backup " + Quoted(name) + " of " + Shown(backup->created_at));
    } else {
      Lose("backup " + Quoted(backup_id));
    }
    Where("backup " + Quoted(name) + " of " + InstanceWords(world_, *instance));
    scope_.names.push_back(name);
    return {};
  }

  Reason AddDeployment(const std::string& id) {
    const std::string* environment_id = FindDeployment(id);
    if (environment_id == nullptr) return "the provider was not asked where the deployment runs";
    const Environment* environment = world_.FindEnvironment(*environment_id);
    if (environment == nullptr) return NotShown("environment of the deployment");
    See(*environment);
    Where("deployment " + Shown(id) + " in " + Shown(environment->name));
    Lose("deployment " + Shown(id) + " in " + Shown(environment->name));
    scope_.names.push_back(id);
    return {};
  }

  static Reason NotShown(std::string_view what) {
    return "the provider shows no such " + std::string(what);
  }

  // A view that can't show every environment proves nothing about what could live in several.
  Reason Incomplete(std::string_view project_id) const {
    const Project* project = world_.FindProject(project_id);
    if (project == nullptr) return NotShown("project");
    if (project->incomplete_because.empty()) return {};
    return "project " + Quoted(project->name) +
           " can't be seen in full: " + project->incomplete_because;
  }

  Reason SeeProject(std::string_view project, std::vector<std::string>& names) {
    if (Reason reason = Incomplete(project); !reason.empty()) return reason;
    const auto environments = world_.EnvironmentsOf(project);
    if (environments.empty()) return "the project shows no environment";
    for (const Environment* environment : environments) {
      See(*environment);
      names.push_back(Shown(environment->name));
    }
    return {};
  }

  void See(const Environment& environment) {
    if (seen_.contains(environment.id)) return;
    EnvironmentSeen seen;
    seen.id = environment.id;
    seen.name = environment.name;
    seen.ephemeral = environment.ephemeral;
    const Mapped mapped = mapper_(environment.name);
    const Project* project = world_.FindProject(environment.project);
    const bool primary = project != nullptr && project->primary_environment == environment.id;
    // A name is not enough to make an environment disposable: anybody may choose it.
    const bool spoofed = mapped.declared_disposable && (!environment.ephemeral || primary);
    seen.mapped = spoofed || mapped.name.empty() ? std::string(kProduction) : mapped.name;
    seen.disposable = mapped.declared_disposable && !spoofed && seen.mapped != kProduction &&
                      pinned_.contains(environment.id);
    seen_.emplace(environment.id, std::move(seen));
  }

  void LoseInstance(const VolumeInstance& instance) {
    if (!lost_.insert(instance.id).second) return;
    See(*world_.FindEnvironment(instance.environment));
    const std::string words = InstanceWords(world_, instance);
    std::string where = words;
    if (!instance.mount_path.empty()) where += ", mounted at " + Shown(instance.mount_path);
    if (instance.pending_deletion) where += ", waiting to be deleted";
    Where(std::move(where));
    Lose(WithSize(words, instance.used_mb));
    LoseBackups(instance, words);
  }

  // They live in the volume's own storage and go with it.
  void LoseBackups(const VolumeInstance& instance, const std::string& words) {
    const std::vector<Backup>* backups = FindBackups(instance.id);
    if (backups == nullptr) {
      Lose("the backups stored inside " + words + ", which were not counted: none would survive");
      return;
    }
    if (backups->empty()) return;
    Lose(CountWords(backups->size(), "backup") + " stored inside " + words +
         ": none would survive");
  }

  // nullptr where the provider was not asked.
  const std::vector<Backup>* FindBackups(const std::string& instance) const {
    if (details_ == nullptr) return nullptr;
    const auto found = details_->backups.find(instance);
    return found == details_->backups.end() ? nullptr : &found->second;
  }

  const std::string* FindDeployment(const std::string& id) const {
    if (details_ == nullptr) return nullptr;
    const auto found = details_->deployments.find(id);
    return found == details_->deployments.end() ? nullptr : &found->second;
  }

  const Backup* FindBackup(const std::string& instance, const std::string& id) const {
    const std::vector<Backup>* backups = FindBackups(instance);
    if (backups == nullptr) return nullptr;
    const auto found = std::find_if(backups->begin(), backups->end(),
                                    [&id](const Backup& backup) { return backup.id == id; });
    return found == backups->end() ? nullptr : &*found;
  }

  std::string ProjectWords(std::string_view id) const {
    const Project* project = world_.FindProject(id);
    return project == nullptr ? "" : " of project " + Quoted(project->name);
  }

  void Where(std::string what) { scope_.where.push_back({std::move(what), known_by_}); }
  void Lose(std::string what) { scope_.loss.push_back({std::move(what), known_by_}); }

  const World& world_;
  const EnvironmentMapper& mapper_;
  const PinnedEphemeral& pinned_;
  const Details* details_;
  const std::string known_by_;
  Scope scope_;
  std::map<std::string, EnvironmentSeen> seen_;  // by the provider's id
  std::set<std::string> lost_;                   // instances that are listed already
  std::set<std::string> reasons_;
};

std::vector<ResourceId> Distinct(const std::vector<ResourceId>& targets) {
  std::set<ResourceId> known;
  std::vector<ResourceId> out;
  for (const ResourceId& target : targets) {
    if (known.insert(target).second) out.push_back(target);
  }
  return out;
}

}  // namespace

PinnedEphemeral EphemeralIn(const World& world) {
  PinnedEphemeral out;
  for (const Environment& environment : world.parts().environments) {
    if (environment.ephemeral) out.insert(environment.id);
  }
  return out;
}

Scope Resolve(const World& world, const std::vector<ResourceId>& targets,
              const EnvironmentMapper& mapper, const PinnedEphemeral& pinned,
              const Details* details) {
  Resolver resolver(world, mapper, pinned, details);
  for (const ResourceId& target : Distinct(targets)) resolver.Add(target);
  return resolver.Take();
}

Scope Unresolved(const std::vector<ResourceId>& targets, std::string reason) {
  Scope scope;
  scope.unresolved = Distinct(targets);
  scope.unresolved_reason = std::move(reason);
  for (const ResourceId& target : scope.unresolved) scope.names.push_back(target.id);
  return scope;
}

}  // namespace interlock::scope
