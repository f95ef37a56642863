#include "credential/key_source.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json/object.hpp>
#include <boost/json/string.hpp>

#include "base/bytes.h"
#include "base/file.h"
#include "base/ids.h"
#include "base/json.h"
#include "credential/seal.h"
#include "crypto/hash.h"

namespace interlock::credential {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFormat = "interlock vault key 1";
constexpr std::string_view kContext = "vault key";
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kItemBytes = 16;
constexpr std::size_t kFileBytesMax = 4096;
// Of a file that somebody may have changed: deriving must end.
constexpr std::uint64_t kOperationsMax = 64;
constexpr std::uint64_t kMemoryBytesMax = 2ull << 30;

fs::path FilePath(const fs::path& directory) { return directory / "vault.key"; }
fs::path KeptPath(const fs::path& directory) { return directory / "vault.kept"; }

bool Exists(const fs::path& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0;
}

// What vault.kept says.
struct Kept {
  KeyPlace place = KeyPlace::passphrase;
  std::string item;  // keyring
  KeyCosts costs;    // passphrase, and the rest too
  std::string salt;
  std::string sealed;
};

Result<Kept> ReadKept(const fs::path& path) {
  const auto damaged = [&path] {
    return Fail(Code::verification, "vault: " + path.string() +
                                        " is damaged; put it back from a copy, without it the "
                                        "vault can't be opened");
  };
  ILK_TRY(fd, OpenPrivate(path));
  ILK_TRY(text, ReadFile(path, kFileBytesMax));
  const auto document = ParseJson(text);
  const json::object* root = document ? document->if_object() : nullptr;
  if (root == nullptr || FindString(*root, "format") != kFormat) return damaged();
  Kept kept;
  const auto place = ParseKeyPlace(FindString(*root, "kept"));
  if (place == KeyPlace::keyring) {
    kept.place = *place;
    kept.item = FindString(*root, "item");
    if (kept.item.size() != 2 * kItemBytes || !FromHex(kept.item)) return damaged();
    return kept;
  }
  if (place != KeyPlace::passphrase) return damaged();
  const json::value* operations = Find(*root, "operations");
  const json::value* memory = Find(*root, "memory_bytes");
  const auto salt = FromBase64(FindString(*root, "salt"));
  const auto sealed = FromBase64(FindString(*root, "sealed"));
  if (!operations || !operations->is_int64() || !memory || !memory->is_int64() || !salt || !sealed)
    return damaged();
  kept.costs = {static_cast<std::uint64_t>(operations->get_int64()),
                static_cast<std::uint64_t>(memory->get_int64())};
  if (kept.costs.operations > kOperationsMax || kept.costs.memory_bytes > kMemoryBytesMax)
    return damaged();
  kept.salt = *salt;
  kept.sealed = *sealed;
  if (kept.salt.size() != crypto_pwhash_SALTBYTES) return damaged();
  return kept;
}

Result<Secret> Stretched(const Secret& passphrase, std::string_view salt, const KeyCosts& costs) {
  std::string key(kKeyBytes, '\0');
  const int failed = crypto_pwhash(
      reinterpret_cast<unsigned char*>(key.data()), key.size(), passphrase.Reveal().data(),
      passphrase.size(), reinterpret_cast<const unsigned char*>(salt.data()), costs.operations,
      costs.memory_bytes, crypto_pwhash_ALG_ARGON2ID13);
  if (failed != 0)
    return Fail(Code::unavailable, "vault: deriving a key from the passphrase needs " +
                                       std::to_string(costs.memory_bytes >> 20) +
                                       " MiB of memory, which aren't there");
  return Secret(std::move(key));
}

Result<Secret> OpenWithPassphrase(const Kept& kept, const KeyAccess& access) {
  if (access.passphrase == nullptr)
    return Fail(Code::denied,
                "vault: its key is behind a passphrase, and nobody gave one; start the gateway "
                "where it can ask, or with `interlock gateway --passphrase-file FILE`");
  ILK_TRY(wrap, Stretched(*access.passphrase, kept.salt, kept.costs));
  auto opened = OpenBytes(wrap, kept.sealed, kContext);
  if (!opened)
    return Fail(Code::verification, "vault: the passphrase is wrong; nothing was changed");
  return Secret(std::move(*opened));
}

Result<Secret> OpenWithKeyring(const Kept& kept, const KeyAccess& access) {
  if (access.keyring == nullptr || !access.keyring->IsThere())
    return Fail(
        Code::unavailable,
        "vault: its key is in the desktop's keyring, and no desktop session is reached from "
        "here; start the gateway inside the session, or move the key there first: "
        "interlock vault key --keep file");
  ILK_TRY(found, access.keyring->Find(kept.item));
  if (!found)
    return Fail(Code::not_found,
                "vault: the desktop's keyring no longer holds the vault's key; bring that keyring "
                "back, without the key the vault can't be opened");
  return std::move(*found);
}

Result<Secret> LoadFile(const fs::path& path) {
  ILK_TRY(fd, OpenPrivate(path));
  std::string bytes(kKeyBytes + 1, '\0');
  const ssize_t got = ::read(fd.get(), bytes.data(), bytes.size());
  if (got != static_cast<ssize_t>(kKeyBytes)) {
    explicit_bzero(bytes.data(), bytes.size());
    return Fail(Code::verification, "vault: " + path.string() + " is not a key of 32 bytes");
  }
  bytes.resize(kKeyBytes);
  return Secret(std::move(bytes));
}

// Where the file system keeps no older versions this takes the bytes off the disk as well.
void Shred(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd >= 0) {
    const std::string zeros(kKeyBytes, '\0');
    (void)!::write(fd, zeros.data(), zeros.size());
    ::fsync(fd);
    ::close(fd);
  }
  ::unlink(path.c_str());
  (void)SyncDirectory(path.parent_path());
}

