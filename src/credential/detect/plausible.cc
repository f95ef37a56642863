#include "credential/detect/plausible.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "base/bytes.h"

namespace interlock::credential {
namespace {

constexpr std::size_t kMeasuredMax = 4096;  // more of a value says nothing new about it

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlpha(char c) { return IsLower(c) || IsUpper(c); }

template <std::size_t N>
bool ContainsAny(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::ranges::any_of(
      words, [&](std::string_view word) { return text.find(word) != std::string_view::npos; });
}

// The longest run of one character out of `filler`, and of letters that follow each other.
bool HasFiller(std::string_view value) {
  constexpr std::string_view kFiller = "xX*#";
  std::size_t same = 1;
  std::size_t ascending = 1;
  for (std::size_t i = 1; i < value.size(); ++i) {
    same = value[i] == value[i - 1] ? same + 1 : 1;
    ascending = IsAlpha(value[i]) && value[i] == value[i - 1] + 1 ? ascending + 1 : 1;
    if (same >= 5 && kFiller.find(value[i]) != std::string_view::npos) return true;
    if (same >= 3 && value[i] == '.') return true;
    if (ascending >= 20) return true;
  }
  return value.size() >= 8 && same == value.size();
}

}  // namespace

double EntropyOf(std::string_view text) {
  if (text.empty()) return 0;
  text = text.substr(0, kMeasuredMax);
  std::array<std::uint32_t, 256> counts{};
  for (char c : text) ++counts[static_cast<unsigned char>(c)];
  double bits = 0;
  const auto size = static_cast<double>(text.size());
  for (std::uint32_t count : counts) {
    if (count == 0) continue;
    const double share = count / size;
    bits -= share * std::log2(share);
  }
  return bits;
}

Makeup MakeupOf(std::string_view text) {
  Makeup out;
  for (char c : text) {
    if (IsLower(c))
      ++out.lower;
    else if (IsUpper(c))
      ++out.upper;
    else if (IsDigit(c))
      ++out.digits;
    else
      ++out.others;
  }
  return out;
}

bool IsHex(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

bool IsPlaceholder(std::string_view value) {
  if (value.empty()) return true;
  constexpr std::array<std::string_view, 9> kSigns = {
      "EXAMPLE", "PLACEHOLDER", "REDACTED", "YOUR_", "_HERE", "CHANGEME", "${", "{{", "$("};
  constexpr std::array<std::string_view, 5> kWords = {"placeholder", "redacted", "changeme",
                                                      "_here", "your_"};
  constexpr std::string_view kOpens = "<$%[{(";
  if (kOpens.find(value.front()) != std::string_view::npos) {
    // "${NAME}" and "$NAME" are references; "$2b$10$…" is a hash and "{ZqL5…}" may be a password.
    const char second = value.size() > 1 ? value[1] : '\0';
    if (value.front() == '<' || value.front() == '[') return true;
    if (value.front() == '$' &&
        (IsAlpha(second) || second == '_' || second == '{' || second == '(' || value.size() == 2))
      return true;
    if (value.front() == '%' && value.size() > 2 && (value.back() == '%' || second == '('))
      return true;
    if (value.front() == '%' && value.size() == 2) return true;
    if (value.starts_with("{{") || value.starts_with("{%")) return true;
    if (value.front() == '{' && value.back() == '}') {
      const Makeup makeup = MakeupOf(value);
      if (makeup.digits == 0) return true;
    }
  }
  return ContainsAny(value, kSigns) || ContainsAny(value, kWords) || HasFiller(value);
}

bool IsWordy(std::string_view value) {
  const std::string lower = ToLower(value);
  constexpr std::array<std::string_view, 34> kInside = {
      "example", "sample",   "placeholder", "changeme",   "change-me",   "change_me",  "changeit",
      "your-",   "your_",    "yourpass",    "yoursecret", "yourtoken",   "dummy",      "redacted",
      "foobar",  "password", "passwd",      "secret",     "process.env", "os.environ", "getenv",
      "insert",  "replace",  "not-a-real",  "notreal",    "undefined",   "username",   "api_key",
      "apikey",  "token",    "qwerty",      "123456789",  "localhost",   "lorem"};
  constexpr std::array<std::string_view, 8> kBegins = {"test", "fake", "demo", "todo",
                                                       "temp", "none", "null", "admin"};
  if (ContainsAny(lower, kInside)) return true;
  return std::ranges::any_of(kBegins, [&](std::string_view word) {
    if (!lower.starts_with(word)) return false;
    return lower.size() == word.size() || value.size() < 20;
  });
}

bool IsRandomEnough(std::string_view value, Randomness wanted) {
  if (wanted == Randomness::any) return true;
  if (value.size() < 4) return false;
  const double limit = std::log2(static_cast<double>(std::min<std::size_t>(value.size(), 64)));
  const double entropy = EntropyOf(value);
  if (wanted == Randomness::password)
    return value.size() >= 8 && entropy >= 2.75 && MakeupOf(value).classes() >= 2;
  if (wanted == Randomness::strong) return entropy >= std::min(3.5, 0.85 * limit);
  return entropy >= std::min(3.0, 0.75 * limit);
}

bool LooksLikeIdentifier(std::string_view value) {
  const Makeup makeup = MakeupOf(value);
  if (makeup.letters() == 0) return false;
  // Words with at most a number or two at their ends: "oauth2Client", "v1.users.list".
  std::size_t groups = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (IsDigit(value[i]) && (i == 0 || !IsDigit(value[i - 1]))) ++groups;
  }
  const bool words = std::ranges::all_of(value, [](char c) {
    return IsAlpha(c) || IsDigit(c) ||
           std::string_view("_-./:$@ ").find(c) != std::string_view::npos;
  });
  return words && (makeup.digits == 0 || (groups <= 1 && makeup.digits <= 2) ||
                   (groups <= 2 && makeup.digits * 8 <= value.size()));
}

}  // namespace interlock::credential
