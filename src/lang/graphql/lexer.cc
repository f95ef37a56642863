#include "lang/graphql/lexer.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

namespace interlock::graphql {
namespace {

// Names end up in records and before humans; the schemas that exist stay far below.
constexpr std::size_t kNameBytesMax = 256;

enum Class : std::uint8_t { kNameStart = 1, kDigit = 2, kIgnored = 4, kPunctuator = 8 };

constexpr std::array<std::uint8_t, 256> MakeClasses() {
  std::array<std::uint8_t, 256> classes{};
  for (unsigned c = 'a'; c <= 'z'; ++c) classes[c] = kNameStart;
  for (unsigned c = 'A'; c <= 'Z'; ++c) classes[c] = kNameStart;
  classes['_'] = kNameStart;
  for (unsigned c = '0'; c <= '9'; ++c) classes[c] = kDigit;
  for (const char c : {' ', '\t', '\n', '\r', ','})
    classes[static_cast<unsigned char>(c)] = kIgnored;
  for (const char c : {'!', '$', '&', '(', ')', ':', '=', '@', '[', ']', '{', '|', '}'}) {
    classes[static_cast<unsigned char>(c)] = kPunctuator;
  }
  return classes;
}
constexpr std::array<std::uint8_t, 256> kClasses = MakeClasses();

bool Has(char c, unsigned classes) {
  return (kClasses[static_cast<unsigned char>(c)] & classes) != 0;
}

// Section 2.1.1: of the control characters below U+0020 only tab, line feed and carriage return.
bool IsForbiddenControl(char c) {
  return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char* PutUtf8(std::uint32_t code, char* out) {
  const auto put = [&out](std::uint32_t byte) { *out++ = static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  }
  return out;
}

std::optional<std::uint32_t> FourHex(std::string_view raw, std::size_t at) {
  if (raw.size() < at + 4) return std::nullopt;
  std::uint32_t value = 0;
  for (std::size_t i = at; i < at + 4; ++i) {
    const int digit = HexDigit(raw[i]);
    if (digit < 0) return std::nullopt;
    value = value * 16 + static_cast<std::uint32_t>(digit);
  }
  return value;
}

bool IsSurrogate(std::uint32_t code) { return code >= 0xD800 && code <= 0xDFFF; }

// `at` stands behind `\u`; moved behind the escape. A surrogate is valid as half of a pair of
// fixed-width escapes alone: what a lone one would mean differs from server to server.
std::optional<std::uint32_t> UnicodeEscape(std::string_view raw, std::size_t& at) {
  if (at < raw.size() && raw[at] == '{') {
    std::uint32_t code = 0;
    std::size_t i = at + 1;
    for (; i < raw.size() && raw[i] != '}'; ++i) {
      const int digit = HexDigit(raw[i]);
      if (digit < 0) return std::nullopt;
      code = code * 16 + static_cast<std::uint32_t>(digit);
      if (code > 0x10FFFF) return std::nullopt;
    }
    if (i >= raw.size() || i == at + 1 || IsSurrogate(code)) return std::nullopt;
    at = i + 1;
    return code;
  }
  const auto first = FourHex(raw, at);
  if (!first) return std::nullopt;
  at += 4;
  if (!IsSurrogate(*first)) return first;
  if (*first >= 0xDC00 || raw.substr(at, 2) != "\\u") return std::nullopt;
  const auto second = FourHex(raw, at + 2);
  if (!second || *second < 0xDC00 || *second > 0xDFFF) return std::nullopt;
  at += 6;
  return 0x10000 + ((*first - 0xD800) << 10) + (*second - 0xDC00);
}

struct Line {
  std::string_view text;
  std::size_t next;  // where the following line starts; npos after the last
};

// Section 2.1.3: \n, \r\n and \r end a line.
Line LineAt(std::string_view raw, std::size_t at) {
  const std::size_t end = raw.find_first_of("\r\n", at);
  if (end == std::string_view::npos) return {raw.substr(at), std::string_view::npos};
  const bool pair = raw[end] == '\r' && end + 1 < raw.size() && raw[end + 1] == '\n';
  return {raw.substr(at, end - at), end + (pair ? 2 : 1)};
}

std::size_t Indentation(std::string_view line) {
  const std::size_t indent = line.find_first_not_of(" \t");
  return indent == std::string_view::npos ? line.size() : indent;
}

char* PutBlockLine(std::string_view line, char* out) {
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line.substr(i, 4) == "\\\"\"\"") ++i;
    *out++ = line[i];
  }
  return out;
}

}  // namespace

