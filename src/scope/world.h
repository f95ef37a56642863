// What a provider showed of itself at one moment: projects, their environments and what lives
// there.
//
// A value, built once from the answers of a walk and not changed afterwards. It is consistent or it
// isn't built: every id stands for one thing, and everything refers to things that are in it.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace interlock::scope {

// Through whose eyes it was seen. A project token sees one environment, and nothing of the others.
enum class ViewKind { account, project_token };

struct Project {
  std::string id;
  std::string name;
  std::string
      primary_environment;  // the provider's oldest one that isn't ephemeral, "" if it has none
  // "" when the view shows every environment of the project and all that lives in them; else why
  // not.
  std::string incomplete_because;
};

struct Environment {
  std::string id;
  std::string name;
  std::string project;
  bool ephemeral = false;  // the provider's own flag
};

struct Service {
  std::string id;
  std::string name;
  std::string project;
};

struct Volume {
  std::string id;
  std::string name;
  std::string project;
};

// A volume in one environment. Deleted and pending ones are listed as long as the provider lists
// them.
struct VolumeInstance {
  std::string id;
  std::string volume;
  std::string environment;
  std::string service;  // "" when it is attached to none
  std::string mount_path;
  double used_mb = 0;
  std::string state;  // the provider's word, "" when it gave none
  bool pending_deletion = false;
};

// All that a walk gathered, unchecked.
struct Parts {
  ViewKind view = ViewKind::account;
  TimePoint seen_at;
  std::vector<Project> projects;
  std::vector<Environment> environments;
  std::vector<Service> services;
  std::vector<Volume> volumes;
  std::vector<VolumeInstance> instances;
};

class World {
 public:
  // Refused: an id that appears twice, one that refers to something that isn't there or that lies
  // in another project.
  static Result<World> Build(Parts parts);

  ViewKind view() const { return parts_.view; }
  TimePoint seen_at() const { return parts_.seen_at; }
  const Parts& parts() const { return parts_; }
  // Every project is shown with all its environments.
  bool complete() const;

  // nullptr when the view does not show it.
  const Project* FindProject(std::string_view id) const;
  const Environment* FindEnvironment(std::string_view id) const;
  const Service* FindService(std::string_view id) const;
  const Volume* FindVolume(std::string_view id) const;
  const VolumeInstance* FindInstance(std::string_view id) const;
  const VolumeInstance* FindInstanceOf(std::string_view volume, std::string_view environment) const;

  std::vector<const Environment*> EnvironmentsOf(std::string_view project) const;
  std::vector<const VolumeInstance*> InstancesOf(std::string_view volume) const;
  std::vector<const VolumeInstance*> InstancesIn(std::string_view environment) const;

 private:
  using Index = std::map<std::string, std::size_t, std::less<>>;
  using Lists = std::map<std::string, std::vector<std::size_t>, std::less<>>;

  Result<void> IndexAll();
  Result<void> CheckReferences() const;

  Parts parts_;
  Index projects_, environments_, services_, volumes_, instances_;
  Lists environments_of_, instances_of_, instances_in_;
};

}  // namespace interlock::scope
