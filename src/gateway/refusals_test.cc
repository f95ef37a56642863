#include "gateway/refusals.h"

#include <gtest/gtest.h>

namespace interlock::gateway {
namespace {

using std::chrono::seconds;
constexpr TimePoint kWall(std::chrono::milliseconds(1'700'000'000'000));
constexpr Refusals::Steady kStart{};

// How many of `count` at one moment are recorded by themselves.
std::uint64_t RecordedOf(Refusals& refusals, std::uint64_t count, Refusals::Steady now) {
  std::uint64_t recorded = 0;
  for (std::uint64_t i = 0; i < count; ++i)
    recorded += refusals.Count("egress", "a.example", kWall, now).has_value() ? 0 : 1;
  return recorded;
}

TEST(Refusals, AtAnOrdinaryPaceEachIsRecordedByItself) {
  Refusals refusals;
  EXPECT_EQ(RecordedOf(refusals, Refusals::kAtOnce, kStart), Refusals::kAtOnce);
  EXPECT_TRUE(refusals.empty());
  EXPECT_FALSE(refusals.Take());
}

TEST(Refusals, BeyondItTheyAreCountedTogetherUnderOneId) {
  Refusals refusals;
  RecordedOf(refusals, Refusals::kAtOnce, kStart);
  const auto first = refusals.Count("egress", "b.example", kWall, kStart);
  const auto second = refusals.Count("cleartext", "c.example", kWall, kStart);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(*first, *second);
  const auto summary = refusals.Take();
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->id, *first);
  EXPECT_EQ(summary->count, 2u);
  EXPECT_EQ(summary->rules.at("egress"), 1u);
  EXPECT_EQ(summary->rules.at("cleartext"), 1u);
  EXPECT_EQ(summary->example, "b.example");
  EXPECT_TRUE(refusals.empty());
  EXPECT_NE(*refusals.Count("egress", "d.example", kWall, kStart), *first);
}

TEST(Refusals, ThePaceComesBackWithTimeAndNotBeyondItsBound) {
  Refusals refusals;
  RecordedOf(refusals, 1000, kStart);
  EXPECT_EQ(RecordedOf(refusals, 1000, kStart + seconds(10)), 10 * Refusals::kPerSecond);
  EXPECT_EQ(RecordedOf(refusals, 1000, kStart + std::chrono::hours(1000)), Refusals::kAtOnce);
}

TEST(Refusals, AThousandDifferentThingsAreFirstOnce) {
  Refusals refusals;
  EXPECT_TRUE(refusals.IsFirst(Refusals::First::secret, "a"));
  EXPECT_FALSE(refusals.IsFirst(Refusals::First::secret, "a"));
  for (std::size_t i = 1; i < Refusals::kFirstsMax; ++i)
    EXPECT_TRUE(refusals.IsFirst(Refusals::First::secret, std::to_string(i)));
  EXPECT_FALSE(refusals.IsFirst(Refusals::First::secret, "one more"));
}

TEST(Refusals, WhatCanBeMadeUpDoesNotCrowdOutWhatWasFound) {
  Refusals refusals;
  for (std::size_t i = 0; i < 2 * Refusals::kFirstsMax; ++i)
    refusals.IsFirst(Refusals::First::secret, std::to_string(i));
  EXPECT_TRUE(refusals.IsFirst(Refusals::First::known_secret, "found"));
  EXPECT_TRUE(refusals.IsFirst(Refusals::First::destructive, "host volumeDelete"));
}

}  // namespace
}  // namespace interlock::gateway
