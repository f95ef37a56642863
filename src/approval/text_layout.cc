#include "approval/text_layout.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

#include "base/bytes.h"

namespace interlock::approval {

namespace {

struct Range {
  std::uint32_t first;
  std::uint32_t last;
};

// Unicode blocks whose characters are two columns wide (UAX #11, W and F, by block).
constexpr std::array<Range, 11> kWide = {{{0x1100, 0x115f},
                                          {0x2e80, 0x303e},
                                          {0x3041, 0xa4cf},
                                          {0xa960, 0xa97f},
                                          {0xac00, 0xd7a3},
                                          {0xf900, 0xfaff},
                                          {0xfe30, 0xfe6f},
                                          {0xff00, 0xff60},
                                          {0xffe0, 0xffe6},
                                          {0x1f300, 0x1faff},
                                          {0x20000, 0x3fffd}}};
constexpr std::array<Range, 5> kCombining = {
    {{0x0300, 0x036f}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x20d0, 0x20ff}, {0xfe20, 0xfe2f}}};

// Scripts and blocks with letters that can pass for Latin ones (UTS #39).
constexpr std::array<Range, 18> kLookAlike = {{{0x0250, 0x02af},
                                               {0x0300, 0x036f},
                                               {0x0370, 0x03ff},
                                               {0x0400, 0x058f},
                                               {0x10a0, 0x10ff},
                                               {0x13a0, 0x13ff},
                                               {0x1c80, 0x1c8f},
                                               {0x1d00, 0x1dff},
                                               {0x1f00, 0x1fff},
                                               {0x2100, 0x218f},
                                               {0x2c60, 0x2dff},
                                               {0xa4d0, 0xa4ff},
                                               {0xa640, 0xa69f},
                                               {0xa720, 0xa7ff},
                                               {0xab30, 0xabbf},
                                               {0xfb00, 0xfb06},
                                               {0xff00, 0xffef},
                                               {0x1d400, 0x1d7ff}}};

template <std::size_t N>
bool In(const std::array<Range, N>& ranges, std::uint32_t value) {
  return std::ranges::any_of(
      ranges, [value](const Range& range) { return range.first <= value && value <= range.last; });
}

// The code point at the front and its length in bytes. Only for text that is known to be UTF-8.
struct CodePoint {
  std::uint32_t value;
  std::size_t size;
};
CodePoint Front(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])) : 0u;
  };
  const std::uint32_t lead = byte(0);
  if (lead < 0xc0) return {lead, 1};
  if (lead < 0xe0)
    return {(lead & 0x1f) << 6 | (byte(1) & 0x3f), std::min<std::size_t>(2, text.size())};
  if (lead < 0xf0) {
    return {(lead & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f),
            std::min<std::size_t>(3, text.size())};
  }
  return {(lead & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f),
          std::min<std::size_t>(4, text.size())};
}

std::size_t WidthOf(std::uint32_t value) {
  if (In(kCombining, value)) return 0;
  return In(kWide, value) ? 2 : 1;
}

// The bytes of the longest prefix that fits into `width` columns; at least one code point.
std::size_t Prefix(std::string_view text, std::size_t width) {
  std::size_t at = 0;
  std::size_t columns = 0;
  while (at < text.size()) {
    const CodePoint point = Front(text.substr(at));
    columns += WidthOf(point.value);
    if (columns > width && at > 0) break;
    at += point.size;
  }
  return at;
}

bool IsAsciiLetter(std::uint32_t value) {
  return (value >= 'a' && value <= 'z') || (value >= 'A' && value <= 'Z');
}

bool IsWordCharacter(std::uint32_t value) {
  return IsAsciiLetter(value) || (value >= '0' && value <= '9') || value == '_' || value == '-' ||
         (value >= 0x80 && !(value >= 0x2000 && value <= 0x20ff) &&
          !(value >= 0x2190 && value <= 0x2bff) && value != 0xb7 && value != 0xa0);
}

std::string CodePointName(std::uint32_t value) {
  std::array<char, 16> text;
  std::snprintf(text.data(), text.size(), "U+%04X", static_cast<unsigned>(value));
  return text.data();
}

// "" when nothing is suspicious about the word.
std::string Suspicion(std::string_view word, TextKind kind) {
  bool ascii = false;
  std::vector<std::uint32_t> foreign;
  for (std::size_t at = 0; at < word.size();) {
    const CodePoint point = Front(word.substr(at));
    at += point.size;
    ascii = ascii || IsAsciiLetter(point.value);
    const bool counts =
        kind == TextKind::identifier ? point.value >= 0x80 : In(kLookAlike, point.value);
    if (counts && std::ranges::find(foreign, point.value) == foreign.end()) {
      foreign.push_back(point.value);
    }
  }
  if (foreign.empty() || (kind == TextKind::prose && !ascii)) return "";
  std::string out = "\"" + CleanLine(word) + "\" (";
  for (std::size_t i = 0; i < foreign.size(); ++i) {
    out += (i == 0 ? "" : " ") + CodePointName(foreign[i]);
  }
  return out + ")";
}

}  // namespace

std::size_t DisplayWidth(std::string_view text) {
  std::size_t columns = 0;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = Front(text.substr(at));
    columns += WidthOf(point.value);
    at += point.size;
  }
  return columns;
}

std::string CleanLine(std::string_view text) {
  const std::string escaped = EscapeForHumans(text, text.size());
  std::string out;
  for (const char c : escaped) {
    if (c == ' ' && (out.empty() || out.back() == ' ' || out.ends_with("\\u{0020}"))) {
      out += "\\u{0020}";
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::string CleanName(std::string_view name) {
  const bool plain = !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-' || c == '@' || c == ':' || c == '/' || c == '~';
  });
  return plain ? std::string(name) : "\"" + CleanLine(name) + "\"";
}

std::vector<std::string> Wrap(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  while (DisplayWidth(text) > width) {
    const std::size_t fits = Prefix(text, width);
    // A word that would leave most of the line empty is cut instead: hashes and URLs.
    const std::size_t blank = text.rfind(' ', fits);
    const bool at_blank = blank != std::string_view::npos && blank > fits / 2;
    lines.emplace_back(text.substr(0, at_blank ? blank : fits));
    text.remove_prefix(at_blank ? blank + 1 : fits);
  }
  if (!text.empty() || lines.empty()) lines.emplace_back(text);
  return lines;
}

std::vector<std::string> LookAlikes(std::string_view text, TextKind kind) {
  std::vector<std::string> out;
  if (std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) {
    return out;
  }
  if (!IsUtf8(text)) return out;  // shown byte by byte as escapes
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    while (end < text.size()) {
      const CodePoint point = Front(text.substr(end));
      if (!IsWordCharacter(point.value)) break;
      end += point.size;
    }
    if (end == at) {
      at += Front(text.substr(at)).size;
      continue;
    }
    std::string suspicion = Suspicion(text.substr(at, end - at), kind);
    if (!suspicion.empty() && std::ranges::find(out, suspicion) == out.end()) {
      out.push_back(std::move(suspicion));
    }
    at = end;
  }
  return out;
}

}  // namespace interlock::approval
