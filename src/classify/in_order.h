// JSON for a model, in our own words. Private to classify/.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/json.h"

namespace interlock::classify {

// A value costs some 30 bytes of memory whatever it is; a body of empty lists alone would cost many
// times its size.
inline constexpr std::size_t kBodyValuesMax = 2'000'000;

// The canonical form, but for the order of members, which stays that of the document: a model reads
// a schema and its own former words in their order.
std::string InOrder(const json::value& value);

// Whether a text could hold more values than that. Looks at structure alone and never says no where
// a parser would find more.
bool CountsMoreValues(std::string_view text, std::size_t values_max);

}  // namespace interlock::classify
