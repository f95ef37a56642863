#include "gateway/not_http.h"

#include <algorithm>
#include <array>

namespace interlock::gateway {
namespace {

using Kind = FirstWords::Kind;

constexpr std::string_view kSsh = "SSH-";
constexpr std::uint32_t kPgProtocol3 = 0x0003'0000;
constexpr std::uint32_t kPgTlsRequest = 80877103;
constexpr std::uint32_t kPgGssRequest = 80877104;
constexpr std::size_t kPgStartupMax = 10'000;  // PostgreSQL's own limit

// One line, printable ASCII whatever was dialled: it stands in protocols that end at a line.
std::string Reason(std::string_view host, unsigned port) {
  std::string where;
  for (const char c : host.substr(0, 100)) where += c > ' ' && c < 0x7f ? c : '?';
  return "INTERLOCK DENIED: not sent, nothing changed. Only TLS and HTTP leave this room, and " +
         where + ":" + std::to_string(port) + " was dialled with another protocol.";
}

void AppendNumber(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
}

std::uint32_t NumberAt(std::string_view in, std::size_t at) {
  std::uint32_t value = 0;
  for (const char c : in.substr(at, 4)) value = value << 8 | static_cast<std::uint8_t>(c);
  return value;
}

// RFC 4253: a version line, and a disconnect, which may come before any key is agreed.
std::string SshRefusal(const std::string& reason) {
  constexpr std::uint32_t kProtocolError = 2;
  std::string payload(1, '\x01');  // SSH_MSG_DISCONNECT
  AppendNumber(payload, kProtocolError);
  AppendNumber(payload, static_cast<std::uint32_t>(reason.size()));
  payload += reason;
  AppendNumber(payload, 0);  // no language
  // Length, padding length, payload and at least four bytes of padding fill blocks of eight.
  std::size_t padding = 8 - (5 + payload.size()) % 8;
  if (padding < 4) padding += 8;
  std::string out = "SSH-2.0-Interlock\r\n";
  AppendNumber(out, static_cast<std::uint32_t>(1 + payload.size() + padding));
  out += static_cast<char>(padding);
  return out.append(payload).append(padding, '\0');
}

std::string PostgresRefusal(const std::string& reason) {
  std::string fields;
  for (const std::string_view field : {"SFATAL", "VFATAL", "C42501"}) fields.append(field) += '\0';
  fields.append("M").append(reason) += '\0';
  fields += '\0';
  std::string out = "E";
  AppendNumber(out, static_cast<std::uint32_t>(4 + fields.size()));
  return out += fields;
}

// An error in the place of the server's greeting, before any capability is known.
std::string MysqlRefusal(const std::string& reason) {
  std::string payload("\xff\x6a\x04", 3);  // 1130, which clients show with its text
  payload += reason;
  std::string out;
  for (int shift = 0; shift < 24; shift += 8)
    out += static_cast<char>(payload.size() >> shift & 0xff);
  out += '\0';  // the first packet
  return out += payload;
}

struct Greeting {
  unsigned port;
  std::string_view before;
};
constexpr auto kGreetings = std::to_array<Greeting>(
    {{21, "421 "}, {25, "554 "}, {110, "-ERR "}, {143, "* BYE "}, {587, "554 "}, {2525, "554 "}});
constexpr unsigned kSshPort = 22;
constexpr unsigned kMysqlPort = 3306;

FirstWords OnPostgres(std::string_view in, const std::string& reason) {
  if (in.size() < 8) return {Kind::more};
  const std::uint32_t length = NumberAt(in, 0);
  const std::uint32_t code = NumberAt(in, 4);
  if (length == 8 && (code == kPgTlsRequest || code == kPgGssRequest)) return {Kind::encryption, 8};
  if (code != kPgProtocol3 || length > kPgStartupMax) return {Kind::other};
  return {Kind::refused, 0, PostgresRefusal(reason)};
}

}  // namespace

FirstWords OnFirstWords(std::string_view in, std::string_view host, unsigned port) {
  if (in.empty()) return {Kind::more};
  const std::string reason = Reason(host, port);
  const std::size_t shared = std::min(in.size(), kSsh.size());
  if (in.substr(0, shared) == kSsh.substr(0, shared)) {
    if (shared < kSsh.size()) return {Kind::more};
    return {Kind::refused, 0, SshRefusal(reason)};
  }
  if (in.front() == '\0') return OnPostgres(in, reason);
  // Redis: an array of words, "*1\r\n$4\r\nPING\r\n". No method of HTTP begins so.
  if (in.front() == '*') return {Kind::refused, 0, "-NOPERM " + reason + "\r\n"};
  return {Kind::other};
}

bool ServerSpeaksFirst(unsigned port) {
  return port == kSshPort || port == kMysqlPort ||
         std::ranges::find(kGreetings, port, &Greeting::port) != kGreetings.end();
}

std::string RefusalToSilence(std::string_view host, unsigned port) {
  const std::string reason = Reason(host, port);
  if (port == kSshPort) return SshRefusal(reason);
  if (port == kMysqlPort) return MysqlRefusal(reason);
  const auto it = std::ranges::find(kGreetings, port, &Greeting::port);
  return std::string(it == kGreetings.end() ? "" : it->before) + reason + "\r\n";
}

}  // namespace interlock::gateway
