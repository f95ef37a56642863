// What a provider built into its credentials so that a wrong one shows: checksums and structure.
#pragma once

#include <string>
#include <string_view>

namespace interlock::credential {

enum class Checked {
  unknown,  // there is nothing to check, or it wasn't this form
  fits,     // it can hardly be anything else
  misfits,  // an old form, a made-up one or a typo: other signs decide
  no,       // it isn't one
};

bool IsCheck(std::string_view name);
Checked Check(std::string_view name, std::string_view token);

// Six base62 digits of the CRC-32 (IEEE) of the text: how GitHub and npm end their tokens.
std::string Base62Crc32(std::string_view text);

// Three parts whose first two decode to objects, with at least one claim about somebody.
bool IsJwt(std::string_view token);

}  // namespace interlock::credential
