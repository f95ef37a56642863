#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "wire/http1/field_block.h"
#include "wire/http1/request_line.h"

namespace interlock::http1 {
namespace {

// The longest line around a target of the largest size: method, two spaces, version, CRLF.
constexpr std::size_t kLineOverhead = 32;

enum class Meaning {
  none,
  host,
  content_length,
  transfer_encoding,
  connection,
  expect,
  upgrade,
  http2_settings,
  content_encoding,
  method_override,
  path_override,
  host_override,
};

struct Meant {
  std::string_view name;
  Meaning meaning;
};

Meaning MeaningOf(std::string_view name) {
  static constexpr std::array<Meant, 15> kMeant = {{
      {"host", Meaning::host},
      {"expect", Meaning::expect},
      {"upgrade", Meaning::upgrade},
      {"connection", Meaning::connection},
      {"content-length", Meaning::content_length},
      {"http2-settings", Meaning::http2_settings},
      {"content-encoding", Meaning::content_encoding},
      {"transfer-encoding", Meaning::transfer_encoding},
      {"x-original-url", Meaning::path_override},
      {"x-rewrite-url", Meaning::path_override},
      {"x-original-uri", Meaning::path_override},
      {"x-original-path", Meaning::path_override},
      {"x-forwarded-host", Meaning::host_override},
      {"x-original-host", Meaning::host_override},
      {"x-http-host-override", Meaning::host_override},
  }};
  for (const Meant& meant : kMeant) {
    if (meant.name == name) return meant.meaning;
  }
  return IsMethodOverride(name) ? Meaning::method_override : Meaning::none;
}

// CGI and WSGI read "content_length" and "content-length" as the same variable.
Refusal CheckUnderscores(std::string_view name) {
  if (name.find('_') == std::string_view::npos) return std::nullopt;
  std::string dashed(name);
  std::ranges::replace(dashed, '_', '-');
  if (MeaningOf(dashed) == Meaning::none && !IsProtectedField(dashed)) return std::nullopt;
  return Malformed{"a field name spells a field that matters with underscores", "underscore-alias"};
}

struct Seen {
  const std::string* host = nullptr;
  const std::string* content_length = nullptr;
  const std::string* transfer_encoding = nullptr;
  const std::string* expect = nullptr;
  const std::string* upgrade = nullptr;
  bool close = false;
};

// Remembers a field that may stand there once.
Refusal Once(const std::string*& slot, const std::string& value, const Malformed& several) {
  if (slot) return several;
  slot = &value;
  return std::nullopt;
}

Refusal NoteConnection(std::string_view value, Seen& seen) {
  bool strange = false;
  ForEachElement(value, [&](std::string_view option) {
    if (EqualsIgnoreCase(option, "close")) {
      seen.close = true;
    } else {
      static constexpr std::array<std::string_view, 6> kHarmless = {
          "keep-alive", "te", "upgrade", "http2-settings", "proxy-connection", "trailer"};
      strange |= std::ranges::none_of(
          kHarmless, [&](std::string_view known) { return EqualsIgnoreCase(option, known); });
    }
  });
  if (!strange) return std::nullopt;
  // A proxy on the way would strip the named field after it was judged.
  return Malformed{"Connection names a field that is not hop-by-hop", "connection-names-field"};
}

Refusal NoteField(const Field& field, const Limits& limits, Seen& seen) {
  if (auto refusal = CheckUnderscores(field.name)) return refusal;
  switch (MeaningOf(field.name)) {
    case Meaning::none:
      return std::nullopt;
    case Meaning::host:
      return Once(seen.host, field.value, {"there are several Host fields", "several-hosts"});
    case Meaning::content_length:
      return Once(seen.content_length, field.value,
                  {"there are several Content-Length fields", "duplicate-content-length"});
    case Meaning::transfer_encoding:
      return Once(seen.transfer_encoding, field.value,
                  {"there are several Transfer-Encoding fields", "duplicate-transfer-encoding"});
    case Meaning::expect:
      return Once(seen.expect, field.value,
                  {"there are several Expect fields", "expect-unknown", 417});
    case Meaning::upgrade:
      return Once(seen.upgrade, field.value,
                  {"there are several Upgrade fields", "upgrade-unknown"});
    case Meaning::connection:
      return NoteConnection(field.value, seen);
    case Meaning::http2_settings:
      return Malformed{"the request asks for HTTP/2 on this connection", "upgrade-h2c"};
    case Meaning::content_encoding:
      if (limits.request_coding == ContentCoding::reported) return std::nullopt;
      if (EqualsIgnoreCase(field.value, "identity")) return std::nullopt;
      return Malformed{"the request body is compressed and can't be judged", "content-encoding",
                       415};
    case Meaning::method_override:
      return Malformed{"a field overrides the method", "method-override"};
    case Meaning::path_override:
      return Malformed{"a field overrides the path", "path-override"};
    case Meaning::host_override:
      return Malformed{"a field overrides the host", "host-override"};
  }
  return Malformed{"a field has no meaning", "bad-field-name"};
}

std::uint16_t EffectivePort(std::uint16_t port, std::string_view scheme) {
  if (port != 0) return port;
  if (scheme == "https") return 443;
  return scheme == "http" ? 80 : 0;
}

// The target names a host too: both must be the same, or one of them is what a check sees and the
// other what a server serves.
Refusal CompareHosts(const RequestHead& head, const Authority& target, const Authority& field) {
  constexpr Malformed kDiffer{"Host and the request target name different hosts", "host-mismatch"};
  if (field.host != target.host) return kDiffer;
  if (head.form == TargetForm::authority) {
    if (field.port != 0 && field.port != target.port) return kDiffer;
    return std::nullopt;
  }
  if (EffectivePort(field.port, head.scheme) != EffectivePort(target.port, head.scheme)) {
    return kDiffer;
  }
  return std::nullopt;
}

Refusal SettleHost(std::optional<Authority> authority, const Seen& seen, RequestHead& head) {
  if (!seen.host && (head.minor_version == 1 || !authority)) {
    return Malformed{"there is no Host field", "no-host"};
  }
  if (seen.host) {
    auto parsed = ParseAuthority(*seen.host);
    if (const auto* refusal = std::get_if<Malformed>(&parsed)) return *refusal;
    Authority& named = std::get<Authority>(parsed);
    if (!authority) {
      authority = std::move(named);
    } else if (auto refusal = CompareHosts(head, *authority, named)) {
      return refusal;
    }
  }
  head.host = std::move(authority->host.text);
  head.host_kind = authority->host.kind;
  head.port = authority->port;
  return std::nullopt;
}

Refusal SettleFraming(const Seen& seen, RequestHead& head) {
  if (seen.transfer_encoding) {
    if (seen.content_length) {
      return Malformed{"Transfer-Encoding and Content-Length are both there",
                       "transfer-encoding-and-content-length"};
    }
    if (head.minor_version == 0) {
      return Malformed{"HTTP/1.0 has no Transfer-Encoding", "transfer-encoding-in-http-1-0"};
    }
    if (!EqualsIgnoreCase(*seen.transfer_encoding, "chunked")) {
      return Malformed{"Transfer-Encoding is something else than chunked",
                       "transfer-encoding-unknown", 501};
    }
    head.framing = {FramingKind::chunked, 0};
  } else if (seen.content_length) {
    const auto length = ParseContentLength(*seen.content_length);
    if (!length) return Malformed{"Content-Length is not a plain number", "bad-content-length"};
    head.framing = {FramingKind::length, *length};
  }
  if (head.method == "CONNECT" && head.framing != Framing{} &&
      head.framing != Framing{FramingKind::length, 0}) {
    return Malformed{"CONNECT has no body", "body-on-connect"};
  }
  return std::nullopt;
}

Refusal SettleUpgrade(const Seen& seen, RequestHead& head) {
  if (!seen.upgrade) return std::nullopt;
  if (EqualsIgnoreCase(*seen.upgrade, "websocket")) {
    head.wants_websocket = true;
    return std::nullopt;
  }
  bool h2c = false;
  ForEachElement(*seen.upgrade, [&](std::string_view protocol) {
    h2c |= EqualsIgnoreCase(protocol, "h2c") || EqualsIgnoreCase(protocol, "h2");
  });
  if (h2c) return Malformed{"the request asks for HTTP/2 on this connection", "upgrade-h2c"};
  return Malformed{"the request asks for a protocol this gateway does not know", "upgrade-unknown"};
}

Refusal SettleFields(std::optional<Authority> authority, const Limits& limits, RequestHead& head) {
  Seen seen;
  for (const Field& field : head.fields) {
    if (auto refusal = NoteField(field, limits, seen)) return refusal;
  }
  if (auto refusal = SettleHost(std::move(authority), seen, head)) return refusal;
  if (auto refusal = SettleFraming(seen, head)) return refusal;
  if (auto refusal = SettleUpgrade(seen, head)) return refusal;
  if (seen.expect && !EqualsIgnoreCase(*seen.expect, "100-continue")) {
    return Malformed{"Expect is something else than 100-continue", "expect-unknown", 417};
  }
  // HTTP/1.0 clients don't know 100 (RFC 9110 10.1.1).
  head.expect_continue = seen.expect && head.minor_version == 1;
  head.keep_alive = head.minor_version == 1 && !seen.close;
  return std::nullopt;
}

Refusal CheckFirstByte(char first) {
  if (first == 0x16) return Malformed{"a TLS handshake where HTTP was expected", "tls-not-http"};
  const bool plausible = first == '\r' || first == '\n' || TokenLower(first) != 0;
  if (!plausible) return Malformed{"these bytes are not HTTP", "not-http"};
  return std::nullopt;
}

}  // namespace

Step<RequestHead> ParseRequestHead(std::string_view in, const Limits& limits) {
  if (in.empty()) return NeedMore{1};
  if (auto refusal = CheckFirstByte(in.front())) return *refusal;
  const auto first =
      FirstLine(in, limits.target_bytes_max + kLineOverhead,
                {"the request line is longer than the limit", "target-too-long", 414});
  if (const auto* more = std::get_if<NeedMore>(&first)) return *more;
  if (const auto* refusal = std::get_if<Malformed>(&first)) return *refusal;
  const std::string_view line = std::get<std::string_view>(first);

  RequestHead head;
  std::optional<Authority> authority;
  if (auto refusal = ParseRequestLine(line, limits, head)) return *refusal;
  if (auto refusal = ParseTarget(head, authority)) return *refusal;
  const std::size_t fields_begin = line.size() + 2;
  const auto end = HeadEnd(in, fields_begin, limits);
  if (const auto* more = std::get_if<NeedMore>(&end)) return *more;
  if (const auto* refusal = std::get_if<Malformed>(&end)) return *refusal;
  head.consumed = std::get<std::size_t>(end);

  auto fields = ParseFields(in.substr(fields_begin, head.consumed - 2 - fields_begin));
  if (const auto* refusal = std::get_if<Malformed>(&fields)) return *refusal;
  head.fields = std::move(std::get<std::vector<Field>>(fields));
  if (auto refusal = SettleFields(std::move(authority), limits, head)) return *refusal;
  return head;
}

}  // namespace interlock::http1
