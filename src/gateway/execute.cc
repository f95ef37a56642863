#include "gateway/execute.h"

#include <string.h>

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "approval/hold.h"
#include "base/bytes.h"
#include "credential/lend.h"
#include "crypto/hash.h"
#include "gateway/disclosure.h"
#include "gateway/forward.h"
#include "gateway/grant_desk.h"
#include "gateway/hold_desk.h"
#include "gateway/judgement.h"
#include "gateway/record.h"
#include "gateway/scope_cache.h"
#include "scope/relation.h"

namespace interlock::gateway {
namespace {

using approval::Event;

constexpr std::size_t kAnswerBytesMax = 8u << 20;

// What an answer says about whether it was done.
struct Outcome {
  Event event = Event::lose;
  std::string summary;
};

Outcome Unknown(std::string why) { return {Event::lose, "unknown: " + std::move(why)}; }

constexpr std::size_t kSummaryBytesMax = 300;

// Codes by which GraphQL servers say that a field was refused before it did anything.
constexpr std::string_view kRefusals[] = {"UNAUTHENTICATED", "FORBIDDEN", "BAD_USER_INPUT",
                                          "GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"};

// True when the one operation there was is what every error refuses.
bool IsRefusalOfAll(const json::array& errors, const Action& action) {
  if (action.operations.size() != 1) return false;
  return std::ranges::all_of(errors, [](const json::value& each) {
    if (!each.is_object()) return false;
    const json::array* path = FindArray(each.as_object(), "path");
    const json::object* extensions = FindObject(each.as_object(), "extensions");
    const std::string_view code = extensions ? FindString(*extensions, "code") : "";
    return path != nullptr && path->size() == 1 &&
           (std::ranges::find(kRefusals, code) != std::end(kRefusals) ||
            FindString(each.as_object(), "message") == "Not Authorized");
  });
}

// GraphQL answers 200 to refusals as well (October 2021, 7.1): without "data" nothing was executed.
// "data": null means that execution began and a field that can't be null failed, perhaps after
// another one was done; anything between can't be told apart from half of it.
Outcome JudgeGraphql(const OneShot& answer, const Action& action) {
  const auto body = ParseJson(answer.body);
  if (!body || !body->is_object()) return Unknown("the provider's answer is not JSON");
  const json::array* errors = FindArray(body->as_object(), "errors");
  const json::value* data = Find(body->as_object(), "data");
  const bool has_data = data != nullptr && !data->is_null();
  if (errors == nullptr || errors->empty()) {
    if (has_data)
      return {Event::succeed, "done: " + EscapeForHumans(json::serialize(*data), kSummaryBytesMax)};
    return Unknown("the provider answered neither data nor errors");
  }
  std::string message = "no message";
  if (errors->at(0).is_object()) message = FindString(errors->at(0).as_object(), "message");
  message = EscapeForHumans(message, kSummaryBytesMax);
  if (has_data) return Unknown("the provider answered data and an error: " + message);
  if (data != nullptr && !IsRefusalOfAll(*errors, action))
    return Unknown("the provider began and reports an error: " + message);
  return {Event::fail, "the provider refused: " + message};
}

Outcome JudgeAnswer(const OneShot& answer, bool graphql, const Action& action) {
  switch (answer.reached) {
    case Reached::nothing_sent:
      return {Event::fail, "not sent: " + answer.error};
    case Reached::maybe_sent:
      return Unknown(answer.error);
    case Reached::answered:
      break;
  }
  const std::string status = "status " + std::to_string(answer.status);
  if (answer.status >= 200 && answer.status < 300)
    return graphql ? JudgeGraphql(answer, action) : Outcome{Event::succeed, status};
  if (answer.status >= 400 && answer.status < 500 && answer.status != 408) {
    return {Event::fail, "the provider refused: " + status};
  }
  return Unknown("the provider answered " + status);
}

// Takes out of the answer what nobody may see: credentials that it hands out go into the vault,
// known ones become the session's phantoms. What can't be done so is withheld, from people too.
Outcome HideAndJudge(Core& core, const HoldDesk::Loaded& hold,
                     const std::optional<Injection>& injection, bool graphql, OneShot& answer) {
  Outcome outcome = JudgeAnswer(answer, graphql, hold.action);
  if (answer.reached != Reached::answered) return outcome;
  const bool hands_out = hold.action.discloses == Disclosure::credential && answer.status >= 200 &&
                         answer.status < 300;
  if (hands_out) {
    const auto session = core.sessions.ById(hold.record.session);
    auto shown =
        PutAway(core, hold.action,
                {hold.record.id, hold.record.session, session, &hold.statement.scope}, answer.body);
    explicit_bzero(answer.body.data(), answer.body.size());
    if (shown) {
      answer.body = std::move(*shown);
    } else {
      answer.body.clear();
      answer.withheld = shown.error().message;
    }
  }
  const Cover cover = CoverFor(core, hold.record.session, injection);
  answer.body = cover.Text(answer.body);
  answer.content_type = cover.Text(answer.content_type);
  answer.error = cover.Text(answer.error);
  if (!answer.withheld.empty()) {
    const std::string_view done = outcome.event == Event::succeed ? "done"
                                  : outcome.event == Event::fail  ? "the provider refused"
                                                                  : "unknown";
    outcome.summary = std::string(done) +
                      "; the answer hands out credentials and is withheld: " + answer.withheld +
                      ". Read it at the provider";
  } else {
    outcome = JudgeAnswer(answer, graphql, hold.action);
  }
  // "status 401" alone would not say whose fault it is.
  const auto& credential = hold.action.request.credential;
  if (credential && (answer.status == 401 || (graphql && IsGraphqlRefusal(answer.body)))) {
    core.vault.NoteRefused(*credential);
    const std::string refused = credential::RefusedLend(*credential, answer.status);
    outcome.summary +=
        refused.empty() ? " (the credential was " + credential->entry + ")" : "; " + refused;
    if (const auto session = core.sessions.ById(hold.record.session))
      (void)session->NoteLend(credential->entry, true, answer.status, core.clock.Now());
  }
  return outcome;
}

// The outcome on the record and in the store; nobody is told before both are durable.
Result<json::object> Settle(Core& core, const std::string& id, const OneShot& answer,
                            const Outcome& outcome) {
  const std::string state(
      approval::ToString(outcome.event == Event::succeed ? approval::State::executed
                         : outcome.event == Event::fail  ? approval::State::failed
                                                         : approval::State::unknown));
  auto recorded =
      core.ledger.AppendDurable(Entry("outcome", core.clock.Now(),
                                      {{"hold", id},
                                       {"state", state},
                                       {"status", answer.status},
                                       {"summary", outcome.summary},
                                       {"answer_sha256", crypto::Sha256Hex(answer.body)},
                                       {"withheld", answer.withheld}}));
  json::object kept{{"status", answer.status}, {"summary", outcome.summary}};
  // Without a ledger the outcome is still true; the receipt is what is missing.
  if (recorded) kept["receipt"] = std::to_string(*recorded);
  if (answer.reached == Reached::answered) {
    const std::string body = IsUtf8(answer.body) ? answer.body : Base64(answer.body);
    json::object stored{
        {"status", answer.status}, {"content_type", answer.content_type}, {"body", body}};
    if (!answer.withheld.empty()) stored["withheld"] = answer.withheld;
    kept["answer"] = Base64(core.vault.Seal(json::serialize(stored), "answer " + id));
  }
  store::HoldChange change;
  change.outcome = json::serialize(kept);
  ILK_TRY(moved, core.desk.Move(id, outcome.event, std::move(change)));
  (void)moved;
  return core.desk.OutcomeOf(id);
}

Result<void> StillAllowed(Core& core, const HoldDesk::Loaded& hold) {
  if (core.clock.Now() >= hold.record.expires)
    return Fail(Code::denied, hold.record.id + " has expired");
  if (hold.statement.policy_digest != core.settings()->policy_digest) {
    return Fail(Code::conflict, "the policy changed since " + hold.record.id + " was signed");
  }
  return {};
}

Result<std::optional<Injection>> InjectionFor(Core& core, const HoldDesk::Loaded& hold) {
  if (!hold.action.request.credential) return std::nullopt;
  const CredentialRef& ref = *hold.action.request.credential;
  ILK_TRY(real, core.vault.Reveal(ref));
  // The answer is kept for the session that asked: there the secret reads as its phantom, or as
  // nothing where the session has none of this entry.
  std::string phantom(real->size(), '*');
  for (const auto& [text, owner] : core.phantoms.Of(hold.record.session)) {
    if (owner.entry == ref.entry) phantom = text;
  }
  return Injection{ref, real, std::move(phantom)};
}

// The policy in force on what was signed. A session that is over took its workspace's rules along;
// they held this once, and the configuration's own rules still judge it.
Judgement JudgeAgain(Core& core, const HoldDesk::Loaded& hold, const Scopes& scopes) {
  const auto settings = core.settings();
  const auto session = core.sessions.ById(hold.record.session);
  const auto policy =
      session ? session->PolicyFor(settings->config, settings->policy_digest)
              : std::make_shared<const policy::Policy>(policy::MakePolicy(settings->config));
  const CredentialSeen carried =
      hold.action.request.credential ? CredentialSeen::phantom : CredentialSeen::none;
  return Judge(*policy, settings->config, hold.action, scopes,
               {hold.record.session, hold.statement.session.agent,
                hold.statement.session.environment, carried, nullptr, true});
}

// The hold can't be executed and never will be: `fail`, with the reason. Code::conflict when
// somebody else executes it.
Task<Result<json::object>> GiveUp(Core& core, std::string id, std::string why) {
  auto work = [&core, id, why]() -> Result<json::object> {
    store::HoldChange begun;
    ILK_TRY(executing, core.desk.Move(id, Event::begin, std::move(begun)));
    (void)executing;
    return Settle(core, id, {}, {Event::fail, "not sent: " + why});
  };
  co_return co_await Blocking(core, std::move(work));
}

// The one winner's first step: `executing` in the store, then the intent durable in the ledger.
// `begun` says whether the store was won, also where the ledger then failed.
Result<void> BeginExecution(Core& core, const HoldDesk::Loaded& hold, bool& begun) {
  const TimePoint now = core.clock.Now();
  store::HoldChange change;
  change.step = store::StepRecord{"intent", now, ""};
  ILK_TRY(executing, core.desk.Move(hold.record.id, Event::begin, std::move(change)));
  (void)executing;
  begun = true;
  json::object fields{{"hold", hold.record.id},
                      {"digest", hold.record.digest},
                      {"operation", hold.action.operation},
                      {"nonce", hold.statement.nonce},
                      {"body_sha256", crypto::Sha256Hex(hold.action.request.body)}};
  if (hold.action.request.credential) {
    fields["credential"] = hold.action.request.credential->entry;
    fields["credential_version"] = hold.action.request.credential->version;
  }
  ILK_TRY(index, core.ledger.AppendDurable(Entry("intent", now, std::move(fields))));
  (void)index;
  return {};
}

// The gateway's own operations by name. What they do is done here: nothing is sent to anybody.
struct OwnOperation {
  std::string_view name;
  Result<std::string> (*carry_out)(Core&, const HoldDesk::Loaded&);
};
constexpr OwnOperation kOwnOperations[] = {{kGrantOperation, OpenGrant}};

// The store decides who executes, then the intent is on the signed record, then it is done.
Result<json::object> CarryOut(Core& core, const HoldDesk::Loaded& hold) {
  const std::string& id = hold.record.id;
  bool begun = false;
  const auto intent = BeginExecution(core, hold, begun);
  if (!intent && !begun) return std::unexpected(intent.error());
  Result<std::string> done = Fail(Code::not_found, "this version knows no such operation");
  const auto known = std::ranges::find(kOwnOperations, hold.action.operation, &OwnOperation::name);
  if (!intent) {
    done = std::unexpected(intent.error());
  } else if (known != std::end(kOwnOperations)) {
    done = known->carry_out(core, hold);
  }
  return Settle(core, id, {},
                done ? Outcome{Event::succeed, *done}
                     : Outcome{Event::fail, "not done: " + done.error().message});
}

}  // namespace

Task<Result<json::object>> Execute(Core& core, Worker& worker, std::string id) {
  // What was stored, and that it is what was signed.
  auto load = [&core, id] { return core.desk.Load(id); };
  auto hold = co_await Blocking(core, std::move(load));
  if (!hold) co_return std::unexpected(hold.error());
  if (const auto allowed = StillAllowed(core, *hold); !allowed)
    co_return co_await GiveUp(core, id, allowed.error().message);
  if (IsOwnOperation(hold->action)) {
    auto carry_out = [&core, &hold] { return CarryOut(core, *hold); };
    co_return co_await Blocking(core, std::move(carry_out));
  }
  if (const auto& ref = hold->action.request.credential)
    co_await core.lends.Refresh(core, worker, ref->entry);
  auto injection = InjectionFor(core, *hold);
  if (!injection) co_return co_await GiveUp(core, id, injection.error().message);

  // Where it acts and what the policy says of it, once more. Both may have changed while a human
  // was reading; what was signed for is neither sent elsewhere nor under a rule that forbids it
  // now.
  Scopes scopes = Unresolved(hold->action, "");
  if (!hold->action.targets.empty()) {
    std::set<std::string> pinned;
    if (const auto session = core.sessions.ById(hold->record.session))
      pinned = session->pinned_ephemeral;
    scopes =
        co_await core.scope.Resolve(core, worker, hold->action, std::move(pinned), Freshness::now);
  }
  const Judgement judgement = JudgeAgain(core, *hold, scopes);
  if (judgement.decision.verdict == Verdict::deny) {
    const std::string why =
        "the policy denies it now (" + judgement.decision.rule + "): " + judgement.decision.reason;
    co_return co_await GiveUp(core, id, why);
  }
  std::string difference = scope::Difference(hold->statement.scope, scopes.whole);
  if (judgement.approvals_required > hold->statement.approvals_required) {
    difference += (difference.empty() ? "" : "; ") + std::to_string(judgement.approvals_required) +
                  " people must agree now";
  }
  if (!difference.empty()) {
    auto supersede = [&core, &hold, &scopes, &judgement, &difference,
                      id]() -> Result<json::object> {
      ILK_TRY(successor, core.desk.Supersede(*hold, scopes.whole, judgement, difference));
      (void)successor;
      return core.desk.OutcomeOf(id);
    };
    co_return co_await Blocking(core, std::move(supersede));
  }

  // The store decides who executes (one winner), then the intent is on the signed record, then the
  // first byte goes out. A crash in between leaves `executing`, which becomes `unknown`.
  bool begun_here = false;
  const BeforeSending intend = [&core, &hold, &begun_here, id]() -> Task<Result<void>> {
    auto begin = [&core, &hold, &begun_here, id]() -> Result<void> {
      // Minutes may have gone by over a slow provider: expiry, policy and credential once more, now
      // that nothing but the intent lies between here and the first byte.
      ILK_TRY_VOID(StillAllowed(core, *hold));
      ILK_TRY(still_there, InjectionFor(core, *hold));
      (void)still_there;
      return BeginExecution(core, *hold, begun_here);
    };
    co_return co_await Blocking(core, std::move(begin));
  };
  // A reach is its session's alone and ends with it.
  std::string dials;
  if (const auto session = core.sessions.ById(hold->record.session)) {
    const UpstreamRequest& request = hold->action.request;
    if (const Reach* reach = session->ReachTo(request.host, request.port)) dials = reach->dials;
  }
  OneShot answer = co_await SendOnce(core, worker, hold->action.request, *injection, intend,
                                     kAnswerBytesMax, std::move(dials));
  core.scope.Invalidate(hold->action.provider);
  const classify::Api* api = core.packs.Find(hold->action.request.host);
  const bool graphql = api != nullptr && api->graphql.has_value();
  auto hide = [&core, &hold, &injection, graphql, &answer] {
    return HideAndJudge(core, *hold, *injection, graphql, answer);
  };
  const Outcome outcome = co_await Blocking(core, std::move(hide));
  if (!begun_here) co_return co_await GiveUp(core, id, answer.error);
  auto settle = [&core, &answer, &outcome, id] { return Settle(core, id, answer, outcome); };
  co_return co_await Blocking(core, std::move(settle));
}

}  // namespace interlock::gateway
