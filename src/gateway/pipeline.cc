// The journey of one request. HandleRequest, at the end, is the table of contents: each station is
// one function above it, in the same order, and each ends the journey with an answer where it must.
#include "gateway/pipeline.h"

#include <string.h>

#include <algorithm>
#include <atomic>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>
#include <iterator>
#include <optional>

#include "approval/agent_text.h"
#include "base/bytes.h"
#include "base/ids.h"
#include "classify/classify.h"
#include "classify/refresh.h"
#include "classify/rest.h"
#include "credential/foreign.h"
#include "credential/inject.h"
#include "credential/lend.h"
#include "credential/place.h"
#include "credential/shapes.h"
#include "gateway/answer.h"
#include "gateway/disclosure.h"
#include "gateway/forward.h"
#include "gateway/hold_desk.h"
#include "gateway/judgement.h"
#include "gateway/own_host.h"
#include "gateway/record.h"
#include "gateway/scope_cache.h"
#include "gateway/tunnel.h"
#include "gateway/websocket.h"
#include "wire/http1/target.h"

namespace interlock::gateway {
namespace {

// A part of what a session's bodies may take up, given back when the request is over.
class BodyShare {
 public:
  BodyShare() = default;
  BodyShare(const BodyShare&) = delete;
  BodyShare& operator=(const BodyShare&) = delete;
  ~BodyShare() {
    if (total_ != nullptr) *total_ -= bytes_;
  }
  // False: the session has too much under way.
  bool Take(std::atomic<std::size_t>& total, std::size_t bytes, std::size_t most) {
    total_ = &total;
    bytes_ = bytes;
    return total.fetch_add(bytes) + bytes <= most;
  }

 private:
  std::atomic<std::size_t>* total_ = nullptr;
  std::size_t bytes_ = 0;
};

// Held while a body beyond the ordinary limit is in memory.
class LargeBodySlot {
 public:
  explicit LargeBodySlot(LargeBodies& bodies) : bodies_(bodies) {}
  ~LargeBodySlot() {
    if (taken_) bodies_.Give();
  }
  LargeBodySlot(const LargeBodySlot&) = delete;
  LargeBodySlot& operator=(const LargeBodySlot&) = delete;
  bool Take() { return taken_ = bodies_.Take(); }

 private:
  LargeBodies& bodies_;
  bool taken_ = false;
};

// Everything known of the request so far; each station fills in its part.
struct Journey {
  Journey(Core& core_in, Worker& worker_in, Exchange& exchange_in)
      : core(core_in),
        worker(worker_in),
        exchange(exchange_in),
        settings(core_in.settings()),
        large_body(core_in.large_bodies),
        source(exchange_in.inbox, exchange_in.head.framing, http1::Trailers::refused) {}

  Core& core;
  Worker& worker;
  Exchange& exchange;
  std::shared_ptr<const Settings> settings;
  LargeBodySlot large_body;
  BodySource source;  // the client's body

  const classify::Api* api = nullptr;  // the pack's part for this host, if a pack knows it
  bool guarded = false;                // a pack or `upstreams` names the host
  std::optional<StreamCut> cut;        // of the client, where a grant let it pass
  std::shared_ptr<GrantPass> grant;    // that grant
  classify::BodyPlan plan;             // how the body is taken in
  bool streamed = false;               // the body decides nothing and passes while it arrives
  std::string body;
  BodyShare share;
  std::vector<credential::Finding> foreign;
  std::string credential_fault;  // a phantom where it has no business
  CredentialSeen carried = CredentialSeen::none;
  std::optional<credential::OwnLogin> login;  // the agent's own login, in its place
  std::string login_fingerprint;
  std::string refresh_token;  // the own login that this request renews; "" when it renews none
  Action action;
  Scopes scopes;
  Judgement judgement;
  std::optional<Answer>* said = nullptr;  // where an answer goes instead of to the client
  bool can_be_held = true;

