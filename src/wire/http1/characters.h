// Character classes of RFC 9110 5.6.2 and 5.5. Private to wire/.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace interlock::http1 {

// The lower-case form of a token character, 0 for any other byte.
inline constexpr std::array<char, 256> kTokenLower = [] {
  std::array<char, 256> table{};
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<std::size_t>(c)] = static_cast<char>(c);
  for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<std::size_t>(c)] = static_cast<char>(c + 32);
  for (int c = '0'; c <= '9'; ++c) table[static_cast<std::size_t>(c)] = static_cast<char>(c);
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) {
    table[static_cast<std::size_t>(c)] = c;
  }
  return table;
}();

inline char TokenLower(char c) { return kTokenLower[static_cast<unsigned char>(c)]; }

inline bool IsToken(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return TokenLower(c) != 0; });
}

// Control characters other than HTAB; none may stand in a field value.
inline bool IsControl(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && byte != '\t') || byte == 0x7f;
}

// Without an early exit: the common answer is no, and the loop stays free of branches.
inline bool HasControl(std::string_view text) {
  bool found = false;
  for (const char c : text) found |= IsControl(c);
  return found;
}

// Visible ASCII, the only bytes of a request target.
inline bool IsVisible(char c) { return c > 0x20 && c < 0x7f; }

inline std::string_view TrimSpace(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace interlock::http1
