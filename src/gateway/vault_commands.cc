#include "gateway/vault_commands.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "credential/source.h"
#include "crypto/rs256.h"
#include "gateway/control_wire.h"
#include "gateway/record.h"

namespace interlock::gateway {
namespace {

using credential::Source;
using credential::SourceKind;
using credential::VaultEntry;

std::vector<std::string> Split(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    if (comma > 0) parts.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

std::string Joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out.append(out.empty() ? "" : ", ").append(word);
  return out;
}

std::string_view UseOf(const VaultEntry& entry) {
  if (entry.for_scope) return "scope";
  if (entry.for_mint) return "mint";
  return entry.session.empty() ? "lend" : std::string_view(entry.session);
}

json::object EntryJson(const VaultEntry& entry) {
  json::array allow;
  for (const Effect effect : entry.allow) allow.push_back(json::string(ToString(effect)));
  json::object out{{"name", entry.name},
                   {"version", entry.version},
                   {"provider", entry.provider},
                   {"environment", entry.environment},
                   {"kind", entry.kind},
                   {"allow", std::move(allow)},
                   {"use", UseOf(entry)},
                   {"wide", entry.wide},
                   {"source", ToString(entry.source)}};
  if (entry.until) out["until"] = FormatTime(*entry.until);
  return out;
}

Result<void> Record(Core& core, std::string_view type, json::object fields) {
  ILK_TRY(index, core.ledger.AppendDurable(Entry(type, core.clock.Now(), std::move(fields))));
  (void)index;
  return {};
}

bool Flag(const json::object& request, std::string_view key) {
  const json::value* value = Find(request, key);
  return value != nullptr && value->is_bool() && value->get_bool();
}

// What the request says the entry is for; without its kind.
Result<VaultEntry> ReadTerms(Core& core, const json::object& request) {
  VaultEntry entry;
  ILK_TRY(name, Required(request, "name"));
  ILK_TRY(environment, Required(request, "environment"));
  if (!core.settings()->config.environments.contains(environment))
    return Fail(Code::invalid_input,
                "no environment is called \"" + environment + "\" in the configuration");
  entry.name = std::move(name);
  entry.environment = std::move(environment);
  entry.variable = std::string(FindString(request, "as"));
  const std::string_view use = FindString(request, "for");
  if (!use.empty() && use != "scope" && use != "mint")
    return Fail(Code::invalid_input, "--for knows \"scope\" and \"mint\" alone");
  entry.for_scope = use == "scope";
  entry.for_mint = use == "mint";
  entry.wide = Flag(request, "wide");
  entry.allow.clear();
  for (const std::string& word : Split(FindString(request, "allow"))) {
    const auto effect = ParseEffect(word);
    if (!effect || *effect == Effect::unknown)
      return Fail(Code::invalid_input,
                  "--allow knows read, reversible and irreversible, not \"" + word + "\"");
    entry.allow.push_back(*effect);
  }
  if (const std::string_view until = FindString(request, "until"); !until.empty()) {
    const auto time = ParseTime(until);
    if (!time) return Fail(Code::invalid_input, "--until: " + time.error().message);
    if (*time <= core.clock.Now())
      return Fail(Code::invalid_input, "--until " + FormatTime(*time) + " has passed already");
    entry.until = *time;
  }
  return entry;
}

struct Kinds {
  std::vector<std::string> known;
  const classify::Api* api = nullptr;  // the one whose kind this is
  const classify::CredentialPlace* place = nullptr;
};

// The pack says which kinds there are; without a kind the first API's narrowest is meant.
Kinds KindsOf(const classify::Pack& pack, std::string_view kind) {
  Kinds out;
  const auto know = [&out](const std::string& name) {
    if (std::ranges::find(out.known, name) == out.known.end()) out.known.push_back(name);
  };
  for (const classify::Api& api : pack.apis) {
    for (const classify::CredentialPlace& place : api.credentials) {
      know(place.kind);
      if (!kind.empty() && place.kind == kind && out.place == nullptr) {
        out.api = &api;
        out.place = &place;
      }
    }
  }
  if (kind.empty()) {
    for (const classify::Api& api : pack.apis) {
      if (api.credentials.empty()) continue;
      const auto narrow = std::ranges::find_if(
          api.credentials.rbegin(), api.credentials.rend(),
          [](const classify::CredentialPlace& place) { return place.narrower.empty(); });
      out.api = &api;
      out.place = narrow == api.credentials.rend() ? &api.credentials.back() : &*narrow;
      break;
    }
  }
  return out;
}

bool IsMintedWith(const classify::Pack& pack, std::string_view kind) {
  return std::ranges::any_of(pack.apis, [&](const classify::Api& api) {
    return std::ranges::find(api.mints, kind, &MintRule::with) != api.mints.end();
  });
}

// Provider and kind, and whether it may be lent as it is.
Result<void> ReadKind(Core& core, const json::object& request, VaultEntry& entry) {
  ILK_TRY(provider, Required(request, "provider"));
  const classify::Pack* pack = core.packs.Get(provider);
  if (pack == nullptr) {
    std::string known;
    for (const auto& p : core.packs.all()) known += (known.empty() ? "" : ", ") + p->name;
    return Fail(Code::invalid_input,
                "no pack is called \"" + provider + "\" (known: " + known + ")");
  }
  entry.provider = std::move(provider);
  entry.kind = std::string(FindString(request, "kind"));
  const Kinds kinds = KindsOf(*pack, entry.kind);
  if (entry.for_mint) {
    if (!IsMintedWith(*pack, entry.kind))
      return Fail(Code::invalid_input, "the pack " + entry.provider +
                                           " mints nothing with a credential of the kind \"" +
                                           entry.kind + "\"");
    return {};
  }
  if (kinds.api == nullptr)
    return Fail(Code::invalid_input, entry.provider + " has no credentials of the kind \"" +
                                         entry.kind + "\" (known: " + Joined(kinds.known) + ")");
  if (entry.kind.empty()) entry.kind = kinds.place->kind;
  const std::string& narrower = kinds.place->narrower;
  if (entry.for_scope || narrower.empty()) return {};
  // An account-wide credential is lent only when somebody says that they mean it.
  if (!entry.wide)
    return Fail(Code::denied, "a credential of the kind \"" + entry.kind +
                                  "\" reaches further than one environment; lend a \"" + narrower +
                                  "\" one, or say --wide");
  return {};
}

// nullopt: the value is in the request.
Result<std::optional<Source>> ReadSource(const json::object& request) {
  const json::object* given = FindObject(request, "source");
  if (given == nullptr) return std::optional<Source>();
  auto source = credential::SourceFromJson(*given);
  if (!source || source->kind == SourceKind::value)
    return Fail(Code::invalid_input, "the request's \"source\" is none");
  ILK_TRY_VOID(credential::CheckSource(*source));
  return source;
}

// A private key comes as PEM, and a value of the vault is one line.
Result<Secret> ReadValue(const json::object& request) {
  ILK_TRY(text, Required(request, "value"));
  Secret value(std::move(text));
  if (value.Reveal().starts_with("-----BEGIN ")) return crypto::RsaKeyFromPem(value.Reveal());
  return value;
}

bool IsSameUse(const VaultEntry& a, const VaultEntry& b) {
  return a.provider == b.provider && a.environment == b.environment && a.kind == b.kind &&
         a.allow == b.allow && a.for_scope == b.for_scope && a.for_mint == b.for_mint;
}

// What running sessions had minted under this entry is over with it, and taken back.
void EndMinted(Core& core, const std::string& name) {
  for (const auto& session : core.sessions.All()) {
    core.phantoms.EndEntry(session->id + "." + name);
    core.mints.EndEntries(session->id + "." + name);
  }
}

void AddWeakness(json::array& out, const std::string& name, const std::string& means,
                 const std::string& remedy) {
  out.push_back(json::object{{"name", name}, {"means", means}, {"remedy", remedy}});
}

}  // namespace

Result<json::value> AddToVault(Core& core, const json::object& request) {
  ILK_TRY(entry, ReadTerms(core, request));
  ILK_TRY_VOID(ReadKind(core, request, entry));
  ILK_TRY(source, ReadSource(request));
  if (source && source->kind == SourceKind::mint) ILK_TRY_VOID(CheckMint(core, entry, *source));
  const auto before = core.vault.List();
  const auto old = std::ranges::find(before, entry.name, &VaultEntry::name);
  const bool same_use = old != before.end() && IsSameUse(*old, entry);
  int version = 0;
  if (source) {
    ILK_TRY(added, core.vault.Add(entry, *source, core.clock.Now()));
    version = added;
    entry.source = source->kind;
  } else {
    ILK_TRY(value, ReadValue(request));
    ILK_TRY(added, core.vault.Add(entry, std::move(value), core.clock.Now()));
    version = added;
  }
  // A new value for the same use reaches the sessions that were lent the old one; another use under
  // the same name was lent to nobody yet.
  if (same_use)
    core.phantoms.Rotate(entry.name, version);
  else
    core.phantoms.EndEntry(entry.name);
  EndMinted(core, entry.name);
  core.lends.Forget(entry.name);
  entry.version = version;
  json::object fields{{"entry", entry.name},
                      {"version", version},
                      {"provider", entry.provider},
                      {"environment", entry.environment},
                      {"kind", entry.kind},
                      {"use", UseOf(entry)},
                      {"source", ToString(entry.source)},
                      {"wide", entry.wide}};
  if (entry.until) fields["until"] = FormatTime(*entry.until);
  ILK_TRY_VOID(Record(core, "credential", std::move(fields)));
  return EntryJson(entry);
}

Result<json::value> ListVault(Core& core) {
  json::array list;
  for (const VaultEntry& entry : core.vault.List()) list.push_back(EntryJson(entry));
  return json::value(std::move(list));
}

Result<json::value> RemoveFromVault(Core& core, const json::object& request) {
  ILK_TRY(name, Required(request, "name"));
  ILK_TRY_VOID(core.vault.Remove(name));
  EndMinted(core, name);
  core.lends.Forget(name);
  ILK_TRY_VOID(Record(core, "credential-removed", {{"entry", name}}));
  return json::object{{"removed", name}};
}

void AddVaultWeaknesses(Core& core, json::array& weaknesses) {
  for (const VaultEntry& entry : core.vault.List()) {
    if (entry.wide)
      AddWeakness(weaknesses, "wide-" + entry.name,
                  entry.name + " reaches further than its environment",
                  "lend a narrower credential");
    if (entry.until && *entry.until <= core.clock.Now())
      AddWeakness(weaknesses, "ended-" + entry.name,
                  "the lend " + entry.name + " ended at " + FormatTime(*entry.until),
                  "interlock vault add " + entry.name +
                      " … --until TIME, or interlock vault remove " + entry.name);
  }
  for (const LendTrouble& trouble : core.lends.Troubles())
    AddWeakness(weaknesses, "lend-" + trouble.entry,
                "the source of the lend " + trouble.entry + " fails since " +
                    FormatTime(trouble.since) + ": " + EscapeForHumans(trouble.why, 500),
                "mend its source, or give it a new one: interlock vault add " + trouble.entry);
  for (const Outstanding& one : core.mints.Left())
    AddWeakness(
        weaknesses, "minted-" + one.name,
        "the token " + one.name + ", minted at " + one.provider +
            " for a session that is over, could not be revoked: " + EscapeForHumans(one.why, 500),
        "it is tried again every minute; or revoke it at " + one.provider);
}

}  // namespace interlock::gateway
