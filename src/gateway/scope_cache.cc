#include "gateway/scope_cache.h"

#include <algorithm>

#include "gateway/core.h"
#include "gateway/forward.h"
#include "scope/details.h"
#include "scope/railway_walk.h"
#include "scope/resolve.h"

namespace interlock::gateway {
namespace {

// The one provider whose API scope/ can walk so far.
constexpr std::string_view kRailway = "railway";
constexpr int kWalkRequestsMax = 2000;
constexpr std::size_t kAnswerBytesMax = 8u << 20;

// How the provider is asked: its API, and the credential for looking.
struct Looker {
  const classify::Api* api = nullptr;
  std::string host;
  CredentialRef ref;
  scope::ViewKind view = scope::ViewKind::account;
};

// The entry for scope, else the one the action carries: it sees less, and what it can't see counts
// as production.
Result<Looker> AskerFor(Core& core, const std::string& provider, const std::string& host,
                        const std::optional<CredentialRef>& carried) {
  const classify::Pack* pack = core.packs.Get(provider);
  if (pack == nullptr || pack->apis.empty() || !pack->apis.front().graphql) {
    return Fail(Code::not_found, provider + " has no API that can be walked");
  }
  Looker asker;
  asker.api = &pack->apis.front();
  asker.host = host;
  const auto settings = core.settings();
  if (asker.host.empty()) {
    for (const std::string& name : asker.api->hosts) {
      if (asker.host.empty() || settings->routes->Names(name)) asker.host = name;
      if (settings->routes->Names(name)) break;
    }
  }
  const auto entries = core.vault.List();
  auto it = std::ranges::find_if(
      entries, [&](const auto& e) { return e.provider == provider && e.for_scope; });
  if (it == entries.end() && carried)
    it = std::ranges::find(entries, carried->entry, &credential::VaultEntry::name);
  if (it == entries.end())
    return Fail(Code::not_found, "the vault has no credential for looking at " + provider);
  const auto place = std::ranges::find_if(asker.api->credentials, [&](const auto& one) {
    return one.kind == it->kind && one.stand == CredentialStand::header;
  });
  if (place == asker.api->credentials.end())
    return Fail(Code::not_found, "the pack has no place for " + it->kind + " credentials");
  asker.ref = {it->name, it->version, place->header, place->prefix};
  asker.view = it->kind == "project" ? scope::ViewKind::project_token : scope::ViewKind::account;
  return asker;
}

Task<Result<std::string>> Ask(Core& core, Worker& worker, Looker asker, std::string body) {
  auto real = co_await core.lends.Reveal(core, worker, asker.ref);
  if (!real) co_return std::unexpected(real.error());
  UpstreamRequest request{"https",
                          asker.host,
                          443,
                          "POST",
                          asker.api->graphql->paths.front(),
                          {{"content-type", "application/json"}, {"accept", "application/json"}},
                          std::move(body),
                          asker.ref};
  const BeforeSending at_once = []() -> Task<Result<void>> { co_return Result<void>{}; };
  std::optional<Injection> injection;
  injection.emplace(Injection{asker.ref, *real, std::string((*real)->size(), '*')});
  const Cover cover = CoverFor(core, "", injection);
  const OneShot answer =
      co_await SendOnce(core, worker, request, std::move(injection), at_once, kAnswerBytesMax);
  if (answer.reached != Reached::answered)
    co_return Fail(Code::unavailable, "asking " + asker.host + ": " + answer.error);
  if (answer.status != 200) {
    co_return Fail(Code::unavailable, "asking " + asker.host + " with " + asker.ref.entry +
                                          ": status " + std::to_string(answer.status));
  }
  co_return cover.Text(answer.body);
}

template <typename Resolve>
Scopes ForEach(const Action& action, const Resolve& resolve) {
  Scopes scopes;
  scopes.whole = resolve(action.targets);
  if (action.operations.size() < 2) return scopes;
  for (const Operation& operation : action.operations)
    scopes.each.push_back(resolve(operation.targets));
  return scopes;
}

scope::EnvironmentMapper MapperFor(std::shared_ptr<const Settings> settings, std::string provider) {
  return [settings = std::move(settings), provider = std::move(provider)](std::string_view name) {
    const std::string mapped = policy::MapEnvironment(settings->config, provider, name);
    return scope::Mapped{mapped, policy::IsDeclaredDisposable(settings->config, mapped)};
  };
}

}  // namespace

Scopes Unresolved(const Action& action, const std::string& reason) {
  return ForEach(action, [&reason](const std::vector<ResourceId>& targets) {
    return targets.empty() ? Scope{} : scope::Unresolved(targets, reason);
  });
}

Task<Result<std::shared_ptr<const scope::World>>> ScopeCache::WorldOf(
    Core& core, Worker& worker, std::string provider, std::string host,
    std::optional<CredentialRef> carried, Freshness freshness) {
  const auto asker = AskerFor(core, provider, host, carried);
  if (!asker) co_return std::unexpected(asker.error());
  // Views differ by credential (one session's partial view is nobody else's) and by host (a pack
  // may know several installations of one API).
  const std::string key = provider + "/" + asker->host + "/" + asker->ref.entry + "/" +
                          std::to_string(asker->ref.version);
  std::uint64_t generation = 0;
  {
    const std::lock_guard lock(mutex_);
    generation = generations_[provider];
    const auto it = worlds_.find(key);
    const bool fresh = it != worlds_.end() && it->second.generation == generation &&
                       std::chrono::steady_clock::now() - it->second.since < kMaxAge;
    if (fresh && freshness == Freshness::cached) co_return it->second.world;
  }
  const SteadyTime since = std::chrono::steady_clock::now();
  scope::RailwayWalk walk(asker->view);
  for (int requests = 0; auto body = walk.NextRequest(); ++requests) {
    if (requests == kWalkRequestsMax)
      co_return Fail(Code::limit, "the walk through " + provider + " does not end");
    auto answer = co_await Ask(core, worker, *asker, std::move(*body));
    if (!answer) co_return std::unexpected(answer.error());
    if (auto read = walk.OnResponse(*answer); !read) co_return std::unexpected(read.error());
  }
  auto world = walk.Finish(core.clock.Now());
  if (!world) co_return std::unexpected(world.error());
  auto shared = std::make_shared<const scope::World>(std::move(*world));
  // Filed under the generation at which the walk began: a change that went out meanwhile outdates
  // it.
  const std::lock_guard lock(mutex_);
  worlds_[key] = {shared, since, generation};
  co_return shared;
}

Task<Scopes> ScopeCache::Resolve(Core& core, Worker& worker, Action action,
                                 std::set<std::string> pinned, Freshness freshness) {
  if (action.provider != kRailway) {
    co_return Unresolved(
        action, "nothing is known of where " + action.provider + " keeps its environments");
  }
  const auto world = co_await WorldOf(core, worker, action.provider, action.request.host,
                                      action.request.credential, freshness);
  if (!world) co_return Unresolved(action, world.error().message);
  const scope::Purpose purpose =
      freshness == Freshness::now ? scope::Purpose::hold : scope::Purpose::decision;
  const scope::DetailsWanted wanted = scope::WantedFor(**world, action.targets, purpose);
  std::optional<scope::Details> details;
  if (!wanted.empty()) {
    const auto asker =
        AskerFor(core, action.provider, action.request.host, action.request.credential);
    const auto query = scope::DetailsQuery(wanted);
    if (asker && query) {
      const auto answer = co_await Ask(core, worker, *asker, *query);
      if (answer) {
        if (auto read = scope::ReadDetails(wanted, *answer)) details = std::move(*read);
      }
    }
  }
  const scope::EnvironmentMapper mapper = MapperFor(core.settings(), action.provider);
  const auto resolve = [&](const std::vector<ResourceId>& targets) {
    return scope::Resolve(**world, targets, mapper, pinned, details ? &*details : nullptr);
  };
  co_return ForEach(action, resolve);
}

Task<Result<std::set<std::string>>> ScopeCache::EphemeralNow(Core& core, Worker& worker,
                                                             std::string provider,
                                                             std::optional<CredentialRef> carried) {
  if (provider != kRailway) co_return std::set<std::string>{};
  const auto world =
      co_await WorldOf(core, worker, provider, "", std::move(carried), Freshness::now);
  if (!world) co_return std::unexpected(world.error());
  co_return scope::EphemeralIn(**world);
}

void ScopeCache::Invalidate(const std::string& provider) {
  const std::lock_guard lock(mutex_);
  ++generations_[provider];
}

}  // namespace interlock::gateway
