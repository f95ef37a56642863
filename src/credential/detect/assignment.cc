#include "credential/detect/assignment.h"

#include <algorithm>
#include <array>

namespace interlock::credential {
namespace {

constexpr std::size_t kNameMax = 48;
constexpr std::size_t kSignsMax = 16;
constexpr std::size_t kValueMax = 8192;
constexpr std::size_t kLongerMax = 128;

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlnum(char c) { return IsLower(c) || IsUpper(c) || IsDigit(c); }
bool IsQuote(char c) { return c == '"' || c == '\'' || c == '`'; }
bool IsSpace(char c) { return c == ' ' || c == '\t'; }
bool In(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

// What may stand between a name and its value.
bool IsBetween(char c) { return In(c, " \t\"'`=:>(,|?\\[]{&"); }
bool IsNameByte(char c) { return IsAlnum(c) || c == '_' || c == '.' || c == '-' || c == '$'; }
bool EndsBare(char c) { return In(c, " \t\r\n\"'`,;()<>[]{}|&\\"); }

struct Value {
  std::string_view text;
  bool is_quoted = false;
};

Value ValueAt(std::string_view text, std::size_t at) {
  const char before = text[at - 1];
  if (IsQuote(before)) {
    std::size_t end = at;
    // In a string inside a string it ends with \" as it began.
    const bool nested = at > 1 && text[at - 2] == '\\';
    while (end < text.size() && end - at < kValueMax && text[end] != before && text[end] != '\n' &&
           !(nested && text[end] == '\\'))
      end += text[end] == '\\' && end + 1 < text.size() && text[end + 1] != '\n' ? 2 : 1;
    end = std::min(end, text.size());
    std::string_view inside = text.substr(at, end - at);
    if (end < text.size() && text[end] == (nested ? '\\' : before) &&
        inside.find_first_of(" \t") == std::string_view::npos)
      return {inside, true};
  }
  std::size_t end = at;
  while (end < text.size() && end - at < kValueMax) {
    const bool inside = text[end] == '|' && end > at && end + 1 < text.size() &&
                        IsAlnum(text[end - 1]) && IsAlnum(text[end + 1]);
    if (EndsBare(text[end]) && !inside) break;
    if (text[end] == '=') {
      // Padding at the end belongs to the value, a sign in its middle doesn't.
      std::size_t after = end;
      while (after < text.size() && text[after] == '=') ++after;
      if (after < text.size() && !EndsBare(text[after])) break;
      end = after;
      break;
    }
    if (text[end] == ':' && (end + 1 >= text.size() || EndsBare(text[end + 1]))) break;
    ++end;
  }
  std::string_view value = text.substr(at, end - at);
  const bool quoted = IsQuote(before) && end < text.size() && text[end] == '\\';
  while (!value.empty() && value.back() == '.') value.remove_suffix(1);
  return {value, quoted};
}

// The name's bytes that end before `end`; words may be separated by single spaces.
std::string_view NameBefore(std::string_view text, std::size_t end) {
  std::size_t begin = end;
  while (begin > 0 && end - begin < kNameMax) {
    const char c = text[begin - 1];
    if (!IsNameByte(c) && !(IsSpace(c) && begin < end)) break;
    --begin;
  }
  std::string_view name = text.substr(begin, end - begin);
  while (!name.empty() && IsSpace(name.front())) name.remove_prefix(1);
  return name;
}

// "value", "secret_value": says nothing; what it is the value of stands before.
bool IsEmptyName(std::string_view words) {
  constexpr std::array<std::string_view, 6> kEmpty = {
      "_value_", "_secret_value_", "_default_", "_content_", "_text_", "_string_value_"};
  return std::ranges::find(kEmpty, words) != kEmpty.end();
}

}  // namespace

std::string NameWords(std::string_view text) {
  std::string out = "_";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (!IsAlnum(c)) {
      if (out.back() != '_') out += '_';
      continue;
    }
    const bool after_lower = i > 0 && (IsLower(text[i - 1]) || IsDigit(text[i - 1]));
    const bool before_lower =
        i > 0 && IsUpper(text[i - 1]) && i + 1 < text.size() && IsLower(text[i + 1]);
    if (IsUpper(c) && (after_lower || before_lower) && out.back() != '_') out += '_';
    out += IsUpper(c) ? static_cast<char>(c - 'A' + 'a') : c;
  }
  if (out.back() != '_') out += '_';
  return out;
}

bool HasWord(std::string_view name, std::string_view word) {
  for (std::size_t at = 0; at + 1 < name.size(); ++at) {
    if (name[at] != '_') continue;
    std::size_t i = at + 1;
    std::size_t j = 0;
    bool joined = false;
    while (j < word.size()) {
      if (word[j] == '_' || word[j] == '-') {
        ++j;
        continue;
      }
      if (j > 0 && i < name.size() && name[i] == '_') {
        ++i;
        joined = true;
        continue;
      }
      if (i >= name.size() || name[i] != word[j]) break;
      ++i;
      ++j;
    }
    // Several words have to end where it ends: "sum of" doesn't begin with "sumo".
    if (j == word.size() && (!joined || (i < name.size() && name[i] == '_'))) return true;
  }
  return false;
}

bool SpeaksOfCredential(std::string_view name) {
  constexpr std::array<std::string_view, 10> kParts = {
      "token", "secret", "passw", "pwd", "cred", "key_", "_auth", "bearer", "_pat_", "_pass_"};
  return std::ranges::any_of(
      kParts, [&](std::string_view part) { return name.find(part) != std::string_view::npos; });
}

void VisitAssignments(std::string_view text, std::size_t begin,
                      const std::function<void(const Assignment&)>& visit) {
  for (std::size_t at = std::max<std::size_t>(begin, 1); at < text.size(); ++at) {
    if (!IsBetween(text[at - 1]) || IsBetween(text[at]) || In(text[at], "\r\n;)}")) continue;
    const auto [value, quoted] = ValueAt(text, at);
    if (value.size() < 4) continue;
    std::size_t left = at;
    bool sign = false;
    while (left > 0 && at - left < kSignsMax && IsBetween(text[left - 1])) {
      --left;
      sign = sign || In(text[left], "=:>,(|");
    }
    std::string_view raw = NameBefore(text, left);
    if (raw.empty()) continue;
    Assignment found{NameWords(raw), value, value, quoted, sign, false};
    if (const std::size_t end = at + value.size(); end < text.size() && text[end] == '=') {
      std::size_t stop = end;
      while (stop < text.size() && stop - at < kLongerMax && !EndsBare(text[stop])) ++stop;
      found.longer = text.substr(at, stop - at);
    }
    if (IsEmptyName(found.name)) {
      std::size_t end = static_cast<std::size_t>(raw.data() - text.data());
      const std::size_t stop = end > 96 ? end - 96 : 0;
      while (end > stop && !IsAlnum(text[end - 1])) --end;
      found.name = NameWords(NameBefore(text, end));
    }
    const std::size_t after = static_cast<std::size_t>(value.data() - text.data()) + value.size();
    const std::string_view behind = text.substr(std::min(after, text.size()), 2);
    found.is_called = (!quoted && !behind.empty() && In(behind[0], "([")) || behind == "..";
    visit(found);
  }
}

}  // namespace interlock::credential
