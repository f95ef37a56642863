#include "ledger/ledger.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <future>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "ledger/test_log.h"
#include "ledger/tiles.h"
#include "ledger/verify.h"

namespace interlock::ledger {
namespace {

namespace fs = std::filesystem;

std::unique_ptr<Ledger> OpenOrDie(const fs::path& dir, Io* io = nullptr) {
  auto ledger = Ledger::Open(SmallOptions(dir, io), TestKey());
  EXPECT_TRUE(ledger.has_value()) << ledger.error().message;
  return std::move(*ledger);
}

Error OpenError(const fs::path& dir) {
  auto ledger = Ledger::Open(SmallOptions(dir), TestKey());
  EXPECT_FALSE(ledger.has_value());
  return ledger ? Error{} : ledger.error();
}

// Syncs of the journal wait until the test lets them go.
class GatedIo final : public Io {
 public:
  Result<void> SyncData(const File& file) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_; });
    return Io::SyncData(file);
  }
  void SetOpen(bool open) {
    const std::lock_guard lock(mutex_);
    open_ = open;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
};

// Nothing is published until the test says so.
class UnpublishedIo final : public Io {
 public:
  Result<void> Rename(const fs::path& from, const fs::path& to) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_; });
    return Io::Rename(from, to);
  }
  void SetOpen(bool open) {
    const std::lock_guard lock(mutex_);
    open_ = open;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
};

// Every write and sync fails from the moment it is told to.
class FullDiskIo final : public Io {
 public:
  Result<void> Write(const File& file, std::string_view bytes, std::uint64_t offset) override {
    if (full) return Fail(Code::unavailable, "writing " + file.path.string() + ": disk full");
    return Io::Write(file, bytes, offset);
  }
  std::atomic<bool> full = false;
};

TEST(Ledger, AnAcknowledgedEntryIsUnderTheLatestCheckpointAndSurvives) {
  TempDir dir;
  {
    const auto ledger = OpenOrDie(dir.path());
    for (std::uint64_t i = 0; i < 10; ++i) {
      EXPECT_EQ(ledger->AppendDurable(EntryText(i)).value(), i);
      const SignedCheckpoint latest = ledger->Latest();
      EXPECT_EQ(latest.checkpoint.size, i + 1);
      EXPECT_EQ(OpenCheckpoint(latest.note, ledger->verifier_key()), latest.checkpoint);
    }
  }
  EXPECT_EQ(Verify(dir.path(), TestVerifier()).value().size, 10u);
  const auto ledger = OpenOrDie(dir.path());
  EXPECT_EQ(ledger->AppendDurable(EntryText(10)).value(), 10u);
  ASSERT_TRUE(ledger->Flush().has_value());
  EXPECT_EQ(ReadEntry(dir.path(), 10).value(), EntryText(10));
  EXPECT_EQ(ReadVerifierKey(dir.path()).value(), TestVerifier());
}

TEST(Ledger, OnlyEntriesOfOneTo65535BytesAreTaken) {
  TempDir dir;
  const auto ledger = OpenOrDie(dir.path());
  EXPECT_EQ(ledger->AppendDurable("").error().code, Code::invalid_input);
  EXPECT_EQ(ledger->AppendAsync(std::string(65536, 'x')).error().code, Code::invalid_input);
  const std::string largest(65535, 'x');
  EXPECT_EQ(ledger->AppendDurable(largest).value(), 0u);
  ASSERT_TRUE(ledger->Flush().has_value());
  EXPECT_EQ(ReadEntry(dir.path(), 0).value(), largest);
}

TEST(Ledger, OptionsThatCannotWorkAreRefused) {
  TempDir dir;
  Ledger::Options options = SmallOptions(dir.path());
  options.segment_bytes = options.queue_bytes_max;
  EXPECT_EQ(Ledger::Open(options, TestKey()).error().code, Code::invalid_input);
  options = SmallOptions(dir.path());
  options.origin = "with space";
  EXPECT_EQ(Ledger::Open(options, TestKey()).error().code, Code::invalid_input);
}

