// Where the vault's key is kept: in a file, behind a passphrase, or in the desktop's keyring.
//
// The key itself never changes; moving it is a matter of one small file. DIRECTORY/vault.key holds
// the bare key; DIRECTORY/vault.kept says how to get at it where it is kept otherwise, and comes
// first where a crash has left both.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "base/unique_fd.h"
#include "credential/keyring.h"

namespace interlock::credential {

enum class KeyPlace { file, passphrase, keyring };
std::string_view ToString(KeyPlace place);
std::optional<KeyPlace> ParseKeyPlace(std::string_view text);

inline constexpr std::size_t kPassphraseBytesMin = 8;
inline constexpr std::size_t kPassphraseBytesMax = 1024;

// What one try at a passphrase costs whoever tries (argon2id). The defaults are libsodium's
// "moderate": 256 MiB and most of a second.
struct KeyCosts {
  std::uint64_t operations = 3;
  std::uint64_t memory_bytes = 256u << 20;
};

// What getting at a key may need. Borrowed for the call.
struct KeyAccess {
  Keyring* keyring = nullptr;          // nullptr: there is none on this machine
  const Secret* passphrase = nullptr;  // nullptr: nobody gave one
  KeyCosts costs = {};                 // of a passphrase that is set
};

// Where the key of this directory's vault is kept; nullopt when there is none yet. Reads, and asks
// nobody. Errors as LoadKey's.
Result<std::optional<KeyPlace>> PlaceOfKey(const std::filesystem::path& directory);

// denied: somebody else could read or replace the file, or the passphrase is missing.
// verification: the passphrase is wrong, or the file isn't what it should be. not_found: no key.
// unavailable: the file can't be read, or the keyring doesn't answer. Nothing is changed.
Result<Secret> LoadKey(const std::filesystem::path& directory, const KeyAccess& access);

// A fresh key where there is none yet. Without a place: the keyring when it takes it, else the
// file. invalid_input: the passphrase is too short or too long.
Result<Secret> MakeKey(const std::filesystem::path& directory, std::optional<KeyPlace> place,
                       const KeyAccess& access);

// Keeps the key elsewhere from now on, or behind another passphrase; the old place forgets it once
// the new one is durable. `now` opens it, `then` keeps it.
Result<void> MoveKey(const std::filesystem::path& directory, KeyPlace to, const KeyAccess& now,
                     const KeyAccess& then);

// Locks DIRECTORY/vault.lock for as long as the descriptor lives, and writes into it whose it is.
// Whoever opens a vault or moves its key holds it. conflict: another process does, which is named.
Result<UniqueFd> LockVault(const std::filesystem::path& directory);

// Opens a file that nobody else can read or put something else in place of. not_found: it isn't
// there. denied: somebody else could reach it.
Result<UniqueFd> OpenPrivate(const std::filesystem::path& path);

}  // namespace interlock::credential
