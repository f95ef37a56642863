// The real credentials: one file, every value sealed and bound to its description, the key kept as
// credential/key_source.h says.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "action/action.h"
#include "base/clock.h"
#include "base/deadline.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/unique_fd.h"
#include "credential/key_source.h"
#include "credential/source.h"
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
  bool for_mint = false;           // narrower ones are minted with it; never lent
  std::optional<TimePoint> until;  // the lend ends then
  SourceKind source = SourceKind::value;
  bool IsLent() const { return !for_scope && !for_mint && session.empty(); }
  bool operator==(const VaultEntry&) const = default;
};

// A value in use, for searching and scrubbing.
struct LiveSecret {
  std::string name;
  int version = 0;
  std::shared_ptr<const Secret> value;
};

struct VaultOptions {
  KeyAccess access;                               // for the time of opening
  const Clock* clock = nullptr;                   // the system's when null; outlives the vault
  std::function<SteadyPoint()> steady = nullptr;  // the system's when empty
};

// How the value of an entry stands.
enum class ValueState {
  ready,     // can be used
  due,       // can be used, and its source should be asked
  wanting,   // can't be used before its source was asked
  unusable,  // can't be used whatever a source says: Reveal tells why
};

// Thread-safe. Values lie opened in locked memory while the vault is open. One process has a vault
// open at a time: DIRECTORY/vault.lock is locked and names it.
class Vault {
 public:
  // Opens DIRECTORY/vault; makes an empty one, and its key, where neither is there. Errors: those
  // of LoadKey; not_found when the key of an existing vault is missing; verification when the key
  // is another one or an entry was changed; conflict when another process has it open, which is
  // named; unavailable when the file can't be read or isn't a vault. None of them changes a file.
  static Result<std::unique_ptr<Vault>> Open(const std::filesystem::path& directory,
                                             const VaultOptions& options = {});

  // Adds the entry, or gives an existing name a new value and version. Returns the version.
  // invalid_input: the name isn't [A-Za-z0-9._-]{1,64}, or the value isn't 8 to 8192 bytes of
  // printable ASCII. conflict: another process changed the file since it was opened.
  Result<int> Add(VaultEntry entry, Secret value, TimePoint now);
  // The same for an entry whose value its source gives. The version is that of the source: what it
  // gives may change as often as it likes.
  Result<int> Add(VaultEntry entry, Source source, TimePoint now);
  Result<void> Remove(std::string_view name);

  // For one session, in memory alone: never in the file, in List or in a lend to another session.
  // Its version is 1. invalid_input as for Add, or shorter than 16 bytes; conflict: the name is
  // taken.
  Result<VaultEntry> AddTransient(VaultEntry entry, Secret value, TimePoint now);
  Result<VaultEntry> AddTransient(VaultEntry entry, Source source, TimePoint now);
  // Those whose names begin so. What still names one finds nothing any more.
  void RemoveTransient(std::string_view name_prefix);

  std::vector<VaultEntry> List() const;
  Result<VaultEntry> Get(std::string_view name) const;

  // Those of `entries` that can still be used, as they are now: with the newest version, without
  // the ones that are gone, are for another use, or whose time is over.
  std::vector<VaultEntry> Current(std::span<const VaultEntry> entries) const;

  // Exactly that version: a hold is executed with what was signed, or not at all. denied: its time
  // is over. unavailable: its source gave nothing, or nothing newer than what has expired. Every
  // message names the lend and what to do.
  Result<std::shared_ptr<const Secret>> Reveal(const CredentialRef& ref) const;

  // For whoever asks the sources. not_found and `unusable` where there is no such entry.
  ValueState StateOf(std::string_view name) const;
  Result<Source> SourceOf(std::string_view name) const;
  // What its source gave; whether that is another value than before. conflict when the entry has
  // another version by now. The value before it is still recognised: it may be good for a while.
  Result<bool> Put(const VaultEntry& entry, Sourced given);
  // The provider refused it as a credential (401): its source is asked before it is used again.
  void NoteRefused(const CredentialRef& ref);
  // Its source gave nothing; `why` becomes part of what Reveal says. A value without an expiry
  // isn't used any more.
  void NoteTrouble(const VaultEntry& entry, std::string why);

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
    std::shared_ptr<const Secret> value;  // nullptr: its source gave none yet
    std::optional<Source> source = {};
    std::shared_ptr<const Secret> before = {};
    std::optional<Deadline> until = {};
    std::optional<Deadline> expires = {};
    std::optional<Deadline> ask_again = {};
    std::string trouble = {};  // of the last time the source was asked
  };
  Vault(std::filesystem::path directory, Secret key, UniqueFd lock, const Clock& clock,
        std::function<SteadyPoint()> steady);
  Moment Now() const { return {clock_.Now(), steady_()}; }
  Result<void> Load(std::string_view text);
  Result<void> LoadEntry(const json::value& value);
  std::string Document() const;
  void Reindex();
  const Item* Seek(std::string_view name) const;  // durable or transient; nullptr when neither
  Item* Seek(std::string_view name);
  Item ItemOf(VaultEntry entry, std::string sealed) const;
  Result<int> Store(Item item, std::string_view plain, TimePoint now);
  Result<VaultEntry> PutTransient(Item item, TimePoint now);
  Result<void> Save();
  Result<void> SaveOrRestore(std::map<std::string, Item, std::less<>> items_before,
                             std::map<std::string, int, std::less<>> versions_before);

  const std::filesystem::path directory_;
  const UniqueFd lock_;
  const Clock& clock_;
  const std::function<SteadyPoint()> steady_;
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