TEST(Ledger, ASecondOpenerIsRefusedWithTheReason) {
  TempDir dir;
  auto first = OpenOrDie(dir.path());
  const Error error = OpenError(dir.path());
  EXPECT_EQ(error.code, Code::conflict);
  EXPECT_NE(error.message.find("another process"), std::string::npos);
  first.reset();
  OpenOrDie(dir.path());
}

TEST(Ledger, AnotherKeyOrNameIsRefused) {
  TempDir dir;
  MakeLog(dir.path(), 3);
  EXPECT_EQ(Ledger::Open(SmallOptions(dir.path()), TestKey('x')).error().code, Code::conflict);
  Ledger::Options renamed = SmallOptions(dir.path());
  renamed.origin = "interlock.local/ffffffff";
  EXPECT_EQ(Ledger::Open(renamed, TestKey()).error().code, Code::conflict);
  // Also when somebody removed the file that tells.
  fs::remove(dir / "vkey");
  EXPECT_EQ(Ledger::Open(SmallOptions(dir.path()), TestKey('x')).error().code, Code::verification);
  OpenOrDie(dir.path());
  EXPECT_EQ(ReadVerifierKey(dir.path()), TestVerifier());
}

TEST(Ledger, SixtyFourWritersEachGetTheirOwnIndex) {
  TempDir dir;
  constexpr int kWriters = 64;
  constexpr int kEach = 20;
  std::mutex mutex;
  std::vector<std::string> by_index(kWriters * kEach);
  {
    const auto ledger = OpenOrDie(dir.path());
    std::vector<std::thread> threads;
    for (int w = 0; w < kWriters; ++w) {
      threads.emplace_back([&, w] {
        for (int i = 0; i < kEach; ++i) {
          const std::string entry = EntryText(static_cast<std::uint64_t>(w * 1000 + i));
          const auto index = ledger->AppendDurable(entry);
          ASSERT_TRUE(index.has_value()) << index.error().message;
          EXPECT_GT(ledger->Latest().checkpoint.size, *index);
          const std::lock_guard lock(mutex);
          EXPECT_TRUE(by_index.at(*index).empty());
          by_index[*index] = entry;
        }
      });
    }
    for (auto& thread : threads) thread.join();
  }
  EXPECT_EQ(Verify(dir.path(), TestVerifier()).value().size, by_index.size());
  const auto exported = Export(dir.path(), [&](std::uint64_t index, std::string_view entry) {
    EXPECT_EQ(entry, by_index[index]);
    return Result<void>();
  });
  EXPECT_TRUE(exported.has_value());
}

TEST(Ledger, TheCallbackIsCalledOnceWithTheIndex) {
  TempDir dir;
  const auto ledger = OpenOrDie(dir.path());
  std::promise<Result<std::uint64_t>> told;
  ledger->AppendDurable(EntryText(0), [&](Result<std::uint64_t> index) { told.set_value(index); });
  EXPECT_EQ(told.get_future().get().value(), 0u);
  int refused = 0;
  ledger->AppendDurable("", [&](Result<std::uint64_t> index) {
    EXPECT_EQ(index.error().code, Code::invalid_input);
    ++refused;
  });
  EXPECT_EQ(refused, 1);
}

TEST(Ledger, WhatIsQueuedWhenItClosesIsWritten) {
  TempDir dir;
  int told = 0;
  {
    const auto ledger = OpenOrDie(dir.path());
    for (std::uint64_t i = 0; i < 5; ++i) EXPECT_EQ(ledger->AppendAsync(EntryText(i)).value(), i);
    ledger->AppendDurable(EntryText(5), [&](Result<std::uint64_t>) { ++told; });
  }
  EXPECT_EQ(told, 1);
  EXPECT_EQ(Verify(dir.path(), TestVerifier()).value().size, 6u);
}

TEST(Ledger, AFullQueueRefusesInsteadOfLosing) {
  TempDir dir;
  GatedIo io;
  const auto ledger = OpenOrDie(dir.path(), &io);
  io.SetOpen(false);
  const std::string entry(1000, 'x');
  std::uint64_t taken = 0;
  Result<std::uint64_t> last = 0;
  while ((last = ledger->AppendAsync(entry)).has_value()) ASSERT_LT(++taken, 1000u);
  EXPECT_EQ(last.error().code, Code::limit);
  Code told = Code::internal;
  ledger->AppendDurable(entry, [&](Result<std::uint64_t> r) { told = r.error().code; });
  EXPECT_EQ(told, Code::limit);
  io.SetOpen(true);
  // The waiting form gets its place once there is room.
  EXPECT_EQ(ledger->AppendDurable(entry).value(), taken);
  ASSERT_TRUE(ledger->Flush().has_value());
  EXPECT_EQ(Verify(dir.path(), TestVerifier()).value().size, taken + 1);
}

