#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "account.h"
#include "base/bytes.h"
#include "base/file.h"
#include "context.h"
#include "process.h"
#include "room_openings.h"

namespace interlock::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* kServer = "/usr/sbin/sshd";
constexpr std::size_t kAccountsMax = 1u << 20;
constexpr std::size_t kKeyMax = 16u << 10;
constexpr std::string_view kRoomSsh = "/.interlock/ssh";
constexpr std::array<std::string_view, 5> kSuffixes = {"config", "key", "key.pub", "known_hosts",
                                                       "sock"};
// OpenSSH's server locks its first half into a directory when it is root, which nobody in a room
// can. The same user under another number isn't asked to.
constexpr sandbox::Ids kNotRoot{1000, 1000};
constexpr std::string_view kNotRootName = "interlock";
// Variables that the server sets itself, for each connection.
constexpr std::array<std::string_view, 9> kOfConnection = {
    "COLUMNS", "HOME", "LINES", "LOGNAME", "OLDPWD", "PWD", "SHELL", "TERM", "USER"};

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string ShellQuoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// ssh_config(5) replaces tokens that begin with a percent sign.
std::string NoTokens(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '%' ? std::string("%%") : std::string(1, c);
  return out;
}

bool HasControl(std::string_view text) {
  return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

std::string_view FieldOf(std::string_view line, int field) {
  for (; field > 0; --field) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return {};
    line.remove_prefix(colon + 1);
  }
  return line.substr(0, line.find(':'));
}

// The host's list of users or groups without those that `drop` names, and `own` first.
template <typename Drop>
std::string AccountsWith(const char* path, const std::string& own, Drop drop) {
  std::string out = own + "\n";
  const auto text = ReadFile(path, kAccountsMax);
  if (!text) return out;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (!line.empty() && !drop(line)) out.append(line).append("\n");
  }
  return out;
}

std::string UserName() {
  if (geteuid() == 0) return std::string(kNotRootName);
  const auto account = OwnAccount();
  return account ? account->name : std::string(kNotRootName);
}

std::string_view VariableOf(const sandbox::Plan& plan, std::string_view name) {
  const auto it = std::ranges::find(plan.environment, name, &sandbox::Variable::name);
  return it == plan.environment.end() ? std::string_view() : std::string_view(it->value);
}

// All on one line: only the first SetEnv of a configuration counts.
std::string SetEnvLine(const sandbox::Plan& plan) {
  std::string out = "SetEnv";
  for (const sandbox::Variable& variable : plan.environment) {
    if (std::ranges::find(kOfConnection, variable.name) != kOfConnection.end()) continue;
    if (HasControl(variable.value)) continue;
    out += " " + Quoted(variable.name + "=" + variable.value);
  }
  return out;
}

std::string ServerConfig(const sandbox::Plan& plan, const std::string& user) {
  const std::string at(kRoomSsh);
  return "AuthorizedKeysFile " + at + "/authorized_keys\nHostKey " + at +
         "/host_key\n"
         "PidFile none\nUsePAM no\nStrictModes no\nPrintMotd no\nLogLevel ERROR\n"
         "AuthenticationMethods publickey\nPasswordAuthentication no\n"
         "KbdInteractiveAuthentication no\nAllowUsers " +
         user +
         "\n"
         // What a client opens from its side ends in the room; nothing is opened towards the
         // client.
         "AllowTcpForwarding local\nAllowStreamLocalForwarding local\nGatewayPorts no\n"
         "AllowAgentForwarding no\nX11Forwarding no\nPermitTunnel no\nPermitUserRC no\n"
         "PermitUserEnvironment no\nAcceptEnv LANG LC_*\nSubsystem sftp internal-sftp\n" +
         SetEnvLine(plan) + "\n";
}

Result<std::string> MakeKey(const std::string& path, const std::string& comment) {
  ILK_TRY(made,
          RunProcess({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path}));
  if (made.status != 0) {
    return Fail(Code::unavailable,
                "making a key with ssh-keygen in " + path + ": " + EscapeForHumans(made.err, 200));
  }
  ILK_TRY(text, ReadFile(path + ".pub", kKeyMax));
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

// What a launcher that was killed left behind: nobody listens on its socket any more.
void RemoveStale(const fs::path& directory) {
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(directory, failed)) {
    if (entry.path().extension() != ".sock") continue;
    const auto attached = sandbox::IsListening(entry.path().native());
    if (attached) continue;
    fs::path file = entry.path();
    for (const std::string_view suffix : kSuffixes) {
      file.replace_extension();
      fs::remove(file.native() + "." + std::string(suffix), failed);
    }
  }
}

}  // namespace

Result<void> SshRoom::CheckPrograms() {
  if (access(kServer, X_OK) != 0) {
    return Fail(Code::not_found,
                std::string("--ssh needs OpenSSH's server, and ") + kServer +
                    " isn't there: apt install openssh-server. Its service need not run; "
                    "systemctl disable --now ssh switches it off");
  }
  const auto keygen = RunProcess({"ssh-keygen", "-?"});
  if (!keygen && keygen.error().code == Code::not_found)
    return Fail(Code::not_found, "--ssh needs ssh-keygen: apt install openssh-client");
  return {};
}

