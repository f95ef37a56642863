#include "base/bytes.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

namespace interlock {
namespace {

constexpr std::string_view kHexLower = "0123456789abcdef";
constexpr std::string_view kHexUpper = "0123456789ABCDEF";
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase64Url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<signed char, 256> Inverse(std::string_view alphabet) {
  std::array<signed char, 256> table{};
  table.fill(-1);
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<signed char>(i);
  return table;
}
constexpr auto kFromBase64 = Inverse(kBase64);
constexpr auto kFromBase64Url = Inverse(kBase64Url);

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string Encode64(std::string_view bytes, std::string_view alphabet, bool padded) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j)
      group = group << 8 | (j < have ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    for (std::size_t j = 0; j < 4; ++j) {
      if (j <= have)
        out += alphabet[group >> (18 - 6 * j) & 63];
      else if (padded)
        out += '=';
    }
  }
  return out;
}

// `text` is without padding.
std::optional<std::string> Decode64(std::string_view text,
                                    const std::array<signed char, 256>& table) {
  const std::size_t rest = text.size() % 4;
  if (rest == 1) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t group = 0;
  unsigned bits = 0;
  for (char c : text) {
    const int digit = table[static_cast<unsigned char>(c)];
    if (digit < 0) return std::nullopt;
    group = group << 6 | static_cast<std::uint32_t>(digit);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>(group >> bits & 0xff);
      group &= (1u << bits) - 1;
    }
  }
  // Bits beyond the last byte must be zero, or one value would have several spellings.
  if (group != 0) return std::nullopt;
  return out;
}

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t size = 0;  // 0: the bytes at this place are not UTF-8
};

// Unicode 15, table 3-7: well-formed UTF-8 byte sequences.
CodePoint NextCodePoint(std::string_view text) {
  const auto byte = [&](std::size_t i) -> std::uint32_t {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const std::uint32_t a = byte(0);
  if (a < 0x80) return {a, 1};
  if (a < 0xc2) return {};
  if (a < 0xe0) {
    if (!follows(1)) return {};
    return {(a & 0x1f) << 6 | (byte(1) & 0x3f), 2};
  }
  if (a < 0xf0) {
    if (!follows(1) || !follows(2)) return {};
    const std::uint32_t value = (a & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
    if (value < 0x800 || (value >= 0xd800 && value <= 0xdfff)) return {};
    return {value, 3};
  }
  if (a > 0xf4 || !follows(1) || !follows(2) || !follows(3)) return {};
  const std::uint32_t value =
      (a & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f);
  if (value < 0x10000 || value > 0x10ffff) return {};
  return {value, 4};
}

struct Range {
  std::uint32_t first;
  std::uint32_t last;
};

// What a reader cannot see, would read in another order, or takes for an ordinary space. Sorted.
constexpr Range kHidden[] = {
    {0x0000, 0x001f},     // C0, with the ESC that starts terminal sequences
    {0x007f, 0x00a0},     // DEL, C1, no-break space
    {0x00ad, 0x00ad},     // soft hyphen
    {0x034f, 0x034f},     // combining grapheme joiner
    {0x061c, 0x061c},     // Arabic letter mark
    {0x070f, 0x070f},     // Syriac abbreviation mark
    {0x115f, 0x1160},     // Hangul fillers
    {0x1680, 0x1680},     // Ogham space
    {0x17b4, 0x17b5},     // Khmer inherent vowels
    {0x180b, 0x180f},     // Mongolian selectors and separator
    {0x2000, 0x200f},     // spaces of all widths, zero-width, LRM, RLM
    {0x2028, 0x202f},     // line and paragraph separators, bidi embeddings and overrides
    {0x205f, 0x206f},     // invisible operators, bidi isolates
    {0x2800, 0x2800},     // blank Braille pattern
    {0x3000, 0x3000},     // ideographic space
    {0x3164, 0x3164},     // Hangul filler
    {0xe000, 0xf8ff},     // private use
    {0xfdd0, 0xfdef},     // noncharacters
    {0xfe00, 0xfe0f},     // variation selectors
    {0xfeff, 0xfeff},     // byte-order mark
    {0xffa0, 0xffa0},     // half-width Hangul filler
    {0xfff0, 0xfffc},     // specials
    {0xfffe, 0xffff},     // noncharacters
    {0x13430, 0x1345f},   // Egyptian format controls
    {0x1bca0, 0x1bca3},   // shorthand format controls
    {0x1d173, 0x1d17a},   // musical format controls
    {0xe0000, 0x10ffff},  // tags, variation selectors supplement, private planes
};

bool IsHidden(std::uint32_t value) {
  if ((value & 0xfffe) == 0xfffe) return true;  // the last two of every plane
  const auto* it = std::ranges::upper_bound(kHidden, value, {}, &Range::first);
  return it != std::begin(kHidden) && value <= std::prev(it)->last;
}

void AppendEscape(std::string& out, char kind, std::uint32_t value, int digits_min) {
  int digits = digits_min;
  while (digits < 6 && value >> (4 * digits)) ++digits;
  out += '\\';
  out += kind;
  out += '{';
  for (int i = digits - 1; i >= 0; --i) out += kHexUpper[value >> (4 * i) & 15];
  out += '}';
}

std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string Hex(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += kHexLower[byte >> 4];
    out += kHexLower[byte & 15];
  }
  return out;
}

std::optional<std::string> FromHex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = HexDigit(text[i]);
    const int low = HexDigit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high << 4 | low);
  }
  return out;
}