Token Lexer::Bad(std::size_t offset, std::string_view why) {
  error_ = why;
  at_ = offset;
  return {TokenKind::bad, false, text_.substr(offset, 1), offset};
}

void Lexer::SkipIgnored() {
  while (at_ < text_.size()) {
    if (Has(text_[at_], kIgnored)) {
      ++at_;
    } else if (text_[at_] == '#') {
      while (at_ < text_.size() && text_[at_] != '\n' && text_[at_] != '\r' &&
             !IsForbiddenControl(text_[at_])) {
        ++at_;
      }
    } else {
      return;
    }
  }
}

Token Lexer::Next() {
  if (!error_.empty()) return {TokenKind::bad, false, text_.substr(at_, 1), at_};
  SkipIgnored();
  const std::size_t start = at_;
  if (start >= text_.size()) return {TokenKind::end, false, {}, text_.size()};
  const char c = text_[start];
  if (Has(c, kNameStart)) {
    ++at_;
    while (at_ < text_.size() && Has(text_[at_], kNameStart | kDigit)) ++at_;
    if (at_ - start > kNameBytesMax) return Bad(start, "a name of more than 256 bytes");
    return {TokenKind::name, false, text_.substr(start, at_ - start), start};
  }
  if (Has(c, kPunctuator)) {
    ++at_;
    return {TokenKind::punctuator, false, text_.substr(start, 1), start};
  }
  if (Has(c, kDigit) || c == '-') return Number();
  if (c == '"') return text_.substr(start, 3) == "\"\"\"" ? BlockString() : String();
  if (text_.substr(start, 3) == "...") {
    at_ += 3;
    return {TokenKind::punctuator, false, text_.substr(start, 3), start};
  }
  if (text_.substr(start, 3) == "\xEF\xBB\xBF") return Bad(start, "a byte-order mark is refused");
  if (IsForbiddenControl(c)) return Bad(start, "a control character is refused");
  return Bad(start, "no token begins with this character");
}

// Sections 2.9.1 and 2.9.2, with their look-ahead: a digit, a dot or a name may not follow at once.
Token Lexer::Number() {
  const std::size_t start = at_;
  std::size_t i = start;
  const auto digits = [&] {
    const std::size_t from = i;
    while (i < text_.size() && Has(text_[i], kDigit)) ++i;
    return i - from;
  };
  if (text_[i] == '-') ++i;
  const std::size_t first = i;
  const std::size_t whole = digits();
  if (whole == 0) return Bad(start, "a minus sign without a digit");
  if (whole > 1 && text_[first] == '0') return Bad(start, "a number with a leading zero");
  TokenKind kind = TokenKind::integer;
  if (i < text_.size() && text_[i] == '.') {
    kind = TokenKind::floating;
    ++i;
    if (digits() == 0) return Bad(start, "a decimal point without a digit behind it");
  }
  if (i < text_.size() && (text_[i] == 'e' || text_[i] == 'E')) {
    kind = TokenKind::floating;
    ++i;
    if (i < text_.size() && (text_[i] == '+' || text_[i] == '-')) ++i;
    if (digits() == 0) return Bad(start, "an exponent without a digit");
  }
  if (i < text_.size() && (text_[i] == '.' || Has(text_[i], kNameStart))) {
    return Bad(start, "a number that runs into a name or a dot");
  }
  at_ = i;
  return {kind, false, text_.substr(start, i - start), start};
}

