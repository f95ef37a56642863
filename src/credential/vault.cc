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
#include <utility>

#include "base/bytes.h"
#include "base/file.h"
#include "base/ids.h"
#include "base/unique_fd.h"
#include "base/wiping.h"
#include "credential/seal.h"
#include "crypto/hash.h"

namespace interlock::credential {
namespace {

constexpr std::string_view kFormat = "interlock vault 1";
constexpr std::size_t kFileBytesMax = 16u << 20;
constexpr std::size_t kTransientBytesMin = 16;
constexpr std::size_t kNameBytesMax = 64;

bool Exists(const std::filesystem::path& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0;
}

std::string KeyCheck(const Secret& key) {
  return Hex(crypto::HmacSha256(key.Reveal(), "vault key check")).substr(0, 16);
}

// What most entries have no use for is left out where it isn't used.
json::object MetaOf(const VaultEntry& entry) {
  json::array allow;
  for (Effect effect : entry.allow) allow.push_back(json::string(ToString(effect)));
  json::object meta{{"name", entry.name},           {"version", entry.version},
                    {"provider", entry.provider},   {"environment", entry.environment},
                    {"kind", entry.kind},           {"allow", std::move(allow)},
                    {"for_scope", entry.for_scope}, {"variable", entry.variable},
                    {"wide", entry.wide},           {"added", FormatTime(entry.added)}};
  if (!entry.session.empty()) meta["session"] = entry.session;
  if (entry.for_mint) meta["for_mint"] = true;
  if (entry.until) meta["until"] = FormatTime(*entry.until);
  if (entry.source != SourceKind::value) meta["source"] = ToString(entry.source);
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
  entry.for_mint = ReadFlag(meta, "for_mint");
  if (meta.contains("until")) {
    const auto until = ParseTime(FindString(meta, "until"));
    if (!until) return std::nullopt;
    entry.until = *until;
  }
  if (meta.contains("source")) {
    const auto source = ParseSourceKind(FindString(meta, "source"));
    if (!source) return std::nullopt;
    entry.source = *source;
  }
  return entry;
}

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

Result<void> CheckNew(const VaultEntry& entry) {
  if (!IsName(entry.name))
    return Fail(Code::invalid_input,
                "vault: a name is 1 to 64 letters, digits, dots, hyphens and underscores");
  for (const std::string* text :
       {&entry.provider, &entry.environment, &entry.kind, &entry.variable}) {
    if (!IsUtf8(*text)) return Fail(Code::invalid_input, "vault: " + entry.name + ": not UTF-8");
  }
  return {};
}

SteadyPoint SteadyNow() { return std::chrono::steady_clock::now(); }

std::shared_ptr<const Secret> Shared(Secret&& value) {
  return std::make_shared<const Secret>(std::move(value));
}

}  // namespace

Vault::Vault(std::filesystem::path directory, Secret key, UniqueFd lock, const Clock& clock,
             std::function<SteadyPoint()> steady)
    : directory_(std::move(directory)),
      lock_(std::move(lock)),
      clock_(clock),
      steady_(std::move(steady)),
      key_(std::move(key)),
      entry_key_(DeriveKey(key_, "vault entries")),
      seal_key_(DeriveKey(key_, "sealed bodies")) {}

Result<std::unique_ptr<Vault>> Vault::Open(const std::filesystem::path& directory,
                                           const VaultOptions& options) {
  static const SystemClock system_clock;
  const auto vault_path = directory / "vault";
  ILK_TRY(lock, LockVault(directory));
  ILK_TRY(place, PlaceOfKey(directory));
  const bool has_vault = Exists(vault_path);
  // A new key beside old values would only hide that the old key is gone.
  if (!place && has_vault)
    return Fail(Code::not_found, "vault: " + (directory / "vault.key").string() +
                                     " is missing; put it back from a copy, without it " +
                                     vault_path.string() + " can't be opened");
  ILK_TRY(key, place ? LoadKey(directory, options.access)
                     : MakeKey(directory, std::nullopt, options.access));
  const Clock& clock = options.clock != nullptr ? *options.clock : system_clock;
  std::unique_ptr<Vault> vault(new Vault(directory, std::move(key), std::move(lock), clock,
                                         options.steady ? options.steady : SteadyNow));
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
                                        ", or what vault.kept names in its place, is not the key "
                                        "this vault was made with");
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
  for (const auto* items : {&items_, &transient_}) {
    for (const auto& [name, item] : *items) {
      for (const auto& value : {item.value, item.before})
        if (value != nullptr) index->Add(value->Reveal(), "vault entry " + name);
    }
  }
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
  Item item = ItemOf(*std::move(entry), *std::move(sealed));
  const Secret plain(*std::move(opened));
  if (item.entry.source == SourceKind::value) {
    item.value = Shared(Secret(std::string(plain.Reveal())));
  } else {
    const auto text = ParseSecretJson(plain.Reveal());
    const json::object* spelt = text ? text->if_object() : nullptr;
    item.source = spelt ? SourceFromJson(*spelt) : std::nullopt;
    if (!item.source || item.source->kind != item.entry.source)
      return Fail(Code::unavailable, "vault: the source of " + name + " can't be read");
  }
  items_[name] = std::move(item);
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

Vault::Item Vault::ItemOf(VaultEntry entry, std::string sealed) const {
  Item item{std::move(entry), std::move(sealed), nullptr};
  if (item.entry.until) item.until.emplace(*item.entry.until, Now());
  return item;
}

Result<int> Vault::Add(VaultEntry entry, Secret value, TimePoint now) {
  ILK_TRY_VOID(CheckNew(entry));
  ILK_TRY_VOID(CheckValue(value.Reveal(), "vault: the value of " + entry.name));
  entry.source = SourceKind::value;
  Item item = ItemOf(std::move(entry), "");
  item.value = Shared(std::move(value));
  const auto held = item.value;
  return Store(std::move(item), held->Reveal(), now);
}

Result<int> Vault::Add(VaultEntry entry, Source source, TimePoint now) {
  ILK_TRY_VOID(CheckNew(entry));
  ILK_TRY_VOID(CheckSource(source));
  entry.source = source.kind;
  const Secret plain(Canonical(ToJson(source)));
  Item item = ItemOf(std::move(entry), "");
  item.source = std::move(source);
  return Store(std::move(item), plain.Reveal(), now);
}

Result<int> Vault::Store(Item item, std::string_view plain, TimePoint now) {
  const std::lock_guard lock(mutex_);
  const std::string name = item.entry.name;
  if (transient_.contains(name))
    return Fail(Code::conflict, "vault: a session has an entry " + name);
  auto items_before = items_;
  auto versions_before = versions_;
  const int version = item.entry.version = ++versions_[name];
  item.entry.added = now;
  item.sealed = SealBytes(entry_key_, plain, Canonical(MetaOf(item.entry)));
  items_[name] = std::move(item);
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
  ILK_TRY_VOID(CheckNew(entry));
  const std::string about = "vault: the value of " + entry.name;
  ILK_TRY_VOID(CheckValue(value.Reveal(), about));
  if (value.size() < kTransientBytesMin)
    return Fail(Code::invalid_input,
                about + " must be at least " + std::to_string(kTransientBytesMin) + " bytes long");
  entry.source = SourceKind::value;
  Item item = ItemOf(std::move(entry), "");
  item.value = Shared(std::move(value));
  return PutTransient(std::move(item), now);
}

Result<VaultEntry> Vault::AddTransient(VaultEntry entry, Source source, TimePoint now) {
  ILK_TRY_VOID(CheckNew(entry));
  ILK_TRY_VOID(CheckSource(source));
  entry.source = source.kind;
  Item item = ItemOf(std::move(entry), "");
  item.source = std::move(source);
  return PutTransient(std::move(item), now);
}

Result<VaultEntry> Vault::PutTransient(Item item, TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (Seek(item.entry.name) != nullptr)
    return Fail(Code::conflict, "vault: there is an entry " + item.entry.name + " already");
  item.entry.version = 1;
  item.entry.added = now;
  VaultEntry entry = item.entry;
  transient_[entry.name] = std::move(item);
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

Vault::Item* Vault::Seek(std::string_view name) {
  return const_cast<Item*>(std::as_const(*this).Seek(name));
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
  const std::string lend = "the lend " + ref.entry;
  if (item->until && item->until->HasPassed(Now()))
    return Fail(Code::denied, lend + " ended at " + FormatTime(item->until->at()) +
                                  "; a human can lend it again: interlock vault add " + ref.entry +
                                  " … --until TIME");
  const std::string why =
      item->trouble.empty() ? "its source was not asked" : "its source fails: " + item->trouble;
  if (item->value == nullptr)
    return Fail(Code::unavailable, lend + " has no value to be used: " + why);
  if (item->expires && item->expires->HasPassed(Now()))
    return Fail(Code::unavailable, "the credential of " + lend + " expired at " +
                                       FormatTime(item->expires->at()) +
                                       " and there is no newer one: " + why);
  return item->value;
}

std::vector<VaultEntry> Vault::Current(std::span<const VaultEntry> entries) const {
  const std::lock_guard lock(mutex_);
  std::vector<VaultEntry> out;
  for (const VaultEntry& entry : entries) {
    const Item* item = Seek(entry.name);
    if (item == nullptr || (item->until && item->until->HasPassed(Now()))) continue;
    const VaultEntry& now = item->entry;
    if (now.provider == entry.provider && now.environment == entry.environment &&
        now.kind == entry.kind && now.allow == entry.allow && now.for_scope == entry.for_scope &&
        now.for_mint == entry.for_mint)
      out.push_back(now);
  }
  return out;
}

ValueState Vault::StateOf(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const Item* item = Seek(name);
  if (item == nullptr || (item->until && item->until->HasPassed(Now())))
    return ValueState::unusable;
  if (!item->source) return ValueState::ready;
  if (item->value == nullptr || (item->expires && item->expires->HasPassed(Now())))
    return ValueState::wanting;
  const bool is_due = item->ask_again && item->ask_again->HasPassed(Now());
  return is_due ? ValueState::due : ValueState::ready;
}

Result<Source> Vault::SourceOf(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const Item* item = Seek(name);
  if (item == nullptr || !item->source)
    return Fail(Code::not_found, "vault: " + std::string(name) + " has no source");
  return *item->source;
}

Result<bool> Vault::Put(const VaultEntry& entry, Sourced given) {
  ILK_TRY_VOID(CheckValue(given.value.Reveal(), "the value of " + entry.name));
  const std::lock_guard lock(mutex_);
  Item* item = Seek(entry.name);
  if (item == nullptr || item->entry.version != entry.version || !item->source)
    return Fail(Code::conflict, "vault: " + entry.name + " was changed meanwhile");
  item->trouble.clear();
  item->expires.reset();
  if (given.expires) item->expires.emplace(*given.expires, Now());
  item->ask_again.emplace(AskAgainAt(item->source->kind, given.expires, clock_.Now()), Now());
  if (item->value != nullptr && item->value->Reveal() == given.value.Reveal()) return false;
  item->before = std::move(item->value);
  item->value = Shared(std::move(given.value));
  Reindex();
  return true;
}

void Vault::NoteRefused(const CredentialRef& ref) {
  const std::lock_guard lock(mutex_);
  Item* item = Seek(ref.entry);
  if (item != nullptr && item->entry.version == ref.version && item->source)
    item->ask_again.emplace(clock_.Now(), Now());
}

void Vault::NoteTrouble(const VaultEntry& entry, std::string why) {
  const std::lock_guard lock(mutex_);
  Item* item = Seek(entry.name);
  if (item == nullptr || item->entry.version != entry.version) return;
  item->trouble = std::move(why);
  // How long it is good nobody said; that its source still gives it was all that spoke for it.
  if (!item->expires && item->value != nullptr) item->before = std::move(item->value);
}

std::vector<LiveSecret> Vault::Secrets() const {
  const std::lock_guard lock(mutex_);
  std::vector<LiveSecret> out;
  for (const auto* items : {&items_, &transient_}) {
    for (const auto& [name, item] : *items) {
      for (const auto& value : {item.value, item.before})
        if (value != nullptr) out.push_back({name, item.entry.version, value});
    }
  }
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
