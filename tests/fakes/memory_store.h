// The store in memory, for tests: the same contract, nothing survives.
#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "store/store.h"

namespace interlock::fakes {

class MemoryStore final : public store::Store {
 public:
  Result<store::Inserted> Insert(const store::HoldRecord& hold) override {
    const std::lock_guard lock(mutex_);
    if (const auto* same = OpenTwin(hold, {})) return store::Inserted{*same, false};
    if (FindHold(hold.id)) return Fail(Code::conflict, "hold " + hold.id + ": already there");
    holds_.push_back(hold);
    return store::Inserted{hold, true};
  }

  Result<store::HoldRecord> Get(std::string_view id) override {
    const std::lock_guard lock(mutex_);
    if (const auto* hold = FindHold(id)) return *hold;
    return NoHold(id);
  }

  Result<std::vector<store::HoldRecord>> List(const store::HoldFilter& filter) override {
    const std::lock_guard lock(mutex_);
    std::vector<store::HoldRecord> out;
    for (const auto& hold : holds_) {
      const bool state = filter.states.empty() ||
                         std::ranges::find(filter.states, hold.state) != filter.states.end();
      const bool session = filter.session.empty() || hold.session == filter.session;
      if (state && session && out.size() < filter.limit) out.push_back(hold);
    }
    return out;
  }

  Result<std::size_t> Count(std::string_view state) override {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::ranges::count(holds_, state, &store::HoldRecord::state));
  }

  Result<std::optional<store::HoldRecord>> FindByFingerprint(std::string_view session,
                                                             std::string_view fingerprint,
                                                             std::string_view state) override {
    const std::lock_guard lock(mutex_);
    for (auto hold = holds_.rbegin(); hold != holds_.rend(); ++hold) {
      if (hold->session == session && hold->fingerprint == fingerprint && hold->state == state)
        return *hold;
    }
    return std::nullopt;
  }

  Result<store::HoldRecord> Transition(std::string_view id, std::string_view from,
                                       const store::HoldChange& change) override {
    const std::lock_guard lock(mutex_);
    return Change(id, from, change, nullptr);
  }

  Result<store::HoldRecord> Supersede(std::string_view id, std::string_view from,
                                      const store::HoldChange& change,
                                      const store::HoldRecord& successor) override {
    const std::lock_guard lock(mutex_);
    return Change(id, from, change, &successor);
  }

  Result<std::vector<std::string>> ExpireDue(TimePoint now, std::span<const std::string_view> from,
                                             std::string_view to) override {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> expired;
    for (auto& hold : holds_) {
      if (hold.expires > now || std::ranges::find(from, hold.state) == from.end()) continue;
      hold.state = to;
      hold.open = false;
      hold.changed = now;
      expired.push_back(hold.id);
    }
    return expired;
  }

  Result<std::vector<store::ApprovalRecord>> AddApproval(const store::ApprovalRecord& approval,
                                                         std::string_view state) override {
    const std::lock_guard lock(mutex_);
    const auto* hold = FindHold(approval.hold);
    if (!hold) return NoHold(approval.hold);
    if (hold->state != state) return Fail(Code::conflict, "hold: is " + hold->state);
    for (const auto& other : approvals_) {
      if (other.hold == approval.hold && other.person == approval.person)
        return Fail(Code::conflict, "hold: " + approval.person + " has already signed");
    }
    approvals_.push_back(approval);
    return ApprovalsOf(approval.hold);
  }

  Result<std::vector<store::ApprovalRecord>> Approvals(std::string_view hold) override {
    const std::lock_guard lock(mutex_);
    return ApprovalsOf(hold);
  }

  Result<void> RecordStep(std::string_view hold, const store::StepRecord& step) override {
    const std::lock_guard lock(mutex_);
    if (!FindHold(hold)) return NoHold(hold);
    if (HasStep(hold, step.step)) return Fail(Code::conflict, "hold: step is already recorded");
    steps_.emplace_back(hold, step);
    return {};
  }

  Result<std::vector<store::StepRecord>> Steps(std::string_view hold) override {
    const std::lock_guard lock(mutex_);
    std::vector<store::StepRecord> out;
    for (const auto& [of, step] : steps_) {
      if (of == hold) out.push_back(step);
    }
    return out;
  }

  Result<void> StartSession(const store::SessionRecord& session) override {
    const std::lock_guard lock(mutex_);
    for (const auto& other : sessions_) {
      if (other.id == session.id || other.token_digest == session.token_digest)
        return Fail(Code::conflict, "session " + session.id + ": its id or token is taken");
    }
    sessions_.push_back(session);
    sessions_.back().ended.reset();
    return {};
  }

  Result<void> EndSession(std::string_view id, TimePoint at) override {
    const std::lock_guard lock(mutex_);
    for (auto& session : sessions_) {
      if (session.id != id) continue;
      if (!session.ended) session.ended = at;
      return {};
    }
    return Fail(Code::not_found, "session " + std::string(id) + ": there is none");
  }

  Result<store::SessionRecord> GetSession(std::string_view id) override {
    const std::lock_guard lock(mutex_);
    for (const auto& session : sessions_) {
      if (session.id == id) return session;
    }
    return Fail(Code::not_found, "session " + std::string(id) + ": there is none");
  }

