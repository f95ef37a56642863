// `interlock run`: asks the gateway for a session, makes the room, hands its sockets over, and
// waits with the command. One thread: the kernel ends the room with the thread that made it.
#include <unistd.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <map>
#include <vector>

#include "agent_room.h"
#include "base/bytes.h"
#include "commands.h"
#include "config_paths.h"
#include "context.h"
#include "room_openings.h"
#include "sandbox/apply.h"
#include "sandbox/capture.h"
#include "sandbox/git_access.h"
#include "sandbox/plan_json.h"
#include "text.h"
#include "workspace_keeper.h"

extern char** environ;

namespace interlock::app {
namespace {

namespace fs = std::filesystem;
constexpr int kNoSuchProgram = 127;  // as shells have it

std::vector<sandbox::Variable> CallerEnvironment() {
  std::vector<sandbox::Variable> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    variables.push_back({std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)),
                         sandbox::Origin::caller});
  }
  return variables;
}

sandbox::Request RoomFor(const CommandLine& line) {
  sandbox::Request request;
  request.argv = line.rest;
  std::error_code ignored;
  request.cwd = fs::current_path(ignored).native();
  request.workspace =
      line.Has("--workspace") ? fs::absolute(line.Get("--workspace")).native() : request.cwd;
  request.home = HomeDirectory();
  request.caller_environment = CallerEnvironment();
  request.hidden.push_back(StateDirectory(line).native());
  for (const policy::ConfigPath& config : ConfigPaths(line))
    request.hidden.push_back(config.path.native());
  for (const fs::path& packs : PackDirectories()) request.protect.push_back(packs.native());
  request.protect.push_back(SelfPath().parent_path().native());
  for (const std::string& name : line.All("--weaken")) (void)Weaken(request.weakenings, name);
  return request;
}

// The agent's program, for people: "claude", not its path.
std::string AgentName(const std::vector<std::string>& argv) {
  return argv.empty() ? "" : fs::path(argv[0]).filename().native();
}

void Announce(const CommandLine& line, const AgentRoom& agent, const json::object& session,
              const SshRoom* ssh, const std::string& workspace) {
  if (line.json) {
    json::object said{{"session", *Find(session, "session")},
                      {"environment", *Find(session, "environment")}};
    if (ssh != nullptr) said["ssh"] = {{"host", ssh->HostName()}, {"config", ssh->ConfigPath()}};
    std::fprintf(stderr, "%s\n", json::serialize(said).c_str());
    return;
  }
  if (line.Has("--quiet")) return;
  std::string to;
  for (const json::value& name : *FindArray(session, "approvers"))
    to += (to.empty() ? "" : ", ") + EscapeForHumans(name.as_string());
  std::fprintf(stderr,
               "interlock  room closed · lent: %s · %zu credentials as phantoms · holds go to %s · "
               "no witness\n",
               std::string(FindString(session, "environment")).c_str(),
               FindArray(session, "lent")->size(),
               to.empty() ? "nobody yet (interlock approver add)" : to.c_str());
  std::fprintf(stderr, "interlock  %s\n", workspace.c_str());
  // A gateway of an earlier version says nothing of it.
  if (const json::array* not_lent = FindArray(session, "not_lent")) {
    for (const json::value& value : *not_lent) {
      const json::object& one = value.as_object();
      std::fprintf(stderr, "interlock  not lent: %s (%s)\n",
                   EscapeForHumans(FindString(one, "lend")).c_str(),
                   EscapeForHumans(FindString(one, "why")).c_str());
    }
  }
  for (const std::string& left_out : agent.home.left_out)
    std::fprintf(stderr, "interlock  not in the room: %s\n", EscapeForHumans(left_out).c_str());
}

// Remotes by SSH go over HTTPS inside, with what was lent for them.
Result<void> TellGit(const json::object& session, sandbox::Request& request) {
  std::vector<sandbox::GitHost> hosts;
  if (const json::array* told = FindArray(session, "git")) {
    for (const json::value& value : *told) {
      const json::object& one = value.as_object();
      hosts.push_back({std::string(FindString(one, "host")), std::string(FindString(one, "user")),
                       std::string(FindString(one, "variable"))});
    }
  }
  ILK_TRY(variables, sandbox::GitVariables(hosts));
  for (sandbox::Variable& variable : variables) request.variables.push_back(std::move(variable));
  return {};
}

// What leads into the room and where it may go, as given on the command line.
struct Ways {
  std::vector<std::string> reach;
  std::vector<sandbox::Published> published;
  bool ssh = false;
};

Result<Ways> ReadWays(const CommandLine& line) {
  Ways ways;
  ways.reach = line.All("--reach");  // the gateway reads them
  for (const std::string& text : line.All("--publish")) {
    ILK_TRY(published, ParsePublished(text));
    for (const sandbox::Published& other : ways.published) {
      if (other.host_port != published.host_port) continue;
      return Fail(Code::invalid_input, "--publish: port " + std::to_string(other.host_port) +
                                           " is published twice; one of them as HOSTPORT:PORT "
                                           "gets another number outside");
    }
    ways.published.push_back(published);
  }
  ways.ssh = line.Has("--ssh");
  return ways;
}

