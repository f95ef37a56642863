#include "base/clock.h"

#include <gtest/gtest.h>

namespace interlock {
namespace {

using std::chrono::milliseconds;

TEST(FormatTime, IsRfc3339InUtcWithMilliseconds) {
  EXPECT_EQ(FormatTime(TimePoint{}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(FormatTime(TimePoint{milliseconds{1777021923250}}), "2026-04-24T09:12:03.250Z");
  EXPECT_EQ(FormatTime(TimePoint{milliseconds{-1}}), "1969-12-31T23:59:59.999Z");
}

TEST(ParseTime, ReadsWhatFormatTimeWrites) {
  for (long long at : {0LL, 1777021923250LL, 951782400000LL, -1LL}) {
    const TimePoint time{milliseconds{at}};
    EXPECT_EQ(ParseTime(FormatTime(time)).value(), time);
  }
}

TEST(ParseTime, TakesAnyFraction) {
  EXPECT_EQ(ParseTime("1970-01-01T00:00:01Z").value(), TimePoint{milliseconds{1000}});
  EXPECT_EQ(ParseTime("1970-01-01T00:00:00.5Z").value(), TimePoint{milliseconds{500}});
  EXPECT_EQ(ParseTime("1970-01-01T00:00:00.123999999Z").value(), TimePoint{milliseconds{123}});
}

TEST(ParseTime, RefusesWhatIsNotATime) {
  for (const char* wrong :
       {"", "2026-04-24", "2026-04-24T09:12:03", "2026-04-24 09:12:03Z", "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z", "2026-04-24T24:00:00Z", "2026-04-24T09:60:00Z",
        "2026-04-24T09:12:60Z", "2026-04-24T09:12:03.Z", "2026-04-24T09:12:03+02:00",
        "2026-04-24T09:12:03Zx", "+026-04-24T09:12:03Z", "2026-04-24T09:12:03.1234567890Z"})
    EXPECT_FALSE(ParseTime(wrong)) << wrong;
}

TEST(FakeClock, StandsStillUntilItIsAdvanced) {
  FakeClock clock(TimePoint{milliseconds{5}});
  EXPECT_EQ(clock.Now(), clock.Now());
  clock.Advance(milliseconds{7});
  EXPECT_EQ(clock.Now(), TimePoint{milliseconds{12}});
}

}  // namespace
}  // namespace interlock