  Result<std::optional<store::SessionRecord>> FindSessionByToken(
      std::string_view token_digest) override {
    const std::lock_guard lock(mutex_);
    for (const auto& session : sessions_) {
      if (session.token_digest == token_digest) return session;
    }
    return std::nullopt;
  }

  Result<std::vector<store::SessionRecord>> RunningSessions() override {
    const std::lock_guard lock(mutex_);
    std::vector<store::SessionRecord> out;
    for (const auto& session : sessions_) {
      if (!session.ended) out.push_back(session);
    }
    std::ranges::sort(out, {}, [](const auto& one) { return std::pair(one.started, one.id); });
    return out;
  }

  Result<void> SetHalt(const store::HaltRecord& halt) override {
    const std::lock_guard lock(mutex_);
    halts_.try_emplace(halt.scope, halt);
    return {};
  }

  Result<void> ClearHalt(std::string_view scope) override {
    const std::lock_guard lock(mutex_);
    halts_.erase(std::string(scope));
    return {};
  }

  Result<std::vector<store::HaltRecord>> Halts() override {
    const std::lock_guard lock(mutex_);
    std::vector<store::HaltRecord> out;
    for (const auto& [scope, halt] : halts_) out.push_back(halt);
    std::ranges::sort(out, {}, [](const auto& one) { return std::pair(one.since, one.scope); });
    return out;
  }

  Result<void> UseNonce(std::string_view nonce, TimePoint) override {
    const std::lock_guard lock(mutex_);
    if (nonces_.emplace(nonce).second) return {};
    return Fail(Code::conflict, "nonce: was used before");
  }

  Result<void> PutMeta(std::string_view key, std::string_view value) override {
    const std::lock_guard lock(mutex_);
    meta_[std::string(key)] = value;
    return {};
  }

  Result<std::optional<std::string>> GetMeta(std::string_view key) override {
    const std::lock_guard lock(mutex_);
    const auto it = meta_.find(std::string(key));
    if (it == meta_.end()) return std::nullopt;
    return it->second;
  }

 private:
  static std::unexpected<Error> NoHold(std::string_view id) {
    return Fail(Code::not_found, "hold " + std::string(id) + ": there is none");
  }

  store::HoldRecord* FindHold(std::string_view id) {
    const auto it = std::ranges::find(holds_, id, &store::HoldRecord::id);
    return it == holds_.end() ? nullptr : &*it;
  }

  // The open hold of the same question, leaving out the one named `except`.
  const store::HoldRecord* OpenTwin(const store::HoldRecord& hold, std::string_view except) {
    if (!hold.open) return nullptr;
    for (const auto& other : holds_) {
      if (other.open && other.id != except && other.session == hold.session &&
          other.fingerprint == hold.fingerprint)
        return &other;
    }
    return nullptr;
  }

  bool HasStep(std::string_view hold, std::string_view step) {
    return std::ranges::any_of(steps_, [&](const auto& entry) {
      return entry.first == hold && entry.second.step == step;
    });
  }

  std::vector<store::ApprovalRecord> ApprovalsOf(std::string_view hold) {
    std::vector<store::ApprovalRecord> out;
    for (const auto& approval : approvals_) {
      if (approval.hold == hold) out.push_back(approval);
    }
    return out;
  }

  // Every condition is looked at before anything is changed.
  Result<store::HoldRecord> Change(std::string_view id, std::string_view from,
                                   const store::HoldChange& change,
                                   const store::HoldRecord* successor) {
    auto* hold = FindHold(id);
    if (!hold) return NoHold(id);
    if (hold->state != from) return Fail(Code::conflict, "hold: is " + hold->state);
    store::HoldRecord changed = *hold;
    changed.state = change.state;
    changed.open = change.open;
    changed.changed = change.at;
    if (change.reason) changed.reason = *change.reason;
    if (change.statement) changed.statement = *change.statement;
    if (change.details) changed.details = *change.details;
    if (change.outcome) changed.outcome = *change.outcome;
    if (change.superseded_by) changed.superseded_by = *change.superseded_by;
    if (OpenTwin(changed, id)) return Fail(Code::conflict, "hold: an identical one is open");
    if (change.nonce && nonces_.contains(*change.nonce))
      return Fail(Code::conflict, "nonce: was used before");
    if (change.step && HasStep(id, change.step->step))
      return Fail(Code::conflict, "hold: step is already recorded");
    const store::HoldRecord before = std::exchange(*hold, changed);
    if (successor) {
      if (FindHold(successor->id) || OpenTwin(*successor, {})) {
        *hold = before;
        return Fail(Code::conflict, "hold " + successor->id + ": already there");
      }
      holds_.push_back(*successor);
    }
    if (change.nonce) nonces_.insert(*change.nonce);
    if (change.step) steps_.emplace_back(id, *change.step);
    return changed;
  }

  std::mutex mutex_;
  std::vector<store::HoldRecord> holds_;
  std::vector<store::ApprovalRecord> approvals_;
  std::vector<std::pair<std::string, store::StepRecord>> steps_;
  std::vector<store::SessionRecord> sessions_;
  std::map<std::string, store::HaltRecord> halts_;
  std::set<std::string> nonces_;
  std::map<std::string, std::string> meta_;
};

}  // namespace interlock::fakes
