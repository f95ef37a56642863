#include "store/sqlite/sqlite_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "base/file.h"
#include "base/ids.h"

namespace interlock::sqlite {
namespace {

using store::HoldRecord;

class SqliteStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / ("ilk-sqlite-" + RandomToken());
    ASSERT_TRUE(MakePrivateDirectory(directory_));
    path_ = directory_ / "interlock.db";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  static HoldRecord Hold(const std::string& id) {
    HoldRecord hold;
    hold.id = id;
    hold.session = "s-1";
    hold.state = "pending";
    hold.fingerprint = id;
    return hold;
  }
  static Options NoWait() { return {.busy_timeout = std::chrono::milliseconds(0)}; }
  void Raw(const char* sql) {
    auto database = Database::Open(path_, NoWait());
    ASSERT_TRUE(database) << database.error().message;
    ASSERT_TRUE(database->Run(sql));
  }

  std::filesystem::path directory_;
  std::filesystem::path path_;
};

TEST_F(SqliteStoreTest, EverythingSurvivesAReopening) {
  {
    const auto store = OpenStore(path_).value();
    ASSERT_TRUE(store->Insert(Hold("h-1")));
    ASSERT_TRUE(store->SetHalt({store::kHaltAll, TimePoint(), "r", "ann"}));
    ASSERT_TRUE(store->UseNonce("n", TimePoint()));
  }
  const auto store = OpenStore(path_).value();
  EXPECT_EQ(store->Get("h-1").value(), Hold("h-1"));
  EXPECT_EQ(store->Halts()->size(), 1u);
  EXPECT_FALSE(store->UseNonce("n", TimePoint()));
}

TEST_F(SqliteStoreTest, WhatReturnedSurvivesAKilledProcess) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto store = OpenStore(path_);
    const bool written = store && (*store)->Insert(Hold("h-1"));
    // No destructor runs: the log is left as a crash leaves it.
    if (written) ::kill(::getpid(), SIGKILL);
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  const auto store = OpenStore(path_);
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_TRUE((*store)->Get("h-1"));
}

TEST_F(SqliteStoreTest, ASecondOpenerGetsAConflict) {
  auto store = OpenStore(path_).value();
  const auto second = OpenStore(path_, NoWait());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::conflict) << second.error().message;
  store.reset();
  EXPECT_TRUE(OpenStore(path_, NoWait()));
}

TEST_F(SqliteStoreTest, FilesArePrivate) {
  const auto store = OpenStore(path_).value();
  ASSERT_TRUE(store->Insert(Hold("h-1")));
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    struct stat info{};
    ASSERT_EQ(::stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777u, 0600u) << entry.path();
  }
}

TEST_F(SqliteStoreTest, AFullDiskIsAnErrorThatChangesNothing) {
  Options options = NoWait();
  options.pages_max = 40;
  const auto store = OpenStore(path_, options).value();
  ASSERT_TRUE(store->Insert(Hold("h-1")));
  HoldRecord large = Hold("h-2");
  large.action.assign(1 << 20, 'x');
  const auto failed = store->Insert(large);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::unavailable);
  EXPECT_NE(failed.error().message.find("no space"), std::string::npos) << failed.error().message;
  EXPECT_EQ(store->Get("h-2").error().code, Code::not_found);
  store::HoldChange change{.state = "executing", .at = TimePoint()};
  change.outcome = std::string(1 << 20, 'x');
  change.nonce = "n";
  EXPECT_EQ(store->Transition("h-1", "pending", change).error().code, Code::unavailable);
  EXPECT_EQ(store->Get("h-1").value(), Hold("h-1"));
  EXPECT_TRUE(store->UseNonce("n", TimePoint()));
}

TEST_F(SqliteStoreTest, ANewerSchemaIsRefusedAndLeftAlone) {
  ASSERT_TRUE(OpenStore(path_));
  Raw("PRAGMA user_version=99");
  const auto store = OpenStore(path_);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Code::unavailable);
  EXPECT_NE(store.error().message.find("newer version"), std::string::npos);
  Raw("PRAGMA user_version=1");
  EXPECT_TRUE(OpenStore(path_));
}

TEST_F(SqliteStoreTest, AnotherProgramsDatabaseIsRefused) {
  Raw("CREATE TABLE theirs (x)");
  EXPECT_NE(OpenStore(path_).error().message.find("another program"), std::string::npos);
}

TEST_F(SqliteStoreTest, AFileThatIsNoDatabaseIsRefused) {
  ASSERT_TRUE(WriteFileDurably(path_, std::string(8192, 'x')));
  const auto store = OpenStore(path_);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Code::unavailable);
  EXPECT_NE(store.error().message.find("damaged"), std::string::npos) << store.error().message;
  EXPECT_EQ(ReadFile(path_).value(), std::string(8192, 'x'));
}

TEST_F(SqliteStoreTest, DamageIsNoticedAtOpening) {
  {
    const auto store = OpenStore(path_).value();
    HoldRecord hold = Hold("h-1");
    hold.action.assign(100'000, 'x');
    ASSERT_TRUE(store->Insert(hold));
  }
  std::string bytes = ReadFile(path_).value();
  for (std::size_t at = 4096; at < 12288; ++at) bytes[at] = '\x5a';
  ASSERT_TRUE(WriteFileDurably(path_, bytes));
  const auto store = OpenStore(path_);
  ASSERT_FALSE(store);
  EXPECT_NE(store.error().message.find("damaged"), std::string::npos) << store.error().message;
}

TEST_F(SqliteStoreTest, AMissingDirectoryIsAnError) {
  EXPECT_EQ(OpenStore(directory_ / "none" / "db").error().code, Code::unavailable);
}

TEST_F(SqliteStoreTest, ASymlinkIsNotFollowed) {
  ASSERT_TRUE(WriteFileDurably(directory_ / "elsewhere", ""));
  std::filesystem::create_symlink(directory_ / "elsewhere", path_);
  EXPECT_FALSE(OpenStore(path_));
}

}  // namespace
}  // namespace interlock::sqlite
