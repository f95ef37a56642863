// What the walk does not show and a decision may need: the backups inside volumes, and where
// deployments run. Asked for with one further request, and only for the targets at hand.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "action/action.h"
#include "base/result.h"
#include "scope/world.h"

namespace interlock::scope {

inline constexpr std::size_t kDetailsMax = 200;  // things one request asks about

struct Backup {
  std::string id;
  std::string name;        // "" when it has none
  std::string created_at;  // as the provider writes it
};

struct Details {
  std::map<std::string, std::vector<Backup>> backups;  // by volume instance
  std::map<std::string, std::string> deployments;      // deployment -> environment
};

// What to ask about.
struct DetailsWanted {
  std::vector<std::string> instances;  // whose backups
  std::vector<std::string> deployments;
  bool empty() const { return instances.empty() && deployments.empty(); }
};

// For a decision, where deployments run; for a hold, also what would be lost with the targets.
enum class Purpose { decision, hold };
DetailsWanted WantedFor(const World& world, const std::vector<ResourceId>& targets,
                        Purpose purpose);

// A body for POST /graphql/v2. Refused when there is more to ask about than kDetailsMax.
Result<std::string> DetailsQuery(const DetailsWanted& wanted);
Result<Details> ReadDetails(const DetailsWanted& wanted, std::string_view body);

}  // namespace interlock::scope
