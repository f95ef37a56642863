// What a human signs: one in-toto Statement v1 about exactly one held action, as RFC 8785 JSON
// inside a DSSE pre-authentication encoding. The predicate carries the whole action (its request
// and body in full), where it was observed to act, what would be lost and what could bring it back.
//
// https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
// https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "action/action.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"

namespace interlock::approval {

inline constexpr std::string_view kNamespace = "approval@interlock";  // of every SSHSIG
inline constexpr std::string_view kPredicateType = "https://interlock.dev/approval/v1";
inline constexpr std::string_view kPayloadType = "application/vnd.in-toto+json";

enum class RecoveryVerdict { none, degraded, verified };
std::string_view ToString(RecoveryVerdict verdict);

// The outcome of one check (B1 to B16) of the evidence that something could be brought back.
enum class Finding { held, failed, unobserved };
std::string_view ToString(Finding finding);

struct Evidence {
  std::string check;  // "B1"
  Finding finding = Finding::unobserved;
  std::string what;
  std::string known_by;
  bool operator==(const Evidence&) const = default;
};

struct Recovery {
  RecoveryVerdict verdict = RecoveryVerdict::none;
  std::string summary;  // one sentence: "no recovery point outside the volume"
  std::vector<Evidence> evidence;
  bool operator==(const Recovery&) const = default;
};

struct SessionInfo {
  std::string id;
  std::string started_by;
  std::string agent;
  std::string workspace;
  std::string environment;  // the one it was lent
  bool operator==(const SessionInfo&) const = default;
};

struct Statement {
  std::string hold;
  Action action;
  Scope scope;
  Decision decision;
  Recovery recovery;
  SessionInfo session;
  std::string belief;  // the belief of the asker that may be wrong, one sentence; may be empty
  std::string nonce;
  TimePoint created;
  TimePoint expires;
  std::string policy_digest;  // hex
  std::string checkpoint;     // text of the ledger's checkpoint when the hold was made
  int approvals_required = 1;
  bool operator==(const Statement&) const = default;
};

// The statement's bytes. Equal values give equal bytes. Numbers of Interlock's own stand as decimal
// strings; text that is not UTF-8 stands as {"base64": …}.
std::string StatementJson(const Statement& statement);

// Accepts exactly what StatementJson produces: no further members, no other order or spelling, the
// subject's digest that of the action inside. So what is shown of a value is all that was signed.
// At most 32 MiB.
Result<Statement> ParseStatement(std::string_view text);

// The bytes that are signed: DSSEv1 over the statement's JSON.
std::string Pae(std::string_view statement_json);
std::string DssePae(std::string_view payload_type, std::string_view body);
// The statement's JSON out of those bytes; invalid_input for anything Pae does not produce.
Result<std::string> StatementJsonFromPae(std::string_view pae);

// Scope and recovery as they stand in statements, for the store and for JSON answers.
json::object ToJson(const Scope& scope);
Result<Scope> ScopeFromJson(const json::object& object);
json::object ToJson(const Recovery& recovery);
Result<Recovery> RecoveryFromJson(const json::object& object);

}  // namespace interlock::approval
