#include "gateway/gateway.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstring>
#include <future>
#include <map>
#include <optional>

#include "base/bytes.h"
#include "base/file.h"
#include "base/ids.h"
#include "base/wiping.h"
#include "credential/keyring.h"
#include "crypto/hash.h"
#include "gateway/commands.h"
#include "gateway/grant_desk.h"
#include "gateway/hold_desk.h"
#include "gateway/listener.h"
#include "gateway/record.h"
#include "gateway/scope_cache.h"
#include "store/sqlite/sqlite_store.h"

namespace interlock::gateway {
namespace {

namespace fs = std::filesystem;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kBlockingThreads = 4;
constexpr std::size_t kSearchingThreads = 2;
constexpr std::chrono::milliseconds kTick{250};
constexpr std::chrono::milliseconds kLastWords{1000};
constexpr int kTicksPerSweep = 20;  // idle connections and due holds: every 5 s

// Another process of the same user can't attach to this one or read its memory. Some systems dump
// such processes all the same (fs.suid_dumpable): 1 rather than 0, which would still start a core
// handler with this memory (core(5)).
Result<void> HideMemory() {
  rlimit core{};
  bool hidden = ::prctl(PR_SET_DUMPABLE, 0) == 0 && ::getrlimit(RLIMIT_CORE, &core) == 0;
  // A caller's own limit of nothing can't be raised, and needn't be.
  core.rlim_max = std::min<rlim_t>(core.rlim_max, 1);
  core.rlim_cur = core.rlim_max;
  hidden = hidden && ::setrlimit(RLIMIT_CORE, &core) == 0;
  if (!hidden)
    return Fail(
        Code::unavailable,
        std::string("hiding the gateway's memory from other programs: ") + std::strerror(errno));
  return {};
}

std::string HolderOf(const fs::path& lock) {
  const auto text = ReadFile(lock, 64);
  const std::string digits = text ? text->substr(0, text->find('\n')) : "";
  return digits.empty() ? "another gateway" : "another gateway (process " + digits + ")";
}

// One gateway per state: two would fork the ledger and execute a hold twice.
Result<UniqueFd> LockState(const fs::path& state) {
  UniqueFd lock(::open((state / ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock.valid())
    return Fail(Code::unavailable,
                "opening " + (state / ".lock").native() + ": " + std::strerror(errno));
  // One that is just ending (killed, or told to stop) is given a moment.
  int tries = 0;
  while (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (++tries < 60) {
      ::usleep(50'000);
      continue;
    }
    return Fail(Code::conflict, HolderOf(state / ".lock") + " works on " + state.native() +
                                    " (interlock gateway stop ends it)");
  }
  const std::string me = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock.get(), 0) != 0 ||
      ::pwrite(lock.get(), me.data(), me.size(), 0) != static_cast<ssize_t>(me.size()))
    return Fail(Code::unavailable, "writing to " + (state / ".lock").native());
  return lock;
}

// A sealed file, made on first use.
template <typename Make>
Result<std::string> SealedFile(const credential::Vault& vault, const fs::path& path,
                               std::string_view context, Make make) {
  std::error_code ignored;
  if (fs::exists(path, ignored)) {
    ILK_TRY(sealed, ReadFile(path, 1u << 20));
    auto opened = vault.Unseal(sealed, context);
    if (!opened)
      return Fail(Code::verification, path.native() + " can't be opened with this vault's key: " +
                                          opened.error().message);
    return opened;
  }
  ILK_TRY(fresh, make());
  ILK_TRY_VOID(WriteFileDurably(path, vault.Seal(fresh, context)));
  return fresh;
}

Result<crypto::CertificateAuthority> OpenAuthority(const credential::Vault& vault,
                                                   const fs::path& state, TimePoint now) {
  ILK_TRY(
      bundle,
      SealedFile(vault, state / "ca.key", "certificate authority", [&]() -> Result<std::string> {
        ILK_TRY(fresh, crypto::CertificateAuthority::Create("Interlock " + ShortId("ca"), now));
        const Secret key = fresh.PrivateKeyPem();
        json::object made(WipingStorage());
        made.emplace("certificate", fresh.certificate_pem());
        made.emplace("key", key.Reveal());
        return json::serialize(made);
      }));
  ILK_TRY(parsed, ParseSecretJson(bundle));
  explicit_bzero(bundle.data(), bundle.size());
  if (!parsed.is_object()) return Fail(Code::verification, "ca.key holds no certificate authority");
  const Secret key{std::string(FindString(parsed.as_object(), "key"))};
  ILK_TRY(authority,
          crypto::CertificateAuthority::Load(FindString(parsed.as_object(), "certificate"), key));
  ILK_TRY_VOID(WriteFileDurably(state / "ca.pem", authority.certificate_pem(), 0644));
  return authority;
}

Result<std::unique_ptr<ledger::Ledger>> OpenLedger(const credential::Vault& vault,
                                                   const fs::path& state) {
  ILK_TRY(
      text, SealedFile(vault, state / "ledger.key", "ledger key", []() -> Result<std::string> {
        return json::serialize(json::object{{"origin", "interlock.local/" + Hex(RandomBytes(4))},
                                            {"seed", Base64(crypto::NewEd25519Seed().Reveal())}});
      }));
  ILK_TRY(parsed, ParseSecretJson(text));
  explicit_bzero(text.data(), text.size());
  if (!parsed.is_object()) return Fail(Code::verification, "ledger.key holds no key");
  const auto seed = FromBase64(FindString(parsed.as_object(), "seed"));
  if (!seed) return Fail(Code::verification, "ledger.key holds no key");
  ILK_TRY(key, crypto::Ed25519Key::FromSeed(Secret(std::string(*seed))));
  ledger::Ledger::Options options;
  options.dir = state / "ledger";
  options.origin = std::string(FindString(parsed.as_object(), "origin"));
  return ledger::Ledger::Open(std::move(options), std::move(key));
}

Result<std::shared_ptr<const Settings>> LoadSettings(const std::vector<policy::ConfigPath>& paths) {
  auto config = policy::LoadConfig(paths);
  if (!config) return std::unexpected(policy::ToError(config.error()));
  ILK_TRY(routes, Routes::Make(*config));
  auto settings = std::make_shared<Settings>();
  settings->config = std::move(*config);
  settings->policy_digest = policy::PolicyDigest(settings->config);
  settings->routes = std::move(routes);
  return settings;
}

Result<classify::Packs> LoadPacks(const std::vector<fs::path>& directories) {
  classify::Packs packs;
  for (const fs::path& directory : directories) {
    std::error_code failed;
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(directory, failed)) {
      if (fs::exists(entry.path() / "pack.yaml", failed)) found.push_back(entry.path());
    }
    std::ranges::sort(found);
    for (const fs::path& path : found) {
      ILK_TRY(pack, classify::LoadPack(path));
      ILK_TRY_VOID(packs.Add(std::move(pack)));
    }
  }
  if (packs.all().empty()) {
    std::string where;
    for (const fs::path& directory : directories)
      where += (where.empty() ? "" : ", ") + directory.native();
    return Fail(Code::not_found, "no provider packs were found in " + where);
  }
  return packs;
}

// Hosts that the configuration gives to packs which name none.
using BoundHosts = std::map<std::string, std::vector<std::string>>;

BoundHosts BoundHostsOf(const policy::Config& config) {
  BoundHosts out;
  for (const auto& [name, provider] : config.providers) {
    if (!provider.hosts.empty()) out.emplace(name, provider.hosts);
  }
  return out;
}

Result<void> Bind(classify::Packs& packs, const policy::Config& config) {
  for (const auto& [name, hosts] : BoundHostsOf(config)) {
    for (const std::string& host : hosts) {
      if (const auto bound = packs.Bind(name, host); !bound)
        return Fail(bound.error().code,
                    "providers." + name + ".hosts: " + host + ": " + bound.error().message);
    }
  }
  return {};
}

// Every client may need a connection to a provider, and neither may ever take the descriptors that
// the ledger and the store need: a ledger that can't open a file stops everybody.
std::size_t ConnectionsThatFit() {
  constexpr std::size_t kReserved = 256;
  constexpr std::size_t kLeast = 16;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kLeast;
  const auto descriptors = static_cast<std::size_t>(std::min<rlim_t>(limit.rlim_cur, 1u << 20));
  return descriptors > kReserved + 2 * kLeast ? (descriptors - kReserved) / 2 : kLeast;
}

Task<void> Tick(Core& core, Worker& worker, bool sweeps_holds) {
  asio::steady_timer timer(worker.context);
  for (int tick = 0;; ++tick) {
    timer.expires_after(kTick);
    if (auto [stopped] = co_await timer.async_wait(kAwait); stopped) co_return;
    const SteadyTime now = std::chrono::steady_clock::now();
    worker.deadlines.Tick(now);
    if (sweeps_holds && HasDueGrants(core)) {
      // All are closed before the first is written down: the disk may be slow.
      auto end_grants = [&core, ended = EndDueGrants(core)] {
        RecordEndsOfDue(core, ended);
        return true;
      };
      co_await Blocking(core, std::move(end_grants));
    }
    if (tick % kTicksPerSweep != 0) continue;
    worker.pool.DropIdle(now);
    if (!sweeps_holds) continue;
    auto sweep = [&core] {
      core.desk.ExpireDue();
      for (const auto& session : core.sessions.All()) RecordRefusals(core, *session);
      return true;
    };
    co_await Blocking(core, std::move(sweep));
    co_await TakeBack(core, worker);
  }
}

}  // namespace

// --- workers ---

Workers::Workers(std::size_t count) {
  for (std::size_t i = 0; i < std::max<std::size_t>(count, 1); ++i)
    workers_.push_back(std::make_unique<Worker>());
  for (const auto& worker : workers_) {
    worker->thread = std::thread([&context = worker->context] {
      const auto guard = asio::make_work_guard(context);
      for (;;) {
        try {
          context.run();
          return;
        } catch (const std::exception&) {
          // One connection's failure (out of memory, say) ends that connection, not the gateway.
        }
      }
    });
  }
}

void Workers::Settle(std::chrono::milliseconds at_most) {
  const auto until = std::chrono::steady_clock::now() + at_most;
  for (const auto& worker : workers_) {
    auto reached = std::make_shared<std::promise<void>>();
    auto future = reached->get_future();
    asio::post(worker->context, [reached] { reached->set_value(); });
    future.wait_until(until);
  }
}

void Workers::Stop() {
  for (const auto& worker : workers_) worker->context.stop();
  for (const auto& worker : workers_) {
    if (worker->thread.joinable()) worker->thread.join();
  }
}

void RecordRefusals(Core& core, Session& session) {
  const auto summary = session.refusals.Take();
  if (summary) {
    // It fails only when the ledger has halted, and then nothing is sent any more.
    (void)core.ledger.AppendDurable(RefusalsEntry(session.id, *summary, core.clock.Now()));
  }
}

// --- approvers ---

Result<Approvers> LoadApprovers(const fs::path& state) {
  const fs::path path = state / "allowed_signers";
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return Approvers{};
  ILK_TRY(text, ReadFile(path, 1u << 20));
  return crypto::ParseAllowedSigners(text);
}

Result<void> SaveApprovers(const fs::path& state, const Approvers& approvers) {
  return WriteFileDurably(state / "allowed_signers", crypto::FormatAllowedSigners(approvers), 0644);
}

// --- the whole ---

// In the order of construction; the reverse is the order in which things may still be used.
struct Gateway::Parts {
  GatewayOptions options;
  SystemClock system_clock;
  UniqueFd lock;
  classify::Packs packs;
  std::unique_ptr<credential::Vault> vault;
  std::optional<credential::PhantomTable> phantoms;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<ledger::Ledger> ledger;
  std::optional<crypto::CertificateAuthority> authority;
  std::unique_ptr<crypto::ServerContexts> server_tls;
  Sessions sessions;
  ScopeCache scope;
  asio::thread_pool blocking{kBlockingThreads};
  asio::thread_pool searching{kSearchingThreads};
  HoldDesk desk;
  std::optional<Core> core;
  std::optional<Workers> workers;
  std::string proxy_address;
  std::unique_ptr<ControlServer> control;
  std::atomic<bool> stop{false};
};

Gateway::Gateway(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Result<std::unique_ptr<Gateway>> Gateway::Start(GatewayOptions options) {
  ILK_TRY_VOID(HideMemory());
  auto parts = std::make_unique<Parts>();
  Parts& p = *parts;
  p.options = std::move(options);
  const fs::path& state = p.options.state;
  const Clock& clock = p.options.clock != nullptr ? *p.options.clock : p.system_clock;

  ILK_TRY_VOID(MakePrivateDirectory(state));
  ILK_TRY(lock, LockState(state));
  p.lock = std::move(lock);
  ILK_TRY(settings, LoadSettings(p.options.config));
  ILK_TRY(packs, LoadPacks(p.options.packs));
  p.packs = std::move(packs);
  ILK_TRY_VOID(Bind(p.packs, settings->config));
  credential::ProgramKeyring keyring(p.options.keyring);
  credential::VaultOptions vault_options;
  vault_options.access.keyring = &keyring;
  vault_options.access.passphrase = p.options.passphrase ? &*p.options.passphrase : nullptr;
  vault_options.clock = &clock;
  ILK_TRY(vault, credential::Vault::Open(state, vault_options));
  p.vault = std::move(vault);
  p.options.passphrase.reset();
  p.phantoms.emplace(p.vault->Derive("phantoms"));
  ILK_TRY(store, sqlite::OpenStore(state / "interlock.db"));
  p.store = std::move(store);
  ILK_TRY(ledger, OpenLedger(*p.vault, state));
  p.ledger = std::move(ledger);
  ILK_TRY(authority, OpenAuthority(*p.vault, state, clock.Now()));
  p.authority.emplace(std::move(authority));
  ILK_TRY(server_tls, crypto::ServerContexts::Create(*p.authority));
  p.server_tls = std::move(server_tls);
  ILK_TRY(approvers, LoadApprovers(state));

  // The desk and the core know each other.
  Core& core = p.core.emplace(clock, state, p.packs, *p.vault, *p.phantoms, *p.store, *p.ledger,
                              *p.server_tls, p.sessions, p.scope, p.desk, p.blocking, p.searching);
  p.desk.Use(core);
  core.Use(std::move(settings));
  core.Use(std::make_shared<const Approvers>(std::move(approvers)));
  core.times = p.options.times;
  const policy::LimitsConfig& limits = core.settings()->config.gateway.limits;
  if (limits.header_bytes > 0) core.http_limits.header_bytes_max = limits.header_bytes;
  if (limits.inspect_bytes > 0) core.inspect_bytes_max = limits.inspect_bytes;
  if (limits.connections > 0) core.connections_max = static_cast<std::size_t>(limits.connections);
  core.connections_max = std::min(core.connections_max, ConnectionsThatFit());
  ILK_TRY_VOID(core.mints.Load(state / "minted"));
  ILK_TRY_VOID(core.desk.RecoverAfterCrash());
  core.desk.ExpireDue();
  ILK_TRY(started, p.ledger->AppendDurable(Entry(
                       "gateway-start", clock.Now(),
                       {{"version", ILK_VERSION}, {"policy", core.settings()->policy_digest}})));
  (void)started;

  const std::size_t count = p.options.workers != 0
                                ? p.options.workers
                                : std::max(1u, std::thread::hardware_concurrency());
  Workers& workers = p.workers.emplace(count);
  for (const auto& worker : workers.all()) {
    worker->pool.Avoid(core.own_ports);
    asio::co_spawn(worker->context, Tick(core, *worker, worker == workers.all().front()),
                   asio::detached);
  }
  const std::string& proxy = core.settings()->config.gateway.proxy;
  if (!proxy.empty()) {
    const auto colon = proxy.rfind(':');
    boost::system::error_code failed;
    const auto address = asio::ip::make_address(proxy.substr(0, colon), failed);
    if (failed)
      return Fail(Code::invalid_input, "gateway.proxy wants an address and a port: " + proxy);
    tcp::endpoint endpoint(address, static_cast<std::uint16_t>(std::stoi(proxy.substr(colon + 1))));
    tcp::acceptor acceptor(workers.First().context);
    acceptor.open(endpoint.protocol(), failed);
    if (!failed) acceptor.set_option(tcp::acceptor::reuse_address(true), failed);
    if (!failed) acceptor.bind(endpoint, failed);
    if (!failed) acceptor.listen(4096, failed);
    if (failed) {
      return Fail(Code::unavailable,
                  "listening on " + proxy + " (gateway.proxy): " + failed.message() +
                      "; another port, or 127.0.0.1:0 for any, goes into the configuration");
    }
    const auto bound = acceptor.local_endpoint();
    p.proxy_address = bound.address().to_string() + ":" + std::to_string(bound.port());
    core.own_ports.Add(bound.port());
    asio::co_spawn(workers.First().context, AcceptProxyClients(core, workers, std::move(acceptor)),
                   asio::detached);
  }

  auto gateway = std::unique_ptr<Gateway>(new Gateway(std::move(parts)));
  ILK_TRY(control, ControlServer::Listen(state / "gateway.sock", [&g = *gateway](Peer peer) {
            return MakeCommandPeer(g, peer);
          }));
  gateway->parts_->control = std::move(control);
  return gateway;
}

Gateway::~Gateway() {
  if (!parts_) return;
  Parts& p = *parts_;
  RequestStop();      // wakes the commands that wait for something
  p.control.reset();  // ends every session that hangs on a connection
  for (const auto& session : p.sessions.All()) session->End();
  if (p.workers) {
    p.workers->Settle(kLastWords);  // open WebSockets say that they end
    p.workers->Stop();
  }
  p.core->lends.Stop();
  p.blocking.join();
  p.searching.join();
  if (p.ledger) {
    (void)p.ledger->AppendAsync(Entry("gateway-stop", p.core->clock.Now(), {}));
    (void)p.ledger->Flush();
  }
  // Coroutine frames hold references into the core: they go with their contexts, before it.
  p.workers.reset();
}

Result<void> Gateway::Reload() {
  ILK_TRY(settings, LoadSettings(parts_->options.config));
  // A host that lost its pack would be judged as one that nobody knows.
  if (BoundHostsOf(settings->config) != BoundHostsOf(core().settings()->config))
    return Fail(Code::conflict,
                "providers.NAME.hosts changed, which is read when the gateway starts; nothing was "
                "reloaded. Restart it: interlock gateway stop");
  ILK_TRY(index, core().ledger.AppendDurable(
                     Entry("policy", core().clock.Now(), {{"policy", settings->policy_digest}})));
  (void)index;
  core().Use(std::move(settings));
  // What was opened under the old policy is opened again under the new one, or not.
  for (const auto& session : parts_->sessions.All()) session->CloseLines(LineEnd::policy_changed);
  return {};
}

Core& Gateway::core() { return *parts_->core; }
Workers& Gateway::workers() { return *parts_->workers; }
const std::string& Gateway::proxy_address() const { return parts_->proxy_address; }
const std::string& Gateway::ca_certificate() const { return parts_->authority->certificate_pem(); }
const fs::path& Gateway::state() const { return parts_->options.state; }
bool Gateway::StopRequested() const { return parts_->stop; }
void Gateway::RequestStop() {
  parts_->stop = true;
  parts_->desk.StopWaiting();
}

}  // namespace interlock::gateway