Result<std::string> KeptByPassphrase(const Secret& key, const KeyAccess& access) {
  if (access.passphrase == nullptr || access.passphrase->size() < kPassphraseBytesMin ||
      access.passphrase->size() > kPassphraseBytesMax)
    return Fail(Code::invalid_input, "vault: a passphrase has " +
                                         std::to_string(kPassphraseBytesMin) + " to " +
                                         std::to_string(kPassphraseBytesMax) + " bytes");
  const std::string salt = RandomBytes(crypto_pwhash_SALTBYTES);
  ILK_TRY(wrap, Stretched(*access.passphrase, salt, access.costs));
  return Canonical(
      json::object{{"format", kFormat},
                   {"kept", ToString(KeyPlace::passphrase)},
                   {"operations", static_cast<std::int64_t>(access.costs.operations)},
                   {"memory_bytes", static_cast<std::int64_t>(access.costs.memory_bytes)},
                   {"salt", Base64(salt)},
                   {"sealed", Base64(SealBytes(wrap, key.Reveal(), kContext))}});
}

Result<std::string> KeptByKeyring(const Secret& key, const KeyAccess& access) {
  if (access.keyring == nullptr || !access.keyring->IsThere())
    return Fail(Code::unavailable, "vault: no desktop keyring is reached from here");
  const std::string item = Hex(RandomBytes(kItemBytes));
  ILK_TRY_VOID(access.keyring->Keep(item, key));
  // A keyring that lives for this session alone would take the vault along.
  ILK_TRY(found, access.keyring->Find(item));
  if (!found || !crypto::ConstantTimeEqual(found->Reveal(), key.Reveal()))
    return Fail(Code::unavailable, "vault: the desktop's keyring does not keep what it is given");
  return Canonical(
      json::object{{"format", kFormat}, {"kept", ToString(KeyPlace::keyring)}, {"item", item}});
}

Result<void> KeepIn(const fs::path& directory, KeyPlace place, const Secret& key,
                    const KeyAccess& access) {
  switch (place) {
    case KeyPlace::file:
      return WriteFileDurably(FilePath(directory), key.Reveal(), 0600);
    case KeyPlace::passphrase: {
      ILK_TRY(text, KeptByPassphrase(key, access));
      return WriteFileDurably(KeptPath(directory), text, 0600);
    }
    case KeyPlace::keyring: {
      ILK_TRY(text, KeptByKeyring(key, access));
      return WriteFileDurably(KeptPath(directory), text, 0600);
    }
  }
  return Fail(Code::internal, "vault: no such place for a key");
}

// A crash while the key was moved may have left the bare key behind.
Result<Secret> WithoutLeftover(const fs::path& directory, Secret key) {
  if (!Exists(FilePath(directory))) return key;
  ILK_TRY(left, LoadFile(FilePath(directory)));
  if (!crypto::ConstantTimeEqual(left.Reveal(), key.Reveal()))
    return Fail(Code::verification, "vault: " + FilePath(directory).string() + " and " +
                                        KeptPath(directory).string() +
                                        " are for different keys; take the wrong one away");
  Shred(FilePath(directory));
  return key;
}

}  // namespace

std::string_view ToString(KeyPlace place) {
  switch (place) {
    case KeyPlace::file:
      return "file";
    case KeyPlace::passphrase:
      return "passphrase";
    case KeyPlace::keyring:
      return "keyring";
  }
  return "unknown";
}

std::optional<KeyPlace> ParseKeyPlace(std::string_view text) {
  for (const KeyPlace place : {KeyPlace::file, KeyPlace::passphrase, KeyPlace::keyring})
    if (text == ToString(place)) return place;
  return std::nullopt;
}

