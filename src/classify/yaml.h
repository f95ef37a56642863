// The house's YAML (base/yaml.h) under this folder's name.
#pragma once

#include "base/yaml.h"

namespace interlock::classify {

using interlock::kYamlDepthMax;
using interlock::ParseYaml;
using interlock::Problems;
using interlock::YamlEntry;
using interlock::YamlKind;
using interlock::YamlNode;

}  // namespace interlock::classify
