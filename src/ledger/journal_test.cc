#include "ledger/journal.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "ledger/test_log.h"
#include "ledger/tiles.h"

namespace interlock::ledger {
namespace {

constexpr std::uint64_t kSegmentBytes = 96u << 10;
constexpr std::size_t kEntryBytes = 20000;  // four of them fit a segment

Journal::Options OptionsFor(const TempDir& dir, char key = 'k') {
  return {.io = &Io::System(),
          .dir = dir.path(),
          .key = LeafHash(std::string(1, key)),
          .segment_bytes = kSegmentBytes};
}

std::string Bundle(std::uint64_t index) {
  std::string bundle;
  AppendEntry(bundle, EntryText(index) + std::string(kEntryBytes - 20, 'x'));
  return bundle;
}

void AppendTo(Journal& journal, std::uint64_t index) {
  const std::string bundle = Bundle(index);
  ASSERT_TRUE(journal.Append(bundle, {LeafHash(std::string_view(bundle).substr(2))}).has_value());
  ASSERT_TRUE(journal.Sync().has_value());
}

// The sizes of the log before each record that Open visits.
Result<std::vector<std::uint64_t>> Visited(const TempDir& dir, std::uint64_t published,
                                           char key = 'k') {
  std::vector<std::uint64_t> sizes;
  const auto journal =
      Journal::Open(OptionsFor(dir, key), published, [&](const Journal::Record& record) {
        sizes.push_back(record.before.size());
        EXPECT_EQ(record.entries.size(), record.leaves.size());
        return Result<void>();
      });
  if (!journal) return std::unexpected(journal.error());
  return sizes;
}

TEST(Journal, ASegmentIsUsedAgainOnlyWhenItsEntriesArePublished) {
  TempDir dir;
  auto journal = Journal::Create(OptionsFor(dir));
  ASSERT_TRUE(journal.has_value());
  const std::size_t bytes = Bundle(0).size();
  for (std::uint64_t i = 0; i < 16; ++i) {
    EXPECT_EQ((*journal)->MustBePublished(bytes), 0u) << i;
    AppendTo(**journal, i);
  }
  // The fifth segment would overwrite the first, which ends after four entries.
  EXPECT_EQ((*journal)->MustBePublished(bytes), 4u);
  journal->reset();
  // A reader that finds nothing published comes to the same conclusion.
  auto again = Journal::Open(OptionsFor(dir), 0, [](const auto&) { return Result<void>(); });
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ((*again)->tree().size(), 16u);
  EXPECT_EQ((*again)->MustBePublished(bytes), 4u);
  AppendTo(**again, 16);
  again->reset();
  EXPECT_EQ(Visited(dir, 4).value().front(), 4u);
}

TEST(Journal, IsReadFromTheLastSegmentThatBeginsWithinWhatIsPublished) {
  TempDir dir;
  {
    auto journal = Journal::Create(OptionsFor(dir));
    ASSERT_TRUE(journal.has_value());
    for (std::uint64_t i = 0; i < 18; ++i) AppendTo(**journal, i);
  }
  EXPECT_EQ(Visited(dir, 18).value(), (std::vector<std::uint64_t>{16, 17}));
  EXPECT_EQ(Visited(dir, 13).value().front(), 12u);
  // Entries 0 to 3 have been overwritten.
  EXPECT_EQ(Visited(dir, 3).error().code, Code::verification);
}

TEST(Journal, AGapBetweenSegmentsIsDamage) {
  TempDir dir;
  {
    auto journal = Journal::Create(OptionsFor(dir));
    ASSERT_TRUE(journal.has_value());
    for (std::uint64_t i = 0; i < 12; ++i) AppendTo(**journal, i);
  }
  WriteText(dir / "2", std::string(kSegmentBytes, '\0'));
  EXPECT_EQ(Visited(dir, 0).error().code, Code::verification);
  EXPECT_TRUE(Visited(dir, 12).has_value()) << "the gap lies in what is published";
}

TEST(Journal, TheFirstRecordOfTheNewestSegmentCannotVanishUnnoticed) {
  TempDir dir;
  {
    auto journal = Journal::Create(OptionsFor(dir));
    ASSERT_TRUE(journal.has_value());
    for (std::uint64_t i = 0; i < 6; ++i) AppendTo(**journal, i);
  }
  FlipByte(dir / "2", 40);
  EXPECT_EQ(Visited(dir, 4).error().code, Code::verification);
}

TEST(Journal, AnotherKeyReadsNothing) {
  TempDir dir;
  {
    auto journal = Journal::Create(OptionsFor(dir));
    ASSERT_TRUE(journal.has_value());
    AppendTo(**journal, 0);
  }
  EXPECT_EQ(Visited(dir, 0, 'x').error().code, Code::not_found);
}

}  // namespace
}  // namespace interlock::ledger
