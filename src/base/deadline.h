// A moment from which on something isn't used any more, kept on both clocks: neither setting the
// wall clock back nor forth makes it come later.
#pragma once

#include <chrono>

#include "base/clock.h"

namespace interlock {

// The clock that nobody sets: for how long something has been, never for when.
using SteadyPoint = std::chrono::steady_clock::time_point;

// One moment on both clocks.
struct Moment {
  TimePoint wall;
  SteadyPoint steady;
};

class Deadline {
 public:
  Deadline(TimePoint at, Moment now);
  bool HasPassed(Moment now) const { return now.wall >= at_ || now.steady >= steady_; }
  TimePoint at() const { return at_; }

 private:
  TimePoint at_;
  SteadyPoint steady_;
};

}  // namespace interlock
