// The input is a provider's answers, one a line, for both kinds of walk and for the details. For
// any bytes at all:
//   - a walk ends with a world or an error, and asks at most one question at a time;
//   - what a world shows refers to what it shows, and every target of it resolves or says why not;
//   - a volume never resolves to fewer environments than it has instances in;
//   - nothing is disposable that wasn't pinned, and the primary environment never is.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string_view>
#include <vector>

#include "scope/railway_walk.h"
#include "scope/relation.h"
#include "scope/resolve.h"

namespace {

using namespace interlock;
using namespace interlock::scope;

void Require(bool claim) {
  if (!claim) std::abort();
}

std::vector<std::string_view> LinesOf(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty() && lines.size() < 16) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

Scope ScopeOf(const World& world, const char* type, const std::string& id) {
  const Scope scope = Resolve(
      world, {{"railway", type, id}},
      [](std::string_view name) {
        return Mapped{name == "production" ? "production" : "scratch", name != "production"};
      },
      EphemeralIn(world));
  Require(scope.unresolved.empty() ? !scope.environments.empty()
                                   : !scope.unresolved_reason.empty());
  Require(Difference(scope, scope).empty());
  return scope;
}

void CheckWorld(const World& world) {
  for (const VolumeInstance& instance : world.parts().instances) {
    Require(world.FindVolume(instance.volume) != nullptr);
    Require(ScopeOf(world, "volumeInstance", instance.id).environments.size() == 1);
  }
  for (const Volume& volume : world.parts().volumes) {
    std::set<std::string> environments;
    for (const VolumeInstance* instance : world.InstancesOf(volume.id))
      environments.insert(instance->environment);
    const Scope scope = ScopeOf(world, "volume", volume.id);
    Require(!scope.unresolved.empty() || scope.environments.size() == environments.size());
  }
  for (const Environment& environment : world.parts().environments) {
    const Scope scope = ScopeOf(world, "environment", environment.id);
    const Project* project = world.FindProject(environment.project);
    for (const EnvironmentSeen& seen : scope.environments)
      Require(!seen.disposable || (seen.ephemeral && project->primary_environment != seen.id));
  }
  for (const Service& service : world.parts().services) ScopeOf(world, "service", service.id);
  for (const Project& project : world.parts().projects) ScopeOf(world, "project", project.id);
}

void Walk(ViewKind view, const std::vector<std::string_view>& lines) {
  RailwayWalk walk(view);
  for (std::string_view line : lines) {
    if (!walk.NextRequest()) break;
    Require(!walk.NextRequest());
    if (!walk.OnResponse(line)) Require(!walk.NextRequest() && !walk.Done());
  }
  const bool done = walk.Done();
  const auto world = walk.Finish(TimePoint{});
  Require(done || !world);
  if (world) CheckWorld(*world);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto lines = LinesOf({reinterpret_cast<const char*>(data), size});
  Walk(ViewKind::account, lines);
  Walk(ViewKind::project_token, lines);
  const DetailsWanted wanted{{"i-1", "i-2"}, {"d-1"}};
  for (std::string_view line : lines) {
    if (const auto details = ReadDetails(wanted, line))
      Require(details->backups.size() == 2 && details->deployments.size() == 1);
  }
  return 0;
}