void SshRoom::AddEntrance(sandbox::Request& request) {
  request.entered = {kServer, "-i", "-f", std::string(kRoomSsh) + "/config"};
  if (geteuid() != 0) return;
  request.seen_as = kNotRoot;
  for (const char* name : {"USER", "LOGNAME"})
    request.variables.push_back({name, std::string(kNotRootName), sandbox::Origin::room});
}

Result<std::unique_ptr<SshRoom>> SshRoom::Make(const CommandLine& line,
                                               const std::string& session) {
  const fs::path state = StateDirectory(line);
  const fs::path directory = state / "ssh";
  if (HasControl(directory.native()) || directory.native().find('"') != std::string::npos)
    return Fail(Code::invalid_input, "--ssh: ssh can't name files below " +
                                         EscapeForHumans(directory.native(), 200) +
                                         "; give another --state");
  ILK_TRY_VOID(MakePrivateDirectory(directory));
  RemoveStale(directory);
  auto room = std::unique_ptr<SshRoom>(new SshRoom(directory.native(), session));
  room->state_ = state.native();
  const std::string host_key = room->PathOf("host");
  auto host_public = MakeKey(host_key, "");
  auto private_key = ReadFile(host_key, kKeyMax);
  // The server's key lives in the room alone.
  std::error_code ignored;
  fs::remove(host_key, ignored);
  fs::remove(host_key + ".pub", ignored);
  if (!host_public) return std::unexpected(host_public.error());
  if (!private_key) return std::unexpected(private_key.error());
  room->host_public_ = std::move(*host_public);
  room->host_key_ = std::move(*private_key);
  ILK_TRY(user_public, MakeKey(room->PathOf("key"), room->HostName()));
  room->user_public_ = std::move(user_public);
  return room;
}

SshRoom::~SshRoom() {
  std::error_code ignored;
  for (const std::string_view suffix : kSuffixes) fs::remove(PathOf(suffix), ignored);
}

Result<void> SshRoom::Furnish(const sandbox::Plan& planned, sandbox::Request& request) {
  user_ = UserName();
  const std::string id = std::to_string(planned.uid);
  const std::string group = std::to_string(planned.gid);
  const std::string home(VariableOf(planned, "HOME"));
  const std::string shell = access("/bin/bash", X_OK) == 0 ? "/bin/bash" : "/bin/sh";
  if (home.empty() || HasControl(home) || home.find(':') != std::string::npos)
    return Fail(Code::invalid_input, "--ssh: the home directory can't stand in a list of users");
  const std::string own = user_ + ":x:" + id + ":" + group + "::" + home + ":" + shell;
  request.files.push_back(
      {"/etc/passwd", AccountsWith("/etc/passwd", own, [&](std::string_view line) {
         return FieldOf(line, 0) == user_ || FieldOf(line, 2) == id;
       })});
  // Without a group "tty", to which the server would want to give terminals: no other group than
  // the user's own exists in a room.
  request.files.push_back(
      {"/etc/group",
       AccountsWith("/etc/group", user_ + ":x:" + group + ":", [&](std::string_view line) {
         return FieldOf(line, 0) == "tty" || FieldOf(line, 0) == user_ || FieldOf(line, 2) == group;
       })});
  // The lists above are all there is. Other sources can't be asked in a room, and one of them
  // (nss-systemd) makes up accounts that are locked.
  request.files.push_back({"/etc/nsswitch.conf",
                           "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n"
                           "networks: files\nprotocols: files\nservices: files\n"});
  const std::string at(kRoomSsh);
  request.files.push_back({at + "/config", ServerConfig(planned, user_)});
  request.files.push_back({at + "/host_key", host_key_, 0600});
  request.files.push_back({at + "/authorized_keys", user_public_ + "\n"});
  return {};
}

std::string SshRoom::ClientConfig() const {
  const auto file = [&](std::string_view suffix) { return Quoted(NoTokens(PathOf(suffix))); };
  return "Host " + HostName() + "\n  HostKeyAlias " + HostName() + "\n  User " + user_ +
         "\n  ProxyCommand " +
         NoTokens(ShellQuoted(SelfPath().native()) + " --state " + ShellQuoted(state_)) +
         " attach " + session_ + "\n  IdentityFile " + file("key") +
         "\n  IdentitiesOnly yes\n  IdentityAgent none\n  UserKnownHostsFile " +
         file("known_hosts") +
         "\n  StrictHostKeyChecking yes\n  UpdateHostKeys no\n  HostKeyAlgorithms ssh-ed25519\n"
         "  PreferredAuthentications publickey\n  ForwardAgent no\n  ForwardX11 no\n"
         "  Tunnel no\n  PermitLocalCommand no\n  CanonicalizeHostname no\n";
}

Result<void> SshRoom::WriteClientConfig() const {
  ILK_TRY_VOID(
      WriteFileDurably(PathOf("known_hosts"), HostName() + " " + host_public_ + "\n", 0600));
  return WriteFileDurably(PathOf("config"), ClientConfig(), 0600);
}

}  // namespace interlock::app
