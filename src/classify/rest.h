// REST: routes of a pack, and what to make of a host that no pack knows.
#pragma once

#include <expected>
#include <string_view>

#include "action/action.h"
#include "classify/malformed.h"
#include "classify/pack.h"

namespace interlock::classify {

// '*' is any run of characters without '/', a last "**" is any rest; all else is literal.
bool RouteMatches(std::string_view pattern, std::string_view path);

// The first rule for this method and path; nullptr when none is listed. HEAD goes by the rules of
// GET.
const RestRule* FindRoute(const Api& api, std::string_view method, std::string_view path);

// `api` may be null: then GET, HEAD and OPTIONS read, and everything else is unknown. With an API,
// what isn't listed is unknown whatever its method. Refuses paths that two servers could read
// differently, and query parameters that a route doesn't list: a credential could stand there.
std::expected<Operation, Malformed> JudgeRest(const Api* api, std::string_view method,
                                              std::string_view target);

}  // namespace interlock::classify
