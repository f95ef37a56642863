// From the ids in a request to the environments they live in, and to what would be lost with them.
//
// Nothing is concluded from a name in the request. An id that the world does not show, or that
// could also live in an environment that the view can't show, is unresolved; then the action counts
// as production (docs/threat-model.md).
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "action/action.h"
#include "scope/details.h"
#include "scope/world.h"

namespace interlock::scope {

// The configured environment for the provider's name of one, and whether it is declared disposable.
struct Mapped {
  std::string name;
  bool declared_disposable = false;
};
using EnvironmentMapper = std::function<Mapped(std::string_view provider_name)>;

// Ids of the environments that the provider called ephemeral before the session started. One that
// appeared or changed since then is not disposable, whatever it says of itself.
using PinnedEphemeral = std::set<std::string>;
PinnedEphemeral EphemeralIn(const World& world);

// Targets, as classify names them (provider "railway"):
//   environment, volumeInstance     the environment itself, the instance's
//   volume                          those of all its instances, pending deletions too
//   service, project                every environment of the project
//   serviceInstance    SERVICE@ENVIRONMENT     that environment, if both are in one project
//   volumeInstanceOf   VOLUME@ENVIRONMENT      that environment, if the volume has an instance
//   there backup             INSTANCE@BACKUP         the instance's deployment the environment that
//   `details` gives
// Every other type is unresolved. Of a project that the view shows in part, volumes, services and
// the project itself are unresolved; an environment or instance that it shows is what it is.
//
// An environment is disposable if it is declared so and the provider's flag agrees and it is pinned
// and it is not its project's primary one. One that is declared disposable without the flag counts
// as production: its name was taken from somewhere.
//
// `details` is what was asked for the same targets, or nullptr: what it would say is then unknown,
// and `loss` says so.
Scope Resolve(const World& world, const std::vector<ResourceId>& targets,
              const EnvironmentMapper& mapper, const PinnedEphemeral& pinned,
              const Details* details = nullptr);

// The scope of targets when the world could not be seen at all.
Scope Unresolved(const std::vector<ResourceId>& targets, std::string reason);

}  // namespace interlock::scope
