// A host outside `egress`, opened to one session by a human's signature. Asking makes a hold like
// any other; the gateway opens what was signed.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <optional>

#include "agent_room.h"
#include "base/bytes.h"
#include "commands.h"
#include "context.h"
#include "text.h"

namespace interlock::app {
namespace {

// "90s", "30m", "2h" in seconds. What they may be is the gateway's to say.
std::optional<std::int64_t> Seconds(std::string_view text) {
  std::int64_t factor = 1;
  if (text.empty()) return std::nullopt;
  switch (text.back()) {
    case 's':
      break;
    case 'm':
      factor = 60;
      break;
    case 'h':
      factor = 3600;
      break;
    default:
      return std::nullopt;
  }
  text.remove_suffix(1);
  if (text.empty() || text.size() > 6) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value * factor;
}

// No gateway is started: without one that runs there is no session to open anything to.
Result<json::value> Ask(const CommandLine& line, const json::object& request) {
  ILK_TRY(channel, FindGateway(line));
  return channel.Call(request);
}

int Usage(const char* what) {
  std::fprintf(stderr, "interlock: %s\n", what);
  return kUsage;
}

int Revoke(const CommandLine& line) {
  const auto revoked = Ask(line, {{"op", "grant.revoke"}, {"grant", line.Get("--revoke")}});
  if (!revoked) return Report(revoked.error());
  if (line.json) {
    PrintJson(*revoked);
  } else {
    const json::object& grant = revoked->as_object();
    std::printf("%s  closed: %s\n", EscapeForHumans(FindString(grant, "grant")).c_str(),
                EscapeForHumans(FindString(grant, "host")).c_str());
  }
  return kDone;
}

}  // namespace

int Grant(const CommandLine& line) {
  if (IsInsideRoom())
    return Report({Code::denied,
                   "a room can't open itself: a human types this outside of it, where the gateway "
                   "can be reached"});
  if (line.Has("--revoke")) {
    if (!line.operands.empty()) return Usage("grant --revoke GRANT takes no host");
    return Revoke(line);
  }
  if (line.operands.empty()) return Usage("usage: interlock grant [options] HOST[:PORT]");
  if (!line.Has("--session"))
    return Usage("grant wants --session SESSION (interlock status lists those that run)");
  const auto seconds = Seconds(line.Get("--for"));
  if (!seconds) return Usage("grant wants --for TIME, such as 90s, 30m or 2h (at most 8h)");
  const std::string protocol = line.Get("--protocol", "http");
  if (protocol != "http" && protocol != "tcp")
    return Usage("--protocol is \"http\" (every request is judged) or \"tcp\" (bytes pass unseen)");

  const auto placed = Ask(line, {{"op", "grant.ask"},
                                 {"session", line.Get("--session")},
                                 {"place", line.operands[0]},
                                 {"protocol", protocol},
                                 {"seconds", *seconds},
                                 {"reason", line.Get("--reason")}});
  if (!placed) return Report(placed.error());
  const std::string hold(FindString(placed->as_object(), "hold"));
  // Whoever signs types the place's name after reading the page: only a terminal can do both here.
  if (line.Has("--key") && ::isatty(0) == 1) return ApproveHold(line, hold);
  if (line.json) {
    PrintJson(*placed);
  } else {
    std::printf("%s  waits for a signature:  interlock approve %s\n", hold.c_str(), hold.c_str());
  }
  return kHeld;
}

}  // namespace interlock::app
