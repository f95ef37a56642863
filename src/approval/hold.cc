#include "approval/hold.h"

#include <string>

namespace interlock::approval {

namespace {

using enum State;

constexpr std::size_t kStateCount = kStates.size();
constexpr std::size_t kEventCount = kEvents.size();
constexpr std::optional<State> no = std::nullopt;

using Row = std::array<std::optional<State>, kEventCount>;

// clang-format off
constexpr std::array<Row, kStateCount> kTable = {{
    //               approve   begin      succeed   fail    lose     reject    expire   withdraw   supersede   probe: done  not done
    /* pending    */ {approved, no,        no,       no,     no,      rejected, expired, withdrawn, superseded, no,          no},
    /* approved   */ {no,       executing, no,       failed, no,      rejected, expired, withdrawn, superseded, no,          no},
    /* executing  */ {no,       no,        executed, failed, unknown, no,       no,      no,        no,         no,          no},
    /* executed   */ {no,       no,        no,       no,     no,      no,       no,      no,        no,         no,          no},
    /* failed     */ {no,       no,        no,       no,     no,      no,       no,      no,        no,         no,          no},
    /* unknown    */ {no,       no,        no,       no,     no,      no,       no,      no,        no,         executed,    failed},
    /* rejected   */ {no,       no,        no,       no,     no,      no,       no,      no,        no,         no,          no},
    /* expired    */ {no,       no,        no,       no,     no,      no,       no,      no,        no,         no,          no},
    /* withdrawn  */ {no,       no,        no,       no,     no,      no,       no,      no,        no,         no,          no},
    /* superseded */ {no,       no,        no,       no,     no,      no,       no,      no,        no,         no,          no},
}};
// clang-format on

constexpr std::array<std::string_view, kStateCount> kStateNames = {
    "pending", "approved", "executing", "executed",  "failed",
    "unknown", "rejected", "expired",   "withdrawn", "superseded"};
constexpr std::array<std::string_view, kEventCount> kEventNames = {"approve",
                                                                   "begin",
                                                                   "succeed",
                                                                   "fail",
                                                                   "lose",
                                                                   "reject",
                                                                   "expire",
                                                                   "withdraw",
                                                                   "supersede",
                                                                   "probe_executed",
                                                                   "probe_not_executed"};

}  // namespace

std::string_view ToString(State state) {
  const auto index = static_cast<std::size_t>(state);
  return index < kStateCount ? kStateNames[index] : std::string_view("out of range");
}

std::string_view ToString(Event event) {
  const auto index = static_cast<std::size_t>(event);
  return index < kEventCount ? kEventNames[index] : std::string_view("out of range");
}

std::optional<State> ParseState(std::string_view text) {
  for (const State state : kStates) {
    if (ToString(state) == text) return state;
  }
  return std::nullopt;
}

bool IsFinal(State state) {
  return state != State::pending && state != State::approved && state != State::executing;
}

bool IsOpen(State state) { return !IsFinal(state) || state == State::unknown; }

Result<State> Next(State state, Event event) {
  const auto row = static_cast<std::size_t>(state);
  const auto column = static_cast<std::size_t>(event);
  if (row < kStateCount && column < kEventCount && kTable[row][column]) {
    return *kTable[row][column];
  }
  return Fail(Code::conflict, "the hold is " + std::string(ToString(state)) + ": '" +
                                  std::string(ToString(event)) + "' changes nothing any more");
}

}  // namespace interlock::approval
