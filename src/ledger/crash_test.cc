// Crashes and full disks at every single step. The process is ended, or the device starts to fail,
// at the N-th call of Io, for every N there is; afterwards nothing that was acknowledged may be
// missing, the directory must verify before and after it is opened again, and no checkpoint that
// was shown may be contradicted.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "ledger/ledger.h"
#include "ledger/test_log.h"
#include "ledger/verify.h"

namespace interlock::ledger {
namespace {

namespace fs = std::filesystem;

enum class Loss {
  nothing,    // the process dies, the machine goes on
  unsynced,   // power cut: bytes that were not synced never reach the device
  half,       // power cut: of each such write every second sector does
  directory,  // power cut: renames whose directory was not synced are undone as well
};

// Holds back what is not durable and ends the process at the N-th call.
class CrashingIo final : public Io {
 public:
  CrashingIo(Loss loss, int calls) : loss_(loss), calls_left_(calls) {}

  Result<File> Open(const fs::path& path) override {
    const std::lock_guard lock(mutex_);
    Step();
    const auto moved = moved_.find(path);
    auto file = Io::Open(moved == moved_.end() ? path : moved->second);
    if (file) file->path = path;
    return file;
  }
  Result<void> Write(const File& file, std::string_view bytes, std::uint64_t offset) override {
    const std::lock_guard lock(mutex_);
    Step();
    if (loss_ == Loss::nothing) return Io::Write(file, bytes, offset);
    pending_[file.path].push_back({offset, std::string(bytes)});
    return {};
  }
  Result<void> SyncData(const File& file) override { return Sync(file); }
  Result<void> Sync(const File& file) override {
    const std::lock_guard lock(mutex_);
    Step();
    for (const auto& [offset, bytes] : pending_[file.path]) {
      ILK_TRY_VOID(Io::Write(file, bytes, offset));
    }
    pending_.erase(file.path);
    return {};
  }
  Result<void> SyncFileSystem(const File&) override {
    const std::lock_guard lock(mutex_);
    Step();
    for (const auto& [path, writes] : pending_) {
      const auto moved = moved_.find(path);
      ILK_TRY(file, Io::Open(moved == moved_.end() ? path : moved->second));
      for (const auto& [offset, bytes] : writes) ILK_TRY_VOID(Io::Write(file, bytes, offset));
    }
    pending_.clear();
    return CommitRenames({});
  }
  Result<void> SyncDirectory(const fs::path& path) override {
    const std::lock_guard lock(mutex_);
    Step();
    return CommitRenames(path);
  }
  // All of them, or those into one directory.
  Result<void> CommitRenames(const fs::path& directory) {
    for (auto it = moved_.begin(); it != moved_.end();) {
      if (directory.empty() || it->first.parent_path() == directory) {
        ILK_TRY_VOID(Io::Rename(it->second, it->first));
        it = moved_.erase(it);
      } else {
        ++it;
      }
    }
    return {};
  }
  Result<void> MakeDirectory(const fs::path& path) override {
    const std::lock_guard lock(mutex_);
    Step();
    return Io::MakeDirectory(path);
  }
  Result<void> Rename(const fs::path& from, const fs::path& to) override {
    const std::lock_guard lock(mutex_);
    Step();
    if (const auto found = pending_.find(from); found != pending_.end()) {
      auto writes = std::move(found->second);
      pending_.erase(found);
      pending_[to] = std::move(writes);
    }
    if (loss_ != Loss::directory) return Io::Rename(from, to);
    moved_[to] = to.string() + ".not-yet-renamed";
    return Io::Rename(from, moved_[to]);
  }
  Result<void> Remove(const fs::path& path) override {
    const std::lock_guard lock(mutex_);
    Step();
    pending_.erase(path);
    return Io::Remove(path);
  }

 private:
  void Step() {
    if (--calls_left_ > 0) return;
    if (loss_ == Loss::half) {
      for (const auto& [path, writes] : pending_) {
        const auto file = Io::Open(path);
        if (!file) continue;
        for (const auto& [offset, bytes] : writes) {
          for (std::size_t at = 0; at < bytes.size(); at += 1024) {
            (void)Io::Write(*file, std::string_view(bytes).substr(at, 512), offset + at);
          }
        }
      }
    }
    ::_exit(77);
  }

