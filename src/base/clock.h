// Time is a parameter: everything that looks at a clock takes one of these.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace interlock {

using TimePoint = std::chrono::sys_time<std::chrono::milliseconds>;
using SteadyPoint = std::chrono::steady_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint Now() const = 0;
  // The clock that nobody sets: for how long something has been, never for when.
  virtual SteadyPoint Steady() const { return std::chrono::steady_clock::now(); }
};

// The wall clock of this machine.
class SystemClock final : public Clock {
 public:
  TimePoint Now() const override {
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  }
};

// A clock that tests set and advance.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(TimePoint now) : now_(now) {}
  TimePoint Now() const override { return now_; }
  SteadyPoint Steady() const override { return steady_; }
  void Advance(std::chrono::milliseconds by) { now_ += by, steady_ += by; }
  // Somebody sets the wall clock; no time goes by.
  void Jump(std::chrono::milliseconds by) { now_ += by; }

 private:
  TimePoint now_;
  SteadyPoint steady_;
};

// A moment from which on something isn't used any more, kept on both clocks: neither setting the
// wall clock back nor forth makes it come later.
class Deadline {
 public:
  Deadline(TimePoint at, const Clock& clock);
  bool HasPassed(const Clock& clock) const {
    return clock.Now() >= at_ || clock.Steady() >= steady_;
  }
  TimePoint at() const { return at_; }

 private:
  TimePoint at_;
  SteadyPoint steady_;
};

// RFC 3339 in UTC with milliseconds: "2026-04-24T09:12:03.250Z".
std::string FormatTime(TimePoint time);
Result<TimePoint> ParseTime(std::string_view text);

}  // namespace interlock
