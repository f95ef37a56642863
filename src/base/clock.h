// Time is a parameter: everything that looks at a clock takes one of these.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace interlock {

using TimePoint = std::chrono::sys_time<std::chrono::milliseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint Now() const = 0;
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
  void Advance(std::chrono::milliseconds by) { now_ += by; }

 private:
  TimePoint now_;
};

// RFC 3339 in UTC with milliseconds: "2026-04-24T09:12:03.250Z".
std::string FormatTime(TimePoint time);
Result<TimePoint> ParseTime(std::string_view text);

}  // namespace interlock
