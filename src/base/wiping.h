// JSON that holds secrets: read into memory that is wiped when it is given back.
#pragma once

#include <boost/json/storage_ptr.hpp>
#include <boost/json/value.hpp>
#include <string_view>

#include "base/json.h"

namespace interlock {

json::storage_ptr WipingStorage();

// As ParseJson; the value lies in WipingStorage with all its parts.
Result<json::value> ParseSecretJson(std::string_view text);

}  // namespace interlock
