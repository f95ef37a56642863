// Whether a signature is a person's approval of a held action, and whether enough people approved.
// Everything that stock `ssh-keygen -Y verify` leaves open is decided here: presence and
// verification flags, origin, kind of key, one person counted once, and that it is this statement,
// now.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "approval/statement.h"
#include "crypto/allowed_signers.h"

namespace interlock::approval {

// What an approver signs with, in the configuration's words: "file", "security-key", "passkey".
enum class KeyKind { file, security_key, passkey };
std::string_view ToString(KeyKind kind);
std::optional<KeyKind> ParseKeyKind(std::string_view text);

// What the policy in force demands of an approval.
struct Requirement {
  std::vector<KeyKind> kinds;        // accepted; empty accepts nothing
  std::vector<std::string> origins;  // of passkeys, exact: "http://localhost:7443"
  std::string policy_digest;         // of the policy in force now
  std::string action_digest;         // of the stored request that would be executed
};

struct Approval {
  std::string approver;  // the principal's name
  std::string key;       // "SHA256:…"
  KeyKind kind = KeyKind::file;
  std::uint32_t counter = 0;  // of a device; a step back hints at a copy of it
  TimePoint at;
  std::string signature;  // as it was brought
  bool operator==(const Approval&) const = default;
};

// Why a signature is not an approval.
enum class Refusal {
  statement_mismatch,  // the signed bytes are not this statement, or it is about another action
  expired,
  policy_changed,
  unreadable_signature,
  wrong_namespace,
  bad_signature,
  unknown_key,
  several_persons,  // the key is listed under more than one name
  not_this_person,  // somebody else's key than the caller said
  key_not_valid,    // outside valid-after and valid-before, or not for this namespace
  wrong_kind,
  not_present,      // no touch
  not_verified,     // no PIN or biometrics on a passkey
  foreign_origin,   // another web page, another relying party, or inside another page
  already_counted,  // this person approved before
};
std::string_view ToString(Refusal refusal);

struct Check {
  std::optional<Approval> approval;
  std::optional<Refusal> refusal;  // exactly one of both is set
  std::string reason;              // for the human who signed; "" with an approval
};

struct ApprovalInput {
  std::string_view pae;         // the bytes as the hold stores them
  std::string_view signature;   // SSHSIG, armored or not
  std::string_view claimed_by;  // the name the caller gave; "" when the key alone says who
};

// `statement` is the hold's; `already` are the approvals counted so far. Pure: the same arguments
// give the same answer.
Check CheckApproval(const Statement& statement, const ApprovalInput& input,
                    const crypto::AllowedSigners& signers, const Requirement& requirement,
                    std::span<const Approval> already, TimePoint now);

// Distinct persons; names that differ in ASCII case alone are one person.
int CountPersons(std::span<const Approval> approvals);
bool QuorumReached(const Statement& statement, std::span<const Approval> approvals);

// People who could give an approval now: the ceiling of any quorum. Names in order of the file.
std::vector<std::string> EligibleApprovers(const crypto::AllowedSigners& signers,
                                           std::span<const KeyKind> kinds, TimePoint now);

// The kind that signatures of this key are, told by the key alone.
KeyKind KindOf(const crypto::SshPublicKey& key);

}  // namespace interlock::approval
