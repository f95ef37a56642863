#include "wire/http1/field_block.h"

#include <algorithm>
#include <array>
#include <limits>

namespace interlock::http1 {
namespace {

constexpr Malformed kBareLf{"a line ends in LF without CR", "bare-lf"};
constexpr Malformed kBareCr{"a CR stands inside a line", "bare-cr"};
constexpr Malformed kNul{"a field carries a NUL byte", "nul-in-field"};
constexpr Malformed kBadName{"a field name is not a token", "bad-field-name"};

Malformed NameRefusal(std::string_view line, std::size_t at) {
  if (line[at] == '\0') return kNul;
  if (line[at] == '\r') return kBareCr;
  if (line[at] == ':') return {"a field has no name", "empty-field-name"};
  const std::size_t next = line.find_first_not_of(" \t", at);
  if (next != at && next != std::string_view::npos && line[next] == ':') {
    return {"white space stands before the colon of a field", "space-before-colon"};
  }
  return kBadName;
}

Malformed ValueRefusal(std::string_view value) {
  const char first = *std::ranges::find_if(value, IsControl);
  if (first == '\0') return kNul;
  if (first == '\r') return kBareCr;
  return {"a field value carries a control character", "control-in-field"};
}

std::optional<Malformed> ParseField(std::string_view line, Field& field) {
  // RFC 9112 5.2 lets a server unfold; programs unfold differently or not at all.
  if (line.front() == ' ' || line.front() == '\t') {
    return Malformed{"a field is continued on a second line", "obs-fold"};
  }
  std::size_t end = 0;
  while (end < line.size() && TokenLower(line[end]) != 0) ++end;
  if (end == line.size()) return Malformed{"a field line has no colon", "field-without-colon"};
  if (end == 0 || line[end] != ':') return NameRefusal(line, end);
  field.name.resize(end);
  std::transform(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(end), field.name.begin(),
                 TokenLower);
  const std::string_view value = TrimSpace(line.substr(end + 1));
  if (HasControl(value)) return ValueRefusal(value);
  field.value.assign(value);
  return std::nullopt;
}

}  // namespace

Step<std::string_view> FirstLine(std::string_view in, std::size_t line_bytes_max,
                                 const Malformed& too_long) {
  const std::size_t lf = in.substr(0, line_bytes_max).find('\n');
  if (lf == std::string_view::npos) {
    if (in.size() >= line_bytes_max) return too_long;
    return NeedMore{1};
  }
  if (lf == 0 || in[lf - 1] != '\r') return kBareLf;
  const std::string_view line = in.substr(0, lf - 1);
  if (line.find('\r') != std::string_view::npos) return kBareCr;
  return line;
}

Step<std::size_t> HeadEnd(std::string_view in, std::size_t begin, const Limits& limits) {
  const std::string_view window = in.substr(0, limits.header_bytes_max);
  std::size_t count = 0;
  while (begin < window.size()) {
    const std::size_t lf = window.find('\n', begin);
    if (lf == std::string_view::npos) break;
    if (lf == begin || window[lf - 1] != '\r') return kBareLf;
    if (lf == begin + 1) return lf + 1;
    if (++count > limits.header_count_max) {
      return Malformed{"the head has too many fields", "too-many-fields", 431};
    }
    begin = lf + 1;
  }
  if (in.size() >= limits.header_bytes_max) {
    return Malformed{"the head is larger than the limit", "head-too-large", 431};
  }
  return NeedMore{1};
}

std::variant<std::vector<Field>, Malformed> ParseFields(std::string_view block) {
  std::vector<Field> fields;
  fields.reserve(16);
  while (!block.empty()) {
    const std::size_t lf = block.find('\n');
    if (auto refusal = ParseField(block.substr(0, lf - 1), fields.emplace_back())) return *refusal;
    block.remove_prefix(lf + 1);
  }
  return fields;
}

std::optional<std::uint64_t> ParseContentLength(std::string_view text) {
  if (text.empty() || text.size() > 19) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  std::uint64_t value = 0;  // 19 digits fit
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (value > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) return std::nullopt;
  return value;
}

bool IsProtectedField(std::string_view lower_name) {
  static constexpr std::array<std::string_view, 12> kProtected = {
      "host",          "content-length", "content-type", "content-encoding",
      "authorization", "cookie",         "set-cookie",   "location",
      "expect",        "date",           "origin",       "accept"};
  return std::ranges::find(kProtected, lower_name) != kProtected.end();
}

}  // namespace interlock::http1
