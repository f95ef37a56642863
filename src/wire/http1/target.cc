#include "wire/http1/target.h"

#include <algorithm>

#include "base/bytes.h"
#include "wire/http1/characters.h"
#include "wire/http1/message.h"

namespace interlock::http1 {
namespace {

constexpr std::size_t kQueryParametersMax = 1000;

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool IsHexPair(std::string_view text) {
  return text.size() >= 2 && HexValue(text[0]) >= 0 && HexValue(text[1]) >= 0;
}

std::optional<Malformed> CheckRawByte(char c) {
  if (static_cast<unsigned char>(c) >= 0x80) {
    return Malformed{"the path carries bytes outside ASCII", "non-ascii-in-path"};
  }
  if (c == '\0') return Malformed{"the path carries a NUL byte", "nul-in-path"};
  if (!IsVisible(c)) return Malformed{"the path carries a control character", "control-in-path"};
  if (c == '\\') return Malformed{"the path carries a backslash", "backslash-in-path"};
  if (c == '#') return Malformed{"the path carries a fragment", "fragment-in-target"};
  if (c == '?') return Malformed{"the path carries a query", "query-in-path"};
  if (c == ';') return Malformed{"the path carries a parameter", "path-parameter"};
  return std::nullopt;
}

// `rest` is what follows the escape that gave `c`.
std::optional<Malformed> CheckEscaped(char c, std::string_view rest) {
  const auto byte = static_cast<unsigned char>(c);
  if (c == '\0') return Malformed{"the path carries an encoded NUL", "nul-in-path"};
  if (byte < 0x20 || byte == 0x7f) {
    return Malformed{"the path carries an encoded control character", "control-in-path"};
  }
  if (c == '/') return Malformed{"the path carries an encoded slash", "encoded-slash"};
  if (c == '\\') return Malformed{"the path carries an encoded backslash", "backslash-in-path"};
  if (c == ';') return Malformed{"the path carries an encoded semicolon", "path-parameter"};
  if (c == '%' && IsHexPair(rest)) {
    return Malformed{"the path is percent-encoded twice", "double-encoding"};
  }
  return std::nullopt;
}

// RFC 3986 2.3: these mean the same encoded or not, and no client encodes them for good reason.
bool IsUnreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~").find(c) != std::string_view::npos;
}

// Decodes one pass into `plain`, refusing on the way.
std::optional<Malformed> DecodePath(std::string_view path, std::string& plain, bool& unreserved) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      if (auto refusal = CheckRawByte(path[i])) return refusal;
      plain.push_back(path[i]);
      continue;
    }
    if (!IsHexPair(path.substr(i + 1))) {
      return Malformed{"the path carries a broken percent escape", "bad-escape"};
    }
    const char c = static_cast<char>(HexValue(path[i + 1]) * 16 + HexValue(path[i + 2]));
    i += 2;
    if (auto refusal = CheckEscaped(c, path.substr(i + 1))) return refusal;
    unreserved |= IsUnreserved(c);
    plain.push_back(c);
  }
  return std::nullopt;
}

std::optional<Malformed> CheckSegments(std::string_view plain) {
  while (!plain.empty()) {
    plain.remove_prefix(1);  // the slash
    const std::string_view segment = plain.substr(0, plain.find('/'));
    if (segment == "." || segment == "..") {
      return Malformed{"the path carries a dot segment", "dot-segment"};
    }
    if (segment.ends_with('.') || segment.ends_with(' ')) {
      return Malformed{"a path segment ends in a dot or space", "trailing-dot-segment"};
    }
    plain.remove_prefix(segment.size());
  }
  return std::nullopt;
}

Result<std::string> DecodeFormText(std::string_view text) {
  std::string spaced(text);
  std::ranges::replace(spaced, '+', ' ');
  auto decoded = PercentDecode(spaced);
  if (!decoded) return Fail(Code::invalid_input, "query: a percent escape is broken");
  if (!IsUtf8(*decoded)) return Fail(Code::invalid_input, "query: a parameter is not UTF-8");
  if (decoded->find('\0') != std::string::npos) {
    return Fail(Code::invalid_input, "query: a parameter carries a NUL byte");
  }
  return *std::move(decoded);
}

}  // namespace

std::optional<Malformed> CheckPath(std::string_view path) {
  if (!path.starts_with('/')) {
    return Malformed{"the path does not begin with a slash", "path-not-absolute"};
  }
  std::string plain;
  plain.reserve(path.size());
  bool unreserved = false;
  if (auto refusal = DecodePath(path, plain, unreserved)) return refusal;
  // The order names the attack: a "%2e%2e" segment is a dot segment first.
  if (auto refusal = CheckSegments(plain)) return refusal;
  if (unreserved) {
    return Malformed{"the path encodes a character that needs no encoding", "encoded-unreserved"};
  }
  if (!IsUtf8(plain)) return Malformed{"the path is not UTF-8 once decoded", "bad-utf8-in-path"};
  return std::nullopt;
}

std::optional<Malformed> CheckTarget(std::string_view path_and_query) {
  const std::size_t mark = path_and_query.find('?');
  if (auto refusal = CheckPath(path_and_query.substr(0, mark))) return refusal;
  if (mark == std::string_view::npos) return std::nullopt;
  const auto parameters = ParseQuery(path_and_query.substr(mark + 1));
  if (!parameters) return Malformed{"the query can't be decoded", "bad-query"};
  for (const auto& [name, value] : *parameters) {
    if (IsMethodOverride(ToLower(name))) {
      return Malformed{"a query parameter overrides the method", "method-override"};
    }
  }
  return std::nullopt;
}

Result<std::vector<std::pair<std::string, std::string>>> ParseQuery(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  while (!query.empty()) {
    const std::string_view piece = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(piece.size() + 1, query.size()));
    if (piece.empty()) continue;
    if (parameters.size() == kQueryParametersMax) {
      return Fail(Code::limit, "query: more than 1000 parameters");
    }
    const std::size_t equals = std::min(piece.find('='), piece.size());
    ILK_TRY(name, DecodeFormText(piece.substr(0, equals)));
    ILK_TRY(value, DecodeFormText(piece.substr(std::min(equals + 1, piece.size()))));
    parameters.emplace_back(std::move(name), std::move(value));
  }
  return parameters;
}

}  // namespace interlock::http1
