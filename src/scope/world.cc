#include "scope/world.h"

#include <algorithm>

#include "base/bytes.h"

namespace interlock::scope {
namespace {

std::string Quote(std::string_view id) { return "\"" + EscapeForHumans(id, 80) + "\""; }

template <typename T, typename Index>
Result<void> IndexById(const std::vector<T>& items, std::string_view kind, Index& index) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i].id.empty())
      return Fail(Code::invalid_input, "a " + std::string(kind) + " has no id");
    if (!index.emplace(items[i].id, i).second)
      return Fail(Code::invalid_input,
                  std::string(kind) + " " + Quote(items[i].id) + " is listed twice");
  }
  return {};
}

template <typename T, typename Index>
const T* FindIn(const std::vector<T>& items, const Index& index, std::string_view id) {
  const auto found = index.find(id);
  return found == index.end() ? nullptr : &items[found->second];
}

template <typename T, typename Lists>
std::vector<const T*> ListIn(const std::vector<T>& items, const Lists& lists, std::string_view id) {
  std::vector<const T*> out;
  const auto found = lists.find(id);
  if (found == lists.end()) return out;
  for (std::size_t i : found->second) out.push_back(&items[i]);
  return out;
}

}  // namespace

Result<World> World::Build(Parts parts) {
  World world;
  world.parts_ = std::move(parts);
  ILK_TRY_VOID(world.IndexAll());
  ILK_TRY_VOID(world.CheckReferences());
  return world;
}

Result<void> World::IndexAll() {
  ILK_TRY_VOID(IndexById(parts_.projects, "project", projects_));
  ILK_TRY_VOID(IndexById(parts_.environments, "environment", environments_));
  ILK_TRY_VOID(IndexById(parts_.services, "service", services_));
  ILK_TRY_VOID(IndexById(parts_.volumes, "volume", volumes_));
  ILK_TRY_VOID(IndexById(parts_.instances, "volume instance", instances_));
  for (std::size_t i = 0; i < parts_.environments.size(); ++i)
    environments_of_[parts_.environments[i].project].push_back(i);
  for (std::size_t i = 0; i < parts_.instances.size(); ++i) {
    instances_of_[parts_.instances[i].volume].push_back(i);
    instances_in_[parts_.instances[i].environment].push_back(i);
  }
  return {};
}

Result<void> World::CheckReferences() const {
  const auto project_missing = [this](const auto& item) {
    return !projects_.contains(item.project);
  };
  if (std::any_of(parts_.environments.begin(), parts_.environments.end(), project_missing) ||
      std::any_of(parts_.services.begin(), parts_.services.end(), project_missing) ||
      std::any_of(parts_.volumes.begin(), parts_.volumes.end(), project_missing))
    return Fail(Code::invalid_input, "something belongs to a project that is not listed");
  for (const VolumeInstance& instance : parts_.instances) {
    const Volume* volume = FindVolume(instance.volume);
    const Environment* environment = FindEnvironment(instance.environment);
    if (volume == nullptr || environment == nullptr)
      return Fail(Code::invalid_input, "volume instance " + Quote(instance.id) +
                                           " refers to something that is not listed");
    if (volume->project != environment->project)
      return Fail(Code::invalid_input, "volume instance " + Quote(instance.id) +
                                           " lies in an environment of another project");
  }
  return {};
}

bool World::complete() const {
  return std::all_of(parts_.projects.begin(), parts_.projects.end(),
                     [](const Project& project) { return project.incomplete_because.empty(); });
}

const Project* World::FindProject(std::string_view id) const {
  return FindIn(parts_.projects, projects_, id);
}
const Environment* World::FindEnvironment(std::string_view id) const {
  return FindIn(parts_.environments, environments_, id);
}
const Service* World::FindService(std::string_view id) const {
  return FindIn(parts_.services, services_, id);
}
const Volume* World::FindVolume(std::string_view id) const {
  return FindIn(parts_.volumes, volumes_, id);
}
const VolumeInstance* World::FindInstance(std::string_view id) const {
  return FindIn(parts_.instances, instances_, id);
}

const VolumeInstance* World::FindInstanceOf(std::string_view volume,
                                            std::string_view environment) const {
  for (const VolumeInstance* instance : InstancesOf(volume)) {
    if (instance->environment == environment) return instance;
  }
  return nullptr;
}

std::vector<const Environment*> World::EnvironmentsOf(std::string_view project) const {
  return ListIn(parts_.environments, environments_of_, project);
}
std::vector<const VolumeInstance*> World::InstancesOf(std::string_view volume) const {
  return ListIn(parts_.instances, instances_of_, volume);
}
std::vector<const VolumeInstance*> World::InstancesIn(std::string_view environment) const {
  return ListIn(parts_.instances, instances_in_, environment);
}

}  // namespace interlock::scope