TEST(Ledger, AfterAWriteErrorEverythingIsRefusedWithTheReason) {
  TempDir dir;
  FullDiskIo io;
  {
    const auto ledger = OpenOrDie(dir.path(), &io);
    ASSERT_TRUE(ledger->AppendDurable(EntryText(0)).has_value());
    ASSERT_TRUE(ledger->Flush().has_value());
    EXPECT_FALSE(ledger->Halted().has_value());
    io.full = true;
    const auto refused = ledger->AppendDurable(EntryText(1));
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, Code::unavailable);
    EXPECT_NE(refused.error().message.find("disk full"), std::string::npos);
    io.full = false;
    EXPECT_FALSE(ledger->AppendDurable(EntryText(1)).has_value());
    EXPECT_FALSE(ledger->AppendAsync(EntryText(1)).has_value());
    EXPECT_TRUE(ledger->Halted().has_value());
    EXPECT_EQ(ledger->Latest().checkpoint.size, 1u);
  }
  const auto ledger = OpenOrDie(dir.path());
  EXPECT_EQ(ledger->AppendDurable(EntryText(1)).value(), 1u);
}

TEST(Ledger, TheJournalIsRecycledAndTheLogGoesOn) {
  TempDir dir;
  const std::string padding(20000, 'p');
  std::uint64_t size = 0;
  for (int round = 0; round < 3; ++round) {
    const auto ledger = OpenOrDie(dir.path());
    for (int i = 0; i < 40; ++i, ++size) {
      ASSERT_EQ(ledger->AppendDurable(EntryText(size) + padding).value(), size);
    }
  }
  EXPECT_EQ(Verify(dir.path(), TestVerifier()).value().size, size);
  std::uintmax_t bytes = 0;
  for (const auto& file : fs::directory_iterator(dir / "journal")) bytes += file.file_size();
  EXPECT_LT(bytes, 5u * (96u << 10));
}

TEST(Ledger, CommittingWaitsForPublishingRatherThanOverwriteItsOnlyCopy) {
  TempDir dir;
  UnpublishedIo io;
  std::atomic<std::uint64_t> told = 0;
  {
    const auto ledger = OpenOrDie(dir / "log", &io);
    io.SetOpen(false);
    std::thread writer([&] {
      for (std::uint64_t i = 0; i < 40; ++i) {
        ASSERT_TRUE(ledger->AppendDurable(EntryText(i) + std::string(20000, 'p')).has_value());
        ++told;
        told.notify_all();
      }
    });
    for (std::uint64_t seen = 0; seen < 16; seen = told) told.wait(seen);
    // What a crash here would leave.
    const std::uint64_t promised = told;
    fs::copy(dir / "log", dir / "crashed", fs::copy_options::recursive);
    EXPECT_GE(OpenOrDie(dir / "crashed")->Latest().checkpoint.size, promised);
    io.SetOpen(true);
    writer.join();
  }
  EXPECT_EQ(Verify(dir / "log", TestVerifier()).value().size, 40u);
}

TEST(Ledger, AnExistingJournalKeepsItsSegmentSize) {
  TempDir dir;
  MakeLog(dir.path(), 3);
  Ledger::Options larger = SmallOptions(dir.path());
  larger.queue_bytes_max = 1u << 20;
  larger.segment_bytes = 2u << 20;
  auto ledger = Ledger::Open(larger, TestKey());
  ASSERT_TRUE(ledger.has_value()) << ledger.error().message;
  const std::string entry(60000, 'x');
  for (int i = 0; i < 10; ++i) ASSERT_TRUE((*ledger)->AppendDurable(entry).has_value());
  EXPECT_EQ(fs::file_size(dir / "journal/1"), 96u << 10);
}

