#include "approval/hold.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <tuple>

namespace interlock::approval {
namespace {

struct Edge {
  State from;
  Event event;
  State to;
};
// All there is. Every pair that is not listed changes nothing.
constexpr Edge kEdges[] = {
    {State::pending, Event::approve, State::approved},
    {State::pending, Event::reject, State::rejected},
    {State::pending, Event::expire, State::expired},
    {State::pending, Event::withdraw, State::withdrawn},
    {State::pending, Event::supersede, State::superseded},
    {State::approved, Event::begin, State::executing},
    {State::approved, Event::fail, State::failed},
    {State::approved, Event::reject, State::rejected},
    {State::approved, Event::expire, State::expired},
    {State::approved, Event::withdraw, State::withdrawn},
    {State::approved, Event::supersede, State::superseded},
    {State::executing, Event::succeed, State::executed},
    {State::executing, Event::fail, State::failed},
    {State::executing, Event::lose, State::unknown},
    {State::unknown, Event::probe_executed, State::executed},
    {State::unknown, Event::probe_not_executed, State::failed},
};

TEST(Hold, EveryPairOfStateAndEventIsAsListed) {
  std::size_t seen = 0;
  for (const State state : kStates) {
    for (const Event event : kEvents) {
      const Edge* listed = nullptr;
      for (const Edge& edge : kEdges) {
        if (edge.from == state && edge.event == event) listed = &edge;
      }
      const auto next = Next(state, event);
      const std::string pair = std::string(ToString(state)) + " + " + std::string(ToString(event));
      ASSERT_EQ(next.has_value(), listed != nullptr) << pair;
      if (listed != nullptr) {
        EXPECT_EQ(*next, listed->to) << pair;
        ++seen;
      } else {
        EXPECT_EQ(next.error().code, Code::conflict) << pair;
      }
    }
  }
  EXPECT_EQ(seen, std::size(kEdges));
}

TEST(Hold, FinalStatesAbsorbAllButAProbeOfTheUnknown) {
  for (const State state : kStates) {
    if (!IsFinal(state)) continue;
    for (const Event event : kEvents) {
      const bool probe = event == Event::probe_executed || event == Event::probe_not_executed;
      EXPECT_EQ(Next(state, event).has_value(), state == State::unknown && probe)
          << ToString(state) << " + " << ToString(event);
    }
  }
}

// Walks every path: what was executing once is never sent again.
TEST(Hold, NoPathLeadsToExecutingTwice) {
  std::set<std::pair<State, bool>> visited;
  std::vector<std::pair<State, bool>> open = {{State::pending, false}};
  while (!open.empty()) {
    const auto [state, sent] = open.back();
    open.pop_back();
    if (!visited.insert({state, sent}).second) continue;
    for (const Event event : kEvents) {
      const auto next = Next(state, event);
      if (!next) continue;
      EXPECT_FALSE(sent && *next == State::executing);
      EXPECT_FALSE(*next == State::executing && state != State::approved);
      open.emplace_back(*next, sent || *next == State::executing);
    }
  }
  EXPECT_EQ(visited.size(), kStates.size() + 1) << "failed is reached unsent and sent";
}

TEST(Hold, NamesReadBack) {
  std::set<std::string_view> names;
  for (const State state : kStates) {
    EXPECT_EQ(ParseState(ToString(state)), state);
    names.insert(ToString(state));
  }
  EXPECT_EQ(names.size(), kStates.size());
  EXPECT_FALSE(ParseState("done"));
  EXPECT_FALSE(ParseState(""));
}

TEST(Hold, AnUnknownOutcomeStaysTheAnswerToTheSameQuestion) {
  EXPECT_TRUE(IsOpen(State::unknown));
  EXPECT_TRUE(IsOpen(State::executing));
  EXPECT_FALSE(IsOpen(State::rejected));
  EXPECT_FALSE(IsOpen(State::executed));
}

TEST(Hold, ValuesOutOfRangeChangeNothing) {
  EXPECT_FALSE(Next(static_cast<State>(99), Event::approve));
  EXPECT_FALSE(Next(State::pending, static_cast<Event>(99)));
}

}  // namespace
}  // namespace interlock::approval
