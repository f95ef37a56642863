#include "base/deadline.h"

#include <gtest/gtest.h>

namespace interlock {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1777021923250ms};

TEST(Deadline, ComesNoLaterHoweverTheWallClockIsSet) {
  const Deadline deadline(kStart + 1h, {kStart, SteadyPoint{}});
  EXPECT_FALSE(deadline.HasPassed({kStart, SteadyPoint{}}));
  EXPECT_FALSE(deadline.HasPassed({kStart - 24h, SteadyPoint{} + 59min}));
  EXPECT_TRUE(deadline.HasPassed({kStart - 23h, SteadyPoint{} + 1h}))
      << "an hour went by, whatever the wall clock says";
}

TEST(Deadline, AWallClockThatIsSetRightAgainGivesItBack) {
  const Deadline deadline(kStart + 1h, {kStart, SteadyPoint{}});
  EXPECT_TRUE(deadline.HasPassed({kStart + 24h, SteadyPoint{} + 1s}));
  EXPECT_FALSE(deadline.HasPassed({kStart + 2s, SteadyPoint{} + 2s}));
}

TEST(Deadline, AnyTimeAtAllIsOne) {
  const Moment now{kStart, SteadyPoint{}};
  EXPECT_FALSE(Deadline(TimePoint::max(), now).HasPassed(now));
  EXPECT_TRUE(Deadline(TimePoint::min(), now).HasPassed(now));
  EXPECT_TRUE(Deadline(kStart, now).HasPassed(now));
}

}  // namespace
}  // namespace interlock
