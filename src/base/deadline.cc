#include "base/deadline.h"

namespace interlock {

Deadline::Deadline(TimePoint at, Moment now) : at_(at) {
  // Further away than anything lasts here, and small enough to be added to any clock.
  constexpr std::chrono::milliseconds kMost = std::chrono::hours(24 * 365 * 100);
  auto left = std::chrono::milliseconds(0);
  if (at > now.wall) {
    const bool is_far = at.time_since_epoch() - kMost > now.wall.time_since_epoch();
    left = is_far ? kMost : at - now.wall;
  }
  steady_ = now.steady + left;
}

}  // namespace interlock
