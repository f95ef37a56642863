// The `mint` list of a pack's API. Private to classify/.
#pragma once

#include <vector>

#include "action/mint_rule.h"
#include "classify/yaml.h"

namespace interlock::classify {

std::vector<MintRule> ReadMintRules(const YamlNode& api, Problems& problems);

}  // namespace interlock::classify
