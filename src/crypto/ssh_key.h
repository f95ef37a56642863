// OpenSSH public keys: the lines of .pub files and the blobs inside them (RFC 4253 section 6.6,
// RFC 5656, RFC 8709, OpenSSH's PROTOCOL.u2f). Parsing checks the shape; whether a point lies on
// its curve shows when a signature is verified.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace interlock::crypto {

enum class SshKeyType {
  ed25519,
  ecdsa_p256,
  ecdsa_p384,
  ecdsa_p521,
  rsa,
  sk_ed25519,
  sk_ecdsa_p256
};

struct SshPublicKey {
  SshKeyType type = SshKeyType::ed25519;
  std::string blob;         // wire form; two keys are the same key when their blobs are equal
  std::string fingerprint;  // "SHA256:" and base64 without padding, as ssh-keygen -l prints it
  std::string application;  // of a security key: "ssh:…"; of a passkey: its relying party's id
  bool operator==(const SshPublicKey&) const = default;
};

// "ecdsa-sha2-nistp256", as it stands in files.
std::string_view ToString(SshKeyType type);

// Fails with invalid_input for any other key type (naming it), for RSA below 2048 or above 16384
// bits, and for bytes that are left over.
Result<SshPublicKey> ParseSshKeyBlob(std::string_view blob);

// One line of a .pub file: "TYPE BASE64 [comment]". The comment is not kept.
Result<SshPublicKey> ParseSshKeyLine(std::string_view line);

// "TYPE BASE64".
std::string FormatSshKeyLine(const SshPublicKey& key);

// The key of a passkey as SSH writes it: P-256 point as x and y, 32 bytes each, and the id of the
// relying party it was made for ("localhost", "interlock.example.org").
Result<SshPublicKey> PasskeyAsSshKey(std::string_view x, std::string_view y,
                                     std::string_view rp_id);

// The same from what a browser's getPublicKey() gives: a SubjectPublicKeyInfo in DER, P-256 alone.
Result<SshPublicKey> PasskeyFromSpki(std::string_view der, std::string_view rp_id);

}  // namespace interlock::crypto
