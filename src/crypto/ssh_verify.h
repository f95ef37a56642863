// One raw signature under one SSH public key, through OpenSSL.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "crypto/ssh_key.h"

namespace interlock::crypto {

// What remains of an SSH signature once its fields are read: for Ed25519 the 64 bytes, for RSA the
// integer, for ECDSA the DER of (r, s).
enum class SignatureAlgorithm {
  ed25519,
  ecdsa_sha256,
  ecdsa_sha384,
  ecdsa_sha512,
  rsa_sha256,
  rsa_sha512
};

// False for every reason: wrong length, a point off its curve, a signature that does not hold.
bool SignatureHolds(const SshPublicKey& key, SignatureAlgorithm algorithm,
                    std::string_view signature, std::string_view message);

// (r, s) as big-endian magnitudes to DER and back; nullopt when the DER is not exactly one pair.
std::string EcdsaToDer(std::string_view r, std::string_view s);
struct EcdsaPair {
  std::string r;
  std::string s;
};
std::optional<EcdsaPair> EcdsaFromDer(std::string_view der);

}  // namespace interlock::crypto
