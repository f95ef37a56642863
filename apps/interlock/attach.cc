// `interlock attach`, ssh's ProxyCommand: one connection to a fresh server inside a session's room.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <thread>

#include "agent_room.h"
#include "base/bytes.h"
#include "commands.h"
#include "context.h"
#include "room_openings.h"
#include "sandbox/openings.h"

namespace interlock::app {
namespace {

constexpr std::size_t kPiece = 65536;
constexpr std::size_t kSessionIdMax = 64;

// Until either end is closed.
void Copy(int from, int to) {
  std::array<char, kPiece> piece;
  for (;;) {
    const ssize_t got = read(from, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    for (ssize_t done = 0; done < got;) {
      const ssize_t sent = write(to, piece.data() + done, static_cast<std::size_t>(got - done));
      if (sent < 0 && errno == EINTR) continue;
      if (sent <= 0) return;
      done += sent;
    }
  }
}

bool IsSessionId(std::string_view text) {
  return text.starts_with("s-") && text.size() <= kSessionIdMax &&
         std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

}  // namespace

Result<sandbox::Published> ParsePublished(std::string_view text) {
  const auto wrong = [&] {
    return Fail(Code::invalid_input,
                "--publish \"" + EscapeForHumans(text, 60) +
                    "\": it wants PORT or HOSTPORT:PORT, each from 1 to 65535, such as 3000 or "
                    "8080:3000; it always listens on 127.0.0.1");
  };
  const auto port = [](std::string_view digits) -> std::uint16_t {
    std::uint32_t value = 0;
    if (digits.empty() || digits.size() > 5) return 0;
    for (const char c : digits) {
      if (c < '0' || c > '9') return 0;
      value = value * 10 + static_cast<std::uint32_t>(c - '0');
    }
    return value > 65535 ? std::uint16_t{0} : static_cast<std::uint16_t>(value);
  };
  const auto colon = text.find(':');
  const std::string_view room = colon == std::string_view::npos ? text : text.substr(colon + 1);
  const sandbox::Published published{port(text.substr(0, colon)), port(room)};
  if (published.host_port == 0 || published.room_port == 0) return wrong();
  return published;
}

int Attach(const CommandLine& line) {
  if (IsInsideRoom()) {
    return Report({Code::denied,
                   "this is a room: sessions are attached to from outside, and what runs here "
                   "needs no attaching"});
  }
  const std::string& session = line.operands[0];
  if (!IsSessionId(session)) {
    std::fprintf(stderr, "interlock: attach wants a session such as s-7f3a19c2, not \"%s\"\n",
                 EscapeForHumans(session, 60).c_str());
    return kUsage;
  }
  // Raw bytes of whatever runs inside would be the terminal's to obey.
  if (isatty(STDOUT_FILENO) != 0) {
    std::fprintf(stderr,
                 "interlock: attach speaks ssh's protocol, for its ProxyCommand. To get in: "
                 "ssh -F %s interlock-%s\n",
                 (StateDirectory(line) / "ssh" / (session + ".config")).c_str(), session.c_str());
    return kUsage;
  }
  auto gateway = FindGateway(line);
  if (!gateway) return Report(gateway.error());
  // On the record before it is possible.
  if (const auto known = gateway->Call({{"op", "session.attach"}, {"session", session}}); !known)
    return Report(known.error());
  auto ends = sandbox::AttachTo((StateDirectory(line) / "ssh" / (session + ".sock")).native());
  if (!ends)
    return Report({ends.error().code, "attaching to " + session + ": " + ends.error().message});
  std::signal(SIGPIPE, SIG_IGN);
  // The room's side decides: when it has said everything, this ends, whatever still comes in.
  std::thread([in = ends->in.Release()] {
    Copy(STDIN_FILENO, in);
    close(in);
  }).detach();
  Copy(ends->out.get(), STDOUT_FILENO);
  _exit(kDone);
}

}  // namespace interlock::app
