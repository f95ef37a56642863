#include "agent_room.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>

#include "account.h"
#include "base/file.h"
#include "config_paths.h"
#include "credential/workspace_scan.h"
#include "crypto/hash.h"
#include "sandbox/program.h"

namespace interlock::app {
namespace {

namespace fs = std::filesystem;

std::string Resolved(const std::string& path) {
  std::error_code failed;
  const fs::path real = fs::weakly_canonical(path, failed);
  std::string text = failed ? path : real.native();
  if (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

// Settings of people hold keys now and then. The shapes are those that a session's start looks for
// in the workspace.
std::string CredentialIn(std::string_view text) {
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    ++number;
    at = end + 1;
    if (const auto found = credential::TokensOfLine(line); !found.empty()) {
      return "line " + std::to_string(number) + " holds what looks like a credential (" +
             std::string(found[0].kind) + ")";
    }
    // https://user:password@host
    for (std::size_t scheme = line.find("://"); scheme != std::string_view::npos;
         scheme = line.find("://", scheme + 3)) {
      const std::string_view rest = line.substr(scheme + 3);
      const std::string_view authority = rest.substr(0, rest.find_first_of("/ \t\"'"));
      const std::size_t mark = authority.find('@');
      const std::size_t colon = authority.find(':');
      if (mark != std::string_view::npos && colon < mark && colon + 1 < mark) {
        return "line " + std::to_string(number) + " holds an address with a password";
      }
    }
  }
  return "";
}

// Of Interlock's own and beside STATE, which rooms never see: agents write here.
fs::path RoomsDirectory() {
  const char* xdg = std::getenv("XDG_DATA_HOME");
  if (xdg != nullptr && xdg[0] == '/') return fs::path(xdg) / "interlock/rooms";
  const std::string home = HomeDirectory();
  return home.empty() ? fs::path() : fs::path(home) / ".local/share/interlock/rooms";
}

void KeepDirectories(const sandbox::Profile& profile, sandbox::Request& request) {
  const fs::path rooms = RoomsDirectory();
  if (rooms.empty()) return;
  const fs::path root = Resolved(rooms.native());
  request.hidden.push_back(root.native());
  const fs::path own =
      root / profile.name / crypto::Sha256Hex(Resolved(request.workspace)).substr(0, 32);
  for (const std::string& path : profile.keep) {
    // One flat name for each: an agent that made "a" a link can't lead "a/b" elsewhere.
    std::string flat = path;
    std::ranges::replace(flat, '/', '+');
    request.kept.push_back({path, (own / flat).native()});
  }
}

std::vector<fs::path> ProfileDirectories() {
  std::vector<fs::path> directories;
  for (const fs::path& packs : PackDirectories()) directories.push_back(packs / "agents");
  return directories;
}

Result<sandbox::Profile> ChooseProfile(const CommandLine& line,
                                       const std::vector<std::string>& names) {
  if (!line.Has("--agent")) {
    ILK_TRY(profiles, sandbox::LoadProfiles(ProfileDirectories(), &names));
    return sandbox::Complete(sandbox::ProfileFor(names, profiles), profiles);
  }
  ILK_TRY(profiles, AgentProfiles());
  const std::string wanted = line.Get("--agent");
  const auto found = std::ranges::find(profiles, wanted, &sandbox::Profile::name);
  if (found != profiles.end()) return sandbox::Complete(*found, profiles);
  std::string known;
  for (const sandbox::Profile& profile : profiles)
    known += (known.empty() ? "" : ", ") + profile.name;
  return Fail(Code::invalid_input,
              "there is no agent profile \"" + wanted + "\"; there are: " + known);
}

}  // namespace

std::string HomeDirectory() {
  const char* home = std::getenv("HOME");
  if (home != nullptr && home[0] == '/') return home;
  const auto account = OwnAccount();
  return account && account->home.starts_with('/') ? account->home : "";
}

Result<std::vector<sandbox::Profile>> AgentProfiles() {
  return sandbox::LoadProfiles(ProfileDirectories());
}

Result<AgentRoom> FurnishRoom(const CommandLine& line, sandbox::Request& request) {
  const auto path = std::ranges::find(request.caller_environment, "PATH", &sandbox::Variable::name);
  const std::string home = request.home.empty() ? "" : Resolved(request.home);
  const std::string workspace = Resolved(request.workspace);
  ILK_TRY(program, sandbox::FindProgram(request.argv,
                                        path == request.caller_environment.end() ? "" : path->value,
                                        request.cwd, home, workspace));
  AgentRoom agent;
  ILK_TRY(profile, ChooseProfile(line, program.names));
  agent.profile = std::move(profile);
  agent.home =
      sandbox::ReadHome(agent.profile, home, workspace, request.caller_environment, CredentialIn);
  request.agent = agent.profile.name;
  for (const std::string& name : agent.profile.pass) {
    const auto variable =
        std::ranges::find(request.caller_environment, name, &sandbox::Variable::name);
    if (variable == request.caller_environment.end()) continue;
    const std::string why = CredentialIn(variable->value);
    if (why.empty())
      request.pass.push_back(name);
    else
      agent.home.left_out.push_back(name + ": " + why);
  }
  for (const auto& [name, value] : agent.profile.variables)
    request.agent_variables.push_back({name, value, sandbox::Origin::room});
  for (const auto* list : {&agent.home.show, &program.show}) {
    for (const std::string& shown : *list) {
      // What is in the workspace is there already, and writable.
      if (!sandbox::IsWithin(shown, workspace)) request.read_only.push_back(shown);
    }
  }
  for (const auto* list : {&agent.home.links, &program.links})
    request.links.insert(request.links.end(), list->begin(), list->end());
  request.path_entries = std::move(program.path_entries);
  for (const auto& [file, content] : agent.profile.files) request.files.push_back({file, content});
  request.home_files = agent.home.copies;
  KeepDirectories(agent.profile, request);
  return agent;
}

Result<void> MakeKeptDirectories(const sandbox::Request& request) {
  for (const sandbox::Kept& kept : request.kept) ILK_TRY_VOID(MakePrivateDirectory(kept.source));
  return {};
}

void AddCredentials(const AgentRoom& agent, json::object& start) {
  json::array keys;
  for (const sandbox::CallerKey& key : agent.home.keys) {
    keys.push_back(json::object{{"variable", key.variable},
                                {"value", key.value},
                                {"provider", key.provider},
                                {"kind", key.kind}});
  }
  json::array logins;
  for (const sandbox::CallerLogin& login : agent.home.logins) {
    json::array hosts;
    for (const std::string& host : login.hosts) hosts.push_back(json::string(host));
    logins.push_back(json::object{{"token", login.token}, {"hosts", std::move(hosts)}});
  }
  if (!keys.empty()) start["keys"] = std::move(keys);
  if (!logins.empty()) start["logins"] = std::move(logins);
}

void AddLoginFiles(const AgentRoom& agent, const std::map<std::string, std::string>& phantoms,
                   sandbox::Request& request) {
  for (sandbox::HomeFile& file : sandbox::LoginFilesWith(agent.home, phantoms))
    request.home_files.push_back(std::move(file));
}

void DescribeAgent(const AgentRoom& agent, json::object& plan) {
  json::array keys;
  for (const sandbox::CallerKey& key : agent.home.keys) {
    keys.push_back(
        json::object{{"variable", key.variable}, {"provider", key.provider}, {"kind", key.kind}});
  }
  json::array logins;
  for (const sandbox::CallerLogin& login : agent.home.logins) {
    json::array hosts;
    for (const std::string& host : login.hosts) hosts.push_back(json::string(host));
    logins.push_back(json::object{{"hosts", std::move(hosts)}});
  }
  json::array left_out;
  for (const std::string& one : agent.home.left_out) left_out.push_back(json::string(one));
  plan["keys"] = std::move(keys);
  plan["logins"] = std::move(logins);
  plan["left_out"] = std::move(left_out);
}

bool IsInsideRoom() {
  std::error_code ignored;
  return fs::exists(fs::path(sandbox::kRoomDirectory) / "empty", ignored);
}

}  // namespace interlock::app
