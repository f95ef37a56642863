#include "credential/vault.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>

#include "base/bytes.h"
#include "base/file.h"
#include "base/ids.h"
#include "base/unique_fd.h"
#include "credential/seal.h"
#include "crypto/hash.h"

namespace interlock::credential {
namespace {

constexpr std::string_view kFormat = "interlock vault 1";
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kFileBytesMax = 16u << 20;
constexpr std::size_t kValueBytesMin = 8;  // shorter ones would be "found" in every text
constexpr std::size_t kTransientBytesMin = 16;
constexpr std::size_t kValueBytesMax = 8192;
constexpr std::size_t kNameBytesMax = 64;

std::unexpected<Error> FailFile(const std::filesystem::path& path, int error) {
  return Fail(error == ENOENT ? Code::not_found : Code::unavailable,
              "vault: opening " + path.string() + ": " + ::strerror(error));
}

// Opens a file that nobody else can read or put something else in place of.
Result<UniqueFd> OpenPrivate(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd.valid()) return FailFile(path, errno);
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return FailFile(path, errno);
  if (!S_ISREG(info.st_mode))
    return Fail(Code::denied, "vault: " + path.string() + " is not a regular file");
  if (info.st_uid != ::geteuid())
    return Fail(Code::denied, "vault: " + path.string() + " belongs to another user");
  if ((info.st_mode & 077) != 0)
    return Fail(Code::denied,
                "vault: others may read or write " + path.string() + "; run chmod 600 on it");
  return fd;
}

bool Exists(const std::filesystem::path& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0;
}

Result<Secret> LoadKey(const std::filesystem::path& path) {
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

std::string KeyCheck(const Secret& key) {
  return Hex(crypto::HmacSha256(key.Reveal(), "vault key check")).substr(0, 16);
}

json::object MetaOf(const VaultEntry& entry) {
  json::array allow;
  for (Effect effect : entry.allow) allow.push_back(json::string(ToString(effect)));
  json::object meta{{"name", entry.name},           {"version", entry.version},
                    {"provider", entry.provider},   {"environment", entry.environment},
                    {"kind", entry.kind},           {"allow", std::move(allow)},
                    {"for_scope", entry.for_scope}, {"variable", entry.variable},
                    {"wide", entry.wide},           {"added", FormatTime(entry.added)}};
  if (!entry.session.empty()) meta["session"] = entry.session;
  return meta;
}

bool ReadFlag(const json::object& object, std::string_view key) {
  const json::value* value = Find(object, key);
  return value && value->is_bool() && value->get_bool();
}

std::optional<VaultEntry> EntryOf(const json::object& meta) {
  VaultEntry entry;
  entry.name = FindString(meta, "name");
  const json::value* version = Find(meta, "version");
  const json::array* allow = FindArray(meta, "allow");
  const auto added = ParseTime(FindString(meta, "added"));
  if (!version || !version->is_int64() || !allow || !added) return std::nullopt;
  if (version->get_int64() < 1 || version->get_int64() > 1 << 30) return std::nullopt;
  entry.version = static_cast<int>(version->get_int64());
  entry.provider = FindString(meta, "provider");
  entry.environment = FindString(meta, "environment");
  entry.kind = FindString(meta, "kind");
  entry.allow.clear();
  for (const json::value& word : *allow) {
    const json::string* text = word.if_string();
    const auto effect = text ? ParseEffect(std::string_view(*text)) : std::nullopt;
    if (!effect) return std::nullopt;
    entry.allow.push_back(*effect);
  }
  entry.for_scope = ReadFlag(meta, "for_scope");
  entry.variable = FindString(meta, "variable");
  entry.wide = ReadFlag(meta, "wide");
  entry.session = FindString(meta, "session");
  entry.added = *added;
  return entry;
}

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

Result<void> CheckNew(const VaultEntry& entry, const Secret& value) {
  if (!IsName(entry.name))
    return Fail(Code::invalid_input,
                "vault: a name is 1 to 64 letters, digits, dots, hyphens and underscores");
  const std::string about = "vault: the value of " + entry.name;
  if (value.size() < kValueBytesMin || value.size() > kValueBytesMax)
    return Fail(Code::invalid_input, about + " must be 8 to 8192 bytes long");
  for (char c : value.Reveal()) {
    if (c < 0x20 || c > 0x7e)
      return Fail(Code::invalid_input,
                  about + " contains a control character, a line break or a non-ASCII character");
  }
  for (const std::string* text :
       {&entry.provider, &entry.environment, &entry.kind, &entry.variable}) {
    if (!IsUtf8(*text)) return Fail(Code::invalid_input, "vault: " + entry.name + ": not UTF-8");
  }
  return {};
}

}  // namespace

Vault::Vault(std::filesystem::path directory, Secret key)
    : directory_(std::move(directory)),
      key_(std::move(key)),
      entry_key_(DeriveKey(key_, "vault entries")),
      seal_key_(DeriveKey(key_, "sealed bodies")) {}

Result<std::unique_ptr<Vault>> Vault::Open(const std::filesystem::path& directory) {
  StartSodium();
  const auto vault_path = directory / "vault";
  const auto key_path = directory / "vault.key";
  const bool has_vault = Exists(vault_path);
  if (!Exists(key_path)) {
    // A new key beside old values would only hide that the old key is gone.
    if (has_vault)
      return Fail(Code::not_found, "vault: " + key_path.string() +
                                       " is missing; put it back from a copy, without it " +
                                       vault_path.string() + " can't be opened");
    Secret fresh(RandomBytes(kKeyBytes));
    ILK_TRY_VOID(WriteFileDurably(key_path, fresh.Reveal(), 0600));
  }
  ILK_TRY(key, LoadKey(key_path));
  std::unique_ptr<Vault> vault(new Vault(directory, std::move(key)));
  if (has_vault) {
    ILK_TRY_VOID(OpenPrivate(vault_path));
    ILK_TRY(text, ReadFile(vault_path, kFileBytesMax));
    ILK_TRY_VOID(vault->Load(text));
  }
  return vault;
}

Result<void> Vault::Load(std::string_view text) {
  const auto damaged = [&](std::string_view what) {
    return Fail(Code::unavailable, "vault: " + (directory_ / "vault").string() + " is damaged (" +
                                       std::string(what) + "); put it back from a copy");
  };
  const auto document = ParseJson(text);
  if (!document) return damaged(document.error().message);
  const json::object* root = document->if_object();
  if (!root || FindString(*root, "format") != kFormat)
    return damaged("not a vault of this version");
  if (FindString(*root, "key_check") != KeyCheck(key_))
    return Fail(Code::verification, "vault: " + (directory_ / "vault.key").string() +
                                        " is not the key this vault was made with");
  const json::array* entries = FindArray(*root, "entries");
  const json::object* versions = FindObject(*root, "versions");
  if (!entries || !versions) return damaged("a part is missing");
  for (const auto& [name, version] : *versions) {
    if (!version.is_int64() || version.get_int64() < 1 || version.get_int64() > 1 << 30)
      return damaged("a version is not a number");
    versions_[std::string(name)] = static_cast<int>(version.get_int64());
  }
  for (const json::value& value : *entries) ILK_TRY_VOID(LoadEntry(value));
  file_digest_ = crypto::Sha256(text);
  Reindex();
  return {};
}

void Vault::Reindex() {
  auto index = std::make_shared<TokenIndex>();
  for (const auto& [name, item] : items_) index->Add(item.value->Reveal(), "vault entry " + name);
  for (const auto& [name, item] : transient_)
    index->Add(item.value->Reveal(), "vault entry " + name);
  index_ = std::move(index);
}

std::shared_ptr<const TokenIndex> Vault::Index() const {
  const std::lock_guard lock(mutex_);
  return index_;
}

Result<void> Vault::LoadEntry(const json::value& value) {
  const json::object* object = value.if_object();
  const json::object* meta = object ? FindObject(*object, "meta") : nullptr;
  auto entry = meta ? EntryOf(*meta) : std::nullopt;
  auto sealed = object ? FromBase64(FindString(*object, "sealed")) : std::nullopt;
  if (!entry || !sealed) return Fail(Code::unavailable, "vault: an entry is damaged");
  const std::string name = entry->name;
  auto opened = OpenBytes(entry_key_, *sealed, Canonical(*meta));
  if (!opened || Canonical(MetaOf(*entry)) != Canonical(*meta))
    return Fail(Code::verification,
                "vault: entry " + EscapeForHumans(name, kNameBytesMax) +
                    " was changed after it was sealed; put the vault back from a copy");
  if (items_.contains(name)) return Fail(Code::unavailable, "vault: an entry is there twice");
  int& last = versions_[name];
  last = std::max(last, entry->version);
  auto secret = std::make_shared<const Secret>(*std::move(opened));
  items_[name] = Item{*std::move(entry), *std::move(sealed), std::move(secret)};
  return {};
}

std::string Vault::Document() const {
  json::array entries;
  for (const auto& [name, item] : items_)
    entries.push_back(json::object{{"meta", MetaOf(item.entry)}, {"sealed", Base64(item.sealed)}});
  json::object versions;
  for (const auto& [name, version] : versions_) versions[name] = version;
  return Canonical(json::object{{"format", kFormat},
                                {"key_check", KeyCheck(key_)},
                                {"entries", std::move(entries)},
                                {"versions", std::move(versions)}}) +
         "\n";
}

Result<void> Vault::Save() {
  // The key's file is never replaced, so its lock orders the writers; the digest tells whether one
  // came in between.
  ILK_TRY(lock, OpenPrivate(directory_ / "vault.key"));
  if (::flock(lock.get(), LOCK_EX) != 0)
    return Fail(Code::unavailable, std::string("vault: locking: ") + ::strerror(errno));
  const auto path = directory_ / "vault";
  std::string current;
  if (Exists(path)) {
    ILK_TRY(text, ReadFile(path, kFileBytesMax));
    current = crypto::Sha256(text);
  }
  if (current != file_digest_)
    return Fail(Code::conflict, "vault: " + path.string() + " was changed by another process");
  const std::string document = Document();
  if (document.size() > kFileBytesMax) return Fail(Code::limit, "vault: too many entries");
  ILK_TRY_VOID(WriteFileDurably(path, document, 0600));
  file_digest_ = crypto::Sha256(document);
  return {};
}

Result<void> Vault::SaveOrRestore(std::map<std::string, Item, std::less<>> items_before,
                                  std::map<std::string, int, std::less<>> versions_before) {
  auto saved = Save();
  if (saved) {
    Reindex();
    return saved;
  }
  items_ = std::move(items_before);
  versions_ = std::move(versions_before);
  return saved;
}

Result<int> Vault::Add(VaultEntry entry, Secret value, TimePoint now) {
  ILK_TRY_VOID(CheckNew(entry, value));
  const std::lock_guard lock(mutex_);
  if (transient_.contains(entry.name))
    return Fail(Code::conflict, "vault: a session has an entry " + entry.name);
  auto items_before = items_;
  auto versions_before = versions_;
  entry.version = ++versions_[entry.name];
  entry.added = now;
  const int version = entry.version;
  std::string sealed = SealBytes(entry_key_, value.Reveal(), Canonical(MetaOf(entry)));
  items_[entry.name] =
      Item{entry, std::move(sealed), std::make_shared<const Secret>(std::move(value))};
  ILK_TRY_VOID(SaveOrRestore(std::move(items_before), std::move(versions_before)));
  return version;
}

Result<void> Vault::Remove(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto it = items_.find(name);
  if (it == items_.end())
    return Fail(Code::not_found, "vault: there is no entry " + std::string(name));
  auto items_before = items_;
  items_.erase(it);
  return SaveOrRestore(std::move(items_before), versions_);
}

Result<VaultEntry> Vault::AddTransient(VaultEntry entry, Secret value, TimePoint now) {
  ILK_TRY_VOID(CheckNew(entry, value));
  if (value.size() < kTransientBytesMin)
    return Fail(Code::invalid_input, "vault: the value of " + entry.name + " must be at least " +
                                         std::to_string(kTransientBytesMin) + " bytes long");
  const std::lock_guard lock(mutex_);
  if (Seek(entry.name) != nullptr)
    return Fail(Code::conflict, "vault: there is an entry " + entry.name + " already");
  entry.version = 1;
  entry.added = now;
  transient_[entry.name] = Item{entry, "", std::make_shared<const Secret>(std::move(value))};
  Reindex();
  return entry;
}

void Vault::RemoveTransient(std::string_view name_prefix) {
  const std::lock_guard lock(mutex_);
  const auto gone = std::erase_if(
      transient_, [&](const auto& one) { return one.first.starts_with(name_prefix); });
  if (gone > 0) Reindex();
}

const Vault::Item* Vault::Seek(std::string_view name) const {
  if (const auto it = items_.find(name); it != items_.end()) return &it->second;
  const auto it = transient_.find(name);
  return it == transient_.end() ? nullptr : &it->second;
}

std::vector<VaultEntry> Vault::List() const {
  const std::lock_guard lock(mutex_);
  std::vector<VaultEntry> out;
  for (const auto& [name, item] : items_) out.push_back(item.entry);
  return out;
}

Result<VaultEntry> Vault::Get(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const Item* item = Seek(name);
  if (item == nullptr)
    return Fail(Code::not_found, "vault: there is no entry " + std::string(name));
  return item->entry;
}

Result<std::shared_ptr<const Secret>> Vault::Reveal(const CredentialRef& ref) const {
  const std::lock_guard lock(mutex_);
  const Item* item = Seek(ref.entry);
  if (item == nullptr) return Fail(Code::not_found, "vault: there is no entry " + ref.entry);
  if (item->entry.version != ref.version)
    return Fail(Code::conflict, "vault: entry " + ref.entry + " is at version " +
                                    std::to_string(item->entry.version) + ", not " +
                                    std::to_string(ref.version));
  return item->value;
}

std::vector<LiveSecret> Vault::Secrets() const {
  const std::lock_guard lock(mutex_);
  std::vector<LiveSecret> out;
  for (const auto& [name, item] : items_) out.push_back({name, item.entry.version, item.value});
  for (const auto& [name, item] : transient_) out.push_back({name, item.entry.version, item.value});
  return out;
}

std::string Vault::Seal(std::string_view bytes, std::string_view context) const {
  return SealBytes(seal_key_, bytes, context);
}

Result<std::string> Vault::Unseal(std::string_view sealed, std::string_view context) const {
  return OpenBytes(seal_key_, sealed, context);
}

Secret Vault::Derive(std::string_view purpose) const {
  return DeriveKey(key_, "derived: " + std::string(purpose));
}

}  // namespace interlock::credential