void AddWays(const Ways& ways, sandbox::Request& request) {
  for (const sandbox::Published& port : ways.published) request.dialled.push_back(port.room_port);
  if (ways.ssh) SshRoom::AddEntrance(request);
}

void AddWays(const Ways& ways, json::object& start) {
  json::array reach, published;
  for (const std::string& service : ways.reach) reach.push_back(json::string(service));
  for (const sandbox::Published& port : ways.published) published.push_back(port.host_port);
  start["reach"] = std::move(reach);
  start["published"] = std::move(published);
  start["ssh"] = ways.ssh;
}

void AnnounceWays(const Ways& ways, const json::object& session, const SshRoom* ssh) {
  for (const json::value& reach : *FindArray(session, "reach")) {
    std::fprintf(stderr, "interlock  reaches %s, inside as %s; what is said there is judged\n",
                 EscapeForHumans(FindString(reach.as_object(), "service")).c_str(),
                 EscapeForHumans(FindString(reach.as_object(), "inside")).c_str());
  }
  for (const sandbox::Published& port : ways.published) {
    std::fprintf(stderr, "interlock  http://127.0.0.1:%u shows port %u of the room\n",
                 port.host_port, port.room_port);
  }
  if (ssh == nullptr) return;
  std::fprintf(stderr,
               "interlock  ssh -F '%s' %s\n"
               "interlock  for editors, once, in ~/.ssh/config: Include \"%s/*.config\"\n\n%s\n",
               ssh->ConfigPath().c_str(), ssh->HostName().c_str(),
               std::filesystem::path(ssh->ConfigPath()).parent_path().c_str(),
               ssh->ClientConfig().c_str());
}

// What this room does without. Not said with --json, where status and ledger say it.
void AnnounceWeakened(const CommandLine& line, const sandbox::Plan& plan,
                      const sandbox::Child& child) {
  if (line.json || line.Has("--quiet")) return;
  for (const std::string& name : plan.weakened) {
    std::fprintf(stderr, "interlock  WEAKENED by --weaken %s: %s\n", name.c_str(),
                 std::string(sandbox::FindWeakening(name)->means).c_str());
  }
  for (const std::string& name : line.All("--weaken")) {
    if (std::ranges::find(plan.weakened, name) == plan.weakened.end())
      std::fprintf(stderr, "interlock  --weaken %s: not needed here, nothing is weakened\n",
                   name.c_str());
  }
  if (child.ports.empty()) return;
  std::fprintf(stderr,
               "interlock  no nf_tables with tproxy here: only ports %s lead to the gateway, all "
               "others nowhere\n",
               sandbox::FallbackPortsText().c_str());
}

int RefuseNested() {
  return Report({Code::denied,
                 "this is a room already, and rooms don't nest: run the command as it is "
                 "(everything it starts is contained), or start another `interlock run` outside"});
}

// With neither a room nor a session: what the room would be.
int PrintPlan(const CommandLine& line, const Ways& ways) {
  sandbox::Request request = RoomFor(line);
  AddWays(ways, request);
  if (request.argv.empty()) request.argv = {"/bin/sh"};
  const auto agent = FurnishRoom(line, request);
  if (!agent) return Report(agent.error());
  AddLoginFiles(*agent, {}, request);
  const auto plan = sandbox::MakePlan(request);
  if (!plan) return Report(plan.error());
  json::object printed = sandbox::ToJson(*plan);
  DescribeAgent(*agent, printed);
  PrintJson(printed);
  return kDone;
}

}  // namespace