std::string Base64(std::string_view bytes) { return Encode64(bytes, kBase64, true); }

std::optional<std::string> FromBase64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  return Decode64(text, kFromBase64);
}

std::string Base64Url(std::string_view bytes) { return Encode64(bytes, kBase64Url, false); }

std::optional<std::string> FromBase64Url(std::string_view text) {
  return Decode64(text, kFromBase64Url);
}

std::optional<std::string> PercentDecode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = HexDigit(text[i + 1]);
    const int low = HexDigit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return out;
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    if (text.size() >= 8) {
      std::uint64_t word;
      std::memcpy(&word, text.data(), 8);
      if ((word & 0x8080808080808080u) == 0) {
        text.remove_prefix(8);
        continue;
      }
    }
    const CodePoint point = NextCodePoint(text);
    if (point.size == 0) return false;
    text.remove_prefix(point.size);
  }
  return true;
}

namespace {
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
}  // namespace

std::string ToLower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = Lower(c);
  return out;
}

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, Lower, Lower);
}

bool GlobMatch(std::string_view pattern, std::string_view text) {
  // On a mismatch only the last star is tried again: at most |pattern| * |text| steps.
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::string EscapeForHumans(std::string_view text, std::size_t limit) {
  std::string out;
  out.reserve(std::min(text.size(), limit) + 16);
  std::size_t at = 0;
  while (at < text.size()) {
    const CodePoint point = NextCodePoint(text.substr(at));
    const std::size_t size = std::max<std::size_t>(point.size, 1);
    if (at + size > limit) break;
    const std::string_view rest = text.substr(at + size, 2);
    if (point.size == 0)
      AppendEscape(out, 'x', static_cast<unsigned char>(text[at]), 2);
    else if (IsHidden(point.value))
      AppendEscape(out, 'u', point.value, 4);
    else if (point.value == '\\' && (rest == "u{" || rest == "x{"))
      AppendEscape(out, 'u', point.value, 4);  // or the text could pretend to be an escape
    else
      out.append(text.substr(at, size));
    at += size;
  }
  if (at < text.size()) out += "… (" + std::to_string(text.size() - at) + " more bytes)";
  return out;
}

std::optional<std::string> Nearest(std::string_view word,
                                   std::span<const std::string_view> candidates) {
  constexpr std::size_t kDistanceMax = 3;
  constexpr std::size_t kWordMax = 256;
  if (word.size() > kWordMax) return std::nullopt;
  std::optional<std::string> best;
  // A word of three letters is not "near" any other word of three letters.
  std::size_t best_distance = std::min(kDistanceMax + 1, word.size());
  for (std::string_view candidate : candidates) {
    const std::size_t gap = candidate.size() > word.size() ? candidate.size() - word.size()
                                                           : word.size() - candidate.size();
    if (gap >= best_distance) continue;
    const std::size_t distance = EditDistance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = std::string(candidate);
    }
  }
  return best;
}

void AppendPercentEncoded(std::string& out, std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (const char c : text) {
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
}

}  // namespace interlock
