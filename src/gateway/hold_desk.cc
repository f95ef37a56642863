#include "gateway/hold_desk.h"

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>

#include "approval/quorum.h"
#include "base/bytes.h"
#include "base/ids.h"
#include "crypto/hash.h"
#include "gateway/record.h"

namespace interlock::gateway {
namespace {

using approval::Event;
using approval::State;

constexpr std::string_view kHeldStep = "held";  // its entry is in the ledger

// Identical questions are one question: headers such as user-agent and the moment don't count.
std::string FingerprintOf(const Action& action) {
  Action bare = action;
  bare.request.headers.clear();
  return Digest(bare);
}

json::array EnvironmentNames(const Scope& scope) {
  json::array names;
  for (const EnvironmentSeen& seen : scope.environments) names.push_back(json::string(seen.name));
  if (!scope.unresolved.empty() || names.empty()) names.push_back("unresolved");
  return names;
}

json::array Observations(const std::vector<Observation>& observations) {
  json::array out;
  for (const Observation& o : observations)
    out.push_back({{"what", o.what}, {"known_by", o.known_by}});
  return out;
}

json::object Summary(const store::HoldRecord& record, const approval::Statement& statement) {
  json::array targets;
  for (const ResourceId& target : statement.action.targets)
    targets.push_back(json::string(ToString(target)));
  return {{"id", record.id},
          {"state", record.state},
          {"operation", statement.action.operation},
          {"effect", ToString(statement.action.effect)},
          {"targets", std::move(targets)},
          {"environments", EnvironmentNames(statement.scope)},
          {"session", record.session},
          {"digest", record.digest},
          {"created", FormatTime(record.created)},
          {"expires", FormatTime(record.expires)}};
}

// A record that can't be opened is listed for what it is: it can't be shown, approved or sent.
json::object Unreadable(const store::HoldRecord& record, const Error& error) {
  return {{"id", record.id},
          {"state", record.state},
          {"operation", "unreadable"},
          {"effect", "unknown"},
          {"targets", json::array{}},
          {"environments", json::array{}},
          {"session", record.session},
          {"digest", record.digest},
          {"created", FormatTime(record.created)},
          {"expires", FormatTime(record.expires)},
          {"problem", error.message}};
}

// The request as Interlock would send it; the credential by its name.
json::object RequestJson(const UpstreamRequest& request) {
  json::object headers;
  for (const Header& header : request.headers)
    headers[header.name] = IsUtf8(header.value) ? header.value : "base64:" + Base64(header.value);
  json::object out{
      {"method", request.method},
      {"url",
       request.scheme + "://" + request.host +
           (request.port == 443 || request.port == 80 ? "" : ":" + std::to_string(request.port)) +
           request.target},
      {"headers", std::move(headers)},
      {"body", IsUtf8(request.body) ? request.body : "base64:" + Base64(request.body)}};
  if (request.credential) {
    out["credential"] =
        request.credential->entry + " (v" + std::to_string(request.credential->version) + ")";
  }
  return out;
}

State StateOf(const store::HoldRecord& record) {
  // A word that this version doesn't know can't be acted upon.
  return approval::ParseState(record.state).value_or(State::unknown);
}

}  // namespace

Result<std::uint64_t> HoldDesk::Record(std::string_view type, json::object fields) {
  return core_->ledger.AppendDurable(Entry(type, core_->clock.Now(), std::move(fields)));
}

Result<store::HoldRecord> HoldDesk::NewRecord(const HoldOrder& order,
                                              approval::Statement& statement) {
  const TimePoint now = core_->clock.Now();
  statement.hold = ShortId("h");
  statement.action = order.action;
  statement.scope = order.scope;
  statement.decision = order.decision;
  statement.recovery = order.recovery.value_or(approval::Recovery{
      approval::RecoveryVerdict::none, "nothing is proved: no recovery point was looked for", {}});
  statement.session = order.session;
  statement.belief = order.belief;
  statement.nonce = RandomToken();
  statement.created = now;
  statement.expires = now + core_->times.hold;
  statement.policy_digest = order.policy_digest;
  statement.checkpoint = ledger::FormatCheckpoint(core_->ledger.Latest().checkpoint);
  statement.approvals_required = order.approvals_required;

  store::HoldRecord record;
  record.id = statement.hold;
  record.session = order.session.id;
  record.state = approval::ToString(State::pending);
  record.fingerprint = FingerprintOf(order.action);
  record.digest = Digest(order.action);
  // It holds the request's body, so only a sealed copy is kept.
  record.action = core_->vault.Seal(approval::StatementJson(statement), "hold " + record.id);
  record.rule = order.decision.rule;
  record.reason = order.decision.reason;
  record.created = statement.created;
  record.expires = statement.expires;
  record.changed = now;
  return record;
}

Result<Placed> HoldDesk::Place(const HoldOrder& order) {
  const std::string fingerprint = FingerprintOf(order.action);
  ILK_TRY(rejected, core_->store.FindByFingerprint(order.session.id, fingerprint,
                                                   approval::ToString(State::rejected)));
  if (rejected) {
    ILK_TRY(loaded, Load(rejected->id));
    return Placed{std::move(loaded.record), std::move(loaded.statement), false, true};
  }
  approval::Statement statement;
  ILK_TRY(record, NewRecord(order, statement));
  ILK_TRY(inserted, core_->store.Insert(record));
  Placed placed;
  if (inserted.is_new) {
    placed = {std::move(inserted.hold), std::move(statement), true, false};
  } else {
    ILK_TRY(loaded, Load(inserted.hold.id));
    placed = {std::move(loaded.record), std::move(loaded.statement), false, false};
  }
  const auto recorded = EnsureRecorded(placed.record, placed.statement);
  if (recorded) return placed;
  // Nobody was told of it: it goes, and asking again makes a new one.
  store::HoldChange change;
  change.reason = "it could not be put on the record: " + recorded.error().message;
  if (placed.is_new) (void)Move(placed.record.id, Event::withdraw, std::move(change));
  return std::unexpected(recorded.error());
}

Result<void> HoldDesk::EnsureRecorded(const store::HoldRecord& record,
                                      const approval::Statement& statement) {
  ILK_TRY(steps, core_->store.Steps(record.id));
  if (std::ranges::find(steps, kHeldStep, &store::StepRecord::step) != steps.end()) return {};
  ILK_TRY(
      index,
      Record("hold", {{"hold", record.id},
                      {"session", record.session},
                      {"digest", record.digest},
                      {"statement_sha256", crypto::Sha256Hex(approval::StatementJson(statement))},
                      {"operation", statement.action.operation},
                      {"environments", EnvironmentNames(statement.scope)},
                      {"rule", record.rule},
                      {"expires", FormatTime(record.expires)}}));
  // Two at once may both record it; the second finds the step taken.
  const auto step = core_->store.RecordStep(
      record.id, {std::string(kHeldStep), core_->clock.Now(), std::to_string(index)});
  if (!step && step.error().code != Code::conflict) return std::unexpected(step.error());
  return {};
}

Result<HoldDesk::Loaded> HoldDesk::Load(std::string_view id) {
  ILK_TRY(record, core_->store.Get(id));
  ILK_TRY(opened, core_->vault.Unseal(record.action, "hold " + record.id));
  ILK_TRY(statement, approval::ParseStatement(opened));
  if (statement.hold != record.id || Digest(statement.action) != record.digest) {
    return Fail(Code::verification,
                "the stored request of " + record.id +
                    " is not the one that was held: the store was changed; nothing is sent");
  }
  Action action = statement.action;
  return Loaded{std::move(record), std::move(statement), std::move(action)};
}

Result<json::array> HoldDesk::List(const std::string& filter) {
  store::HoldFilter wanted;
  if (filter.empty())
    wanted.states = {"pending", "approved", "executing"};
  else if (filter != "all")
    wanted.states = {filter};
  if (filter != "all" && !filter.empty() && !approval::ParseState(filter)) {
    return Fail(Code::invalid_input, "there is no state \"" + filter + "\"");
  }
  ILK_TRY(records, core_->store.List(wanted));
  json::array out;
  for (const store::HoldRecord& record : records) {
    const auto loaded = Load(record.id);
    out.push_back(loaded ? Summary(loaded->record, loaded->statement)
                         : Unreadable(record, loaded.error()));
  }
  return out;
}

Result<json::object> HoldDesk::Show(std::string_view id) {
  ILK_TRY(loaded, Load(id));
  const approval::Statement& s = loaded.statement;
  json::object out = Summary(loaded.record, s);
  out["request"] = RequestJson(s.action.request);
  out["where"] = Observations(s.scope.where);
  out["loss"] = Observations(s.scope.loss);
  out["recovery"] = approval::ToJson(s.recovery);
  out["rule"] = loaded.record.rule;
  out["reason"] = loaded.record.reason;
  json::array approvals;
  ILK_TRY(signatures, core_->store.Approvals(id));
  for (const store::ApprovalRecord& a : signatures) {
    approvals.push_back({{"approver", a.person},
                         {"key", a.key},
                         {"at", FormatTime(a.at)},
                         {"signature", a.signature}});
  }
  out["approvals"] = std::move(approvals);
  out["required"] = s.approvals_required;
  out["outcome"] = nullptr;
  if (!loaded.record.outcome.empty()) {
    ILK_TRY(outcome, ParseJson(loaded.record.outcome));
    if (outcome.is_object()) outcome.as_object().erase("answer");
    out["outcome"] = std::move(outcome);
  }
  if (!loaded.record.superseded_by.empty()) out["superseded_by"] = loaded.record.superseded_by;
  out["statement"] = approval::StatementJson(s);
  return out;
}

approval::Requirement HoldDesk::RequirementFor(const Loaded& loaded) const {
  const auto settings = core_->settings();
  approval::Requirement requirement;
  requirement.policy_digest = loaded.statement.policy_digest;
  requirement.action_digest = loaded.record.digest;
  requirement.origins = {settings->config.gateway.console.origin};
  // Of several environments each must accept the kind of key; an unresolved one is production.
  std::vector<std::string> environments;
  for (const EnvironmentSeen& seen : loaded.statement.scope.environments)
    environments.push_back(seen.mapped);
  if (environments.empty() || !loaded.statement.scope.unresolved.empty())
    environments.push_back("production");
  for (const approval::KeyKind kind :
       {approval::KeyKind::file, approval::KeyKind::security_key, approval::KeyKind::passkey}) {
    const bool accepted = std::ranges::all_of(environments, [&](const std::string& name) {
      const auto it = settings->config.environments.find(name);
      if (it == settings->config.environments.end()) return false;
      return std::ranges::any_of(it->second.keys, [&](policy::KeyKind k) {
        return ToString(k) == approval::ToString(kind);
      });
    });
    if (accepted) requirement.kinds.push_back(kind);
  }
  return requirement;
}

Result<State> HoldDesk::AddSignature(std::string_view id, std::string_view signature) {
  ILK_TRY(loaded, Load(id));
  if (StateOf(loaded.record) != State::pending) {
    return Fail(Code::conflict, loaded.record.id + " is " + loaded.record.state +
                                    ": only a pending hold can be approved");
  }
  ILK_TRY_VOID(EnsureRecorded(loaded.record, loaded.statement));
  const TimePoint now = core_->clock.Now();
  if (now >= loaded.record.expires) {
    (void)Move(id, Event::expire);
    return Fail(Code::denied, loaded.record.id + " has expired");
  }
  const auto approvers = core_->approvers();
  ILK_TRY(existing, core_->store.Approvals(id));
  std::vector<approval::Approval> already;
  for (const store::ApprovalRecord& a : existing)
    already.push_back({a.person, a.key, approval::KeyKind::file, 0, a.at, a.signature});
  const std::string pae = approval::Pae(approval::StatementJson(loaded.statement));
  const approval::Check check = approval::CheckApproval(
      loaded.statement, {pae, signature, ""}, *approvers, RequirementFor(loaded), already, now);
  if (!check.approval) return Fail(Code::denied, "not an approval: " + check.reason);
  const approval::Approval& vote = *check.approval;
  ILK_TRY(recorded, Record("approval", {{"hold", loaded.record.id},
                                        {"key", vote.key},
                                        {"digest", loaded.record.digest},
                                        {"signature_sha256", crypto::Sha256Hex(signature)}}));
  (void)recorded;
  ILK_TRY(all, core_->store.AddApproval(
                   {loaded.record.id, vote.approver, vote.key, std::string(signature), now},
                   approval::ToString(State::pending)));
  // By what the store holds now: somebody else may have signed at the same moment, and of two who
  // both find the quorum complete the transition lets one through.
  std::vector<approval::Approval> votes;
  for (const store::ApprovalRecord& a : all)
    votes.push_back({a.person, a.key, vote.kind, 0, a.at, a.signature});
  if (!approval::QuorumReached(loaded.statement, votes)) return State::pending;
  store::HoldChange change;
  change.nonce = loaded.statement.nonce;  // one statement, one execution, whatever else goes wrong
  ILK_TRY(moved, Move(id, Event::approve, std::move(change)));
  return StateOf(moved);
}

Result<void> HoldDesk::Reject(std::string_view id, std::string_view reason) {
  store::HoldChange change;
  change.reason = std::string(reason);
  ILK_TRY(moved, Move(id, Event::reject, std::move(change)));
  ILK_TRY(index, Record("rejection", {{"hold", moved.id}, {"reason", reason}}));
  (void)index;
  return {};
}

Result<store::HoldRecord> HoldDesk::Move(std::string_view id, Event event,
                                         store::HoldChange change) {
  ILK_TRY(record, core_->store.Get(id));
  ILK_TRY(next, approval::Next(StateOf(record), event));
  change.state = approval::ToString(next);
  change.open = approval::IsOpen(next);
  change.at = core_->clock.Now();
  auto moved = core_->store.Transition(id, record.state, change);
  {
    const std::lock_guard lock(mutex_);
  }
  changed_.notify_all();
  return moved;
}

Result<store::HoldRecord> HoldDesk::Supersede(const Loaded& old, const Scope& now,
                                              const Judgement& judgement,
                                              const std::string& difference) {
  // As it would be held if it were asked now; never for fewer signatures than were asked for
  // before.
  HoldOrder order{
      old.action,
      now,
      judgement.decision.verdict == Verdict::hold ? judgement.decision : old.statement.decision,
      old.statement.session,
      "since " + old.record.id + " was shown: " + difference,
      core_->settings()->policy_digest,
      std::max(judgement.approvals_required, old.statement.approvals_required)};
  approval::Statement statement;
  ILK_TRY(successor, NewRecord(order, statement));
  ILK_TRY(next, approval::Next(StateOf(old.record), Event::supersede));
  store::HoldChange change;
  change.state = approval::ToString(next);
  change.open = false;
  change.at = core_->clock.Now();
  change.reason = difference;
  change.superseded_by = successor.id;
  ILK_TRY(moved, core_->store.Supersede(old.record.id, old.record.state, change, successor));
  (void)moved;
  ILK_TRY(index,
          Record("superseded",
                 {{"hold", old.record.id}, {"by", successor.id}, {"difference", difference}}));
  (void)index;
  changed_.notify_all();
  return successor;
}

Result<json::object> HoldDesk::OutcomeOf(std::string_view id) {
  ILK_TRY(record, core_->store.Get(id));
  json::object out{{"hold", record.id}, {"state", record.state}, {"outcome", nullptr}};
  if (!record.outcome.empty()) {
    ILK_TRY(outcome, ParseJson(record.outcome));
    if (outcome.is_object()) {
      outcome.as_object().erase("answer");
      if (const auto receipt = FindString(outcome.as_object(), "receipt"); !receipt.empty())
        out["receipt"] = receipt;
      outcome.as_object().erase("receipt");
    }
    out["outcome"] = std::move(outcome);
  }
  if (!record.superseded_by.empty()) out["superseded_by"] = record.superseded_by;
  if (!record.reason.empty()) out["reason"] = record.reason;
  return out;
}

Result<json::object> HoldDesk::WaitFor(std::string_view id, std::chrono::milliseconds timeout) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  std::unique_lock lock(mutex_);
  for (;;) {
    ILK_TRY(record, core_->store.Get(id));
    if (stopping_ || approval::IsFinal(StateOf(record))) break;
    // Woken by every change; the short wait bounds what a missed one could cost.
    const auto slice =
        std::min(end, std::chrono::steady_clock::now() + std::chrono::milliseconds(500));
    changed_.wait_until(lock, slice);
    if (std::chrono::steady_clock::now() >= end) break;
  }
  lock.unlock();
  return OutcomeOf(id);
}

