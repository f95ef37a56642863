#include "classify/hands_out.h"

#include <algorithm>

#include "classify/graphql_request.h"
#include "classify/packs.h"
#include "classify/rest.h"

namespace interlock::classify {

std::optional<std::vector<DisclosedPlace>> DisclosedPlacesOf(const Packs& packs,
                                                             const Action& action) {
  const UpstreamRequest& request = action.request;
  const Api* api = packs.Find(request.host);
  if (api == nullptr) return std::nullopt;
  const std::string path = request.target.substr(0, request.target.find('?'));
  std::vector<DisclosedPlace> places;
  if (api->graphql && std::ranges::find(api->graphql->paths, path) != api->graphql->paths.end()) {
    // Classify wrote this body.
    const auto read = ReadGraphqlBody(request.body);
    if (!read) return std::nullopt;
    auto found = DisclosedBy(*api, *read);
    if (!found) return std::nullopt;
    places = *std::move(found);
  } else if (const RestRule* rule = FindRoute(*api, request.method, path)) {
    for (const HandOut& out : rule->hands_out)
      places.push_back({out.at, out.at.empty() ? "answer" : out.at.back(), out.kind});
  }
  if (places.empty()) return std::nullopt;
  return places;
}

}  // namespace interlock::classify