TEST(Ledger, ALiveDirectoryVerifiesAtEveryInstant) {
  TempDir dir;
  const auto ledger = OpenOrDie(dir.path());
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (std::uint64_t i = 0; !stop; ++i) {
      ASSERT_TRUE(ledger->AppendDurable(EntryText(i)).has_value());
    }
  });
  std::uint64_t last = 0;
  while (last < 400) {
    const auto report = Verify(dir.path(), TestVerifier());
    ASSERT_TRUE(report.has_value()) << report.error().message;
    EXPECT_GE(report->size, last);
    last = report->size;
    ASSERT_TRUE(ledger->Flush().has_value());
  }
  stop = true;
  writer.join();
}

TEST(Ledger, PartialFilesGoOnceTheirTileIsFull) {
  TempDir dir;
  const auto ledger = OpenOrDie(dir.path());
  for (std::uint64_t i = 0; i < 258; ++i) {
    ASSERT_TRUE(ledger->AppendAsync(EntryText(i)).has_value());
    if (i % 50 == 0) {
      ASSERT_TRUE(ledger->Flush().has_value());
    }
  }
  ASSERT_TRUE(ledger->Flush().has_value());
  EXPECT_FALSE(fs::exists(dir / "tile/0/000.p"));
  EXPECT_FALSE(fs::exists(dir / "tile/entries/000.p"));
  EXPECT_TRUE(fs::exists(dir / "tile/0/000"));
  EXPECT_TRUE(fs::exists(dir / "tile/0/001.p/2"));
}

// --- what a directory may look like when it is opened
// ------------------------------------------------

TEST(OpenLedger, AnOlderCheckpointAndOlderTilesAreBroughtUpToDate) {
  TempDir dir;
  MakeLog(dir / "log", 300);
  fs::copy(dir / "log", dir / "old", fs::copy_options::recursive);
  MakeLog(dir / "log", 0);
  {
    const auto ledger = OpenOrDie(dir / "log");
    for (std::uint64_t i = 300; i < 700; ++i) {
      ASSERT_TRUE(ledger->AppendAsync(EntryText(i)).has_value());
    }
  }
  fs::remove_all(dir / "log/tile");
  fs::copy(dir / "old/tile", dir / "log/tile", fs::copy_options::recursive);
  fs::copy(dir / "old/checkpoint", dir / "log/checkpoint", fs::copy_options::overwrite_existing);
  OpenOrDie(dir / "log");
  EXPECT_EQ(Verify(dir / "log", TestVerifier()).value().size, 700u);
}

TEST(OpenLedger, GarbageAfterTheLastRecordIsATornWriteThatNobodyWasToldOf) {
  TempDir dir;
  MakeLog(dir.path(), 3);
  std::string bytes = ReadText(dir / "journal/1");
  const std::size_t end = bytes.find_last_not_of('\0') + 1;
  bytes.replace((end + 7) / 8 * 8, 100, std::string(100, 'g'));
  WriteText(dir / "journal/1", bytes);
  const auto ledger = OpenOrDie(dir.path());
  EXPECT_EQ(ledger->AppendDurable(EntryText(3)).value(), 3u);
}

struct Damage {
  const char* name;
  std::function<void(const fs::path& log, const fs::path& old)> change;
};

