// The body rules and login refreshes of a pack file. Private to classify/.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "classify/body_rule.h"
#include "classify/pack_fields.h"

namespace interlock::classify {

using BodyRules = std::map<std::string, std::shared_ptr<const BodyRule>, std::less<>>;

// `map` holds rules by name, which routes refer to.
BodyRules ReadBodyRules(const YamlNode& map, Problems& problems);

RefreshRule ReadRefreshRule(const YamlNode& node, Problems& problems);

}  // namespace interlock::classify
