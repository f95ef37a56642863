// Checksums inside providers' tokens: clients look at them before they send anything.
#pragma once

#include <string>
#include <string_view>

namespace interlock::credential {

// `phantom`, which has the form of `real`, with its checksum put right where `real` carries one.
// Tried on `real` itself, so that a token without a checksum, or with one that isn't known, stays
// as it is:
//   six base62 digits of CRC-32 at the end ("ghp_…", "npm_…": GitHub's and npm's published form),
//   eight hexadecimal ones after a last '_' ("glsa_…_1a2b3c4d", Grafana),
//   seven base36 ones after ".XX" ("glpat-….0w1a2b3c4", GitLab's routable tokens).
std::string WithChecksumOf(std::string_view real, std::string phantom);

}  // namespace interlock::credential
