#include "credential/lend.h"

#include <algorithm>

namespace interlock::credential {
namespace {

const KindPlace* PlaceOf(const VaultEntry& entry, std::span<const KindPlace> places) {
  const auto it = std::ranges::find(places, entry.kind, &KindPlace::kind);
  return it == places.end() ? nullptr : &*it;
}

bool Touches(const Scope& scope, const std::string& environment) {
  if (!scope.unresolved.empty() && environment == "production") return true;
  return std::ranges::any_of(scope.environments,
                             [&](const EnvironmentSeen& e) { return e.mapped == environment; });
}

}  // namespace

std::string BeyondLend(const VaultEntry& entry, Effect effect, Relation relation) {
  if (relation == Relation::other || relation == Relation::unresolved) {
    return entry.name + " was lent for " + entry.environment + ", and this is not " +
           entry.environment + " alone";
  }
  if (std::ranges::find(entry.allow, effect) == entry.allow.end()) {
    return entry.name + " was not lent for " + std::string(ToString(effect)) + " actions";
  }
  return "";
}

std::string RefusedLend(const CredentialRef& ref, int status) {
  if (status != 401 && status != 403) return "";
  return "the provider refused the credential of the lend " + ref.entry + " (version " +
         std::to_string(ref.version) + ") with status " + std::to_string(status) +
         (status == 401 ? ": it was revoked, or has expired"
                        : ": it may not do this, or was revoked") +
         "; a human can renew it: interlock vault add " + ref.entry;
}

std::optional<Executor> ExecutorFor(std::string_view provider, const Scope& scope,
                                    std::span<const VaultEntry> lent,
                                    std::span<const VaultEntry> vault,
                                    std::span<const KindPlace> places) {
  const auto pick = [&](std::span<const VaultEntry> entries,
                        auto accepts) -> std::optional<Executor> {
    for (const VaultEntry& entry : entries) {
      const KindPlace* place = PlaceOf(entry, places);
      if (entry.provider != provider || !entry.IsLent() || place == nullptr || !accepts(entry))
        continue;
      return Executor{
          {entry.name, entry.version, place->header, place->prefix, place->stand, place->name},
          entry.wide};
    }
    return std::nullopt;
  };
  // A lent credential can act where its environment is among those of the action, and anywhere when
  // no environment is named.
  const auto reaches = [&](const VaultEntry& entry) {
    return (scope.environments.empty() && scope.unresolved.empty()) ||
           Touches(scope, entry.environment);
  };
  if (auto found = pick(lent, reaches)) return found;
  // What is minted is minted for a session: there is nothing to execute with before that.
  return pick(vault, [&](const VaultEntry& entry) {
    return entry.session.empty() && entry.source != SourceKind::mint &&
           Touches(scope, entry.environment);
  });
}

}  // namespace interlock::credential
