// What the tests of this folder share: a directory that goes away, one fixed key, small options.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "base/file.h"
#include "ledger/ledger.h"

namespace interlock::ledger {

// In memory where that exists: what is tested is the order of syncs, not the disk.
inline std::filesystem::path Workspace() {
  return std::filesystem::exists("/dev/shm") ? "/dev/shm" : std::filesystem::temp_directory_path();
}

class TempDir {
 public:
  TempDir() {
    std::string name = (Workspace() / "ledger-test-XXXXXX").string();
    ILK_CHECK(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline constexpr std::string_view kOrigin = "interlock.local/0a1b2c3d";

inline crypto::Ed25519Key TestKey(char fill = 'k') {
  return crypto::Ed25519Key::FromSeed(Secret(std::string(32, fill))).value();
}

inline VerifierKey TestVerifier(char fill = 'k') {
  return NoteSigner::Make(std::string(kOrigin), TestKey(fill)).value().verifier_key();
}

// Small files, so that a test can fill and recycle the journal.
inline Ledger::Options SmallOptions(const std::filesystem::path& dir, Io* io = nullptr) {
  Ledger::Options options;
  options.dir = dir;
  options.origin = kOrigin;
  options.queue_bytes_max = 80u << 10;
  options.segment_bytes = 96u << 10;
  options.io = io;
  return options;
}

inline std::string EntryText(std::uint64_t i) { return "{\"n\":" + std::to_string(i) + "}"; }

inline void WriteText(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

inline std::string ReadText(const std::filesystem::path& path) {
  return interlock::ReadFile(path).value();
}

// Changes one byte of a file in place.
inline void FlipByte(const std::filesystem::path& path, std::size_t at) {
  std::string bytes = ReadText(path);
  ASSERT_LT(at, bytes.size()) << path;
  bytes[at] = static_cast<char>(bytes[at] ^ 0x01);
  WriteText(path, bytes);
}

// A closed log with `count` entries.
inline void MakeLog(const std::filesystem::path& dir, std::uint64_t count) {
  auto ledger = Ledger::Open(SmallOptions(dir), TestKey());
  ASSERT_TRUE(ledger.has_value()) << ledger.error().message;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto appended = (*ledger)->AppendAsync(EntryText(i));
    if (!appended) {
      ASSERT_EQ(appended.error().code, Code::limit);
      ASSERT_TRUE((*ledger)->Flush().has_value());
      --i;
    }
  }
  ASSERT_TRUE((*ledger)->Flush().has_value());
}

}  // namespace interlock::ledger
