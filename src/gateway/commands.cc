#include "gateway/commands.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/use_future.hpp>
#include <functional>
#include <future>

#include "base/bytes.h"
#include "base/file.h"
#include "base/ids.h"
#include "credential/shapes.h"
#include "credential/workspace_scan.h"
#include "crypto/hash.h"
#include "gateway/execute.h"
#include "gateway/grant_desk.h"
#include "gateway/hold_desk.h"
#include "gateway/listener.h"
#include "gateway/record.h"
#include "gateway/scope_cache.h"
#include "gateway/vault_commands.h"
#include "sandbox/capture.h"
#include "sandbox/weaken.h"

namespace interlock::gateway {
namespace {

constexpr std::size_t kWorkspaceFileMax = 1u << 20;
constexpr std::size_t kCredentialFileMax = 1u << 20;

constexpr std::size_t kCallerKeysMax = 16;
constexpr std::size_t kPublishedMax = 64;
constexpr std::chrono::seconds kTakeBackMax{10};

// Runs on leaving the scope, unless what it would undo is to stay.
class Undo {
 public:
  explicit Undo(std::function<void()> undo) : undo_(std::move(undo)) {}
  ~Undo() {
    if (!kept_) undo_();
  }
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;
  void Keep() { kept_ = true; }

 private:
  std::function<void()> undo_;
  bool kept_ = false;
};

std::string Joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out.append(out.empty() ? "" : ", ").append(word);
  return out;
}

// The place in which a key of this variable stands. The variable says which of a pack's APIs is
// meant; `kind` is that place's, "api-key" for whatever it is, or "".
const classify::CredentialPlace* CallerKeyPlace(const classify::Pack* pack,
                                                std::string_view variable, std::string_view kind) {
  if (pack == nullptr) return nullptr;
  for (const classify::Api& api : pack->apis) {
    for (const classify::CredentialPlace& place : api.credentials) {
      if (place.caller != classify::FromCaller::key) continue;
      if (std::ranges::find(place.variables, variable) == place.variables.end()) continue;
      if (kind.empty() || kind == "api-key" || kind == place.kind) return &place;
    }
  }
  return nullptr;
}

bool TakesLogins(const classify::Api* api) {
  if (api == nullptr) return false;
  const auto is_login = [](const auto& place) {
    return place.caller == classify::FromCaller::login;
  };
  const auto renews = [](const auto& route) { return route.refreshes.has_value(); };
  return std::ranges::any_of(api->credentials, is_login) || std::ranges::any_of(api->rest, renews);
}

json::array ReachJson(const Session& session) {
  json::array out;
  for (const Reach& reach : session.reach)
    out.push_back(
        {{"service", ToString(reach)}, {"inside", reach.host + ":" + std::to_string(reach.port)}});
  return out;
}

json::array PublishedJson(const Session& session) {
  json::array out;
  for (const std::uint16_t port : session.published) out.push_back(port);
  return out;
}

// What it may use, and which of it its provider refuses since when.
json::array LendsJson(const Session& session) {
  const auto refused = session.RefusedLends();
  json::array out;
  for (const credential::VaultEntry& entry : session.AllLent()) {
    json::object lend{{"entry", entry.name},
                      {"provider", entry.provider},
                      {"environment", entry.environment},
                      {"kind", entry.kind}};
    if (const auto it = refused.find(entry.name); it != refused.end()) {
      lend["refused_since"] = FormatTime(it->second.since);
      lend["refused_with"] = it->second.status;
    }
    out.push_back(std::move(lend));
  }
  return out;
}

enum class Detail { plain, fingerprint };

json::array KeysJson(const Session& session, Detail detail) {
  json::array out;
  for (const CallerKey& key : session.keys) {
    json::object one{{"variable", key.variable},
                     {"provider", key.provider},
                     {"kind", key.kind},
                     {"lent_by", "the caller's environment"}};
    if (detail == Detail::fingerprint) one["fingerprint"] = key.fingerprint;
    out.push_back(std::move(one));
  }
  return out;
}

json::array LoginsJson(const Session& session, Detail detail) {
  json::array out;
  for (const CallerLogin& login : session.login_info) {
    json::array hosts;
    for (const std::string& host : login.hosts) hosts.push_back(json::string(host));
    json::object one{{"hosts", std::move(hosts)}};
    if (detail == Detail::fingerprint) one["fingerprint"] = login.fingerprint;
    out.push_back(std::move(one));
  }
  return out;
}

json::array WordsOf(const std::vector<std::string>& words) {
  json::array out;
  for (const std::string& word : words) out.push_back(json::string(word));
  return out;
}

// What the room does without. A name that nobody knows can't be shown for what it is.
Result<std::vector<std::string>> WeakenedIn(const json::object& request) {
  std::vector<std::string> names;
  const json::array* given = FindArray(request, "weakened");
  if (given == nullptr) return names;
  for (const json::value& value : *given) {
    const json::string* name = value.if_string();
    sandbox::Weakenings ignored;
    ILK_TRY_VOID(sandbox::Weaken(ignored, name == nullptr ? "" : std::string_view(*name)));
    if (std::ranges::find(names, std::string_view(*name)) == names.end()) names.emplace_back(*name);
  }
  return names;
}

class CommandPeer final : public ControlPeer {
 public:
  CommandPeer(Gateway& gateway, Peer peer)
      : gateway_(gateway), core_(gateway.core()), peer_(peer) {}