void HoldDesk::StopWaiting() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
}

Result<void> HoldDesk::RecoverAfterCrash() {
  ILK_TRY(executing,
          core_->store.List({{std::string(approval::ToString(State::executing))}, "", 100'000}));
  for (const store::HoldRecord& record : executing) {
    ILK_TRY(index, Record("outcome", {{"hold", record.id},
                                      {"state", "unknown"},
                                      {"why", "the gateway ended while it was executing"}}));
    store::HoldChange change;
    change.outcome = json::serialize(
        json::object{{"status", 0},
                     {"summary", "unknown: the gateway ended while this was executing"},
                     {"receipt", std::to_string(index)}});
    ILK_TRY(moved, Move(record.id, Event::lose, std::move(change)));
    (void)moved;
  }
  // Signed and not begun: the yes still stands, and begins again only when a human asks for it; its
  // statement expires as it says.
  return {};
}

void HoldDesk::ExpireDue() {
  static constexpr std::array<std::string_view, 2> kWaiting = {"pending", "approved"};
  const auto expired =
      core_->store.ExpireDue(core_->clock.Now(), kWaiting, approval::ToString(State::expired));
  if (!expired) return;
  for (const std::string& id : *expired) (void)Record("expired", {{"hold", id}});
  if (!expired->empty()) changed_.notify_all();
}

}  // namespace interlock::gateway
