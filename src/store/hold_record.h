// What is kept of a hold. The store doesn't know which states there are nor which may follow which;
// it knows that of several who change one hold at the same time exactly one succeeds.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace interlock::store {

struct HoldRecord {
  std::string id;           // "h-7f3a19c2"
  std::string session;      // the session that asked
  std::string state;        // a word of approval/, opaque here
  bool open = true;         // while true, an identical request of the session joins this hold
  std::string fingerprint;  // equal for requests that are the same question
  std::string digest;       // of the action, lower-case hex
  std::string action;       // bytes as the caller gives them, usually a sealed JSON document
  std::string statement;    // the exact bytes that are signed
  std::string details;      // JSON for humans: scope, loss, recovery, required approvals
  std::string rule;
  std::string reason;
  std::string outcome;        // JSON, "" until there is one
  std::string superseded_by;  // another hold's id, or ""
  TimePoint created;
  TimePoint expires;
  TimePoint changed;  // of the last transition
  bool operator==(const HoldRecord&) const = default;
};

// One entry of a hold's execution journal.
struct StepRecord {
  std::string step;  // "intent", "sent", "answered"; once per hold
  TimePoint at;
  std::string data;  // JSON or ""
  bool operator==(const StepRecord&) const = default;
};

// What a transition writes. Empty optionals leave the field as it is.
struct HoldChange {
  std::string state{};
  bool open = false;
  TimePoint at{};
  std::optional<std::string> reason{};
  std::optional<std::string> statement{};
  std::optional<std::string> details{};
  std::optional<std::string> outcome{};
  std::optional<std::string> superseded_by{};
  std::optional<std::string> nonce{};  // used up with the transition, or both fail
  std::optional<StepRecord> step{};    // recorded with the transition, or both fail
};

// Empty members match everything.
struct HoldFilter {
  std::vector<std::string> states{};
  std::string session{};
  std::size_t limit = 1000;
};

// One person's signature under one hold.
struct ApprovalRecord {
  std::string hold;
  std::string person;
  std::string key;        // "SHA256:…"
  std::string signature;  // armored SSHSIG
  TimePoint at;
  bool operator==(const ApprovalRecord&) const = default;
};

}  // namespace interlock::store