  const Loss loss_;
  std::mutex mutex_;
  int calls_left_;
  std::map<fs::path, std::vector<std::pair<std::uint64_t, std::string>>> pending_;
  std::map<fs::path, fs::path> moved_;
};

// Fails from the N-th call on, as a device that is full or broken does.
class FailingIo final : public Io {
 public:
  explicit FailingIo(int calls) : calls_left_(calls) {}
  Result<void> Write(const File& file, std::string_view bytes, std::uint64_t offset) override {
    ILK_TRY_VOID(Step(file.path));
    return Io::Write(file, bytes, offset);
  }
  Result<void> SyncData(const File& file) override {
    ILK_TRY_VOID(Step(file.path));
    return Io::SyncData(file);
  }
  Result<void> Sync(const File& file) override {
    ILK_TRY_VOID(Step(file.path));
    return Io::Sync(file);
  }
  Result<void> SyncFileSystem(const File& file) override {
    ILK_TRY_VOID(Step(file.path));
    return Io::SyncFileSystem(file);
  }
  Result<void> SyncDirectory(const fs::path& path) override {
    ILK_TRY_VOID(Step(path));
    return Io::SyncDirectory(path);
  }
  Result<void> Rename(const fs::path& from, const fs::path& to) override {
    ILK_TRY_VOID(Step(to));
    return Io::Rename(from, to);
  }
  bool has_failed() const { return calls_left_ <= 0; }

 private:
  Result<void> Step(const fs::path& path) {
    if (calls_left_ > 0 && --calls_left_ > 0) return {};
    return Fail(Code::unavailable, "writing " + path.string() + ": No space left on device");
  }
  std::atomic<int> calls_left_;
};

// What the process told the outside before it ended.
struct Told {
  std::uint64_t index;
  std::uint64_t size;
  Hash root;
};

constexpr std::uint64_t kBefore = 250;  // so that the scenario fills a tile
constexpr std::uint64_t kScenario = 14;

std::string ScenarioEntry(std::uint64_t index) {
  // Some are large, so that the journal begins new segments and comes round.
  return EntryText(index) + std::string(index % 2 == 0 ? 60000 : 10, 'x');
}

template <typename Tell>
void RunScenario(Ledger& ledger, std::uint64_t first, const Tell& tell) {
  for (std::uint64_t i = first; i < first + kScenario; ++i) {
    const auto index = ledger.AppendDurable(ScenarioEntry(i));
    if (!index) return;
    const Checkpoint latest = ledger.Latest().checkpoint;
    tell(Told{*index, latest.size, latest.root});
    if (i % 5 == 0 && !ledger.Flush()) return;
  }
}

// ThreadSanitizer looks for races, and every step has the same ones: there each fifth is enough.
#if defined(__SANITIZE_THREAD__)
constexpr int kStride = 5;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr int kStride = 5;
#else
constexpr int kStride = 1;
#endif
#else
constexpr int kStride = 1;
#endif

class Crash : public testing::TestWithParam<Loss> {
 protected:
  // Runs the scenario in a child that is ended at the N-th call. True when it came to its end.
  bool RunAndCrash(const fs::path& log, std::uint64_t first, int calls, std::vector<Told>& told) {
    int pipe_fds[2];
    ILK_CHECK(::pipe(pipe_fds) == 0);
    const pid_t child = ::fork();
    ILK_CHECK(child >= 0);
    if (child == 0) {
      ::close(pipe_fds[0]);
      CrashingIo io(GetParam(), calls);
      auto ledger = Ledger::Open(SmallOptions(log, &io), TestKey());
      if (!ledger) {
        (void)!::write(2, ledger.error().message.data(), ledger.error().message.size());
        ::_exit(1);
      }
      RunScenario(**ledger, first, [&](const Told& t) {
        ILK_CHECK(::write(pipe_fds[1], &t, sizeof t) == sizeof t);
      });
      ledger->reset();
      ::_exit(0);
    }
    ::close(pipe_fds[1]);
    Told t{};
    while (::read(pipe_fds[0], &t, sizeof t) == sizeof t) told.push_back(t);
    ::close(pipe_fds[0]);
    int status = 0;
    ILK_CHECK(::waitpid(child, &status, 0) == child);
    EXPECT_TRUE(WIFEXITED(status) && (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 0))
        << "status " << status;
    return WIFEXITED(status) && WEXITSTATUS(status) != 77;
  }

