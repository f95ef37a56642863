#include "scope/details.h"

#include <algorithm>
#include <set>

#include "scope/answer_reader.h"
#include "scope/targets.h"

namespace interlock::scope {
namespace {

constexpr std::size_t kBackupsMax = 10'000;  // of one instance

void AddInstances(const std::vector<const VolumeInstance*>& instances, std::set<std::string>& out) {
  for (const VolumeInstance* instance : instances) out.insert(instance->id);
}

void AddLost(const World& world, const ResourceId& target, std::set<std::string>& out) {
  if (target.type == "volume") AddInstances(world.InstancesOf(target.id), out);
  if (target.type == "environment") AddInstances(world.InstancesIn(target.id), out);
  if (target.type == "volumeInstance" && world.FindInstance(target.id) != nullptr)
    out.insert(target.id);
  if (target.type == "project") {
    for (const Environment* environment : world.EnvironmentsOf(target.id))
      AddInstances(world.InstancesIn(environment->id), out);
  }
  const auto pair = SplitPair(target.id);
  if (!pair) return;
  if (target.type == "backup" && world.FindInstance(pair->first) != nullptr)
    out.insert(pair->first);
  if (target.type != "volumeInstanceOf") return;
  if (const VolumeInstance* instance = world.FindInstanceOf(pair->first, pair->second))
    out.insert(instance->id);
}

// "b0", "b1", …: the names under which one document asks the same field many times.
std::string Alias(char letter, std::size_t i) { return letter + std::to_string(i); }

}  // namespace

DetailsWanted WantedFor(const World& world, const std::vector<ResourceId>& targets,
                        Purpose purpose) {
  std::set<std::string> instances;
  std::set<std::string> deployments;
  for (const ResourceId& target : targets) {
    if (target.provider != kProvider) continue;
    if (target.type == "deployment") deployments.insert(target.id);
    if (purpose == Purpose::hold) AddLost(world, target, instances);
  }
  return {{instances.begin(), instances.end()}, {deployments.begin(), deployments.end()}};
}

Result<std::string> DetailsQuery(const DetailsWanted& wanted) {
  if (wanted.instances.size() + wanted.deployments.size() > kDetailsMax)
    return Fail(Code::limit, "more than " + std::to_string(kDetailsMax) +
                                 " things to ask the provider about for one request");
  std::string parameters;
  std::string fields;
  json::object variables;
  const auto ask = [&](const std::string& alias, std::string_view field, const std::string& id) {
    parameters += (parameters.empty() ? "$" : ", $") + alias + ": String!";
    fields += " " + alias + ": " + std::string(field);
    variables[alias] = id;
  };
  for (std::size_t i = 0; i < wanted.instances.size(); ++i) {
    const std::string alias = Alias('b', i);
    ask(alias, "volumeInstanceBackupList(volumeInstanceId: $" + alias + ") { id name createdAt }",
        wanted.instances[i]);
  }
  for (std::size_t i = 0; i < wanted.deployments.size(); ++i) {
    const std::string alias = Alias('d', i);
    ask(alias, "deployment(id: $" + alias + ") { id environmentId }", wanted.deployments[i]);
  }
  return Canonical(
      json::object{{"query", "query InterlockDetails(" + parameters + ") {" + fields + " }"},
                   {"variables", std::move(variables)}});
}

Result<Details> ReadDetails(const DetailsWanted& wanted, std::string_view body) {
  if (body.size() > kAnswerBytesMax) return Fail(Code::limit, "an answer of more than 8 MiB");
  ILK_TRY(data, ReadData(body));
  std::string fault;
  AnswerReader root(data, "data", fault);
  Details details;
  for (std::size_t i = 0; i < wanted.instances.size(); ++i) {
    std::vector<Backup>& backups = details.backups[wanted.instances[i]];
    for (AnswerReader& item : root.List(Alias('b', i), kBackupsMax))
      backups.push_back({item.Id("id"), item.TextOrNull("name"), item.Text("createdAt")});
  }
  for (std::size_t i = 0; i < wanted.deployments.size(); ++i) {
    AnswerReader deployment = root.Object(Alias('d', i));
    if (deployment.Id("id") != wanted.deployments[i])
      deployment.Refuse("id", "the one that was asked for");
    details.deployments[wanted.deployments[i]] = deployment.Id("environmentId");
  }
  if (!fault.empty()) return Fail(Code::invalid_input, fault);
  return details;
}

}  // namespace interlock::scope
