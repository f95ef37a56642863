// Authenticated encryption of what lies on the disk: XChaCha20-Poly1305 (libsodium), random nonces.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace interlock::credential {

// Must be called once before anything else of this file; ends the process when libsodium can't
// work.
void StartSodium();

// A key for one purpose, derived from the vault's key.
Secret DeriveKey(const Secret& key, std::string_view purpose);

// nonce || ciphertext || tag. `context` is authenticated, not stored: opening needs the same one.
std::string SealBytes(const Secret& key, std::string_view bytes, std::string_view context);

// verification: another key, another context, or changed bytes.
Result<std::string> OpenBytes(const Secret& key, std::string_view sealed, std::string_view context);

}  // namespace interlock::credential
