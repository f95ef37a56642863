// The real credentials: one file, every value sealed and bound to its description, the key in a
// file of its own that only the gateway's user may read.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "action/action.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "credential/token_index.h"

namespace interlock::credential {

// What a credential is for. The value is never part of it.
struct VaultEntry {
  std::string name;
  int version =
      0;  // given by the vault: 1, then one more with every new value, also after a removal
  std::string provider;
  std::string environment;
  std::string kind;  // the pack's word: "account", "project"
  std::vector<Effect> allow = {Effect::read, Effect::reversible};  // used unasked up to here
  bool for_scope = false;  // for read-only walks alone, never lent
  std::string variable;    // where the phantom stands; "": where the pack says
  bool wide = false;       // known to reach further than its environment
  std::string session;     // lent to this session alone: an answer disclosed it there
  TimePoint added;
  bool operator==(const VaultEntry&) const = default;
};

// A value in use, for searching and scrubbing.
struct LiveSecret {
  std::string name;
  int version = 0;
  std::shared_ptr<const Secret> value;
};

// Thread-safe. Values lie opened in locked memory while the vault is open.
class Vault {
 public:
  // Opens DIRECTORY/vault with DIRECTORY/vault.key; makes an empty one where neither is there.
  // Errors: denied when somebody else could read or replace a file; not_found when the key of an
  // existing vault is missing; verification when the key is another one or an entry was changed;
  // unavailable when the file can't be read or isn't a vault. None of them changes a file.
  static Result<std::unique_ptr<Vault>> Open(const std::filesystem::path& directory);

  // Adds the entry, or gives an existing name a new value and version. Returns the version.
  // invalid_input: the name isn't [A-Za-z0-9._-]{1,64}, or the value isn't 8 to 8192 bytes of
  // printable ASCII. conflict: another process changed the file since it was opened.
  Result<int> Add(VaultEntry entry, Secret value, TimePoint now);
  Result<void> Remove(std::string_view name);

  // For one session, in memory alone: never in the file, in List or in a lend to another session.
  // Its version is 1. invalid_input as for Add, or shorter than 16 bytes; conflict: the name is
  // taken.
  Result<VaultEntry> AddTransient(VaultEntry entry, Secret value, TimePoint now);
  // Those whose names begin so. What still names one finds nothing any more.
  void RemoveTransient(std::string_view name_prefix);

  std::vector<VaultEntry> List() const;
  Result<VaultEntry> Get(std::string_view name) const;

  // Exactly that version: a hold is executed with what was signed, or not at all.
  Result<std::shared_ptr<const Secret>> Reveal(const CredentialRef& ref) const;

  std::vector<LiveSecret> Secrets() const;

  // Recognises every value of the vault; labels are "vault entry NAME". A snapshot: ask again after
  // an Add or a Remove.
  std::shared_ptr<const TokenIndex> Index() const;

  // For what is kept elsewhere, e.g. bodies of holds. `context` names the thing ("hold h-…
  // action"), and opening needs the same one.
  std::string Seal(std::string_view bytes, std::string_view context) const;
  Result<std::string> Unseal(std::string_view sealed, std::string_view context) const;

  // A key for another purpose that stays the same as long as the vault's key.
  Secret Derive(std::string_view purpose) const;

 private:
  struct Item {
    VaultEntry entry;
    std::string sealed;
    std::shared_ptr<const Secret> value;
  };
  Vault(std::filesystem::path directory, Secret key);
  Result<void> Load(std::string_view text);
  Result<void> LoadEntry(const json::value& value);
  std::string Document() const;
  void Reindex();
  const Item* Seek(std::string_view name) const;  // durable or transient; nullptr when neither
  Result<void> Save();
  Result<void> SaveOrRestore(std::map<std::string, Item, std::less<>> items_before,
                             std::map<std::string, int, std::less<>> versions_before);

  const std::filesystem::path directory_;
  const Secret key_;
  const Secret entry_key_;
  const Secret seal_key_;
  mutable std::mutex mutex_;
  // Under mutex_.
  std::map<std::string, Item, std::less<>> items_;
  std::map<std::string, int, std::less<>> versions_;  // the last version of every name ever used
  std::map<std::string, Item, std::less<>> transient_;
  std::shared_ptr<const TokenIndex> index_ = std::make_shared<TokenIndex>();
  std::string file_digest_;  // of the file as it was read or written last
};

}  // namespace interlock::credential
