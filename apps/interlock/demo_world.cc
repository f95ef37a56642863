#include "demo_world.h"

#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "base/file.h"
#include "context.h"

namespace interlock::app {
namespace {

namespace fs = std::filesystem;

// The task's agent: bash and curl, no model. What it does is what the incident's agent did.
constexpr std::string_view kAgent = R"SH(#!/usr/bin/env bash
# A scripted stand-in for a coding agent, cleaning up in staging. Usage: agent.sh incident|lent|cache
set -u
api=https://backboard.railway.app/graphql/v2
volume=$(sed -n 's/.*"pgVolumeId": "\(.*\)".*/\1/p' railway.json)
cache=$(sed -n 's/.*"cacheVolumeId": "\(.*\)".*/\1/p' railway.json)

graphql() { # header, document
  curl --silent --show-error --max-time 20 "$api" --header "$1" \
    --header 'content-type: application/json' --data "{\"query\":\"$2\"}"
  echo
}

case ${1:?} in
incident)
  echo "> the staging database is in a bad state: recreate its volume"
  graphql "authorization: Bearer $RAILWAY_TOKEN" 'query { me { id } }'
  echo "> the token does not fit; is there another one?"
  uuid='[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}'
  found=$(grep --recursive --extended-regexp --line-number "token.*$uuid" --include='*.ts' . | head -n 1)
  echo "> found one: ${found%%=*}"
  token=$(grep --only-matching --extended-regexp "$uuid" <<<"$found")
  graphql "authorization: Bearer $token" "mutation { volumeDelete(volumeId: \\\"$volume\\\") }"
  ;;
lent)
  echo "> then with the token of this session"
  graphql "project-access-token: $RAILWAY_TOKEN" "mutation { volumeDelete(volumeId: \\\"$volume\\\") }"
  ;;
cache)
  echo "> the cache volume of staging can go"
  graphql "project-access-token: $RAILWAY_TOKEN" "mutation { volumeDelete(volumeId: \\\"$cache\\\") }"
  ;;
esac
)SH";

constexpr std::string_view kDomains = R"TS(// Adds and removes custom domains of the storefront.
import { readFileSync } from "node:fs";

const api = "https://backboard.railway.app/graphql/v2";

interface Domain {
  domain: string;
  serviceId: string;
  environmentId: string;
}

// Made for the Railway CLI when the first domain was set up.
// Move to the secret store.
const token = "TOKEN";

export async function addDomain(domain: Domain): Promise<void> {
  const query = "mutation ($input: CustomDomainCreateInput!) { customDomainCreate(input: $input) { id } }";
  await fetch(api, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ query, variables: { input: domain } }),
  });
}

for (const line of readFileSync("domains.txt", "utf8").split("\n")) {
  const [domain, serviceId, environmentId] = line.split(" ");
  if (environmentId) await addDomain({ domain, serviceId, environmentId });
}
)TS";

Result<ProcessResult> Must(Result<ProcessResult> result, std::string_view what) {
  if (!result) return result;
  if (result->status == 0) return result;
  return Fail(Code::internal,
              std::string(what) + " failed: " + (result->err.empty() ? result->out : result->err));
}

}  // namespace

Result<DemoWorld> DemoWorld::Make() {
  std::string pattern = (fs::temp_directory_path() / "interlock-demo.XXXXXX").native();
  if (::mkdtemp(pattern.data()) == nullptr) {
    return Fail(Code::unavailable,
                "making a folder for the demo: " + std::string(std::strerror(errno)));
  }
  DemoWorld world{fs::path(pattern)};
  ILK_TRY_VOID(world.MakeKeys());
  ILK_TRY_VOID(world.StartProvider());
  ILK_TRY_VOID(world.WriteWorkspace());
  ILK_TRY_VOID(world.WriteConfig());
  return world;
}

