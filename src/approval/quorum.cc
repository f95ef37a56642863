#include "approval/quorum.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "crypto/sshsig.h"

namespace interlock::approval {

namespace {

constexpr std::array<std::string_view, 3> kKinds = {"file", "security-key", "passkey"};
constexpr std::array<std::string_view, 15> kRefusals = {
    "statement_mismatch", "expired",        "policy_changed", "unreadable_signature",
    "wrong_namespace",    "bad_signature",  "unknown_key",    "several_persons",
    "not_this_person",    "key_not_valid",  "wrong_kind",     "not_present",
    "not_verified",       "foreign_origin", "already_counted"};

// OpenSSH gives its own keys an application that starts like this; everything else is the id of a
// web page's relying party.
constexpr std::string_view kSshApplication = "ssh:";

Check Refuse(Refusal refusal, std::string reason) {
  return Check{std::nullopt, refusal, std::move(reason)};
}

bool SamePerson(std::string_view a, std::string_view b) { return EqualsIgnoreCase(a, b); }

std::optional<Check> CheckStatement(const Statement& statement, std::string_view pae,
                                    const Requirement& requirement, TimePoint now) {
  if (Pae(StatementJson(statement)) != pae) {
    return Refuse(Refusal::statement_mismatch, "the signed bytes are not this hold's statement");
  }
  if (Digest(statement.action) != requirement.action_digest) {
    return Refuse(Refusal::statement_mismatch,
                  "the statement is about another action than the stored request");
  }
  if (now >= statement.expires) {
    return Refuse(Refusal::expired, "the hold expired at " + FormatTime(statement.expires));
  }
  if (statement.policy_digest != requirement.policy_digest) {
    return Refuse(Refusal::policy_changed, "the policy changed since this statement was made");
  }
  return std::nullopt;
}

// The one person whose key it is. A key under two names would let one hand count as two.
std::optional<Check> FindPerson(const crypto::AllowedSigners& signers,
                                const crypto::SshPublicKey& key, TimePoint now,
                                std::string& person) {
  const auto entries = crypto::FindByKey(signers, key);
  if (entries.empty()) {
    return Refuse(Refusal::unknown_key, "nobody is enrolled with the key " + key.fingerprint);
  }
  bool valid = false;
  for (const crypto::AllowedSigner* entry : entries) {
    for (const std::string& name : entry->principals) {
      if (person.empty()) person = name;
      if (!SamePerson(person, name)) {
        return Refuse(Refusal::several_persons,
                      "the key " + key.fingerprint + " is enrolled under several names");
      }
    }
    valid =
        valid || (crypto::IsValidAt(*entry, now) && crypto::AllowsNamespace(*entry, kNamespace));
  }
  if (!valid) {
    return Refuse(Refusal::key_not_valid,
                  "the key " + key.fingerprint + " is not valid now for approvals");
  }
  return std::nullopt;
}

std::string_view HostOf(std::string_view origin) {
  const std::size_t scheme = origin.find("://");
  if (scheme == std::string_view::npos) return "";
  const std::string_view rest = origin.substr(scheme + 3);
  return rest.substr(0, rest.find_first_of(":/"));
}

// The relying party of a page is its host or a domain above it (WebAuthn 5.1.3).
bool IsRelyingPartyOf(std::string_view rp_id, std::string_view origin) {
  const std::string_view host = HostOf(origin);
  if (rp_id.empty()) return false;
  return host == rp_id || (host.size() > rp_id.size() && host.ends_with(rp_id) &&
                           host[host.size() - rp_id.size() - 1] == '.');
}

std::optional<Check> CheckPasskey(const crypto::SshsigInfo& info, const Requirement& requirement) {
  const crypto::WebauthnClient& client = *info.webauthn;
  if (std::ranges::find(requirement.origins, client.origin) == requirement.origins.end()) {
    return Refuse(Refusal::foreign_origin, "signed on the page " +
                                               EscapeForHumans(client.origin, 256) +
                                               ", which is not this console");
  }
  if (client.cross_origin) {
    return Refuse(Refusal::foreign_origin, "signed inside another page");
  }
  if (!IsRelyingPartyOf(info.key.application, client.origin)) {
    return Refuse(Refusal::foreign_origin, "the passkey belongs to another relying party");
  }
  if (!info.UserVerified()) {
    return Refuse(Refusal::not_verified, "the passkey did not verify its user (PIN or biometrics)");
  }
  return std::nullopt;
}

KeyKind KindOfSignature(const crypto::SshsigInfo& info) {
  switch (info.form) {
    case crypto::SignatureForm::plain:
      return KeyKind::file;
    case crypto::SignatureForm::security_key:
      return KeyKind::security_key;
    case crypto::SignatureForm::webauthn:
      return KeyKind::passkey;
  }
  return KeyKind::file;
}

std::optional<Check> CheckDevice(const crypto::SshsigInfo& info, const Requirement& requirement) {
  const KeyKind kind = KindOfSignature(info);
  // A passkey's key that signs like a token (or the reverse) is some other program at work.
  if (kind != KindOf(info.key)) {
    return Refuse(Refusal::wrong_kind, "the signature is not of the kind its key makes");
  }
  if (std::ranges::find(requirement.kinds, kind) == requirement.kinds.end()) {
    return Refuse(Refusal::wrong_kind,
                  "the policy accepts no " + std::string(ToString(kind)) + " signature here");
  }
  if (kind == KeyKind::file) return std::nullopt;
  if (!info.UserPresent()) {
    return Refuse(Refusal::not_present, "the device was not touched for this signature");
  }
  if (kind == KeyKind::passkey) return CheckPasskey(info, requirement);
  return std::nullopt;
}

}  // namespace

std::string_view ToString(KeyKind kind) {
  const auto index = static_cast<std::size_t>(kind);
  return index < kKinds.size() ? kKinds[index] : std::string_view("out of range");
}

std::optional<KeyKind> ParseKeyKind(std::string_view text) {
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    if (kKinds[i] == text) return static_cast<KeyKind>(i);
  }
  return std::nullopt;
}