Token Lexer::String() {
  const std::size_t start = at_;
  bool has_escape = false;
  std::size_t i = start + 1;
  for (; i < text_.size() && text_[i] != '"'; ++i) {
    const char c = text_[i];
    if (c == '\n' || c == '\r') return Bad(start, "a string that its line does not end");
    if (IsForbiddenControl(c)) return Bad(i, "a control character is refused");
    if (c != '\\') continue;
    has_escape = true;
    ++i;  // the escaped character is not a closing quote; Unescape judges it
    if (i < text_.size() && (text_[i] == '\n' || text_[i] == '\r')) break;
  }
  if (i >= text_.size() || text_[i] != '"') return Bad(start, "a string that is not closed");
  at_ = i + 1;
  return {TokenKind::string, has_escape, text_.substr(start + 1, i - start - 1), start};
}

Token Lexer::BlockString() {
  const std::size_t start = at_;
  for (std::size_t i = start + 3; i < text_.size(); ++i) {
    const char c = text_[i];
    if (IsForbiddenControl(c)) return Bad(i, "a control character is refused");
    if (c == '\\' && text_.substr(i, 4) == "\\\"\"\"") {
      i += 3;
    } else if (c == '"' && text_.substr(i, 3) == "\"\"\"") {
      at_ = i + 3;
      return {TokenKind::block_string, true, text_.substr(start + 3, i - start - 3), start};
    }
  }
  return Bad(start, "a block string that is not closed");
}

char* Unescape(std::string_view raw, char* out) {
  for (std::size_t i = 0; i < raw.size();) {
    if (raw[i] != '\\') {
      *out++ = raw[i++];
      continue;
    }
    if (i + 1 >= raw.size()) return nullptr;
    const char kind = raw[i + 1];
    i += 2;
    switch (kind) {
      case '"':
      case '\\':
      case '/':
        *out++ = kind;
        break;
      case 'b':
        *out++ = '\b';
        break;
      case 'f':
        *out++ = '\f';
        break;
      case 'n':
        *out++ = '\n';
        break;
      case 'r':
        *out++ = '\r';
        break;
      case 't':
        *out++ = '\t';
        break;
      case 'u': {
        const auto code = UnicodeEscape(raw, i);
        if (!code) return nullptr;
        out = PutUtf8(*code, out);
        break;
      }
      default:
        return nullptr;
    }
  }
  return out;
}

char* UnescapeBlock(std::string_view raw, char* out) {
  constexpr std::size_t kNpos = std::string_view::npos;
  // The algorithm of BlockStringValue: first what all lines but the first have in common, and which
  // lines are the first and the last that are not blank.
  std::size_t common = kNpos;
  std::size_t first_line = kNpos;
  std::size_t last_line = 0;
  std::size_t number = 0;
  for (std::size_t at = 0; at != kNpos; ++number) {
    const Line line = LineAt(raw, at);
    const std::size_t indent = Indentation(line.text);
    if (indent < line.text.size()) {
      if (number > 0 && indent < common) common = indent;
      if (first_line == kNpos) first_line = number;
      last_line = number;
    }
    at = line.next;
  }
  if (first_line == kNpos) return out;
  if (common == kNpos) common = 0;
  number = 0;
  for (std::size_t at = 0; at != kNpos && number <= last_line; ++number) {
    const Line line = LineAt(raw, at);
    at = line.next;
    if (number < first_line) continue;
    if (number > first_line) *out++ = '\n';
    const std::size_t cut = number == 0 ? 0 : std::min(common, line.text.size());
    out = PutBlockLine(line.text.substr(cut), out);
  }
  return out;
}

}  // namespace interlock::graphql