  Session& session() const { return *exchange.session; }
  bool IsHead() const { return exchange.head.method == "HEAD"; }
  // The connection is usable afterwards only if the client's body was read to its end.
  bool CanKeep() const { return exchange.head.keep_alive && source.done(); }
  Dialect DialectOf() const {
    return api != nullptr && api->graphql ? Dialect::graphql : Dialect::rest;
  }
};

// A station's word: nullopt, go on; else the answer was sent, and whether the connection lives.
using Ended = std::optional<bool>;

Task<bool> Send(Journey& j, Answer answer) {
  if (j.said != nullptr) {
    *j.said = std::move(answer);
    co_return true;
  }
  const bool keep = j.CanKeep() && !answer.close;
  j.exchange.client.SetDeadline(j.core.times.body);
  const auto written =
      co_await WriteAnswer(j.exchange.client, answer, j.exchange.head.method, keep);
  co_return written&& keep;
}

Task<bool> SendMalformed(Journey& j, int status, std::string_view name, std::string_view reason) {
  j.core.counters.malformed.fetch_add(1, std::memory_order_relaxed);
  co_return co_await Send(j, MalformedAnswer(status, name, reason));
}

// On the record before it is answered. What can't be recorded is a refusal.
Task<Result<void>> Record(Journey& j, std::string entry, bool durable) {
  if (!durable) {
    const auto queued = j.core.ledger.AppendAsync(entry);
    if (queued) co_return Result<void>{};
    if (queued.error().code != Code::limit) co_return std::unexpected(queued.error());
    // The queue is full: wait for the disk rather than lose an entry.
  }
  auto append = [&core = j.core, entry] { return core.ledger.AppendDurable(entry); };
  auto appended = co_await Blocking(j.core, std::move(append));
  if (!appended) co_return std::unexpected(appended.error());
  co_return Result<void>{};
}

Task<Result<void>> RecordDecision(Journey& j, std::string_view id, std::string_view hold,
                                  bool durable) {
  std::string entry = DecisionEntry({id, j.session().id, &j.action, &j.judgement.decision,
                                     &j.judgement.facts, hold, j.login_fingerprint},
                                    j.core.clock.Now());
  co_return co_await Record(j, std::move(entry), durable);
}

Task<bool> SendUnrecorded(Journey& j, const Error& error) {
  co_return co_await Send(
      j, UpstreamAnswer(503, "not-recorded",
                        "INTERLOCK DENIED: not sent, nothing changed.\nThe decision can't be "
                        "recorded, and what isn't on the record isn't sent: " +
                            error.message));
}

// The id under which a flood of refusals is counted, or nullopt at an ordinary pace.
std::optional<std::string> CountRefusal(Journey& j, std::string_view rule) {
  return j.session().refusals.Count(rule, j.exchange.destination.host, j.core.clock.Now(),
                                    std::chrono::steady_clock::now());
}

// Denies in the agent's own protocol, on the record.
Task<bool> Deny(Journey& j, std::string rule, std::string reason, std::string instead) {
  j.core.counters.denied.fetch_add(1, std::memory_order_relaxed);
  j.judgement.decision = {Verdict::deny, std::move(rule), reason};
  // What would have destroyed something is on the record by itself, once, whatever the pace.
  const bool is_first =
      j.action.effect == Effect::irreversible &&
      j.session().refusals.IsFirst(Refusals::First::destructive,
                                   j.exchange.destination.host + " " + j.action.operation);
  std::optional<std::string> together;
  if (!is_first) together = CountRefusal(j, j.judgement.decision.rule);
  const std::string id = together.value_or(ShortId("d"));
  if (j.action.request.host.empty()) j.action.request.host = j.exchange.destination.host;
  if (j.action.operation.empty()) j.action.operation = "http." + j.exchange.head.method;
  if (!together) {
    if (const auto recorded = co_await RecordDecision(j, id, "", false); !recorded)
      co_return co_await SendUnrecorded(j, recorded.error());
  }
  const std::string text = approval::AgentDenyText({id, std::move(reason), std::move(instead)});
  co_return co_await Send(j, DenyAnswer(j.DialectOf(), id, text, j.IsHead()));
}

// --- 1. May this session speak to this host? ---

bool HostMatches(std::string_view pattern, std::string_view host) {
  if (pattern.starts_with("*."))
    return host.size() >= pattern.size() && host.ends_with(pattern.substr(1));
  return pattern == host;
}

// A grant lets the request go on to be judged; its end closes the client's connection.
bool EnterByGrant(Journey& j) {
  const Destination& to = j.exchange.destination;
  j.grant = j.session().grants.Enter(GrantProtocol::judged_http, to.host, to.port,
                                     GrantNow(j.core.clock));
  if (j.grant == nullptr) return false;
  j.cut.emplace(j.exchange.client, j.worker.context);
  j.grant->OnEnd(j.cut->Closer());
  return true;
}

Task<Ended> CheckReach(Journey& j) {
  const Destination& to = j.exchange.destination;
  if (j.session().ended) {
    Answer over =
        UpstreamAnswer(403, "session-ended",
                       "INTERLOCK DENIED: not sent, nothing changed.\nThis session is over.");
    over.close = true;
    co_return co_await Send(j, std::move(over));
  }
  j.api = j.core.packs.Find(to.host);
  j.guarded = j.api != nullptr || j.settings->routes->Names(to.host);
  const auto& egress = j.settings->config.sessions.at("default").egress;
  const Reach* reach = j.session().ReachTo(to.host, to.port);
  if (reach != nullptr) j.exchange.destination.dials = reach->dials;
  const bool open =
      reach != nullptr || std::ranges::any_of(egress, [&](const std::string& entry) {
        return (j.api != nullptr && entry == j.api->provider) || HostMatches(entry, to.host);
      });
  if (!open && !EnterByGrant(j)) {
    std::string instead =
        "The hosts it may reach are listed under sessions in the gateway's configuration.";
    const std::string command = GrantCommand(j.session().id, to.host, to.port);
    if (!command.empty())
      instead = "A human can open it for a while, outside this room: `" + command + "`.";
    co_return co_await Deny(j, "egress", "This session may not reach " + to.host + ".",
                            std::move(instead));
  }
  if (j.guarded && to.scheme != "https") {
    co_return co_await Deny(
        j, "cleartext",
        to.host + " is spoken to over TLS only: a credential is never sent in the clear.",
        "Use https.");
  }
  co_return std::nullopt;
}

// --- 2. The body, as far as it is needed for a judgement ---

Task<Ended> ReadBody(Journey& j) {
  http1::RequestHead& head = j.exchange.head;
  if (head.framing.kind == http1::FramingKind::none) co_return std::nullopt;
  // Servers disagree about a body on these, and a body that nobody judged must never go out.
  if (head.method == "GET" || head.method == "HEAD" || head.method == "OPTIONS") {
    // Java's HttpClient before 19 says of a GET that its body has no bytes.
    if (head.framing.kind == http1::FramingKind::length && head.framing.length == 0) {
      head.framing = {};
      co_return std::nullopt;
    }
    co_return co_await SendMalformed(j, 400, "body-on-get", "this method has no body");
  }
  if (head.expect_continue && !co_await j.exchange.client.Write("HTTP/1.1 100 Continue\r\n\r\n"))
    co_return false;
  j.plan = classify::PlanBody(j.core.packs, j.exchange.destination.host, head.method,
                              head.PathAndQuery());
  j.streamed = j.api != nullptr && !j.plan.needed;
  if (j.streamed) co_return std::nullopt;
  const std::size_t ordinary = j.core.inspect_bytes_max;
  const std::size_t limit = j.plan.bytes_max != 0 ? j.plan.bytes_max : ordinary;
  // A body without a length is rarely a large one; those have a bound of their own.
  const std::size_t announced = head.framing.kind == http1::FramingKind::length
                                    ? std::min<std::uint64_t>(head.framing.length, limit)
                                    : std::min(ordinary, limit);
  if (!j.share.Take(j.session().body_bytes, announced, Session::kBodyBytesMax)) {
    co_return co_await SendMalformed(j, 429, "too-many-bodies",
                                     "this session has too many large bodies under way");
  }
  j.exchange.client.SetDeadline(j.core.times.body);
  auto read = co_await ReadWholeBody(j.source, std::min(ordinary, limit));
  if (auto* more = std::get_if<TooLarge>(&read); more != nullptr && limit > ordinary) {
    if (!j.large_body.Take()) {
      Answer busy = UpstreamAnswer(503, "busy",
                                   "INTERLOCK DENIED: not sent, nothing changed.\nThe gateway is "
                                   "inspecting as many large requests as it can at once.");
      busy.close = true;
      co_return co_await Send(j, std::move(busy));
    }
    auto rest = co_await ReadOn(j.source, std::move(more->begun), limit);
    read = std::move(rest);
  }
  if (auto* whole = std::get_if<std::string>(&read)) {
    j.body = std::move(*whole);
    co_return std::nullopt;
  }
  if (std::holds_alternative<TooLarge>(read)) {
    co_return co_await SendMalformed(
        j, 413, "body-over-inspection-limit",
        "the body is larger than what can be inspected (" + std::to_string(limit >> 20) + " MiB)");
  }
  if (auto* malformed = std::get_if<http1::Malformed>(&read)) {
    co_return co_await SendMalformed(j, malformed->http_status, malformed->name, malformed->reason);
  }
  co_return false;  // cut off or too slow: there is nobody to answer
}

// --- 3. What it means ---

Task<Ended> Understand(Journey& j) {
  const Exchange& x = j.exchange;
  // A path that the provider could read differently is refused before anybody judges it. The packs
  // check the paths of their own APIs, where an encoded slash may be an ordinary character.
  if ((j.guarded || !x.destination.dials.empty()) && j.api == nullptr) {
    if (const auto ambiguous = http1::CheckTarget(x.head.PathAndQuery())) {
      co_return co_await SendMalformed(j, ambiguous->http_status, ambiguous->name,
                                       ambiguous->reason);
    }
  }
  constexpr std::size_t kReadInPlace = 256u << 10;
  auto read = [&j, &x] {
    return classify::Classify(
        j.core.packs, {x.destination.scheme, x.destination.host, x.destination.port, x.head.method,
                       x.head.PathAndQuery(), x.head.fields, j.body});
  };
  std::optional<classify::Classified> found;
  if (j.body.size() <= kReadInPlace) {
    found = read();
  } else {
    // A large body would keep this worker's other connections waiting.
    found = co_await RunOn(j.core.searching, read);
  }
  classify::Classified& classified = *found;
  if (auto* malformed = std::get_if<classify::Malformed>(&classified)) {
    co_return co_await SendMalformed(j, malformed->http_status, malformed->name, malformed->reason);
  }
  j.action = std::move(std::get<Action>(classified));
  co_return std::nullopt;
}

// Tools that the provider would run on its own machines act outside the room, where nothing is
// judged: only those that the configuration names pass.
Task<Ended> CheckHostedTools(Journey& j) {
  const classify::HostedTools hosted = classify::HostedToolsOf(j.action);
  std::string refused;
  const auto& allowed = j.settings->config.sessions.at("default").hosted_tools;
  for (const std::string& name : hosted.names) {
    if (std::ranges::find(allowed, name) != allowed.end()) continue;
    if (!refused.empty()) refused += ", ";
    refused += name;
  }
  if (refused.empty()) co_return std::nullopt;
  co_return co_await Deny(
      j, "hosted-tools",
      "The request asks " + j.action.request.host +
          " to use tools of its own, which would act outside this room: " + refused + ".",
      "Leave them out and use your own tools, which run here. A human can allow them in the "
      "gateway's configuration: under sessions, default, hosted_tools: [" +
          refused + "].");
}

// --- 4. Whose credential it carries ---

// A body is a place on the routes that the pack names; the pack's reader saw to it that these are
// written in our own words.
bool IsPlaceOn(const classify::CredentialPlace& place, std::string_view method,
               std::string_view target) {
  if (!credential::IsInBody(place.stand)) return true;
  const std::string_view path = target.substr(0, target.find('?'));
  return std::ranges::any_of(place.routes, [&](std::string_view route) {
    const std::size_t space = route.find(' ');
    return route.substr(0, space) == method &&
           classify::RouteMatches(route.substr(space + 1), path);
  });
}

std::vector<credential::CredentialPlace> PlacesOf(const Journey& j) {
  std::vector<credential::CredentialPlace> places;
  if (j.api == nullptr) return places;
  for (const classify::CredentialPlace& place : j.api->credentials) {
    if (!IsPlaceOn(place, j.exchange.head.method, j.exchange.head.PathAndQuery())) continue;
    places.push_back({place.header, place.prefix, place.caller == classify::FromCaller::login,
                      place.stand, place.name});
  }
  return places;
}

// What the request will be sent as says where the value goes, and never what the agent held.
void PutReference(Journey& j, UpstreamRequest& taken) {
  j.action.request.credential = taken.credential;
  if (!taken.credential) return;
  if (credential::IsInBody(taken.credential->stand)) {
    j.action.request.body = std::move(taken.body);
  } else if (credential::IsInTarget(taken.credential->stand)) {
    j.action.request.target = taken.target;
    const std::size_t mark = taken.target.find('?');
    for (Operation& operation : j.action.operations) {
      if (json::value* query = operation.arguments.if_contains("query"))
        *query = json::string(std::string_view(taken.target).substr(mark + 1));
    }
  }
}

// What of the body could carry a credential to somebody. A prompt is text for the model, in which
// anything may stand that the agent may read, its own phantom too; what a hosted tool would be
// given is looked at. A request that renews the own login carries that token where it belongs:
// there it must be one that may go to this host, and the rest is looked at.
std::string SearchedBody(Journey& j) {
  if (j.plan.is_prompt) {
    j.body = std::string();
    return classify::HostedToolsOf(j.action).entries;
  }
  if (j.plan.refreshes == nullptr) return std::move(j.body);
  const auto type = std::ranges::find(j.action.request.headers, "content-type", &Header::name);
  const auto read = classify::ReadRefresh(*j.plan.refreshes,
                                          type == j.action.request.headers.end() ? "" : type->value,
                                          j.action.request.body);
  if (!read) return j.action.request.body;
  if (!j.session().logins.PassingTo(j.exchange.destination.host, read->token)) {
    j.foreign.push_back({"body member " + j.plan.refreshes->token, "unrecognised",
                         credential::Fingerprint(read->token), "", credential::Certainty::place});
  }
  j.refresh_token = read->token;
  j.login_fingerprint = credential::Fingerprint(read->token);
  return read->rest;
}

// A lent credential goes to the API it is for, whichever place its phantom stands in.
std::string WrongApi(const Journey& j, const CredentialRef& ref) {
  const auto entry = j.session().LentEntry(ref.entry);
  if (!entry) return "The credential is not one this session was lent.";
  const bool fits = j.api != nullptr && j.api->provider == entry->provider &&
                    std::ranges::find(j.api->credentials, entry->kind,
                                      &classify::CredentialPlace::kind) != j.api->credentials.end();
  if (fits) return "";
  return "The credential " + entry->name + " is for another API than " +
         j.exchange.destination.host + ".";
}

void FindCredentialIn(Journey& j) {
  const std::vector<credential::CredentialPlace> places = PlacesOf(j);
  UpstreamRequest asked;
  asked.target = std::string(j.exchange.head.PathAndQuery());
  asked.headers.reserve(j.exchange.head.fields.size());
  for (const http1::Field& field : j.exchange.head.fields)
    asked.headers.push_back({field.name, field.value});
  asked.body = SearchedBody(j);

  const credential::Guard guard =
      j.guarded ? credential::Guard::guarded : credential::Guard::unguarded;
  const auto vault = j.core.vault.Index();
  const std::string& host = j.exchange.destination.host;
  auto found = credential::FindForeign({asked.target, asked.headers, asked.body},
                                       {j.session().id, guard, places, j.core.phantoms, *vault,
                                        j.session().known_foreign, host, &j.session().logins});
  std::erase_if(found,
                [&](const auto& finding) { return !credential::IsForeignUse(finding, guard); });
  j.foreign.insert(j.foreign.end(), std::make_move_iterator(found.begin()),
                   std::make_move_iterator(found.end()));
  // A body that is a place is looked at as it will be sent.
  const bool takes_body = std::ranges::any_of(
      places, [](const auto& place) { return credential::IsInBody(place.stand); });
  if (takes_body) asked.body = j.action.request.body;
  auto taken = credential::TakeCredential(asked, j.session().id, places, j.core.phantoms,
                                          {host, &j.session().logins});
  if (!taken) {
    j.credential_fault = taken.error().message;
  } else if (*taken) {
    j.login = std::move(**taken);
    j.login_fingerprint = credential::Fingerprint(j.login->token->Reveal());
  }
  if (asked.credential) j.credential_fault = WrongApi(j, *asked.credential);
  PutReference(j, asked);
  // The own login was not lent by anybody: to the policy the request carries nothing.
  j.carried = !j.foreign.empty() || !j.credential_fault.empty() ? CredentialSeen::foreign
              : j.action.request.credential                     ? CredentialSeen::phantom
                                                                : CredentialSeen::none;
}

// A small request is searched where it is; a large one would keep this worker's other connections
// waiting.
Task<void> FindCredential(Journey& j) {
  constexpr std::size_t kSearchedInPlace = 64u << 10;
  if (j.plan.is_prompt || j.body.size() <= kSearchedInPlace) {
    FindCredentialIn(j);
    co_return;
  }
  auto search = [&j] {
    FindCredentialIn(j);
    return true;
  };
  co_await RunOn(j.core.searching, std::move(search));
}

// --- 5. Where it acts ---

Task<void> ObserveScope(Journey& j) {
  if (j.carried == CredentialSeen::foreign) {
    // Refused whatever it is: the provider isn't asked on behalf of somebody else's token.
    j.scopes = Unresolved(j.action, "not looked up for a credential that was not lent");
    co_return;
  }
  if (j.action.targets.empty()) {
    j.scopes = Unresolved(j.action, "");
    co_return;
  }
  // What can't be undone is never judged by a memory.
  const Freshness freshness =
      j.action.effect < Effect::irreversible ? Freshness::cached : Freshness::now;
  j.scopes = co_await j.core.scope.Resolve(j.core, j.worker, j.action, j.session().pinned_ephemeral,
                                           freshness);
}

// --- 6. The verdict ---

void Decide(Journey& j) {
  const Session& session = j.session();
  Asker asker{session.id, session.agent, session.environment, j.carried, nullptr, false};
  std::optional<credential::VaultEntry> entry;
  if (j.action.request.credential) entry = session.LentEntry(j.action.request.credential->entry);
  if (entry) asker.entry = &*entry;
  const auto policy = j.session().PolicyFor(j.settings->config, j.settings->policy_digest);
  j.judgement = Judge(*policy, j.settings->config, j.action, j.scopes, asker);
}

// --- 7. The verdict carried out ---

// What would be right for this host: the variables whose phantoms its API takes.
std::string RightCredential(const Journey& j) {
  const std::string& host = j.exchange.destination.host;
  if (j.api == nullptr || j.api->credentials.empty())
    return "No credential is sent to " + host + " from here.";
  std::string names;
  for (const auto& [variable, phantom] : j.session().variables) {
    const auto owner = j.core.phantoms.Find(phantom);
    if (!owner || !WrongApi(j, {owner->entry, owner->version, "", ""}).empty()) continue;
    names += (names.empty() ? "" : " or ") + variable;
  }
  if (!names.empty()) return "For " + host + " use what is in " + names + ".";
  return "This session was lent nothing for " + host +
         ". A human can add one, outside this room: `interlock vault add NAME --provider " +
         j.api->provider + " --environment " + j.session().environment +
         "`; it is there for the next session.";
}

Task<bool> DenyForeign(Journey& j) {
  std::string what;
  for (const credential::Finding& finding : j.foreign) {
    // Every secret that leaked is on the record by itself, a flood of the same one is counted.
    const bool is_known = finding.certainty == credential::Certainty::known;
    const bool is_first = j.session().refusals.IsFirst(
        is_known ? Refusals::First::known_secret : Refusals::First::secret, finding.fingerprint);
    if (is_first || !CountRefusal(j, "leak")) {
      std::string leak =
          LeakEntry(j.session().id, j.action.request.host, finding, j.core.clock.Now());
      if (const auto recorded = co_await Record(j, std::move(leak), false); !recorded) {
        co_return co_await SendUnrecorded(j, recorded.error());
      }
    }
    if (!what.empty()) continue;
    what = "The request carries a credential that was not lent to this session (" + finding.place;
    if (!finding.found_at.empty()) what += ", found in " + finding.found_at;
    what += ").";
  }
  if (what.empty()) what = j.credential_fault;
  std::string instead = "Credentials found in files don't work here. " + RightCredential(j);
  co_return co_await Deny(j, j.judgement.decision.rule, std::move(what), std::move(instead));
}

// The real credential for what is allowed, looked up after the decision.
Result<std::optional<Injection>> InjectionFor(Journey& j) {
  // The agent holds its own login itself: nothing to hide from it in the answer.
  if (j.login)
    return Injection{{"own login", 1, j.login->header, j.login->prefix}, j.login->token, ""};
  if (!j.action.request.credential) return std::nullopt;
  const CredentialRef& ref = *j.action.request.credential;
  ILK_TRY(real, j.core.vault.Reveal(ref));
  for (const auto& [phantom, owner] : j.core.phantoms.Of(j.session().id)) {
    if (owner.entry == ref.entry) return Injection{ref, real, phantom};
  }
  return Fail(Code::denied, "the lend of " + ref.entry + " is over");
}

// An answer that renews the own login: its tokens pass from now on where the one that was sent
// does.
WholeAnswer LearnFrom(Journey& j) {
  return [&j](int status, std::string_view body) {
    if (status != 200) return;
    const std::size_t learnt =
        j.session().logins.Learn(j.refresh_token, classify::ReadRefreshed(*j.plan.refreshes, body));
    if (learnt == 0) return;
    (void)j.core.ledger.AppendAsync(Entry("login-renewed", j.core.clock.Now(),
                                          {{"session", j.session().id},
                                           {"host", j.exchange.destination.host},
                                           {"login", j.login_fingerprint},
                                           {"tokens", learnt}}));
  };
}

// Whether a credential could come back: from where one went, and from APIs that take credentials
// and from named hosts in any case. An own login is the agent's to see.
bool MayCarryBack(const Journey& j, const std::optional<Injection>& injection) {
  if (j.login) return false;
  return injection || (j.guarded && (j.api == nullptr || !j.api->credentials.empty()));
}

// For an answer that hands out credentials, which the policy let pass unasked.
Rewrite PutAwayAnswer(Journey& j, std::string decision) {
  return [&j, decision = std::move(decision)](std::string body) -> Task<Result<Rewritten>> {
    auto put = [&j, &decision, &body]() -> Result<Rewritten> {
      auto shown = PutAway(j.core, j.action,
                           {decision, j.session().id, j.exchange.session, &j.scopes.whole}, body);
      explicit_bzero(body.data(), body.size());
      if (!shown) return std::unexpected(shown.error());
      return Rewritten{std::move(*shown), CoverFor(j.core, j.session().id, std::nullopt)};
    };
    co_return co_await Blocking(j.core, std::move(put));
  };
}

LendWatch WatchLend(Journey& j) {
  if (!j.action.request.credential || j.api == nullptr) return {};
  const CredentialRef ref = *j.action.request.credential;
  const std::string& target = j.action.request.target;
  const bool graphql = j.api->graphql && std::ranges::find(j.api->graphql->paths,
                                                           target.substr(0, target.find('?'))) !=
                                             j.api->graphql->paths.end();
  const auto tell = [&j, ref](bool refused, int status) {
    if (refused) j.core.vault.NoteRefused(ref);
    if (!j.session().NoteLend(ref.entry, refused, status, j.core.clock.Now())) return;
    if (CountRefusal(j, "lend")) return;
    (void)j.core.ledger.AppendAsync(Entry(refused ? "lend-refused" : "lend-accepted",
                                          j.core.clock.Now(),
                                          {{"session", j.session().id},
                                           {"entry", ref.entry},
                                           {"host", j.exchange.destination.host},
                                           {"operation", j.action.operation},
                                           {"status", status}}));
  };
  return {ref.entry, j.api->refusals, graphql, tell};
}

// On the record, and with the credential in hand: `passed` may go out.
Task<Ended> Clear(Journey& j, Passed& passed) {
  j.core.counters.allowed.fetch_add(1, std::memory_order_relaxed);
  // What can't be undone is on the signed record before its first byte goes out, also when it is
  // allowed.
  const bool intent = j.action.effect >= Effect::irreversible;
  passed.decision = ShortId("d");
  if (const auto recorded = co_await RecordDecision(j, passed.decision, "", intent); !recorded)
    co_return co_await SendUnrecorded(j, recorded.error());
  if (const auto& ref = j.action.request.credential)
    co_await j.core.lends.Refresh(j.core, j.worker, ref->entry);
  auto injection = InjectionFor(j);
  if (!injection) {
    co_return co_await Deny(j, "lend", injection.error().message, "Ask a human for a new lend.");
  }
  passed.injection = std::move(*injection);
  if (j.action.effect > Effect::read) j.core.scope.Invalidate(j.action.provider);
  co_return std::nullopt;
}

Task<bool> Allow(Journey& j) {
  Passed passed;
  if (const Ended ended = co_await Clear(j, passed)) co_return *ended;
  Outgoing out{j.action.request, j.action.effect, std::move(passed.injection), nullptr, {}, {}};
  out.dials = j.exchange.destination.dials;
  if (MayCarryBack(j, out.injection)) out.cover = CoverFor(j.core, j.session().id, out.injection);
  if (j.action.discloses == Disclosure::credential) out.rewrite = PutAwayAnswer(j, passed.decision);
  out.lend = WatchLend(j);
  if (!j.refresh_token.empty()) out.on_answer = LearnFrom(j);
  if (j.streamed) {
    // The pack said that this body decides nothing; then classify kept none and changed no method.
    if (!j.action.request.body.empty() || j.action.request.method != j.exchange.head.method) {
      co_return co_await Deny(j, "not-inspected", "The body was not inspected, so it is not sent.",
                              "");
    }
    out.body = &j.source;
    out.framing = j.exchange.head.framing;
  }
  const bool keep =
      co_await Forward(j.core, j.worker, j.exchange.client, j.exchange.head, std::move(out));
  // Once more: a walk that began while the change was under way may have seen the world before it.
  if (j.action.effect > Effect::read) j.core.scope.Invalidate(j.action.provider);
  co_return keep;
}

// The belief under which somebody may have asked for this, where it is likely wrong.
std::string BeliefOf(const Journey& j) {
  const std::string& lent = j.session().environment;
  const Scope& scope = j.scopes.whole;
  if (!scope.unresolved.empty())
    return "where this acts could not be seen (" + scope.unresolved_reason +
           "); it counts as production";
  const bool in_lent =
      std::ranges::any_of(scope.environments, [&](const auto& e) { return e.mapped == lent; });
  if (in_lent && j.judgement.facts.relation == Relation::other) {
    return "the session works in " + lent + ": this is not " + lent + " only";
  }
  return "";
}

bool IsInHead(CredentialStand stand) {
  return !credential::IsInBody(stand) && !credential::IsInTarget(stand);
}

// Where the credential of an execution can stand, the likeliest place of a kind first: where the
// request carried one. A target or body that marks the place needs its value there and nowhere
// else.
std::vector<credential::KindPlace> PlacesForExecution(const Journey& j) {
  std::vector<credential::KindPlace> places;
  if (j.api == nullptr) return places;
  const auto& carried = j.action.request.credential;
  for (const classify::CredentialPlace& place : j.api->credentials) {
    if (carried && place.stand == carried->stand && place.header == carried->header &&
        place.prefix == carried->prefix && (IsInHead(place.stand) || place.name == carried->name))
      places.push_back({place.kind, place.header, place.prefix, place.stand, carried->name});
  }
  if (carried && !IsInHead(carried->stand)) return places;
  const bool asks_git = j.api->git.has_value();
  for (const classify::CredentialPlace& place : j.api->credentials) {
    if (!IsInHead(place.stand)) continue;
    const bool any_user = place.stand == CredentialStand::basic_password && place.name.empty();
    places.push_back({place.kind, place.header, place.prefix, place.stand,
                      any_user && asks_git ? j.api->git->user : place.name});
  }
  return places;
}

Task<bool> Hold(Journey& j) {
  const std::vector<credential::KindPlace> places = PlacesForExecution(j);
  if (!j.can_be_held)
    co_return co_await Deny(j, "not-stored",
                            "This would have to be held, and an open connection can't be stored.",
                            "Go on with other work.");
  if (j.streamed)
    co_return co_await Deny(j, "not-stored",
                            "This would have to be held, but its body was not kept.",
                            "Go on with other work.");
  if (j.login || !j.refresh_token.empty())
    co_return co_await Deny(j, "own-login",
                            "This would have to be held, and what is held is never executed with "
                            "the agent's own login.",
                            "Go on with other work.");
  if (!places.empty()) {
    // As they are now: what was lent may be renewed, or over.
    const credential::Vault& vault = j.core.vault;
    const auto executor = credential::ExecutorFor(j.action.provider, j.scopes.whole,
                                                  vault.Current(j.session().AllLent()),
                                                  vault.Current(vault.List()), places);
    if (!executor) {
      co_return co_await Deny(j, "no-credential",
                              "No credential that was given to Interlock can do this.",
                              "Ask a human to add one for that environment.");
    }
    j.action.request.credential = executor->ref;
    // Part of what is shown and signed.
    if (executor->wide)
      j.judgement.decision.reason +=
          "; it would be executed with " + executor->ref.entry +
          ", a WIDE credential that reaches further than its environment";
  }
  const std::size_t bytes = j.action.request.body.size() + j.action.request.target.size();
  if (j.session().holds >= Session::kHoldsMax ||
      j.session().hold_bytes + bytes > Session::kHoldBytesMax) {
    co_return co_await Deny(j, "too-many-holds",
                            "This session has asked for more than humans can be asked.",
                            "Go on with work that needs no question, or start a new session.");
  }
  HoldOrder order{j.action,
                  j.scopes.whole,
                  j.judgement.decision,
                  {j.session().id, j.session().user, j.session().agent, j.session().workspace,
                   j.session().environment},
                  BeliefOf(j),
                  j.settings->policy_digest,
                  j.judgement.approvals_required};
  auto place = [&core = j.core, order = std::move(order)] { return core.desk.Place(order); };
  auto placed = co_await Blocking(j.core, std::move(place));
  if (!placed) {
    co_return co_await Send(
        j, UpstreamAnswer(503, "not-held",
                          "INTERLOCK DENIED: not sent, nothing changed.\nThis needs a human's "
                          "signature and could not be put before one: " +
                              placed.error().message));
  }
  if (placed->is_new) {
    ++j.session().holds;
    j.session().hold_bytes += bytes;
  }
  if (placed->rejected) {
    co_return co_await Deny(j, "rejected",
                            "A human has rejected exactly this (" + placed->record.id +
                                "): " + placed->record.reason + ".",
                            "Go on with other work.");
  }
  j.core.counters.held.fetch_add(1, std::memory_order_relaxed);
  // A question that is asked again has its entry already.
  if (placed->is_new || !CountRefusal(j, "asked-again")) {
    const std::string id = ShortId("d");
    if (const auto recorded = co_await RecordDecision(j, id, placed->record.id, false); !recorded) {
      co_return co_await SendUnrecorded(j, recorded.error());
    }
  }
  approval::HoldNotice notice;
  for (const crypto::AllowedSigner& signer : *j.core.approvers()) {
    for (const std::string& name : signer.principals) {
      if (std::ranges::find(notice.asked, name) == notice.asked.end()) notice.asked.push_back(name);
    }
  }
  notice.state = approval::ParseState(placed->record.state).value_or(approval::State::unknown);
  const std::string text = approval::AgentHoldText(placed->statement, notice);
  co_return co_await Send(j, HoldAnswer(j.DialectOf(), placed->record.id, text, j.IsHead()));
}

// What can be undone is judged by what was seen a moment ago. A human is shown what is there now,
// with everything that is looked up before an execution; otherwise the two would differ and the
// first signature would go to waste. It only ever gets stricter here.
Task<void> LookAgain(Journey& j) {
  if (j.action.effect >= Effect::irreversible || j.action.targets.empty() ||
      j.carried == CredentialSeen::foreign)
    co_return;
  const Judgement before = j.judgement;
  j.scopes = co_await j.core.scope.Resolve(j.core, j.worker, j.action, j.session().pinned_ephemeral,
                                           Freshness::now);
  Decide(j);
  if (j.judgement.decision.verdict == Verdict::allow) j.judgement = before;
}

// What isn't allowed.
Task<bool> Refuse(Journey& j) {
  const Decision& decision = j.judgement.decision;
  if (decision.verdict == Verdict::hold) {
    co_await LookAgain(j);
    if (decision.verdict == Verdict::hold) co_return co_await Hold(j);
  }
  if (j.carried == CredentialSeen::foreign) co_return co_await DenyForeign(j);
  co_return co_await Deny(j, decision.rule, decision.reason, "Go on with other work.");
}

// --- What is said on a WebSocket ---

Task<Ended> UnderstandUpgrade(Journey& j, UpgradeTerms& terms) {
  const Exchange& x = j.exchange;
  auto classified = classify::ClassifyUpgrade(j.core.packs, {x.destination.scheme,
                                                             x.destination.host,
                                                             x.destination.port,
                                                             x.head.method,
                                                             x.head.PathAndQuery(),
                                                             x.head.fields,
                                                             {}});
  if (auto* malformed = std::get_if<classify::Malformed>(&classified)) {
    co_return co_await SendMalformed(j, malformed->http_status, malformed->name, malformed->reason);
  }
  auto offer = websocket::ReadOffer(x.head);
  if (auto* malformed = std::get_if<http1::Malformed>(&offer)) {
    co_return co_await SendMalformed(j, malformed->http_status, malformed->name, malformed->reason);
  }
  terms.offer = std::move(std::get<websocket::Offer>(offer));
  auto& upgrade = std::get<classify::Upgrade>(classified);
  terms.rule = upgrade.rule;
  j.action = std::move(upgrade.action);
  co_return std::nullopt;
}

// From the credential to the verdict, carried out but for the sending.
Task<Judged> Conclude(Journey& j, std::optional<Answer>& said) {
  co_await FindCredential(j);
  co_await ObserveScope(j);
  Decide(j);
  if (j.judgement.decision.verdict != Verdict::allow) {
    co_await Refuse(j);
    co_return std::move(*said);
  }
  if (j.action.discloses == Disclosure::credential) {
    co_await Deny(j, "discloses",
                  "This would hand out a credential, and what comes back over an open connection "
                  "can't be put away.",
                  "Ask for it with an ordinary request.");
    co_return std::move(*said);
  }
  Passed passed;
  if (co_await Clear(j, passed)) co_return std::move(*said);
  passed.action = std::move(j.action);
  co_return passed;
}

}  // namespace

Task<bool> HandleRequest(Core& core, Worker& worker, Exchange& exchange) {
  core.counters.requests.fetch_add(1, std::memory_order_relaxed);
  Journey j(core, worker, exchange);
  if (exchange.destination.host == kOwnHost) co_return co_await AnswerOwnHost(core, exchange);
  if (exchange.head.wants_websocket) co_return co_await ServeWebSocket(core, worker, exchange);
  if (const Ended ended = co_await CheckReach(j)) co_return *ended;
  if (const Ended ended = co_await ReadBody(j)) co_return *ended;
  if (const Ended ended = co_await Understand(j)) co_return *ended;
  if (const Ended ended = co_await CheckHostedTools(j)) co_return *ended;
  co_await FindCredential(j);
  co_await ObserveScope(j);
  Decide(j);
  if (j.judgement.decision.verdict == Verdict::allow) co_return co_await Allow(j);
  co_return co_await Refuse(j);
}

Task<Judged> JudgeUpgrade(Core& core, Worker& worker, Exchange& exchange, UpgradeTerms& terms) {
  Journey j(core, worker, exchange);
  std::optional<Answer> said;
  j.said = &said;
  j.can_be_held = false;
  if (co_await CheckReach(j)) co_return std::move(*said);
  if (j.grant != nullptr) {  // it ends with its grant, and nothing would close the connection then
    co_await Deny(j, "egress",
                  "A grant opens a host for requests, not for a connection that outlives them.",
                  "A human can add the host to the sessions' egress.");
    co_return std::move(*said);
  }
  if (co_await UnderstandUpgrade(j, terms)) co_return std::move(*said);
  co_return co_await Conclude(j, said);
}

Task<Judged> JudgeMessage(Core& core, Worker& worker, Exchange& exchange, std::string body) {
  core.counters.requests.fetch_add(1, std::memory_order_relaxed);
  Journey j(core, worker, exchange);
  std::optional<Answer> said;
  j.said = &said;
  j.body = std::move(body);
  j.plan = classify::PlanBody(core.packs, exchange.destination.host, exchange.head.method,
                              exchange.head.PathAndQuery());
  if (co_await CheckReach(j)) co_return std::move(*said);
  if (co_await Understand(j)) co_return std::move(*said);
  if (co_await CheckHostedTools(j)) co_return std::move(*said);
  co_return co_await Conclude(j, said);
}

Task<std::optional<Answer>> CheckMessage(Core& core, Worker& worker, Exchange& exchange,
                                         std::string body) {
  Journey j(core, worker, exchange);
  std::optional<Answer> said;
  j.said = &said;
  j.body = std::move(body);
  j.action.operation = "websocket.message";
  j.action.request.host = exchange.destination.host;
  if (co_await CheckReach(j)) co_return said;
  co_await FindCredential(j);
  if (j.carried == CredentialSeen::foreign) {
    j.judgement.facts.credential = j.carried;
    j.judgement.decision.rule = "leaked";
    co_await DenyForeign(j);
  }
  co_return said;
}

}  // namespace interlock::gateway
