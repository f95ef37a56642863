// Configuration and packs, checked without a gateway.
#include <algorithm>
#include <cstdio>

#include "agent_room.h"
#include "classify/examples.h"
#include "classify/packs.h"
#include "commands.h"
#include "config_paths.h"
#include "context.h"
#include "policy/config.h"
#include "text.h"

namespace interlock::app {

namespace fs = std::filesystem;

int PolicyCheck(const CommandLine& line) {
  std::vector<policy::ConfigPath> paths;
  for (const std::string& operand : line.operands)
    paths.push_back({fs::absolute(operand), policy::RuleSource::user, true});
  if (paths.empty()) paths = ConfigPaths(line);
  const auto config = policy::LoadConfig(paths);
  if (config) {
    const std::string digest = policy::PolicyDigest(*config);
    if (line.json)
      PrintJson(json::object{{"ok", true}, {"digest", digest}, {"rules", config->rules.size()}});
    else
      std::printf("ok  %zu rules, digest %s\n", config->rules.size(), digest.c_str());
    return kDone;
  }
  json::array problems;
  for (const policy::Problem& problem : config.error()) {
    problems.push_back({{"file", problem.file},
                        {"line", problem.line},
                        {"column", problem.column},
                        {"message", problem.message}});
    if (!line.json) std::fprintf(stderr, "interlock: %s\n", ToString(problem).c_str());
  }
  if (line.json) PrintJson(json::object{{"ok", false}, {"problems", std::move(problems)}});
  return kFailed;
}

namespace {

std::vector<fs::path> PackFolders(const CommandLine& line) {
  std::vector<fs::path> folders;
  for (const std::string& operand : line.operands) folders.emplace_back(operand);
  if (!folders.empty()) return folders;
  for (const fs::path& directory : PackDirectories()) {
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator(directory, failed)) {
      if (fs::exists(entry.path() / "pack.yaml", failed)) folders.push_back(entry.path());
    }
  }
  std::ranges::sort(folders);
  return folders;
}

// Agent profiles lie beside the packs. A mistake in one keeps every room from starting.
bool CheckAgents(const CommandLine& line, json::array& report) {
  const auto profiles = AgentProfiles();
  if (!profiles) {
    report.push_back(json::object{{"agents", false}, {"error", profiles.error().message}});
    if (!line.json) std::fprintf(stderr, "interlock: %s\n", profiles.error().message.c_str());
    return false;
  }
  for (const sandbox::Profile& profile : *profiles) {
    report.push_back(json::object{{"agent", profile.name}, {"ok", true}});
    if (!line.json) std::printf("%-20s agent profile\n", profile.name.c_str());
  }
  return true;
}

}  // namespace

int PackCheck(const CommandLine& line) {
  bool good = true;
  json::array report;
  for (const fs::path& folder : PackFolders(line)) {
    const auto checked = classify::CheckPack(folder);
    if (!checked) {
      good = false;
      report.push_back({{"pack", folder.filename().native()},
                        {"ok", false},
                        {"error", checked.error().message}});
      if (!line.json) std::fprintf(stderr, "interlock: %s\n", checked.error().message.c_str());
      continue;
    }
    good = good && checked->failures.empty();
    json::array failures;
    for (const std::string& failure : checked->failures) {
      failures.push_back(json::string(failure));
      if (!line.json) std::fprintf(stderr, "interlock: %s: %s\n", folder.c_str(), failure.c_str());
    }
    report.push_back({{"pack", folder.filename().native()},
                      {"ok", checked->failures.empty()},
                      {"examples", checked->passed + checked->failures.size()},
                      {"failures", std::move(failures)}});
    if (!line.json)
      std::printf("%-20s %zu examples, %zu wrong\n", folder.filename().c_str(),
                  checked->passed + checked->failures.size(), checked->failures.size());
  }
  if (line.operands.empty()) good = CheckAgents(line, report) && good;
  if (line.json) PrintJson(report);
  return good ? kDone : kFailed;
}

int PackList(const CommandLine& line) {
  std::vector<std::vector<std::string>> rows = {{"PACK", "HOSTS"}};
  json::array list;
  for (const fs::path& folder : PackFolders(line)) {
    const auto pack = classify::LoadPack(folder);
    if (!pack) return Report(pack.error());
    std::string hosts;
    json::array names;
    for (const classify::Api& api : pack->apis) {
      for (const std::string& host : api.hosts) {
        hosts += (hosts.empty() ? "" : " ") + host;
        names.push_back(json::string(host));
      }
    }
    rows.push_back({pack->name, hosts});
    list.push_back({{"pack", pack->name}, {"hosts", std::move(names)}});
  }
  if (line.json)
    PrintJson(list);
  else
    PrintTable(rows);
  return kDone;
}

}  // namespace interlock::app
