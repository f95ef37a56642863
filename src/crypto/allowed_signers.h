// Who may sign, in OpenSSH's allowed_signers format (ssh-keygen(1), ALLOWED SIGNERS), so that stock
// ssh-keygen checks the same approvals against the same file.
//
// Stricter than OpenSSH where it matters for counting people: a principal is a plain name (a
// pattern is not a person), times carry a Z (a local time depends on the machine), and certificate
// authorities are refused.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/ssh_key.h"

namespace interlock::crypto {

struct AllowedSigner {
  std::vector<std::string> principals;  // never empty
  SshPublicKey key;
  std::vector<std::string> namespaces;  // with * for any run; empty: every namespace
  std::optional<TimePoint> valid_after;
  std::optional<TimePoint> valid_before;
  std::string comment;
  bool operator==(const AllowedSigner&) const = default;
};

// What a principal may be called: UTF-8 of at most 128 bytes without blanks, quotes, commas and
// pattern characters.
bool IsPrincipalName(std::string_view name);

Result<AllowedSigner> ParseAllowedSigner(std::string_view line);
// Without the line break. Parsing it gives the same value, times cut to seconds, provided that the
// principals pass IsPrincipalName.
std::string FormatAllowedSigner(const AllowedSigner& signer);

// A whole file: blank lines and lines that start with # are skipped. At most 4096 lines. The error
// lists every bad line by its number; one bad line makes the file unusable.
using AllowedSigners = std::vector<AllowedSigner>;
Result<AllowedSigners> ParseAllowedSigners(std::string_view text);
std::string FormatAllowedSigners(const AllowedSigners& signers);

// Every line that names this key; the pointers live as long as `signers`.
std::vector<const AllowedSigner*> FindByKey(const AllowedSigners& signers, const SshPublicKey& key);

// valid_after <= now < valid_before.
bool IsValidAt(const AllowedSigner& signer, TimePoint now);
bool AllowsNamespace(const AllowedSigner& signer, std::string_view ns);

}  // namespace interlock::crypto
