// Ed25519 (RFC 8032, PureEdDSA): the signatures of the ledger and of plain SSH keys.
//
// Verification is stricter than RFC 8032 asks: besides S < L and the cofactorless equation, a
// public key or R that isn't canonically encoded or has small order is refused. Honest keys never
// produce either, and with them "this signature is by this key" has one meaning for every verifier.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace interlock::crypto {

inline constexpr std::size_t kEd25519KeyBytes = 32;  // seed and public key alike
inline constexpr std::size_t kEd25519SignatureBytes = 64;

// A private key. Immutable; Sign may be called from any thread.
class Ed25519Key {
 public:
  // From the 32-byte seed of RFC 8032 5.1.5.
  static Result<Ed25519Key> FromSeed(const Secret& seed);

  Ed25519Key(Ed25519Key&&) noexcept;
  Ed25519Key& operator=(Ed25519Key&&) noexcept;
  ~Ed25519Key();

  // 32 raw bytes.
  const std::string& public_key() const { return public_key_; }

  // 64 raw bytes; the same message always gives the same signature. About 35 µs.
  std::string Sign(std::string_view message) const;

 private:
  struct Pkey;
  Ed25519Key(std::unique_ptr<Pkey> pkey, std::string public_key);
  std::unique_ptr<Pkey> pkey_;
  std::string public_key_;
};

// 32 fresh bytes for FromSeed, from the kernel.
Secret NewEd25519Seed();

// False for anything but a good signature, wrong lengths included. About 90 µs.
bool VerifyEd25519(std::string_view public_key, std::string_view message,
                   std::string_view signature);

}  // namespace interlock::crypto