  Result<json::value> Handle(const json::object& request, std::vector<UniqueFd> fds) override;
  void Closed() override { EndSession(); }

 private:
  using Handler = Result<json::value> (CommandPeer::*)(const json::object&);

  Result<json::value> Ping(const json::object&) { return json::object{{"pid", ::getpid()}}; }
  Result<json::value> Status(const json::object&);
  Result<json::value> SessionStart(const json::object& request);
  Result<json::value> SessionServe(const json::object& request, std::vector<UniqueFd> fds);
  Result<json::value> SessionAttach(const json::object& request);
  Result<json::value> Holds(const json::object& request);
  Result<json::value> Show(const json::object& request);
  Result<json::value> Approve(const json::object& request);
  Result<json::value> Reject(const json::object& request);
  Result<json::value> Wait(const json::object& request);
  Result<json::value> GrantAsk(const json::object& request);
  Result<json::value> GrantRevoke(const json::object& request);
  Result<json::value> VaultAdd(const json::object& r) { return AddToVault(core_, r); }
  Result<json::value> VaultList(const json::object&) { return ListVault(core_); }
  Result<json::value> VaultRemove(const json::object& r) { return RemoveFromVault(core_, r); }
  Result<json::value> ApproverAdd(const json::object& request);
  Result<json::value> ApproverList(const json::object&);
  Result<json::value> Reload(const json::object&);
  Result<json::value> Stop(const json::object&);
  Result<json::value> Flush(const json::object&);

  json::array GitJson(const Session& session) const;
  Result<void> Lend(Session& session);
  Result<std::string> LendOne(Session& session, credential::VaultEntry entry);
  Result<credential::VaultEntry> MintedFor(const Session& session, credential::VaultEntry entry);
  void TakeBackMinted(const std::string& session);
  Result<void> LendKeys(Session& session, const json::object& request);
  Result<void> TakeLogins(Session& session, const json::object& request);
  Result<void> TakeReach(Session& session, const json::object& request);
  Result<void> TakePublished(Session& session, const json::object& request);
  Result<void> ReadWorkspace(Session& session, const policy::Config& config);
  void PinEphemeral(Session& session);
  json::array Disguise(Session& session, const std::vector<credential::CredentialFile>& files);
  std::string LentPhantom(const Session& session, std::string_view value);
  void Forget(const Session& session);
  void EndSession();
  Result<void> Record(std::string_view type, json::object fields) {
    ILK_TRY(index, core_.ledger.AppendDurable(Entry(type, core_.clock.Now(), std::move(fields))));
    (void)index;
    return {};
  }
  // Runs a coroutine on a worker and waits for it here, on the control thread.
  // A gateway that ends waits for nobody: what is under way is found again at the next start.
  template <typename T>
  T Await(Worker& worker, Task<T> task) {
    auto done = asio::co_spawn(worker.context, std::move(task), asio::use_future);
    while (done.wait_for(std::chrono::milliseconds(50)) != std::future_status::ready) {
      if (gateway_.StopRequested())
        return Fail(Code::unavailable, "the gateway is ending; ask again when it runs");
    }
    return done.get();
  }

