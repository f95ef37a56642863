// What is kept of sessions and of the kill switch.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"

namespace interlock::store {

// One `interlock run`.
struct SessionRecord {
  std::string id;  // "s-…"
  std::string user;
  std::string agent;
  std::string workspace;
  std::string environment;
  std::string token_digest;  // SHA-256 of the session token, hex; the token itself is never stored
  TimePoint started;
  std::optional<TimePoint> ended;
  bool operator==(const SessionRecord&) const = default;
};

// "Nothing new is forwarded", for one session or for all.
struct HaltRecord {
  std::string scope;  // a session id, or kHaltAll
  TimePoint since;
  std::string reason;
  std::string by;  // a person, or the breaker's name
  bool operator==(const HaltRecord&) const = default;
};
inline constexpr const char* kHaltAll = "gateway";

}  // namespace interlock::store
