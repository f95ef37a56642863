#include "ledger/tiles.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "ledger/test_log.h"
#include "ledger/verify.h"

namespace interlock::ledger {
namespace {

namespace fs = std::filesystem;

TEST(TilePath, IsThatOfTheSpecification) {
  EXPECT_EQ(TilePath(0, 1234067, 256), "tile/0/x001/x234/067");
  EXPECT_EQ(TilePath(63, 0, 1), "tile/63/000.p/1");
  EXPECT_EQ(BundlePath(999, 256), "tile/entries/999");
  EXPECT_EQ(BundlePath(1000, 255), "tile/entries/x001/000.p/255");
}

// The example of c2sp.org/tlog-tiles, "Partial Tiles".
TEST(WidthOf, ALogOf70000EntriesHasTheTilesOfTheSpecification) {
  EXPECT_EQ(HashesAtLevel(70000, 0) / kTileWidth, 273u);
  EXPECT_EQ(WidthOf(272, HashesAtLevel(70000, 0)), 256u);
  EXPECT_EQ(WidthOf(273, HashesAtLevel(70000, 0)), 112u);
  EXPECT_EQ(WidthOf(274, HashesAtLevel(70000, 0)), 0u);
  EXPECT_EQ(WidthOf(0, HashesAtLevel(70000, 1)), 256u);
  EXPECT_EQ(WidthOf(1, HashesAtLevel(70000, 1)), 17u);
  EXPECT_EQ(WidthOf(0, HashesAtLevel(70000, 2)), 1u);
  EXPECT_EQ(HashesAtLevel(70000, 3), 0u);
  EXPECT_EQ(HashesAtLevel(~std::uint64_t{0}, 9), 0u);
}

TEST(SplitBundle, TakesExactlyTheEntriesThatAreThere) {
  std::string bundle;
  AppendEntry(bundle, "ab");
  AppendEntry(bundle, "");
  AppendEntry(bundle, std::string(65535, 'x'));
  const auto entries = SplitBundle(bundle, 3);
  ASSERT_TRUE(entries.has_value());
  EXPECT_EQ((*entries)[0], "ab");
  EXPECT_EQ((*entries)[2].size(), 65535u);
  EXPECT_FALSE(SplitBundle(bundle, 2).has_value());
  EXPECT_FALSE(SplitBundle(bundle, 4).has_value());
  EXPECT_FALSE(SplitBundle(bundle.substr(0, bundle.size() - 1), 3).has_value());
  EXPECT_FALSE(SplitBundle("\x01", 1).has_value());
}

// A log that another implementation wrote, with all its checkpoints.
class TesseraLog : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(dir_)) GTEST_SKIP() << "not found: " << dir_;
    key_ = ReadVerifierKey(dir_).value();
  }
  const fs::path dir_ = fs::path(ILK_SHARED_DIR) / "vectors/tessera-log";
  VerifierKey key_;
};

TEST_F(TesseraLog, Verifies) {
  const auto report = Verify(dir_, key_);
  ASSERT_TRUE(report.has_value()) << report.error().message;
  EXPECT_EQ(report->size, 15u);
  EXPECT_EQ(report->origin, "example.com/log/testdata");
}

TEST_F(TesseraLog, EveryEntryIsProvedAndEveryEarlierCheckpointIsConsistent) {
  for (std::uint64_t i = 0; i < 15; ++i) {
    const auto receipt = Prove(dir_, i, key_);
    ASSERT_TRUE(receipt.has_value()) << receipt.error().message;
    const auto entry = ReadEntry(dir_, i);
    ASSERT_TRUE(entry.has_value());
    EXPECT_EQ(VerifyProof(*receipt, *entry, key_).value().index, i);
    EXPECT_FALSE(VerifyProof(*receipt, *entry + " ", key_).has_value());
  }
  for (int size = 1; size <= 15; ++size) {
    const fs::path file = dir_ / ("checkpoint." + std::to_string(size));
    if (!fs::exists(file)) continue;
    const auto earlier = OpenCheckpoint(ReadText(file), key_);
    ASSERT_TRUE(earlier.has_value()) << file;
    const auto latest = ProveConsistency(dir_, earlier->size, key_);
    ASSERT_TRUE(latest.has_value()) << latest.error().message;
    EXPECT_TRUE(VerifyConsistency(earlier->size, 15, earlier->root, latest->latest.checkpoint.root,
                                  latest->proof)
                    .has_value())
        << size;
  }
}

TEST_F(TesseraLog, EveryCheckpointVerifiesOverTheTilesOfItsSize) {
  for (int size = 1; size <= 15; ++size) {
    const fs::path file = dir_ / ("checkpoint." + std::to_string(size));
    if (!fs::exists(file)) continue;
    TempDir copy;
    fs::copy(dir_ / "tile", copy / "tile", fs::copy_options::recursive);
    WriteText(copy / "checkpoint", ReadText(file));
    const auto report = Verify(copy.path(), key_);
    ASSERT_TRUE(report.has_value()) << report.error().message;
    EXPECT_EQ(report->size, static_cast<std::uint64_t>(size));
  }
}

TEST(TileReader, TakesTheFrontOfAWiderFileWhenItsOwnIsGone) {
  TempDir dir;
  MakeLog(dir.path(), 5);
  const std::string old = ReadText(dir / "checkpoint");
  {
    auto ledger = Ledger::Open(SmallOptions(dir.path()), TestKey());
    ASSERT_TRUE(ledger.has_value());
    ASSERT_TRUE((*ledger)->AppendDurable(EntryText(5)).has_value());
  }
  fs::remove(dir / "tile/0/000.p/5");
  fs::remove(dir / "tile/entries/000.p/5");
  WriteText(dir / "checkpoint", old);
  EXPECT_EQ(Verify(dir.path(), TestVerifier()).value().size, 5u);
}

}  // namespace
}  // namespace interlock::ledger