  Gateway& gateway_;
  Core& core_;
  Peer peer_;
  std::shared_ptr<Session> session_;
  json::array disguise_;  // of the session that is being started
  bool disguise_complete_ = true;
};

Result<json::value> CommandPeer::Handle(const json::object& request, std::vector<UniqueFd> fds) {
  struct Named {
    std::string_view op;
    Handler handler;
  };
  static constexpr Named kHandlers[] = {
      {"ping", &CommandPeer::Ping},
      {"status", &CommandPeer::Status},
      {"session.start", &CommandPeer::SessionStart},
      {"session.attach", &CommandPeer::SessionAttach},
      {"holds", &CommandPeer::Holds},
      {"show", &CommandPeer::Show},
      {"approve", &CommandPeer::Approve},
      {"reject", &CommandPeer::Reject},
      {"wait", &CommandPeer::Wait},
      {"grant.ask", &CommandPeer::GrantAsk},
      {"grant.revoke", &CommandPeer::GrantRevoke},
      {"vault.add", &CommandPeer::VaultAdd},
      {"vault.list", &CommandPeer::VaultList},
      {"vault.remove", &CommandPeer::VaultRemove},
      {"approver.add", &CommandPeer::ApproverAdd},
      {"approver.list", &CommandPeer::ApproverList},
      {"reload", &CommandPeer::Reload},
      {"stop", &CommandPeer::Stop},
      {"ledger.flush", &CommandPeer::Flush},
  };
  const std::string_view op = FindString(request, "op");
  if (op == "session.serve") return SessionServe(request, std::move(fds));
  const auto it = std::ranges::find(kHandlers, op, &Named::op);
  if (it == std::end(kHandlers))
    return Fail(Code::invalid_input, "the gateway knows no \"" + std::string(op) + "\"");
  return (this->*it->handler)(request);
}

// --- sessions ---

// Hosts at which git finds repositories, each with the variable whose phantom it takes there.
json::array CommandPeer::GitJson(const Session& session) const {
  json::array out;
  for (const auto& pack : core_.packs.all()) {
    for (const classify::Api& api : pack->apis) {
      if (!api.git) continue;
      const auto takes = [&](const auto& variable) {
        const auto owner = core_.phantoms.Find(variable.second);
        if (!owner) return false;
        const auto entry =
            std::ranges::find(session.lent, owner->entry, &credential::VaultEntry::name);
        return entry != session.lent.end() && entry->provider == api.provider &&
               std::ranges::find(api.credentials, entry->kind, &classify::CredentialPlace::kind) !=
                   api.credentials.end();
      };
      const auto found = std::ranges::find_if(session.variables, takes);
      const std::string variable = found == session.variables.end() ? "" : found->first;
      for (const std::string& host : core_.packs.HostsOf(api)) {
        if (!host.starts_with("*."))
          out.push_back({{"host", host}, {"user", api.git->user}, {"variable", variable}});
      }
    }
  }
  return out;
}

// What is minted is minted for this session alone, under a name of its own.
Result<credential::VaultEntry> CommandPeer::MintedFor(const Session& session,
                                                      credential::VaultEntry entry) {
  ILK_TRY(source, core_.vault.SourceOf(entry.name));
  entry.name = session.id + "." + entry.name;
  return core_.vault.AddTransient(std::move(entry), std::move(source), core_.clock.Now());
}

// The phantom of one entry for this session, which is lent the entry; the error says why it can't
// be.
Result<std::string> CommandPeer::LendOne(Session& session, credential::VaultEntry entry) {
  if (entry.source == credential::SourceKind::mint) {
    ILK_TRY(minted, MintedFor(session, std::move(entry)));
    entry = std::move(minted);
  }
  Worker& worker = gateway_.workers().Next();
  ILK_TRY(real,
          Await(worker, core_.lends.Reveal(core_, worker,
                                           CredentialRef{entry.name, entry.version, "", ""})));
  std::string phantom = core_.phantoms.Issue(session.id, entry, *real);
  session.lent.push_back(std::move(entry));
  return phantom;
}

// A lend that fails doesn't keep the session from its other work: it goes without, and says so.
Result<void> CommandPeer::Lend(Session& session) {
  for (const credential::VaultEntry& entry : core_.vault.List()) {
    if (!entry.IsLent() || entry.environment != session.environment) continue;
    const classify::Pack* pack = core_.packs.Get(entry.provider);
    if (pack == nullptr) continue;
    const auto phantom = LendOne(session, entry);
    if (!phantom) {
      session.not_lent.push_back({entry.name, phantom.error().message});
      ILK_TRY_VOID(Record(
          "not-lent",
          {{"session", session.id}, {"entry", entry.name}, {"why", phantom.error().message}}));
      continue;
    }
    if (!entry.variable.empty()) {
      session.variables[entry.variable] = *phantom;
      continue;
    }
    for (const classify::Api& api : pack->apis) {
      for (const classify::CredentialPlace& place : api.credentials) {
        if (place.kind != entry.kind) continue;
        for (const std::string& variable : place.variables)
          session.variables.emplace(variable, *phantom);
      }
    }
  }
  return {};
}

// Keys out of the caller's environment: known for this session alone, in memory alone.
Result<void> CommandPeer::LendKeys(Session& session, const json::object& request) {
  const json::value* given = Find(request, "keys");
  if (given == nullptr || given->is_null()) return {};
  const json::array* keys = given->if_array();
  if (keys == nullptr) return Fail(Code::invalid_input, "\"keys\" must be a list");
  if (keys->size() > kCallerKeysMax)
    return Fail(Code::limit, "a session takes at most " + std::to_string(kCallerKeysMax) +
                                 " keys of the caller's environment");
  for (const json::value& value : *keys) {
    const json::object* key = value.if_object();
    if (key == nullptr) return Fail(Code::invalid_input, "a key is an object");
    ILK_TRY(variable, Required(*key, "variable"));
    ILK_TRY(provider, Required(*key, "provider"));
    ILK_TRY(secret, Required(*key, "value"));
    const classify::CredentialPlace* place =
        CallerKeyPlace(core_.packs.Get(provider), variable, FindString(*key, "kind"));
    if (place == nullptr)
      return Fail(Code::invalid_input, "no API of \"" + EscapeForHumans(provider, 60) +
                                           "\" takes a key of that kind from " +
                                           EscapeForHumans(variable, 60));
    // What somebody put into the vault for this environment comes first.
    if (session.variables.contains(variable)) continue;
    credential::VaultEntry entry;
    entry.name = session.id + "." + std::to_string(session.keys.size() + 1);
    entry.provider = provider;
    entry.environment = session.environment;
    entry.kind = place->kind;
    entry.variable = variable;
    const std::string fingerprint = credential::Fingerprint(secret);
    ILK_TRY(added, core_.vault.AddTransient(entry, Secret(std::move(secret)), core_.clock.Now()));
    ILK_TRY(real, core_.vault.Reveal({added.name, added.version, "", ""}));
    session.variables[variable] = core_.phantoms.Issue(session.id, added, *real);
    session.lent.push_back(added);
    session.keys.push_back({variable, provider, place->kind, added.name, fingerprint});
  }
  return {};
}

// The agent's own login may pass as it is, towards hosts whose pack says so.
Result<void> CommandPeer::TakeLogins(Session& session, const json::object& request) {
  const json::value* given = Find(request, "logins");
  if (given == nullptr || given->is_null()) return {};
  const json::array* logins = given->if_array();
  if (logins == nullptr) return Fail(Code::invalid_input, "\"logins\" must be a list");
  for (const json::value& value : *logins) {
    const json::object* login = value.if_object();
    const json::array* names = login == nullptr ? nullptr : FindArray(*login, "hosts");
    if (names == nullptr) return Fail(Code::invalid_input, "a login has a token and hosts");
    ILK_TRY(token, Required(*login, "token"));
    CallerLogin info;
    info.fingerprint = credential::Fingerprint(token);
    for (const json::value& name : *names) {
      const json::string* text = name.if_string();
      const std::string host = text == nullptr ? "" : std::string(*text);
      if (!TakesLogins(core_.packs.Find(host)))
        return Fail(Code::invalid_input, "no pack says that \"" + EscapeForHumans(host, 120) +
                                             "\" takes an agent's own login");
      info.hosts.push_back(ToLower(host));
    }
    ILK_TRY_VOID(session.logins.Add(std::move(token), info.hosts));
    session.login_info.push_back(std::move(info));
  }
  return {};
}

// Services that the caller lets this session dial beyond the configuration's egress.
Result<void> CommandPeer::TakeReach(Session& session, const json::object& request) {
  const json::value* given = Find(request, "reach");
  if (given == nullptr || given->is_null()) return {};
  const json::array* list = given->if_array();
  if (list == nullptr) return Fail(Code::invalid_input, "\"reach\" must be a list");
  if (list->size() > kReachesMax)
    return Fail(Code::limit, "a session reaches at most " + std::to_string(kReachesMax) +
                                 " services beyond the configuration's");
  for (const json::value& value : *list) {
    const json::string* text = value.if_string();
    ILK_TRY(reach, ParseReach(text == nullptr ? std::string_view() : std::string_view(*text)));
    const auto refuse = [&reach](std::string_view why) {
      return Fail(Code::invalid_input, "--reach " + ToString(reach) + ": " + std::string(why));
    };
    if (reach.host == kHostAlias && core_.own_ports.Has(reach.port))
      return refuse("Interlock itself listens on this port, and no session reaches that");
    if (const classify::Api* api = core_.packs.Find(reach.host); api != nullptr)
      return refuse("the pack \"" + api->provider +
                    "\" knows this host; a session reaches it by `egress` in the configuration");
    if (const Reach* other = session.ReachTo(reach.host, reach.port)) {
      if (other->dials == reach.dials) continue;
      return refuse("inside it would have the same name and port as " + ToString(*other));
    }
    session.reach.push_back(std::move(reach));
  }
  return {};
}

// Ports at which the launcher already listens for this session's room.
Result<void> CommandPeer::TakePublished(Session& session, const json::object& request) {
  const json::value* given = Find(request, "published");
  if (given == nullptr || given->is_null()) return {};
  const json::array* list = given->if_array();
  if (list == nullptr || list->size() > kPublishedMax)
    return Fail(Code::invalid_input, "\"published\" must be a list of at most " +
                                         std::to_string(kPublishedMax) + " ports");
  for (const json::value& value : *list) {
    const std::int64_t* port = value.if_int64();
    if (port == nullptr || *port < 1 || *port > 65535)
      return Fail(Code::invalid_input, "a published port is a number from 1 to 65535");
    session.published.push_back(static_cast<std::uint16_t>(*port));
    core_.own_ports.Add(session.published.back());
  }
  return {};
}

// The workspace's own rules, which can only tighten, and the credentials that lie about in it.
Result<void> CommandPeer::ReadWorkspace(Session& session, const policy::Config& config) {
  if (!session.workspace.empty()) {
    const std::filesystem::path file = std::filesystem::path(session.workspace) / "interlock.yaml";
    std::error_code failed;
    const auto status = std::filesystem::symlink_status(file, failed);
    if (failed && failed != std::errc::no_such_file_or_directory) {
      return Fail(Code::unavailable,
                  "looking at " + file.native() + ": " + failed.message() +
                      "; rules that can't be read can't be kept, so the session doesn't start");
    }
    if (status.type() != std::filesystem::file_type::not_found) {
      ILK_TRY(text, ReadFile(file, kWorkspaceFileMax));
      auto loaded = policy::LoadWorkspaceFile(text, file.native(), config);
      if (!loaded) return std::unexpected(policy::ToError(loaded.error()));
      session.workspace_rules = std::move(*loaded);
      ILK_TRY_VOID(Record("workspace-policy",
                          {{"session", session.id}, {"sha256", crypto::Sha256Hex(text)}}));
    }
    auto scanned = credential::ScanWorkspace(session.workspace);
    if (scanned) {
      session.known_foreign = std::move(scanned->index);
      disguise_ = Disguise(session, scanned->credential_files);
    }
    // Shapes and a pack's credential places still tell a foreign credential; the record says that
    // this look was partial.
    if (!scanned || !scanned->complete) {
      disguise_complete_ = false;
      const std::string why = scanned ? "a limit was reached" : scanned.error().message;
      ILK_TRY_VOID(Record("workspace-scan-incomplete", {{"session", session.id}, {"why", why}}));
    }
  }
  return {};
}

// How the workspace's credential files are to be shown: phantoms for what this session was lent,
// tokens that work nowhere for the rest. The values themselves stay here.
json::array CommandPeer::Disguise(Session& session,
                                  const std::vector<credential::CredentialFile>& files) {
  json::array out;
  for (const credential::CredentialFile& file : files) {
    bool hidden = file.hidden;
    json::array spans;
    auto text = ReadFile(std::filesystem::path(session.workspace) / file.path, kCredentialFileMax);
    // Changed since it was read a moment ago: its places are no longer known.
    if (!hidden && (!text || crypto::Sha256Hex(*text) != file.sha256)) hidden = true;
    for (const credential::SecretSpan& span : file.spans) {
      if (hidden) break;
      const std::string_view value = std::string_view(*text).substr(span.offset, span.size);
      std::string phantom = LentPhantom(session, value);
      if (phantom.empty()) {
        phantom = credential::MakePhantom(
            Secret(std::string(value)),
            session.token + "\n" + file.path + "\n" + std::to_string(span.offset));
        session.known_foreign.Add(phantom,
                                  "a stand-in for " + file.path + ":" + std::to_string(span.line));
      }
      spans.push_back(json::object{{"offset", span.offset},
                                   {"size", span.size},
                                   {"kind", span.kind},
                                   {"line", span.line},
                                   {"phantom", std::move(phantom)}});
    }
    if (!IsUtf8(file.path)) continue;
    out.push_back(json::object{{"path", file.path},
                               {"sha256", file.sha256},
                               {"hidden", hidden},
                               {"replacements", hidden ? json::array() : std::move(spans)}});
  }
  return out;
}

// "" when the value was not lent to this session.
std::string CommandPeer::LentPhantom(const Session& session, std::string_view value) {
  for (const credential::VaultEntry& entry : session.lent) {
    const auto real = core_.vault.Reveal({entry.name, entry.version, "", ""});
    if (real && (*real)->Reveal() == value) return core_.phantoms.Issue(session.id, entry, **real);
  }
  return "";
}

// Environments that are ephemeral now are pinned by id: one that is relabelled during the session
// does not become disposable.
void CommandPeer::PinEphemeral(Session& session) {
  Worker& worker = gateway_.workers().Next();
  for (const auto& pack : core_.packs.all()) {
    const auto lent =
        std::ranges::find(session.lent, pack->name, &credential::VaultEntry::provider);
    if (lent == session.lent.end()) continue;
    auto pinned =
        Await(worker, core_.scope.EphemeralNow(core_, worker, pack->name,
                                               CredentialRef{lent->name, lent->version, "", ""}));
    if (pinned)
      session.pinned_ephemeral.merge(*pinned);
    else
      session.pinned_reason = pinned.error().message;
  }
}

Result<json::value> CommandPeer::SessionStart(const json::object& request) {
  if (session_ != nullptr) return Fail(Code::conflict, "this connection has a session already");
  const auto settings = core_.settings();
  const policy::SessionConfig& standard = settings->config.sessions.at("default");
  auto session = std::make_shared<Session>();
  session->id = ShortId("s");
  session->token = RandomToken();
  session->started = core_.clock.Now();
  session->user = std::to_string(peer_.uid);
  session->agent = std::string(FindString(request, "agent"));
  session->workspace = std::string(FindString(request, "workspace"));
  session->environment = std::string(FindString(request, "environment"));
  const json::value* ssh = Find(request, "ssh");
  session->ssh = ssh != nullptr && ssh->is_bool() && ssh->as_bool();
  if (session->environment.empty()) session->environment = standard.environment;
  if (!settings->config.environments.contains(session->environment)) {
    std::string known;
    for (const auto& [name, config] : settings->config.environments)
      known += (known.empty() ? "" : ", ") + name;
    return Fail(Code::invalid_input,
                "there is no environment \"" + session->environment + "\" (known: " + known + ")");
  }
  ILK_TRY(weakened, WeakenedIn(request));
  session->weakened = std::move(weakened);
  Undo forget([&] { Forget(*session); });
  ILK_TRY_VOID(Lend(*session));
  ILK_TRY_VOID(LendKeys(*session, request));
  ILK_TRY_VOID(TakeLogins(*session, request));
  ILK_TRY_VOID(TakePublished(*session, request));
  ILK_TRY_VOID(TakeReach(*session, request));
  ILK_TRY_VOID(ReadWorkspace(*session, settings->config));
  PinEphemeral(*session);

  const auto token_digest = crypto::Sha256Hex(session->token);
  ILK_TRY_VOID(core_.store.StartSession({session->id, session->user, session->agent,
                                         session->workspace, session->environment, token_digest,
                                         session->started, std::nullopt}));
  json::array lent;
  for (const credential::VaultEntry& entry : session->lent)
    lent.push_back(json::string(entry.name));
  ILK_TRY_VOID(Record("session-start", {{"session", session->id},
                                        {"agent", session->agent},
                                        {"environment", session->environment},
                                        {"lent", lent},
                                        {"weakened", WordsOf(session->weakened)},
                                        {"keys", KeysJson(*session, Detail::fingerprint)},
                                        {"logins", LoginsJson(*session, Detail::fingerprint)},
                                        {"reach", ReachJson(*session)},
                                        {"published", PublishedJson(*session)},
                                        {"ssh", session->ssh},
                                        {"policy", settings->policy_digest}}));
  core_.sessions.Add(session);
  session_ = session;
  forget.Keep();

  json::object variables;
  for (const auto& [name, phantom] : session->variables) variables[name] = phantom;
  json::array git = GitJson(*session);
  json::array not_lent;
  for (const NotLent& one : session->not_lent)
    not_lent.push_back({{"lend", one.entry}, {"why", one.why}});
  json::array approvers;
  for (const crypto::AllowedSigner& signer : *core_.approvers())
    approvers.push_back(json::string(signer.principals.front()));
  return json::object{{"session", session->id},
                      {"token", session->token},
                      {"environment", session->environment},
                      {"variables", std::move(variables)},
                      {"lent", std::move(lent)},
                      {"git", std::move(git)},
                      {"reach", ReachJson(*session)},
                      {"approvers", std::move(approvers)},
                      {"ca_certificate", gateway_.ca_certificate()},
                      {"proxy", gateway_.proxy_address()},
                      {"credential_files", std::move(disguise_)},
                      {"credential_files_complete", disguise_complete_},
                      {"not_lent", std::move(not_lent)},
                      {"scope_note", session->pinned_reason}};
}

Result<json::value> CommandPeer::SessionServe(const json::object& request,
                                              std::vector<UniqueFd> fds) {
  if (session_ == nullptr) return Fail(Code::conflict, "this connection has no session");
  if (fds.size() < 3) return Fail(Code::invalid_input, "a room has three sockets or more");
  // Without IPv6 in the kernel the third is a stand-in.
  const json::value* ipv6 = Find(request, "ipv6");
  if (ipv6 == nullptr || !ipv6->is_bool() || !ipv6->as_bool()) fds[2].Reset();
  RoomSockets sockets{std::move(fds[0]), std::move(fds[1]), std::move(fds[2]), {}};
  for (std::size_t i = 3; i < fds.size(); ++i) sockets.ports.push_back(std::move(fds[i]));
  session_->by_ports = !sockets.ports.empty();
  ServeRoom(core_, gateway_.workers(), session_, std::move(sockets));
  return json::object{{"serving", session_->id}};
}

// Somebody is about to enter a session's room from outside.
Result<json::value> CommandPeer::SessionAttach(const json::object& request) {
  ILK_TRY(id, Required(request, "session"));
  const auto session = core_.sessions.ById(id);
  if (session == nullptr || session->ended)
    return Fail(Code::not_found, "no session \"" + EscapeForHumans(id, 60) + "\" is running");
  if (!session->ssh) {
    return Fail(Code::denied, id + " was started without --ssh, so nothing attaches to it");
  }
  ILK_TRY_VOID(Record("session-attach", {{"session", id}}));
  return json::object{{"session", id}};
}

// Waits a moment for the provider; what could not be taken back by then is tried again later.
void CommandPeer::TakeBackMinted(const std::string& session) {
  core_.mints.EndEntries(session);
  Worker& worker = gateway_.workers().Next();
  auto done = asio::co_spawn(worker.context, TakeBack(core_, worker), asio::use_future);
  (void)done.wait_for(kTakeBackMax);
}

// What the session had and nobody may use any more.
void CommandPeer::Forget(const Session& session) {
  core_.phantoms.EndSession(session.id);
  TakeBackMinted(session.id);
  core_.vault.RemoveTransient(session.id + ".");
  core_.lends.Forget(session.id);
  for (const std::uint16_t port : session.published) core_.own_ports.Remove(port);
}

void CommandPeer::EndSession() {
  if (session_ == nullptr) return;
  session_->End();
  EndGrantsOf(core_, *session_);
  RecordRefusals(core_, *session_);
  core_.sessions.Remove(session_->id);
  Forget(*session_);
  (void)core_.store.EndSession(session_->id, core_.clock.Now());
  (void)Record("session-end", {{"session", session_->id}});
  session_.reset();
}

// --- holds ---

Result<json::value> CommandPeer::Holds(const json::object& request) {
  ILK_TRY(list, core_.desk.List(std::string(FindString(request, "filter"))));
  return json::value(std::move(list));
}

Result<json::value> CommandPeer::Show(const json::object& request) {
  ILK_TRY(id, Required(request, "hold"));
  ILK_TRY(hold, core_.desk.Show(id));
  return json::value(std::move(hold));
}

Result<json::value> CommandPeer::Approve(const json::object& request) {
  ILK_TRY(id, Required(request, "hold"));
  ILK_TRY(signature, Required(request, "signature"));
  ILK_TRY(state, core_.desk.AddSignature(id, signature));
  if (state != approval::State::approved) {
    ILK_TRY(outcome, core_.desk.OutcomeOf(id));
    return json::value(std::move(outcome));
  }
  Worker& worker = gateway_.workers().Next();
  ILK_TRY(outcome, Await(worker, Execute(core_, worker, id)));
  return json::value(std::move(outcome));
}

Result<json::value> CommandPeer::Reject(const json::object& request) {
  ILK_TRY(id, Required(request, "hold"));
  ILK_TRY(reason, Required(request, "reason"));
  ILK_TRY_VOID(core_.desk.Reject(id, reason));
  ILK_TRY(outcome, core_.desk.OutcomeOf(id));
  return json::value(std::move(outcome));
}

Result<json::value> CommandPeer::Wait(const json::object& request) {
  ILK_TRY(id, Required(request, "hold"));
  const json::value* timeout = Find(request, "timeout_ms");
  const std::int64_t ms = timeout != nullptr && timeout->is_int64() ? timeout->as_int64() : 60'000;
  ILK_TRY(outcome, core_.desk.WaitFor(
                       id, std::chrono::milliseconds(std::clamp<std::int64_t>(ms, 0, 86'400'000))));
  return json::value(std::move(outcome));
}

// --- grants ---

Result<json::value> CommandPeer::GrantAsk(const json::object& request) {
  ILK_TRY(placed, AskForGrant(core_, request, std::to_string(peer_.uid)));
  if (placed.rejected)
    return Fail(Code::denied, "somebody has rejected exactly this (" + placed.record.id +
                                  "): " + placed.record.reason);
  return json::object{{"hold", placed.record.id},
                      {"state", placed.record.state},
                      {"digest", placed.record.digest},
                      {"expires", FormatTime(placed.record.expires)}};
}

Result<json::value> CommandPeer::GrantRevoke(const json::object& request) {
  ILK_TRY(id, Required(request, "grant"));
  ILK_TRY(revoked, RevokeGrant(core_, id));
  return json::value(std::move(revoked));
}

// --- credentials and people ---

Result<json::value> CommandPeer::ApproverAdd(const json::object& request) {
  ILK_TRY(name, Required(request, "name"));
  ILK_TRY(key_text, Required(request, "key"));
  if (!crypto::IsPrincipalName(name)) {
    return Fail(Code::invalid_input,
                "\"" + EscapeForHumans(name) +
                    "\" can't name an approver: no spaces, quotes, commas or patterns");
  }
  ILK_TRY(key, crypto::ParseSshKeyLine(key_text));
  const auto current = core_.approvers();
  // The first is trusted on first use; afterwards another process of the same user must not be able
  // to enrol itself.
  if (!current->empty()) {
    return Fail(
        Code::denied,
        "an approver is enrolled already: enrolling another one needs an approver's signature, "
        "which this version can't ask for");
  }
  Approvers next = *current;
  next.push_back(
      {{name}, key, {std::string(approval::kNamespace)}, std::nullopt, std::nullopt, ""});
  ILK_TRY_VOID(Record("approver-added",
                      {{"key", key.fingerprint}, {"name_sha256", crypto::Sha256Hex(name)}}));
  ILK_TRY_VOID(SaveApprovers(gateway_.state(), next));
  core_.Use(std::make_shared<const Approvers>(std::move(next)));
  return json::object{{"name", name}, {"key", key.fingerprint}};
}

Result<json::value> CommandPeer::ApproverList(const json::object&) {
  json::array list;
  for (const crypto::AllowedSigner& signer : *core_.approvers()) {
    list.push_back(json::object{{"name", signer.principals.front()},
                                {"kind", approval::ToString(approval::KindOf(signer.key))},
                                {"key", signer.key.fingerprint}});
  }
  return json::value(std::move(list));
}

// --- the gateway itself ---

Result<json::value> CommandPeer::Status(const json::object&) {
  json::array sessions;
  for (const auto& session : core_.sessions.All()) {
    sessions.push_back({{"session", session->id},
                        {"agent", session->agent},
                        {"environment", session->environment},
                        {"workspace", session->workspace},
                        {"keys", KeysJson(*session, Detail::plain)},
                        {"logins", LoginsJson(*session, Detail::plain)},
                        {"reach", ReachJson(*session)},
                        {"published", PublishedJson(*session)},
                        {"ssh", session->ssh},
                        {"grants", GrantsJson(*session)},
                        {"weakened", WordsOf(session->weakened)},
                        {"lends", LendsJson(*session)},
                        {"started", FormatTime(session->started)}});
  }
  ILK_TRY(pending, core_.store.Count("pending"));
  json::array weaknesses;
  const auto weak = [&](std::string_view name, std::string_view means, std::string_view remedy) {
    weaknesses.push_back({{"name", name}, {"means", means}, {"remedy", remedy}});
  };
  for (const auto& session : core_.sessions.All()) {
    for (const GrantSeen& grant : session->grants.Seen()) {
      const bool tcp = grant.terms.protocol == GrantProtocol::unseen_tcp;
      weak("grant-" + grant.id,
           session->id + " may reach " + PlaceOf(grant.terms) + " until " +
               FormatTime(grant.until) + ", beyond the configuration's egress" +
               (tcp ? "; what passes there is not judged" : ""),
           "interlock grant --revoke " + grant.id);
    }
    for (const std::string& name : session->weakened) {
      const sandbox::Weakening* found = sandbox::FindWeakening(name);
      if (found != nullptr) weak(name + "-" + session->id, found->means, found->remedy);
    }
    if (session->by_ports)
      weak("some-ports-" + session->id,
           "this kernel has no nf_tables with tproxy: of " + session->id +
               "'s room only the ports " + sandbox::FallbackPortsText() +
               " lead to the gateway, all others nowhere",
           "sudo modprobe nft_tproxy, or a kernel that has it");
  }
  for (const auto& session : core_.sessions.All()) {
    if (session->login_info.empty()) continue;
    weak("own-login-" + session->id,
         "the agent of " + session->id +
             " holds its own login, a real credential; it passes only to the hosts it is for",
         "give the agent an API key in the caller's environment or in the vault instead");
  }
  for (const auto& session : core_.sessions.All()) {
    if (!session->ssh) continue;
    weak("ssh-" + session->id,
         "an editor that connects to " + session->id +
             " trusts the server part of itself, which runs beside the agent",
         "docs/editors.md says what that can cost; plain ssh trusts nothing inside");
  }
  if (const auto& tools = core_.settings()->config.sessions.at("default").hosted_tools;
      !tools.empty()) {
    weak("hosted-tools",
         "providers of models may use tools of their own outside the room: " + Joined(tools),
         "take hosted_tools out of the configuration");
  }
  weak("no-witness", "the record binds everyone but this machine's operator",
       "a later version cosigns with a witness");
  weak("same-user",
       "a program outside `interlock run` as the same user can use a key file that has no "
       "passphrase",
       "approve with a security key: ssh-keygen -t ed25519-sk");
  if (core_.approvers()->empty()) {
    weak("no-approver", "nobody can approve what is held",
         "interlock approver add NAME --ssh-key FILE.pub");
  }
  const auto entries = core_.vault.List();
  for (const auto& pack : core_.packs.all()) {
    const bool used =
        std::ranges::any_of(entries, [&](const auto& e) { return e.provider == pack->name; });
    const bool scoped = std::ranges::any_of(
        entries, [&](const auto& e) { return e.provider == pack->name && e.for_scope; });
    if (used && !scoped && pack->name == "railway") {
      weak("no-scope-" + pack->name,
           "where an action acts can't be observed; ids count as production",
           "interlock vault add scope --provider " + pack->name +
               " --environment production --kind account --for scope");
    }
  }
  AddVaultWeaknesses(core_, weaknesses);
  if (const auto halted = core_.ledger.Halted())
    weak("ledger-halted", halted->message, "nothing is sent until the gateway is started again");
  const Counters& c = core_.counters;
  return json::object{
      {"gateway",
       {{"pid", ::getpid()}, {"version", ILK_VERSION}, {"proxy", gateway_.proxy_address()}}},
      {"sessions", std::move(sessions)},
      {"holds", {{"pending", pending}}},
      {"halted", false},
      {"breakers", json::array{}},
      {"counters",
       {{"requests", c.requests.load()},
        {"allowed", c.allowed.load()},
        {"held", c.held.load()},
        {"denied", c.denied.load()},
        {"malformed", c.malformed.load()},
        {"connections", c.connections.load()},
        {"turned_away", c.turned_away.load()}}},
      {"weaknesses", std::move(weaknesses)}};
}

Result<json::value> CommandPeer::Reload(const json::object&) {
  ILK_TRY_VOID(gateway_.Reload());
  return json::object{{"policy", core_.settings()->policy_digest}};
}

Result<json::value> CommandPeer::Stop(const json::object&) {
  gateway_.RequestStop();
  return json::object{{"stopping", ::getpid()}};
}

Result<json::value> CommandPeer::Flush(const json::object&) {
  ILK_TRY_VOID(core_.ledger.Flush());
  return json::object{{"size", core_.ledger.Latest().checkpoint.size}};
}

}  // namespace

std::unique_ptr<ControlPeer> MakeCommandPeer(Gateway& gateway, Peer peer) {
  return std::make_unique<CommandPeer>(gateway, peer);
}

}  // namespace interlock::gateway