// `old` is the log as it was at 40 of its 60 entries.
const Damage kDamages[] = {
    {"journal rolled back",
     [](const fs::path& log, const fs::path& old) {
       fs::remove_all(log / "journal");
       fs::copy(old / "journal", log / "journal");
     }},
    {"journal deleted",
     [](const fs::path& log, const fs::path&) { fs::remove_all(log / "journal"); }},
    {"journal zeroed",
     [](const fs::path& log, const fs::path&) {
       WriteText(log / "journal/1", std::string(96u << 10, '\0'));
     }},
    {"journal and checkpoint deleted",
     [](const fs::path& log, const fs::path&) {
       fs::remove_all(log / "journal");
       fs::remove(log / "checkpoint");
     }},
    {"tiles deleted", [](const fs::path& log, const fs::path&) { fs::remove_all(log / "tile"); }},
    {"tiles rolled back",
     [](const fs::path& log, const fs::path& old) {
       fs::remove_all(log / "tile");
       fs::copy(old / "tile", log / "tile", fs::copy_options::recursive);
     }},
    {"hash at the right edge changed",
     [](const fs::path& log, const fs::path&) { FlipByte(log / "tile/0/000.p/60", 3); }},
    {"checkpoint of another key",
     [](const fs::path& log, const fs::path&) {
       const auto signer = NoteSigner::Make(std::string(kOrigin), TestKey('x')).value();
       WriteText(log / "checkpoint",
                 signer.Sign(FormatCheckpoint({std::string(kOrigin), 0, EmptyRoot()})));
     }},
    {"checkpoint emptied",
     [](const fs::path& log, const fs::path&) { WriteText(log / "checkpoint", ""); }},
    {"a checkpoint of the same size with another root, rightly signed",
     [](const fs::path& log, const fs::path&) {
       const auto signer = NoteSigner::Make(std::string(kOrigin), TestKey()).value();
       WriteText(log / "checkpoint",
                 signer.Sign(FormatCheckpoint({std::string(kOrigin), 60, LeafHash("fork")})));
     }},
    {"published part of another history under the same key",
     [](const fs::path& log, const fs::path&) {
       TempDir other;
       {
         const auto ledger = OpenOrDie(other.path());
         for (std::uint64_t i = 0; i < 60; ++i) {
           ASSERT_TRUE(ledger->AppendAsync(EntryText(i + 7)).has_value());
         }
       }
       fs::remove_all(log / "tile");
       fs::copy(other / "tile", log / "tile", fs::copy_options::recursive);
       fs::copy(other / "checkpoint", log / "checkpoint", fs::copy_options::overwrite_existing);
     }},
};

TEST(OpenLedger, WhatDisagreesIsRefusedWithWhatToDo) {
  TempDir dir;
  {
    const auto ledger = OpenOrDie(dir / "log");
    for (std::uint64_t i = 0; i < 40; ++i)
      ASSERT_TRUE(ledger->AppendAsync(EntryText(i)).has_value());
  }
  fs::copy(dir / "log", dir / "old", fs::copy_options::recursive);
  {
    const auto ledger = OpenOrDie(dir / "log");
    for (std::uint64_t i = 40; i < 60; ++i)
      ASSERT_TRUE(ledger->AppendAsync(EntryText(i)).has_value());
  }
  for (const Damage& damage : kDamages) {
    SCOPED_TRACE(damage.name);
    fs::copy(dir / "log", dir / "copy", fs::copy_options::recursive);
    damage.change(dir / "copy", dir / "old");
    const std::string before =
        fs::exists(dir / "copy/checkpoint") ? ReadText(dir / "copy/checkpoint") : "";
    const Error error = OpenError(dir / "copy");
    EXPECT_TRUE(error.code == Code::verification || error.code == Code::not_found) << error.message;
    EXPECT_NE(error.message.find("Move the directory away"), std::string::npos) << error.message;
    const std::string after =
        fs::exists(dir / "copy/checkpoint") ? ReadText(dir / "copy/checkpoint") : "";
    EXPECT_EQ(before, after) << "nothing may be signed";
    fs::remove_all(dir / "copy");
  }
}

TEST(OpenLedger, AnyFlippedByteInTheJournalsRecordsIsRefused) {
  TempDir dir;
  {
    const auto ledger = OpenOrDie(dir.path());
    for (std::uint64_t i = 0; i < 12; ++i) {
      ASSERT_TRUE(ledger->AppendDurable(EntryText(i)).has_value());
    }
  }
  const std::string good = ReadText(dir / "journal/1");
  const std::size_t end = good.find_last_not_of('\0');
  for (std::size_t at = 0; at < end - 32; at += 13) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x20);
    WriteText(dir / "journal/1", bad);
    // Padding and the stated root of the segment's first record carry nothing.
    if (const auto ledger = Ledger::Open(SmallOptions(dir.path()), TestKey())) {
      EXPECT_EQ((*ledger)->Latest().checkpoint.size, 12u) << at;
    } else {
      EXPECT_EQ(ledger.error().code, Code::verification) << at;
    }
    WriteText(dir / "journal/1", good);
  }
  OpenOrDie(dir.path());
}

}  // namespace
}  // namespace interlock::ledger
