#include "bait.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "answering.h"
#include "attempt.h"
#include "facts.h"

namespace interlock::probe {
namespace {

namespace fs = std::filesystem;

// Files of a home that hold what a thief looks for first.
constexpr const char* kKeys[] = {
    ".ssh/id_ed25519",
    ".aws/credentials",
    ".config/gh/hosts.yml",
    ".kube/config",
    ".railway/config.json",
    ".netrc",
    ".git-credentials",
    ".npmrc",
    ".docker/config.json",
    ".gnupg/secring.gpg",
    ".pgpass",
    ".bash_history",
    ".config/gcloud/access_tokens.db",
    ".azure/accessTokens.json",
};
// A workspace's own rules, which the agent may not change.
constexpr char kRules[] =
    "rules:\n  - { name: doctor, when: { effect: irreversible }, then: hold }\n";

std::string AddressOfThisHost() {
  ifaddrs* list = nullptr;
  std::string out;
  if (getifaddrs(&list) != 0) return out;
  for (const ifaddrs* entry = list; entry != nullptr && out.empty(); entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET) continue;
    const auto* address = reinterpret_cast<const sockaddr_in*>(entry->ifa_addr);
    char text[INET_ADDRSTRLEN] = "";
    inet_ntop(AF_INET, &address->sin_addr, text, sizeof text);
    if (!std::string_view(text).starts_with("127.")) out = text;
  }
  freeifaddrs(list);
  return out;
}

bool WriteAt(const std::string& path, std::string_view content) {
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  return !error && Scribble(path, content);
}

std::unexpected<Error> Cannot(const std::string& what) {
  return Fail(Code::unavailable, "laying the bait: " + what + ": " + std::strerror(errno));
}

Result<void> LayFiles(const Facts& facts) {
  const std::string secret = "the canary is " + facts.canary + "\n";
  for (const char* key : kKeys) {
    if (!WriteAt(facts.home + "/" + key, secret)) return Cannot(key);
  }
  for (const std::string& path :
       {facts.Secret(), facts.state + "/vault.key", facts.state + "/interlock.db", facts.program}) {
    if (!WriteAt(path, secret)) return Cannot(path);
  }
  // Enough of a repository with a submodule for git to take it for one.
  const std::string git = facts.workspace + "/.git/";
  const std::string module = git + "modules/lib/";
  if (!WriteAt(module + "HEAD", "ref: refs/heads/main\n") ||
      !WriteAt(module + "config", "[core]\n\trepositoryformatversion = 0\n") ||
      !WriteAt(module + "hooks/README.sample", "") ||
      !WriteAt(git + "HEAD", "ref: refs/heads/main\n") ||
      !WriteAt(git + "config", "[core]\n\trepositoryformatversion = 0\n\tbare = false\n") ||
      !WriteAt(git + "objects/info/packs", "") || !WriteAt(git + "hooks/README.sample", "") ||
      !WriteAt(facts.workspace + "/interlock.yaml", kRules) ||
      !WriteAt(facts.workspace + "/README", "a workspace made by interlock doctor\n")) {
    return Cannot(facts.workspace);
  }
  return {};
}

}  // namespace

Result<void> ServeBait(const std::string& directory, const std::string& canary) {
  Facts facts;
  facts.control = true;
  facts.canary = canary;
  facts.workspace = directory + "/workspace";
  facts.home = directory + "/home";
  facts.outside = directory + "/outside";
  facts.state = directory + "/state";
  facts.program = directory + "/bin/interlock";
  facts.gateway_socket = facts.state + "/gateway.sock";
  facts.stream_socket = directory + "/service.sock";
  facts.datagram_socket = directory + "/datagram.sock";
  facts.abstract_socket = "interlock-bait-" + canary;
  facts.agent_socket = facts.home + "/.ssh/agent.sock";
  facts.address = AddressOfThisHost();
  facts.memory = std::to_string(reinterpret_cast<std::uintptr_t>(canary.data()));
  facts.pid = getpid();
  ILK_TRY_VOID(LayFiles(facts));

  AnsweringServer server(canary);
  server.Lend(UniqueFd(open(facts.outside.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  UniqueFd tcp = ListenTcp(0);
  UniqueFd udp = OpenUdp(0);
  facts.tcp_port = PortOf(tcp.get());
  facts.udp_port = PortOf(udp.get());
  if (!server.AddStream(std::move(tcp))) return Cannot("a TCP port");
  if (!server.AddDatagram(std::move(udp))) return Cannot("a UDP port");
  for (const std::string& path : {facts.gateway_socket, facts.stream_socket, facts.agent_socket,
                                  std::string(1, '\0') + facts.abstract_socket}) {
    if (!server.AddStream(ListenLocal(path, SOCK_STREAM))) return Cannot(path);
  }
  for (const std::string& path :
       {facts.datagram_socket, std::string(1, '\0') + facts.abstract_socket + "-d"}) {
    if (!server.AddDatagram(ListenLocal(path, SOCK_DGRAM))) return Cannot(path);
  }
  std::printf("%s\n", json::serialize(ToJson(facts)).c_str());
  std::fflush(stdout);
  server.Run(-1);
  return {};
}

}  // namespace interlock::probe
