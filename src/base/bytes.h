// Bytes and their text forms.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace interlock {

// Lower-case hexadecimal.
std::string Hex(std::string_view bytes);
std::optional<std::string> FromHex(std::string_view text);

// RFC 4648 base64. Decoding is strict: padding as the alphabet wants it, no white space, no stray
// bits.
std::string Base64(std::string_view bytes);
std::optional<std::string> FromBase64(std::string_view text);
std::string Base64Url(std::string_view bytes);  // without padding
std::optional<std::string> FromBase64Url(std::string_view text);

// RFC 3986 percent-decoding of one pass; nullopt on a broken escape.
std::optional<std::string> PercentDecode(std::string_view text);
// Everything but RFC 3986's unreserved characters (2.3) as "%XX": fits any part of a URL and a
// form.
void AppendPercentEncoded(std::string& out, std::string_view text);

// True for well-formed UTF-8 (no surrogates, no overlong forms, at most U+10FFFF).
bool IsUtf8(std::string_view text);

// ASCII only; nothing here depends on the locale.
std::string ToLower(std::string_view text);
bool EqualsIgnoreCase(std::string_view a, std::string_view b);

// "GLOB" with `*` for any run of characters; everything else is literal.
bool GlobMatch(std::string_view pattern, std::string_view text);

// Text that is shown to a human and was chosen by somebody else: control, bidi, invisible and
// unassigned-looking characters appear as \u{XXXX}; invalid bytes as \x{XX}; cut at `limit` bytes
// of input with a mark that says how much is missing.
std::string EscapeForHumans(std::string_view text, std::size_t limit = 4096);

// The nearest of `candidates` within an edit distance of 3, for "did you mean".
std::optional<std::string> Nearest(std::string_view word,
                                   std::span<const std::string_view> candidates);

}  // namespace interlock
