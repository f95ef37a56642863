// Everything the gateway must still know after a crash.
//
// Contract of every method, whatever keeps the data: it is atomic; when it returns without an error
// its effect is durable and every later call sees it; when it returns an error nothing has changed.
// Methods may be called from any thread and may block on the disk, so never from an I/O thread.
// Errors: not_found and conflict as said; unavailable when the data can't be read or written (a
// full or damaged disk), which callers treat as "do not send".
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/hold_record.h"
#include "store/session_record.h"

namespace interlock::store {

struct Inserted {
  HoldRecord hold;
  bool is_new = false;  // false: an identical request was already waiting, and this is its hold
};

class HoldStore {
 public:
  virtual ~HoldStore() = default;

  // At most one open hold exists per (session, fingerprint): asking again returns it unchanged.
  // conflict: the id is taken by another hold.
  virtual Result<Inserted> Insert(const HoldRecord& hold) = 0;

  virtual Result<HoldRecord> Get(std::string_view id) = 0;

  // In order of creation.
  virtual Result<std::vector<HoldRecord>> List(const HoldFilter& filter) = 0;

  // How many holds are in this state.
  virtual Result<std::size_t> Count(std::string_view state) = 0;

  // The newest hold of the session with this fingerprint and state: how a rejected action that is
  // asked again finds its rejection.
  virtual Result<std::optional<HoldRecord>> FindByFingerprint(std::string_view session,
                                                              std::string_view fingerprint,
                                                              std::string_view state) = 0;

  // Compare and set: succeeds for exactly one of all who try it from the same state.
  // conflict: the state is not `from`, the nonce is used, or the step is already recorded.
  virtual Result<HoldRecord> Transition(std::string_view id, std::string_view from,
                                        const HoldChange& change) = 0;

  // The same, and the successor is inserted with it.
  virtual Result<HoldRecord> Supersede(std::string_view id, std::string_view from,
                                       const HoldChange& change, const HoldRecord& successor) = 0;

  // Moves every hold whose state is one of `from` and whose `expires` is not after `now` to `to`,
  // closed. Returns their ids.
  virtual Result<std::vector<std::string>> ExpireDue(TimePoint now,
                                                     std::span<const std::string_view> from,
                                                     std::string_view to) = 0;

  // Returns all approvals of the hold, this one included. conflict: the hold's state is not
  // `state`, or the person has already signed it.
  virtual Result<std::vector<ApprovalRecord>> AddApproval(const ApprovalRecord& approval,
                                                          std::string_view state) = 0;
  virtual Result<std::vector<ApprovalRecord>> Approvals(std::string_view hold) = 0;

  // conflict: the step is already recorded for this hold.
  virtual Result<void> RecordStep(std::string_view hold, const StepRecord& step) = 0;
  // In the order they were recorded.
  virtual Result<std::vector<StepRecord>> Steps(std::string_view hold) = 0;
};

class SessionStore {
 public:
  virtual ~SessionStore() = default;

  // conflict: the id or the token digest is taken.
  virtual Result<void> StartSession(const SessionRecord& session) = 0;
  // Ending an ended session changes nothing.
  virtual Result<void> EndSession(std::string_view id, TimePoint at) = 0;
  virtual Result<SessionRecord> GetSession(std::string_view id) = 0;
  // Ended sessions are found too; the caller looks at `ended`.
  virtual Result<std::optional<SessionRecord>> FindSessionByToken(
      std::string_view token_digest) = 0;
  // In order of their start.
  virtual Result<std::vector<SessionRecord>> RunningSessions() = 0;

  // The first halt of a scope stays until it is cleared; halting again changes nothing.
  virtual Result<void> SetHalt(const HaltRecord& halt) = 0;
  virtual Result<void> ClearHalt(std::string_view scope) = 0;
  virtual Result<std::vector<HaltRecord>> Halts() = 0;
};

class MetaStore {
 public:
  virtual ~MetaStore() = default;

  // conflict: the nonce was used before.
  virtual Result<void> UseNonce(std::string_view nonce, TimePoint at) = 0;

  virtual Result<void> PutMeta(std::string_view key, std::string_view value) = 0;
  virtual Result<std::optional<std::string>> GetMeta(std::string_view key) = 0;
};

class Store : public HoldStore, public SessionStore, public MetaStore {};

}  // namespace interlock::store