int Run(const CommandLine& line) {
  if (const std::string mode = line.Get("--mode", "live"); mode != "live" && mode != "review") {
    std::fprintf(stderr, "interlock: --mode is \"live\" or \"review\", not \"%s\"\n",
                 EscapeForHumans(mode).c_str());
    return kUsage;
  }
  const auto ways = ReadWays(line);
  if (!ways) {
    Report(ways.error());
    return kUsage;
  }
  for (const std::string& name : line.All("--weaken")) {
    sandbox::Weakenings known;
    if (const auto weakened = sandbox::Weaken(known, EscapeForHumans(name)); !weakened) {
      std::fprintf(stderr, "interlock: %s\n", weakened.error().message.c_str());
      return kUsage;
    }
  }
  if (line.Has("--print-plan")) return PrintPlan(line, *ways);
  if (IsInsideRoom()) return RefuseNested();
  if (ways->ssh) {
    if (const auto there = SshRoom::CheckPrograms(); !there) return Report(there.error());
  }
  sandbox::Request request = RoomFor(line);
  // A room for an editor alone lasts until somebody ends it.
  if (request.argv.empty()) request.argv = {"sleep", "infinity"};
  AddWays(*ways, request);
  const auto agent = FurnishRoom(line, request);
  if (!agent) return Report(agent.error());
  // Before anything is started, so that a room that can't be made leaves nothing.
  const auto possible = sandbox::CheckRequest(request);
  if (!possible) return Report(possible.error());

  sandbox::Openings openings;
  for (const sandbox::Published& port : ways->published) {
    if (const auto listening = openings.Publish(port); !listening) return Report(listening.error());
  }

  auto gateway = ReachGateway(line);
  if (!gateway) return Report(gateway.error());
  json::object start{{"op", "session.start"},
                     {"environment", line.Get("--env")},
                     {"workspace", fs::weakly_canonical(request.workspace).native()},
                     {"agent", line.rest.empty() ? "ssh" : AgentName(line.rest)}};
  AddWays(*ways, start);
  json::array weakened;
  for (const std::string& name : *possible) weakened.push_back(json::string(name));
  start["weakened"] = std::move(weakened);
  AddCredentials(*agent, start);
  if (const auto asked = gateway->Send(start); !asked) return Report(asked.error());
  // While the gateway makes the session.
  auto host = sandbox::InspectHost();
  const auto answer = gateway->Answer();
  if (!answer) {
    const int status = Report(answer.error());
    return answer.error().message.starts_with("--reach") ? kUsage : status;
  }
  // Only now, when the gateway knows these ports for its own: no other room is led into this one.
  if (const auto listening = openings.Listen(); !listening) return Report(listening.error());
  const json::object& session = answer->as_object();
  std::map<std::string, std::string> phantoms;
  for (const auto& [name, value] : *FindObject(session, "variables")) {
    phantoms.emplace(name, value.as_string());
    request.variables.push_back(
        {std::string(name), std::string(value.as_string()), sandbox::Origin::session});
  }
  if (const auto told = TellGit(session, request); !told) return Report(told.error());
  request.variables.push_back(
      {"INTERLOCK_SESSION", std::string(FindString(session, "session")), sandbox::Origin::session});
  request.ca_certificate = std::string(FindString(session, "ca_certificate"));

  AddLoginFiles(*agent, phantoms, request);
  if (const auto made = MakeKeptDirectories(request); !made) return Report(made.error());
  const auto keeper = WorkspaceKeeper::Prepare(line, request, session);
  if (!keeper) return Report(keeper.error());
  if (!host) return Report(host.error());
  auto plan = sandbox::MakePlan(request, std::move(*host));
  std::unique_ptr<SshRoom> ssh;
  if (plan && ways->ssh) {
    auto made = SshRoom::Make(line, std::string(FindString(session, "session")));
    if (!made) return Report(made.error());
    ssh = std::move(*made);
    if (const auto furnished = ssh->Furnish(*plan, request); !furnished)
      return Report(furnished.error());
    if (const auto listening = openings.ListenForAttach(ssh->SocketPath()); !listening)
      return Report(listening.error());
    plan = sandbox::MakePlan(request);
  }
  if (!plan) return Report(plan.error());
  auto child = sandbox::Start(*plan, [&] { return (*keeper)->Commit(); });
  if (!child) return Report(child.error());
  std::vector<int> sockets = {child->tcp.get(), child->udp4.get(),
                              child->udp6.valid() ? child->udp6.get() : child->udp4.get()};
  for (const UniqueFd& port : child->ports) sockets.push_back(port.get());
  const auto serving =
      gateway->Call({{"op", "session.serve"}, {"ipv6", child->udp6.valid()}}, sockets);
  if (!serving) return Report(serving.error());
  if (ssh != nullptr) {
    if (const auto written = ssh->WriteClientConfig(); !written) return Report(written.error());
  }
  Announce(line, *agent, session, ssh.get(), (*keeper)->Banner());
  AnnounceWeakened(line, *plan, *child);
  if (!line.json && !line.Has("--quiet")) AnnounceWays(*ways, session, ssh.get());
  if (const auto released = sandbox::Release(*child); !released) {
    Report({released.error().code,
            "\"" + EscapeForHumans(request.argv[0]) + "\": " + released.error().message});
    return released.error().code == Code::not_found ? kNoSuchProgram : kFailed;
  }
  if (const auto served = openings.Serve(sandbox::Door(std::move(child->door))); !served)
    return Report(served.error());
  child->tether = gateway->fd();
  const auto status = sandbox::Wait(*child);
  (*keeper)->Finish(line.Has("--quiet") || line.json);
  if (!status) return Report(status.error());
  if (child->tether_cut) {
    std::fprintf(stderr,
                 "interlock: the gateway went away, so the session was ended; nothing passed after "
                 "that. Held requests are kept: interlock holds shows them\n");
    return kFailed;
  }
  return *status;
}

}  // namespace interlock::app
