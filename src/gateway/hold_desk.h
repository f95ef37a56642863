// Where held requests wait: made, joined, shown, decided. Every change goes through the table of
// approval/hold.h and is durable in the store and in the ledger before anybody is told.
//
// Methods block on the disk: never call them on a worker's thread (use Blocking). Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "approval/hold.h"
#include "approval/quorum.h"
#include "approval/statement.h"
#include "gateway/core.h"
#include "gateway/judgement.h"
#include "gateway/session.h"

namespace interlock::gateway {

// What is to be held: the judged action and everything a human will be shown.
struct HoldOrder {
  Action action;  // with the credential it will be executed with
  Scope scope;
  Decision decision;
  approval::SessionInfo session;
  std::string belief;
  std::string policy_digest;
  int approvals_required = 1;
  std::optional<approval::Recovery> recovery = std::nullopt;  // none: nothing was looked for
};

struct Placed {
  store::HoldRecord record;
  approval::Statement statement;
  bool is_new = true;     // false: an identical request was waiting already
  bool rejected = false;  // true: a human has said no to exactly this; `record` is that hold
};

class HoldDesk {
 public:
  // Before anything else.
  void Use(Core& core) { core_ = &core; }

  Result<Placed> Place(const HoldOrder& order);

  // The record and the parsed statement. Code::verification when they don't belong together.
  struct Loaded {
    store::HoldRecord record;
    approval::Statement statement;
    Action action;
  };
  Result<Loaded> Load(std::string_view id);

  Result<json::array> List(const std::string& filter);  // "" or "pending", a state, or "all"
  // The shape of docs/cli.md, and "statement": the JSON that is signed.
  Result<json::object> Show(std::string_view id);

  // One person's signature. When the quorum is complete the hold is approved; the caller then
  // executes it. Returns the state afterwards.
  Result<approval::State> AddSignature(std::string_view id, std::string_view signature);
  Result<void> Reject(std::string_view id, std::string_view reason);

  // Applies `event`; conflict when it has no place in the hold's state.
  Result<store::HoldRecord> Move(std::string_view id, approval::Event event,
                                 store::HoldChange change = {});
  // Replaces a hold whose scope changed by a new one that shows the difference.
  Result<store::HoldRecord> Supersede(const Loaded& old, const Scope& now,
                                      const Judgement& judgement, const std::string& difference);

  // What a caller of approve or wait is told about the hold now.
  Result<json::object> OutcomeOf(std::string_view id);
  // Returns when the hold is final, or after `timeout`.
  Result<json::object> WaitFor(std::string_view id, std::chrono::milliseconds timeout);

  // From now on nobody waits here: the gateway ends.
  void StopWaiting();

  // At start: what was executing when the last gateway died may have happened.
  Result<void> RecoverAfterCrash();
  void ExpireDue();

 private:
  Result<std::uint64_t> Record(std::string_view type, json::object fields);
  approval::Requirement RequirementFor(const Loaded& loaded) const;
  // A hold whose entry in the ledger is missing (the disk failed, or a crash) can be neither joined
  // nor signed before it is there.
  Result<void> EnsureRecorded(const store::HoldRecord& record,
                              const approval::Statement& statement);
  Result<store::HoldRecord> NewRecord(const HoldOrder& order, approval::Statement& statement);

  Core* core_ = nullptr;
  std::mutex mutex_;  // with changed_: wakes those who wait; the store holds the state
  std::condition_variable changed_;
  bool stopping_ = false;  // under mutex_
};

}  // namespace interlock::gateway
