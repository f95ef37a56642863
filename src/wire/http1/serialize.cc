#include "wire/http1/serialize.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/bytes.h"
#include "wire/http1/characters.h"

namespace interlock::http1 {
namespace {

bool IsOneWord(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, IsVisible);
}

// Written from the framing and the host alone, never copied.
bool IsOurs(std::string_view name) {
  return EqualsIgnoreCase(name, "host") || EqualsIgnoreCase(name, "content-length") ||
         EqualsIgnoreCase(name, "transfer-encoding");
}

Result<void> AppendFields(std::string& out, const std::vector<Field>& fields) {
  for (const Field& field : fields) {
    if (!IsToken(field.name)) return Fail(Code::invalid_input, "http: a field name is no token");
    if (HasControl(field.value)) {
      return Fail(Code::invalid_input, "http: field " + field.name + " has a control character");
    }
    if (IsOurs(field.name)) continue;
    out.append(field.name).append(": ").append(field.value).append("\r\n");
  }
  return {};
}

void AppendFraming(std::string& out, const Framing& framing) {
  switch (framing.kind) {
    case FramingKind::none:
    case FramingKind::until_close:
      return;
    case FramingKind::length:
      out.append("content-length: ").append(std::to_string(framing.length)).append("\r\n");
      return;
    case FramingKind::chunked:
      out.append("transfer-encoding: chunked\r\n");
      return;
  }
}

Result<void> AppendRequestParts(std::string& out, std::string_view method, std::string_view target,
                                std::string_view host, const std::vector<Field>& fields,
                                const Framing& framing) {
  if (!IsToken(method)) return Fail(Code::invalid_input, "http: the method is no token");
  if (!IsOneWord(target)) return Fail(Code::invalid_input, "http: the target is not one word");
  if (!IsOneWord(host)) return Fail(Code::invalid_input, "http: the host is not one word");
  if (framing.kind == FramingKind::until_close) {
    return Fail(Code::invalid_input, "http: a request can't end with its connection");
  }
  out.append(method).append(" ").append(target).append(" HTTP/1.1\r\nhost: ");
  out.append(host).append("\r\n");
  ILK_TRY_VOID(AppendFields(out, fields));
  AppendFraming(out, framing);
  out.append("\r\n");
  return {};
}

Result<void> AppendResponseParts(std::string& out, int status, std::string_view reason,
                                 const std::vector<Field>& fields, const Framing& framing) {
  if (status < 100 || status > 599) return Fail(Code::invalid_input, "http: no such status");
  if (HasControl(reason)) return Fail(Code::invalid_input, "http: the reason breaks its line");
  out.append("HTTP/1.1 ").append(std::to_string(status)).append(" ").append(reason).append("\r\n");
  ILK_TRY_VOID(AppendFields(out, fields));
  AppendFraming(out, framing);
  out.append("\r\n");
  return {};
}

}  // namespace

Result<void> AppendRequestHead(std::string& out, std::string_view method, std::string_view target,
                               std::string_view host, const std::vector<Field>& fields,
                               const Framing& framing) {
  const std::size_t before = out.size();
  auto done = AppendRequestParts(out, method, target, host, fields, framing);
  if (!done) out.resize(before);
  return done;
}

Result<void> AppendResponseHead(std::string& out, int status, std::string_view reason,
                                const std::vector<Field>& fields, const Framing& framing) {
  const std::size_t before = out.size();
  auto done = AppendResponseParts(out, status, reason, fields, framing);
  if (!done) out.resize(before);
  return done;
}

void AppendChunk(std::string& out, std::string_view data) {
  if (data.empty()) return;
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), data.size(), 16).ptr;
  out.append(digits.data(), end).append("\r\n").append(data).append("\r\n");
}

std::string HostField(std::string_view host, std::uint16_t port, std::string_view scheme) {
  std::string field(host);
  const bool is_default =
      port == 0 || (scheme == "http" && port == 80) || (scheme == "https" && port == 443);
  if (!is_default) field.append(":").append(std::to_string(port));
  return field;
}

}  // namespace interlock::http1