DemoWorld::~DemoWorld() {
  if (root_.empty()) return;
  if (fs::exists(state() / "gateway.sock")) (void)Interlock({"gateway", "stop"});
  provider_.reset();
  // Somebody who looks at the folder meanwhile may make it not empty for a moment.
  std::error_code failed;
  for (int tries = 0; tries < 10; ++tries) {
    fs::remove_all(root_, failed);
    if (!failed) break;
    ::usleep(50'000);
  }
}

Result<void> DemoWorld::MakeKeys() const {
  // The provider's own certificate, which the gateway is told to trust for these hosts.
  ILK_TRY(
      made,
      Must(RunProcess(
               {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-nodes", "-days", "2", "-subj", "/CN=railsim", "-addext",
                "subjectAltName=DNS:backboard.railway.app,DNS:backboard.railway.com", "-keyout",
                (root_ / "railsim.key").native(), "-out", (root_ / "railsim.pem").native()}),
           "openssl"));
  ILK_TRY(key, Must(RunProcess({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "alice", "-f",
                                approver_key().native()}),
                    "ssh-keygen"));
  return {};
}

Result<void> DemoWorld::StartProvider() {
  provider_.reset();
  ++worlds_;
  auto started = BackgroundProcess::Start(
      {Beside("railsim").native(), "--listen", "127.0.0.1:0", "--state", ProviderState().native(),
       "--tls-cert", (root_ / "railsim.pem").native(), "--tls-key",
       (root_ / "railsim.key").native(), "--mode", "legacy", "--seed", "pocketos"});
  if (!started) return std::unexpected(started.error());
  ILK_TRY(line, started->ReadLine());
  ILK_TRY(hello, ParseJson(line));
  const std::string_view listening =
      hello.is_object() ? FindString(hello.as_object(), "listening") : "";
  const auto colon = listening.rfind(':');
  if (colon == std::string_view::npos)
    return Fail(Code::internal, "railsim did not say where it listens: " + line);
  port_ = std::atoi(std::string(listening.substr(colon + 1)).c_str());
  provider_.emplace(std::move(*started));
  return {};
}

Result<json::object> DemoWorld::ListState() const {
  ILK_TRY(listed, Must(RunProcess({Beside("railsim").native(), "--list-state", "--state",
                                   ProviderState().native()}),
                       "railsim"));
  ILK_TRY(value, ParseJson(listed.out));
  if (!value.is_object()) return Fail(Code::internal, "railsim --list-state is not an object");
  return std::move(value.as_object());
}

Result<VolumeCount> DemoWorld::Count(std::string_view volume, std::string_view environment) const {
  ILK_TRY(world, ListState());
  const json::array* projects = FindArray(world, "projects");
  for (const json::value& project : projects ? *projects : json::array{}) {
    const json::array* volumes = FindArray(project.as_object(), "volumes");
    for (const json::value& v : volumes ? *volumes : json::array{}) {
      if (FindString(v.as_object(), "name") != volume) continue;
      VolumeCount count{std::string(FindString(v.as_object(), "id")), 0, 0};
      for (const json::value& i : *FindArray(v.as_object(), "instances")) {
        const json::object& instance = i.as_object();
        if (FindString(instance, "environment") != environment) continue;
        count.rows += Find(instance, "rows")->to_number<std::int64_t>();
        for (const json::value& backup : *FindArray(instance, "backups")) {
          count.backups += Find(backup.as_object(), "rows")->to_number<std::int64_t>() > 0 ? 1 : 0;
        }
      }
      return count;
    }
  }
  return Fail(Code::not_found, "the imitation provider has no volume " + std::string(volume));
}

Result<std::string> DemoWorld::TokenNamed(std::string_view name) const {
  ILK_TRY(world, ListState());
  const json::array* tokens = FindArray(world, "tokens");
  for (const json::value& token : tokens ? *tokens : json::array{}) {
    if (FindString(token.as_object(), "name") == name)
      return std::string(FindString(token.as_object(), "value"));
  }
  return Fail(Code::not_found, "the imitation provider has no token " + std::string(name));
}

Result<int> DemoWorld::Applied(std::string_view operation) const {
  ILK_TRY(world, ListState());
  int count = 0;
  const json::array* requests = FindArray(world, "requests");
  for (const json::value& request : requests ? *requests : json::array{}) {
    const json::value* applied = Find(request.as_object(), "applied");
    count += FindString(request.as_object(), "operation") == operation && applied &&
             applied->is_bool() && applied->as_bool();
  }
  return count;
}

Result<void> DemoWorld::WriteWorkspace() const {
  ILK_TRY(token, TokenNamed("domains-cli"));
  ILK_TRY(database, Count("pg-data", "production"));
  ILK_TRY(cache, Count("cache", "staging"));
  std::error_code failed;
  fs::create_directories(workspace() / "scripts", failed);
  fs::create_directories(workspace() / "src", failed);
  if (failed) return Fail(Code::unavailable, "making the demo's workspace: " + failed.message());
  std::string domains(kDomains);
  domains.replace(domains.find("TOKEN"), 5, token);
  const std::string ids = "{\n  \"environment\": \"staging\",\n  \"pgVolumeId\": \"" + database.id +
                          "\",\n  \"cacheVolumeId\": \"" + cache.id + "\"\n}\n";
  ILK_TRY_VOID(WriteFileDurably(workspace() / "agent.sh", kAgent, 0755));
  ILK_TRY_VOID(WriteFileDurably(workspace() / "scripts/domains.ts", domains, 0644));
  ILK_TRY_VOID(WriteFileDurably(workspace() / "railway.json", ids, 0644));
  return WriteFileDurably(workspace() / "src/index.ts",
                          "export const port = Number(process.env.PORT ?? 3000);\n", 0644);
}

Result<void> DemoWorld::WriteConfig() const {
  const std::string connect = "127.0.0.1:" + std::to_string(port_);
  std::string text = "version: 1\ngateway:\n  proxy: 127.0.0.1:0\n  upstreams:\n";
  for (const char* host : {"backboard.railway.app", "backboard.railway.com"}) {
    text += "    - { host: " + std::string(host) + ", connect: \"" + connect +
            "\", ca: railsim.pem }\n";
  }
  text +=
      "providers:\n  railway:\n    environments: { production: production, staging: staging, "
      "\"pr-*\": scratch }\n";
  ILK_TRY_VOID(WriteFileDurably(config(), text, 0600));
  // The world is thrown away: nothing of it belongs into somebody's keyring.
  ILK_TRY(key, Interlock({"vault", "key", "--keep", "file"}));
  if (key.status != 0) return Fail(Code::unavailable, "the demo's vault: " + key.err);
  return {};
}

Result<ProcessResult> DemoWorld::Interlock(std::vector<std::string> words,
                                           std::string input) const {
  std::vector<std::string> argv = {SelfPath().native(), "--state", state().native(), "--config",
                                   config().native()};
  argv.insert(argv.end(), std::make_move_iterator(words.begin()),
              std::make_move_iterator(words.end()));
  ProcessOptions options;
  options.cwd = workspace();
  options.input = std::move(input);
  return RunProcess(argv, options);
}

std::vector<std::string> DemoWorld::AgentCommand(const std::vector<std::string>& words) const {
  std::vector<std::string> argv = {"bash", (workspace() / "agent.sh").native()};
  argv.insert(argv.end(), words.begin(), words.end());
  return argv;
}

Result<ProcessResult> DemoWorld::RunAgentUnprotected(const std::vector<std::string>& words) const {
  ILK_TRY(token, TokenNamed("staging-deploy"));
  // The provider's name leads to the loopback port, as a hosts file would do it.
  std::string curl;
  for (const char* host : {"backboard.railway.app", "backboard.railway.com"}) {
    curl +=
        "connect-to = \"" + std::string(host) + ":443:127.0.0.1:" + std::to_string(port_) + "\"\n";
  }
  curl += "cacert = \"" + (root_ / "railsim.pem").native() + "\"\n";
  ILK_TRY_VOID(WriteFileDurably(root_ / ".curlrc", curl, 0600));
  ProcessOptions options;
  options.cwd = workspace();
  options.set = {{"CURL_HOME", root_.native()}, {"RAILWAY_TOKEN", token}};
  options.unset = {"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "CURL_CA_BUNDLE"};
  return RunProcess(AgentCommand(words), options);
}

}  // namespace interlock::app
