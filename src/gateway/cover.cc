#include "gateway/cover.h"

#include "gateway/core.h"
#include "gateway/forward.h"

namespace interlock::gateway {

std::shared_ptr<const credential::ScrubSet> ScrubSets::Of(const credential::Vault& vault) {
  // The index is a new one after every change; asked for first, so that a change in between makes
  // the next caller compile again.
  auto index = vault.Index();
  const std::lock_guard lock(mutex_);
  if (set_ == nullptr || made_of_ != index) {
    set_ = std::make_shared<const credential::ScrubSet>(vault.Secrets());
    made_of_ = std::move(index);
  }
  return set_;
}

Cover CoverFor(Core& core, std::string_view session, const std::optional<Injection>& injection) {
  if (injection && !injection->Scrubs()) return {};
  Cover cover;
  cover.set = core.scrub_sets.Of(core.vault);
  std::string sent_as;
  if (injection) {
    sent_as = injection->phantom;
    // Taken out of the vault while the request was under way.
    if (!cover.set->Hides(*injection->real)) {
      auto secrets = core.vault.Secrets();
      secrets.push_back({"", 0, injection->real});
      cover.set = std::make_shared<const credential::ScrubSet>(secrets);
    }
  }
  cover.phantom_for = [&core, session = std::string(session),
                       sent_as](std::string_view entry) -> std::string {
    if (entry.empty()) return sent_as;
    for (auto& [phantom, owner] : core.phantoms.Of(session)) {
      if (owner.entry == entry) return phantom;
    }
    return "";
  };
  return cover;
}

}  // namespace interlock::gateway
