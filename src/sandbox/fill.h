// "{}" replaced by values, in order: all of std::format that this folder needs (g++ 12 has none).
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>

namespace interlock::sandbox {

class Word {
 public:
  Word(std::string_view text) : text_(text) {}
  Word(const std::string& text) : text_(text) {}
  Word(const char* text) : text_(text) {}
  template <std::integral Integer>
  Word(Integer value) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, value);
    text_.assign(digits, end.ptr);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

inline std::string Octal(unsigned value) {
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, 8);
  return "0" + std::string(digits, end.ptr);
}

template <typename... Words>
std::string Fill(std::string_view pattern, const Words&... words) {
  std::string out;
  const auto one = [&](const Word& word) {
    const std::size_t at = pattern.find("{}");
    out += pattern.substr(0, at);
    out += word.text();
    pattern.remove_prefix(at == std::string_view::npos ? pattern.size() : at + 2);
  };
  (one(Word(words)), ...);
  out += pattern;
  return out;
}

}  // namespace interlock::sandbox
