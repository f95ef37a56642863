// The life of a hold, as a table. Nothing else decides what may follow what.
//
//   pending ── approve ─▶ approved ── begin ─▶ executing ── succeed ─▶ executed
//      │                     │                     ├── fail ─▶ failed
//      ├ reject, expire,     ├ the same, and       └── lose ─▶ unknown ── a read-only probe ─▶
//      executed, failed │ withdraw, supersede │ fail
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace interlock::approval {

enum class State {
  pending,    // waits for signatures
  approved,   // enough people signed; not sent yet
  executing,  // the intent is durable; bytes may be on their way
  executed,
  failed,   // known not to have happened
  unknown,  // may have happened; never sent again
  rejected,
  expired,
  withdrawn,   // taken back by whoever asked, or by a halt
  superseded,  // what it would do changed; a new hold took its place
};

enum class Event {
  approve,  // the quorum is complete
  begin,    // the intent is durable in the ledger
  succeed,  // the provider answered that it was done
  fail,     // it was not sent, or the provider refused it
  lose,     // no answer, or the process died while executing
  reject,
  expire,
  withdraw,
  supersede,
  probe_executed,  // reading the provider shows that it happened
  probe_not_executed,
};

inline constexpr std::array kStates = {
    State::pending, State::approved, State::executing, State::executed,  State::failed,
    State::unknown, State::rejected, State::expired,   State::withdrawn, State::superseded};
inline constexpr std::array kEvents = {Event::approve,
                                       Event::begin,
                                       Event::succeed,
                                       Event::fail,
                                       Event::lose,
                                       Event::reject,
                                       Event::expire,
                                       Event::withdraw,
                                       Event::supersede,
                                       Event::probe_executed,
                                       Event::probe_not_executed};

std::string_view ToString(State state);
std::string_view ToString(Event event);
std::optional<State> ParseState(std::string_view text);

// True for states that only a probe may still leave, and for those that nothing leaves.
bool IsFinal(State state);
// True while an identical request of the same session joins this hold: also while its outcome is
// unknown, because a second hold would invite to do it twice.
bool IsOpen(State state);

// The state after the event. Code::conflict when the event has no place in the state: then the hold
// stays as it is, whoever asks and however often.
Result<State> Next(State state, Event event);

}  // namespace interlock::approval