std::string_view ToString(Refusal refusal) {
  const auto index = static_cast<std::size_t>(refusal);
  return index < kRefusals.size() ? kRefusals[index] : std::string_view("out of range");
}

KeyKind KindOf(const crypto::SshPublicKey& key) {
  if (key.application.empty()) return KeyKind::file;
  return key.application.starts_with(kSshApplication) ? KeyKind::security_key : KeyKind::passkey;
}

Check CheckApproval(const Statement& statement, const ApprovalInput& input,
                    const crypto::AllowedSigners& signers, const Requirement& requirement,
                    std::span<const Approval> already, TimePoint now) {
  if (auto refused = CheckStatement(statement, input.pae, requirement, now)) return *refused;

  const auto claimed = crypto::ParseSshsig(input.signature);
  if (!claimed) return Refuse(Refusal::unreadable_signature, claimed.error().message);
  if (claimed->ns != kNamespace) {
    return Refuse(Refusal::wrong_namespace, "signed for \"" + EscapeForHumans(claimed->ns, 256) +
                                                "\", not for " + std::string(kNamespace));
  }
  std::string person;
  if (auto refused = FindPerson(signers, claimed->key, now, person)) return *refused;
  if (!input.claimed_by.empty() && !SamePerson(input.claimed_by, person)) {
    return Refuse(Refusal::not_this_person, "the key is " + EscapeForHumans(person, 128) + "'s");
  }
  const auto info = crypto::VerifySshsig(input.signature, input.pae, kNamespace);
  if (!info) return Refuse(Refusal::bad_signature, info.error().message);
  if (auto refused = CheckDevice(*info, requirement)) return *refused;

  for (const Approval& each : already) {
    if (SamePerson(each.approver, person)) {
      return Refuse(Refusal::already_counted,
                    EscapeForHumans(person, 128) + " has approved this already");
    }
  }
  return Check{Approval{person, info->key.fingerprint, KindOfSignature(*info), info->counter, now,
                        std::string(input.signature)},
               std::nullopt, ""};
}

int CountPersons(std::span<const Approval> approvals) {
  std::vector<std::string> persons;
  for (const Approval& each : approvals) {
    std::string name = ToLower(each.approver);
    if (std::ranges::find(persons, name) == persons.end()) persons.push_back(std::move(name));
  }
  return static_cast<int>(persons.size());
}

bool QuorumReached(const Statement& statement, std::span<const Approval> approvals) {
  return statement.approvals_required >= 1 &&
         CountPersons(approvals) >= statement.approvals_required;
}

std::vector<std::string> EligibleApprovers(const crypto::AllowedSigners& signers,
                                           std::span<const KeyKind> kinds, TimePoint now) {
  std::vector<std::string> names;
  for (const crypto::AllowedSigner& signer : signers) {
    std::string person;
    if (FindPerson(signers, signer.key, now, person)) continue;
    if (std::ranges::find(kinds, KindOf(signer.key)) == kinds.end()) continue;
    const bool known = std::ranges::any_of(
        names, [&](const std::string& name) { return SamePerson(name, person); });
    if (!known) names.push_back(person);
  }
  return names;
}

}  // namespace interlock::approval
