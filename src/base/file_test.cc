#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/ids.h"

namespace interlock {
namespace {

class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / ("ilk-file-" + RandomToken());
    ASSERT_TRUE(MakePrivateDirectory(directory_));
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  static unsigned ModeOf(const std::filesystem::path& path) {
    struct stat info{};
    EXPECT_EQ(::stat(path.c_str(), &info), 0);
    return info.st_mode & 07777u;
  }
  std::filesystem::path directory_;
};

TEST_F(FileTest, WhatWasWrittenIsRead) {
  const std::string bytes("a\0b\n", 4);
  ASSERT_TRUE(WriteFileDurably(directory_ / "f", bytes));
  EXPECT_EQ(ReadFile(directory_ / "f").value(), bytes);
  ASSERT_TRUE(WriteFileDurably(directory_ / "f", "second", 0644));
  EXPECT_EQ(ReadFile(directory_ / "f").value(), "second");
  EXPECT_EQ(ModeOf(directory_ / "f"), 0644u);
}

TEST_F(FileTest, ModesArePrivateUnlessSaidOtherwise) {
  ASSERT_TRUE(WriteFileDurably(directory_ / "f", ""));
  EXPECT_EQ(ModeOf(directory_ / "f"), 0600u);
  ASSERT_TRUE(MakePrivateDirectory(directory_ / "a" / "b"));
  EXPECT_EQ(ModeOf(directory_ / "a"), 0700u);
  EXPECT_EQ(ModeOf(directory_ / "a" / "b"), 0700u);
  EXPECT_TRUE(MakePrivateDirectory(directory_ / "a" / "b"));
}

TEST_F(FileTest, AFailedWriteLeavesNothingBehindAndTheOldFileInPlace) {
  std::filesystem::create_directory(directory_ / "taken");
  ASSERT_TRUE(WriteFileDurably(directory_ / "taken" / "inside", "x"));
  EXPECT_FALSE(WriteFileDurably(directory_ / "taken", "y"));
  std::size_t entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory_))
    ++entries;
  EXPECT_EQ(entries, 1u);
}

TEST_F(FileTest, WritingIntoAMissingDirectoryFails) {
  const auto result = WriteFileDurably(directory_ / "missing" / "f", "x");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::not_found);
  EXPECT_NE(result.error().message.find("missing"), std::string::npos);
}

TEST_F(FileTest, ReadingIsBoundedAndRefusesOddFiles) {
  ASSERT_TRUE(WriteFileDurably(directory_ / "f", "12345"));
  EXPECT_EQ(ReadFile(directory_ / "f", 5).value(), "12345");
  EXPECT_EQ(ReadFile(directory_ / "f", 4).error().code, Code::limit);
  EXPECT_EQ(ReadFile(directory_ / "none").error().code, Code::not_found);
  EXPECT_EQ(ReadFile(directory_).error().code, Code::invalid_input);
  ASSERT_EQ(::mkfifo((directory_ / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(ReadFile(directory_ / "pipe").error().code, Code::invalid_input);
}

TEST_F(FileTest, FilesThatDoNotTellTheirSizeAreReadWhole) {
  EXPECT_FALSE(ReadFile("/proc/self/status").value().empty());
}

TEST_F(FileTest, ADirectoryIsNotMadeThroughAFile) {
  ASSERT_TRUE(WriteFileDurably(directory_ / "f", ""));
  EXPECT_FALSE(MakePrivateDirectory(directory_ / "f" / "x"));
  EXPECT_FALSE(MakePrivateDirectory(directory_ / "f"));
}

}  // namespace
}  // namespace interlock
