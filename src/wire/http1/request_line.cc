#include "wire/http1/request_line.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/bytes.h"
#include "wire/http1/characters.h"

namespace interlock::http1 {
namespace {

constexpr Malformed kBadTarget{"the request target is not one of RFC 9112 3.2", "bad-target"};

Refusal CheckMethod(std::string_view method) {
  static constexpr std::array<std::string_view, 8> kKnown = {
      "GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT"};
  if (std::ranges::find(kKnown, method) != kKnown.end()) return std::nullopt;
  if (!IsToken(method)) return Malformed{"the method is not a token", "bad-method"};
  const auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
  // Some frameworks fold the case of methods and some don't.
  if (std::ranges::any_of(method, is_lower)) {
    return Malformed{"the method is not in upper case", "method-case"};
  }
  return Malformed{"the method is not one this gateway knows", "method-unknown", 501};
}

Refusal CheckVersion(std::string_view version, int& minor) {
  if (version == "HTTP/1.1" || version == "HTTP/1.0") {
    minor = version.back() - '0';
    return std::nullopt;
  }
  return Malformed{"the version is neither HTTP/1.1 nor HTTP/1.0", "http-version", 505};
}

Refusal CheckTargetBytes(std::string_view target) {
  if (std::ranges::all_of(target, [](char c) { return IsVisible(c) && c != '#'; })) {
    return std::nullopt;
  }
  for (const char c : target) {
    if (c == '#') return Malformed{"the target carries a fragment", "fragment-in-target"};
    if (c == '\0') return Malformed{"the target carries a NUL byte", "nul-in-target"};
    if (static_cast<unsigned char>(c) >= 0x80) {
      return Malformed{"the target carries bytes outside ASCII", "non-ascii-in-target"};
    }
    if (!IsVisible(c)) break;
  }
  return Malformed{"the target carries a control character", "control-in-target"};
}

Refusal ParseAbsoluteForm(RequestHead& head, std::optional<Authority>& authority) {
  const std::string_view target = head.target;
  const std::size_t colon = target.find("://");
  if (colon == std::string_view::npos) return kBadTarget;
  head.scheme = ToLower(target.substr(0, colon));
  if (head.scheme != "http" && head.scheme != "https") {
    return Malformed{"the scheme of the target is neither http nor https", "bad-scheme"};
  }
  const std::size_t begin = colon + 3;
  const std::size_t end = std::min(target.find_first_of("/?\\", begin), target.size());
  if (end < target.size() && target[end] != '/') return kBadTarget;
  auto parsed = ParseAuthority(target.substr(begin, end - begin));
  if (const auto* refusal = std::get_if<Malformed>(&parsed)) return *refusal;
  authority = std::move(std::get<Authority>(parsed));
  head.form = TargetForm::absolute;
  head.path_offset = end == target.size() ? std::string::npos : end;
  return std::nullopt;
}

}  // namespace

Refusal ParseRequestLine(std::string_view line, const Limits& limits, RequestHead& head) {
  if (line.empty()) return Malformed{"the request line is empty", "empty-request-line"};
  if (line.starts_with("PRI * HTTP/2")) {
    return Malformed{"HTTP/2 with prior knowledge", "http2-preface", 505};
  }
  const std::size_t first = line.find(' ');
  if (first == std::string_view::npos) {
    return Malformed{"the request line has no target", "bad-request-line"};
  }
  if (auto refusal = CheckMethod(line.substr(0, first))) return refusal;
  const std::size_t second = line.find(' ', first + 1);
  if (second == std::string_view::npos) {
    return Malformed{"the request line has no version, as in HTTP/0.9", "http-0-9", 505};
  }
  if (line.find(' ', second + 1) != std::string_view::npos || second == first + 1) {
    return Malformed{"the request line is not three words with one space between",
                     "bad-request-line"};
  }
  if (auto refusal = CheckVersion(line.substr(second + 1), head.minor_version)) return refusal;
  const std::string_view target = line.substr(first + 1, second - first - 1);
  if (target.size() > limits.target_bytes_max) {
    return Malformed{"the request target is longer than the limit", "target-too-long", 414};
  }
  if (auto refusal = CheckTargetBytes(target)) return refusal;
  head.method.assign(line.substr(0, first));
  head.target.assign(target);
  return std::nullopt;
}

Refusal ParseTarget(RequestHead& head, std::optional<Authority>& authority) {
  if (head.method == "CONNECT") {
    auto parsed = ParseAuthority(head.target);
    if (const auto* refusal = std::get_if<Malformed>(&parsed)) return *refusal;
    authority = std::move(std::get<Authority>(parsed));
    if (authority->port == 0) return Malformed{"CONNECT names no port", "bad-port"};
    head.form = TargetForm::authority;
    head.path_offset = std::string::npos;
    return std::nullopt;
  }
  if (head.target.front() == '/') return std::nullopt;
  if (head.target == "*" && head.method == "OPTIONS") {
    head.form = TargetForm::asterisk;
    head.path_offset = std::string::npos;
    return std::nullopt;
  }
  return ParseAbsoluteForm(head, authority);
}

}  // namespace interlock::http1