  void CheckAfter(const fs::path& log, std::uint64_t before, const std::vector<Told>& told) {
    const VerifierKey key = TestVerifier();
    if (fs::exists(log / "checkpoint")) {
      const auto report = Verify(log, key);
      EXPECT_TRUE(report.has_value()) << "before reopening: " << report.error().message;
    }
    auto ledger = Ledger::Open(SmallOptions(log), TestKey());
    ASSERT_TRUE(ledger.has_value()) << ledger.error().message;
    ASSERT_TRUE((*ledger)->AppendDurable("{\"after\":true}").has_value());
    ledger->reset();
    const auto report = Verify(log, key);
    ASSERT_TRUE(report.has_value()) << report.error().message;
    EXPECT_GT(report->size, before + told.size());
    for (const Told& t : told) {
      EXPECT_EQ(ReadEntry(log, t.index).value(), ScenarioEntry(t.index));
      const auto latest = ProveConsistency(log, t.size, key);
      ASSERT_TRUE(latest.has_value()) << latest.error().message;
      EXPECT_TRUE(
          VerifyConsistency(t.size, report->size, t.root, report->root, latest->proof).has_value());
    }
  }

  void CrashEverywhere(std::uint64_t before) {
    if (before != 0) MakeLog(dir_ / "start", before);
    int steps = 0;
    for (bool finished = false; !finished; steps += kStride) {
      SCOPED_TRACE("crash at call " + std::to_string(steps + 1));
      const fs::path log = dir_ / "log";
      if (before != 0) fs::copy(dir_ / "start", log, fs::copy_options::recursive);
      std::vector<Told> told;
      finished = RunAndCrash(log, before, steps + 1, told);
      CheckAfter(log, before, told);
      fs::remove_all(log);
      if (HasFailure()) return;
    }
    EXPECT_GT(steps, 60);
  }

  TempDir dir_;
};

TEST_P(Crash, AtEveryStepOfANewLogLosesNothingThatWasAcknowledged) { CrashEverywhere(0); }
TEST_P(Crash, AtEveryStepOfAGrowingLogLosesNothingThatWasAcknowledged) { CrashEverywhere(kBefore); }

std::string LossName(const testing::TestParamInfo<Loss>& loss) {
  const char* const words[] = {"process", "unsynced", "half", "directory"};
  return words[static_cast<int>(loss.param)];
}
INSTANTIATE_TEST_SUITE_P(Kinds, Crash,
                         testing::Values(Loss::nothing, Loss::unsynced, Loss::half,
                                         Loss::directory),
                         LossName);

TEST(FullDisk, AtEveryStepHaltsTheLedgerAndLosesNothingThatWasAcknowledged) {
  TempDir dir;
  MakeLog(dir / "start", kBefore);
  for (int calls = 1;; calls += kStride) {
    SCOPED_TRACE("full at call " + std::to_string(calls));
    fs::copy(dir / "start", dir / "log", fs::copy_options::recursive);
    FailingIo io(calls);
    std::uint64_t told = 0;
    if (auto ledger = Ledger::Open(SmallOptions(dir / "log", &io), TestKey())) {
      RunScenario(**ledger, kBefore, [&](const Told&) { ++told; });
      // Whether it showed in an append or only while publishing: from then on nothing is taken.
      const auto flushed = (*ledger)->Flush();
      EXPECT_EQ(flushed.has_value(), !io.has_failed());
      EXPECT_EQ((*ledger)->Halted().has_value(), io.has_failed());
      if (io.has_failed()) {
        EXPECT_FALSE((*ledger)->AppendDurable("{}").has_value());
        EXPECT_FALSE((*ledger)->AppendAsync("{}").has_value());
      }
    } else {
      EXPECT_EQ(ledger.error().code, Code::unavailable) << ledger.error().message;
    }
    EXPECT_TRUE(Verify(dir / "log", TestVerifier()).has_value());
    {
      auto ledger = Ledger::Open(SmallOptions(dir / "log"), TestKey());
      ASSERT_TRUE(ledger.has_value()) << ledger.error().message;
      EXPECT_GE((*ledger)->Latest().checkpoint.size, kBefore + told);
    }
    EXPECT_TRUE(Verify(dir / "log", TestVerifier()).has_value());
    fs::remove_all(dir / "log");
    if (!io.has_failed() || testing::Test::HasFailure()) break;
  }
}

}  // namespace
}  // namespace interlock::ledger
