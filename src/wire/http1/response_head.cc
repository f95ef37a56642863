#include <algorithm>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "wire/http1/field_block.h"
#include "wire/http1/message.h"

namespace interlock::http1 {
namespace {

using Refusal = std::optional<Malformed>;

constexpr std::size_t kStatusLineBytesMax = 1024;

// Decides on the bytes there are, so that a server that speaks something else is refused at once.
Refusal CheckBeginning(std::string_view in) {
  constexpr std::string_view kBeginning = "HTTP/1.";
  const std::size_t shared = std::min(in.size(), kBeginning.size());
  if (in.substr(0, shared) == kBeginning.substr(0, shared)) return std::nullopt;
  return Malformed{"the upstream's answer does not begin with HTTP/1.", "http-version", 502};
}

Refusal ParseStatusLine(std::string_view line, ResponseHead& head) {
  constexpr Malformed kBad{"the upstream's status line is broken", "bad-status-line", 502};
  constexpr std::size_t kStatusEnd = 12;  // "HTTP/1.x nnn"
  if (line.size() < kStatusEnd || line[8] != ' ') return kBad;
  if (line[7] != '0' && line[7] != '1') {
    return Malformed{"the upstream speaks neither HTTP/1.1 nor HTTP/1.0", "http-version", 502};
  }
  head.minor_version = line[7] - '0';
  for (const char c : line.substr(9, 3)) {
    if (c < '0' || c > '9') return kBad;
    head.status = head.status * 10 + (c - '0');
  }
  if (head.status < 100 || head.status > 599) return kBad;
  if (line.size() == kStatusEnd) return std::nullopt;
  const std::string_view reason = line.substr(kStatusEnd + 1);
  if (line[kStatusEnd] != ' ' || HasControl(reason)) return kBad;
  head.reason.assign(reason);
  return std::nullopt;
}

Refusal NoteConnection(std::string_view value, bool& close) {
  bool strips = false;
  ForEachElement(value, [&](std::string_view option) {
    close |= EqualsIgnoreCase(option, "close");
    strips |= IsProtectedField(ToLower(option));
  });
  if (!strips) return std::nullopt;
  return Malformed{"the upstream's Connection names a field that is not hop-by-hop",
                   "connection-names-field", 502};
}

Refusal NoteLength(std::string_view value, std::optional<std::uint64_t>& length) {
  const auto parsed = ParseContentLength(value);
  if (!parsed) {
    return Malformed{"the upstream's Content-Length is not a plain number", "bad-content-length",
                     502};
  }
  if (length && *length != *parsed) {
    return Malformed{"the upstream sent different Content-Length fields",
                     "duplicate-content-length", 502};
  }
  length = parsed;
  return std::nullopt;
}

Refusal NoteTransferEncoding(const Field& field, ResponseHead& head) {
  if (head.announced.kind == FramingKind::chunked) {
    return Malformed{"the upstream sent several Transfer-Encoding fields",
                     "duplicate-transfer-encoding", 502};
  }
  if (head.minor_version == 0) {
    return Malformed{"HTTP/1.0 has no Transfer-Encoding", "transfer-encoding-in-http-1-0", 502};
  }
  if (!EqualsIgnoreCase(field.value, "chunked")) {
    return Malformed{"the upstream's Transfer-Encoding is something else than chunked",
                     "transfer-encoding-unknown", 502};
  }
  head.announced.kind = FramingKind::chunked;
  return std::nullopt;
}

Refusal ReadFields(ResponseHead& head, bool& close) {
  std::optional<std::uint64_t> length;
  for (const Field& field : head.fields) {
    Refusal refusal;
    if (field.name == "content-length") {
      refusal = NoteLength(field.value, length);
    } else if (field.name == "transfer-encoding") {
      refusal = NoteTransferEncoding(field, head);
    } else if (field.name == "connection") {
      refusal = NoteConnection(field.value, close);
    }
    if (refusal) return refusal;
  }
  if (!length) return std::nullopt;
  if (head.announced.kind == FramingKind::chunked) {
    return Malformed{"the upstream sent Transfer-Encoding and Content-Length",
                     "transfer-encoding-and-content-length", 502};
  }
  head.announced = {FramingKind::length, *length};
  return std::nullopt;
}

// RFC 9112 6.3, in its order.
Refusal SettleFraming(std::string_view request_method, bool close, ResponseHead& head) {
  const bool bodiless_status = head.interim || head.status == 101 || head.status == 204;
  if (bodiless_status && head.announced != Framing{} &&
      head.announced != Framing{FramingKind::length, 0}) {
    return Malformed{"the upstream announced a body on an answer that has none", "body-not-allowed",
                     502};
  }
  const bool success = head.status >= 200 && head.status < 300;
  const bool tunnel = request_method == "CONNECT" && success;
  if (bodiless_status || head.status == 304 || request_method == "HEAD" || tunnel) {
    head.framing = {};
  } else if (head.announced.kind == FramingKind::none) {
    head.framing = {FramingKind::until_close, 0};
  } else {
    head.framing = head.announced;
  }
  head.keep_alive =
      head.minor_version == 1 && !close && head.framing.kind != FramingKind::until_close;
  return std::nullopt;
}

Malformed FromUpstream(Malformed refusal) {
  refusal.http_status = 502;
  return refusal;
}

}  // namespace

Step<ResponseHead> ParseResponseHead(std::string_view in, std::string_view request_method,
                                     const Limits& limits) {
  if (auto refusal = CheckBeginning(in)) return *refusal;
  const auto first =
      FirstLine(in, kStatusLineBytesMax,
                {"the upstream's status line is longer than the limit", "bad-status-line", 502});
  if (const auto* more = std::get_if<NeedMore>(&first)) return *more;
  if (const auto* refusal = std::get_if<Malformed>(&first)) return FromUpstream(*refusal);
  const std::string_view line = std::get<std::string_view>(first);

  ResponseHead head;
  if (auto refusal = ParseStatusLine(line, head)) return *refusal;
  if (head.status == 101 && !limits.switching_protocols) {
    return Malformed{"the upstream switches protocols unasked", "switching-protocols", 502};
  }
  head.interim = head.status < 200 && head.status != 101;
  const std::size_t fields_begin = line.size() + 2;
  const auto end = HeadEnd(in, fields_begin, limits);
  if (const auto* more = std::get_if<NeedMore>(&end)) return *more;
  if (const auto* refusal = std::get_if<Malformed>(&end)) return FromUpstream(*refusal);
  head.consumed = std::get<std::size_t>(end);

  auto fields = ParseFields(in.substr(fields_begin, head.consumed - 2 - fields_begin));
  if (const auto* refusal = std::get_if<Malformed>(&fields)) return FromUpstream(*refusal);
  head.fields = std::move(std::get<std::vector<Field>>(fields));
  bool close = false;
  if (auto refusal = ReadFields(head, close)) return *refusal;
  if (auto refusal = SettleFraming(request_method, close, head)) return *refusal;
  return head;
}

}  // namespace interlock::http1