Result<UniqueFd> OpenPrivate(const fs::path& path) {
  const auto failed = [&path](int error) {
    return Fail(error == ENOENT ? Code::not_found : Code::unavailable,
                "vault: opening " + path.string() + ": " + ::strerror(error));
  };
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd.valid()) return failed(errno);
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return failed(errno);
  if (!S_ISREG(info.st_mode))
    return Fail(Code::denied, "vault: " + path.string() + " is not a regular file");
  if (info.st_uid != ::geteuid())
    return Fail(Code::denied, "vault: " + path.string() + " belongs to another user");
  if ((info.st_mode & 077) != 0)
    return Fail(Code::denied,
                "vault: others may read or write " + path.string() + "; run chmod 600 on it");
  return fd;
}

Result<std::optional<KeyPlace>> PlaceOfKey(const fs::path& directory) {
  if (Exists(KeptPath(directory))) {
    ILK_TRY(kept, ReadKept(KeptPath(directory)));
    return std::optional(kept.place);
  }
  if (Exists(FilePath(directory))) return std::optional(KeyPlace::file);
  return std::optional<KeyPlace>();
}

Result<Secret> LoadKey(const fs::path& directory, const KeyAccess& access) {
  StartSodium();
  if (!Exists(KeptPath(directory))) return LoadFile(FilePath(directory));
  ILK_TRY(kept, ReadKept(KeptPath(directory)));
  ILK_TRY(key, kept.place == KeyPlace::keyring ? OpenWithKeyring(kept, access)
                                               : OpenWithPassphrase(kept, access));
  if (key.size() != kKeyBytes)
    return Fail(Code::verification, "vault: what is kept as its key is not one");
  return WithoutLeftover(directory, std::move(key));
}

Result<Secret> MakeKey(const fs::path& directory, std::optional<KeyPlace> place,
                       const KeyAccess& access) {
  StartSodium();
  Secret key(RandomBytes(kKeyBytes));
  if (place) {
    ILK_TRY_VOID(KeepIn(directory, *place, key, access));
    return key;
  }
  const bool has_keyring = access.keyring != nullptr && access.keyring->IsThere();
  if (!has_keyring || !KeepIn(directory, KeyPlace::keyring, key, access))
    ILK_TRY_VOID(KeepIn(directory, KeyPlace::file, key, access));
  return key;
}

Result<void> MoveKey(const fs::path& directory, KeyPlace to, const KeyAccess& now,
                     const KeyAccess& then) {
  ILK_TRY(key, LoadKey(directory, now));
  std::string old_item;
  if (Exists(KeptPath(directory))) {
    ILK_TRY(kept, ReadKept(KeptPath(directory)));
    old_item = kept.item;
  }
  ILK_TRY_VOID(KeepIn(directory, to, key, then));
  if (to == KeyPlace::file) {
    if (::unlink(KeptPath(directory).c_str()) != 0 && errno != ENOENT)
      return Fail(Code::unavailable,
                  "vault: removing " + KeptPath(directory).string() + ": " + ::strerror(errno));
    ILK_TRY_VOID(SyncDirectory(directory));
  } else if (Exists(FilePath(directory))) {
    Shred(FilePath(directory));
  }
  // The key is safe in its new place; an item that stays behind is no reason to say otherwise.
  if (!old_item.empty() && now.keyring != nullptr) (void)now.keyring->Forget(old_item);
  return {};
}

// One process at a time: what one of them changed, the other would overwrite, and its holds would
// be executed with what is no longer there.
Result<UniqueFd> LockVault(const std::filesystem::path& directory) {
  const auto path = directory / "vault.lock";
  UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock.valid())
    return Fail(Code::unavailable, "vault: opening " + path.string() + ": " + ::strerror(errno));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) {
    const std::string me = std::to_string(::getpid()) + "\n";
    if (::ftruncate(lock.get(), 0) != 0 ||
        ::pwrite(lock.get(), me.data(), me.size(), 0) != static_cast<ssize_t>(me.size()))
      return Fail(Code::unavailable, "vault: writing " + path.string() + ": " + ::strerror(errno));
    return lock;
  }
  std::string who = "another process";
  const auto text = ReadFile(path, 64);
  const auto digits = text ? text->substr(0, text->find('\n')) : "";
  if (!digits.empty() && digits.find_first_not_of("0123456789") == std::string::npos) {
    who = "process " + digits;
    if (const auto name = ReadFile("/proc/" + digits + "/comm", 64))
      who += " (" + EscapeForHumans(name->substr(0, name->find('\n')), 32) + ")";
  }
  return Fail(Code::conflict, "vault: " + (directory / "vault").string() + " is in use by " + who +
                                  "; end that gateway first: interlock gateway stop");
}

}  // namespace interlock::credential
