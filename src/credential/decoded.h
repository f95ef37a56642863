// The other readings of a text in which a credential could travel.
#pragma once

#include <functional>
#include <string_view>

namespace interlock::credential {

// Calls `visit` with the text itself and with what it says after percent-decoding, undoing JSON
// escapes and decoding base64 runs (either alphabet, at any alignment), and once more on each
// result. Decoders are lenient: what is found only in a sloppy reading was still found. False: the
// readings grew beyond 32 times the text (and 1 MiB), and some were not visited.
bool VisitReadings(std::string_view text, const std::function<void(std::string_view)>& visit);

}  // namespace interlock::credential
