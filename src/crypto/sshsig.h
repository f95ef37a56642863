// SSHSIG signatures as ssh-keygen -Y sign makes them (OpenSSH's PROTOCOL.sshsig, PROTOCOL.u2f), and
// passkey assertions in the same clothes.
//
// What ssh-keygen -Y verify does not look at is returned for the caller to judge: the presence and
// verification flags, the counter, the origin. A value returned by VerifySshsig is a signature that
// holds, not an approval: approval/quorum.h decides that.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "crypto/ssh_key.h"

namespace interlock::crypto {

enum class SignatureForm {
  plain,         // a key in a file or an agent
  security_key,  // a FIDO token through OpenSSH
  webauthn,      // a passkey through a browser
};

struct WebauthnClient {
  std::string client_data_json;  // as signed
  std::string origin;
  bool cross_origin = false;  // true also when a topOrigin is named
};

struct SshsigInfo {
  SshPublicKey key;
  std::string ns;              // namespace
  std::string hash_algorithm;  // "sha256" or "sha512"
  SignatureForm form = SignatureForm::plain;
  // The rest is zero for plain signatures.
  std::uint8_t flags = 0;
  std::uint32_t counter = 0;
  std::optional<WebauthnClient> webauthn;

  bool UserPresent() const { return (flags & 0x01) != 0; }
  bool UserVerified() const { return (flags & 0x04) != 0; }
};

// Reads the signature without verifying it: who claims to have signed, for which namespace.
// Armored text and the bare blob are both accepted, at most 64 KiB.
Result<SshsigInfo> ParseSshsig(std::string_view armored_or_blob);

// Code::invalid_input when it can't be read, Code::verification when it does not hold for exactly
// this message in exactly this namespace. RSA with SHA-1 is refused. Never throws.
Result<SshsigInfo> VerifySshsig(std::string_view armored_or_blob, std::string_view message,
                                std::string_view ns);

// The bytes a key signs for a message. A passkey is given these, whole, as its WebAuthn challenge:
// that is what makes its assertion an SSHSIG. `hash_algorithm` is "sha256" or "sha512".
std::string SshsigSignedData(std::string_view message, std::string_view ns,
                             std::string_view hash_algorithm);

struct WebauthnAssertion {
  std::string authenticator_data;  // 37 bytes and extensions
  std::string client_data_json;
  std::string signature;  // ECDSA in DER, as authenticators give it
};

// The armored SSHSIG that an assertion amounts to. Checks shapes and that the relying party is the
// key's; verify the result with VerifySshsig.
Result<std::string> SshsigFromWebauthn(const SshPublicKey& key, const WebauthnAssertion& assertion,
                                       std::string_view ns, std::string_view hash_algorithm);

// "-----BEGIN SSH SIGNATURE-----" and lines of 70 characters.
std::string ArmorSshsig(std::string_view blob);

}  // namespace interlock::crypto
