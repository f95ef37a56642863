#include "gateway/disclosure.h"

#include <algorithm>
#include <set>

#include "classify/hands_out.h"
#include "credential/disclosed.h"
#include "credential/shapes.h"
#include "gateway/record.h"

namespace interlock::gateway {
namespace {

constexpr std::size_t kEntryNameMax = 64;
constexpr std::string_view kKind = "disclosed";

// Several environments, or none that could be seen: what the credential opens counts as production.
std::string EnvironmentOf(const Scope& scope) {
  if (!scope.unresolved.empty() || scope.environments.empty()) return "production";
  const std::string& first = scope.environments.front().mapped;
  const bool one = std::ranges::all_of(
      scope.environments, [&](const EnvironmentSeen& seen) { return seen.mapped == first; });
  return one ? first : "production";
}

class PuttingAway {
 public:
  PuttingAway(Core& core, const Action& action, const DisclosedTo& to)
      : core_(core), action_(action), to_(to), environment_(EnvironmentOf(*to.scope)) {}

  // The phantom for one value.
  Result<std::string> Keep(credential::DisclosedValue found) {
    // A phantom that was stored at the provider and comes back is no credential.
    if (!core_.phantoms.FindAll(found.value.Reveal()).empty())
      return std::string(found.value.Reveal());
    std::optional<credential::VaultEntry> entry = EntryOf(found.value);
    if (!entry) {
      credential::VaultEntry fresh;
      fresh.name = NameOf(found);
      fresh.provider = action_.provider;
      fresh.environment = environment_;
      fresh.kind = found.kind.empty() ? std::string(kKind) : found.kind;
      fresh.session = to_.session;
      fresh.wide = !found.kind.empty() && to_.scope->environments.empty();
      Secret copy{std::string(found.value.Reveal())};
      ILK_TRY(version, core_.vault.Add(fresh, std::move(copy), core_.clock.Now()));
      (void)version;
      ILK_TRY(added, core_.vault.Get(fresh.name));
      entry = std::move(added);
      entries_.push_back(
          json::object{{"entry", entry->name},
                       {"kind", entry->kind},
                       {"fingerprint", credential::Fingerprint(found.value.Reveal())}});
      if (to_.running) to_.running->Gain(*entry);
    }
    std::string phantom = core_.phantoms.Issue(to_.session, *entry, found.value);
    if (!to_.running) core_.phantoms.EndSession(to_.session);
    return phantom;
  }

  Result<void> Record() {
    if (entries_.empty()) return {};
    ILK_TRY(index, core_.ledger.AppendDurable(Entry("disclosed", core_.clock.Now(),
                                                    {{"session", to_.session},
                                                     {"decision", to_.id},
                                                     {"operation", action_.operation},
                                                     {"provider", action_.provider},
                                                     {"environment", environment_},
                                                     {"entries", std::move(entries_)}})));
    (void)index;
    return {};
  }

 private:
  // The vault's own entry of that value: one that isn't lent to this session stays unusable in it.
  std::optional<credential::VaultEntry> EntryOf(const Secret& value) const {
    for (const credential::LiveSecret& known : core_.vault.Secrets()) {
      if (!known.value || known.value->Reveal() != value.Reveal()) continue;
      if (auto entry = core_.vault.Get(known.name)) return *std::move(entry);
    }
    return std::nullopt;
  }

  std::string NameOf(const credential::DisclosedValue& found) {
    std::string name = to_.id + "." + found.name;
    if (!found.member.empty()) name += "." + found.member;
    for (char& c : name) {
      const bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
      if (!fits) c = '_';
    }
    std::string out = name.substr(0, kEntryNameMax);
    for (int i = 2; !names_.insert(out).second; ++i) {
      const std::string number = "." + std::to_string(i);
      out = name.substr(0, kEntryNameMax - number.size()) + number;
    }
    return out;
  }

  Core& core_;
  const Action& action_;
  const DisclosedTo& to_;
  const std::string environment_;
  std::set<std::string> names_;
  json::array entries_;
};

}  // namespace

Result<std::string> PutAway(Core& core, const Action& action, const DisclosedTo& to,
                            std::string_view body) {
  const auto places = classify::DisclosedPlacesOf(core.packs, action);
  if (!places)
    return Fail(Code::not_found, "the pack " + action.provider +
                                     " doesn't say where the answer hands out its credential");
  std::vector<credential::DisclosedPath> paths;
  for (const classify::DisclosedPlace& place : *places)
    paths.push_back({place.path, place.name, place.kind});
  PuttingAway putting(core, action, to);
  auto replaced = credential::ReplaceDisclosed(body, paths, [&](credential::DisclosedValue found) {
    return putting.Keep(std::move(found));
  });
  // What was put into the vault is on the record also where the rest failed.
  ILK_TRY_VOID(putting.Record());
  return replaced;
}

}  // namespace interlock::gateway
