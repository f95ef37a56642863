#include "ledger/verify.h"

#include <gtest/gtest.h>
#include <stdio.h>
#include <sys/wait.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "ledger/test_log.h"
#include "ledger/tiles.h"

namespace interlock::ledger {
namespace {

namespace fs = std::filesystem;

// 600 entries: two full tiles, a partial one, a partial tile above.
constexpr std::uint64_t kEntries = 600;

class VerifyTest : public testing::Test {
 protected:
  // Making the log costs syncs; every test works on a copy.
  static void SetUpTestSuite() {
    original_ = new TempDir;
    MakeLog(original_->path() / "log", kEntries);
  }
  static void TearDownTestSuite() {
    delete original_;
    original_ = nullptr;
  }
  void SetUp() override {
    fs::copy(original_->path() / "log", dir_ / "log", fs::copy_options::recursive);
  }
  fs::path log() const { return dir_ / "log"; }

  static TempDir* original_;
  TempDir dir_;
  const VerifierKey key_ = TestVerifier();
};
TempDir* VerifyTest::original_ = nullptr;

TEST_F(VerifyTest, AnUntouchedLogHolds) {
  std::uint64_t last = 0;
  const auto report = Verify(log(), key_, [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_GT(done, last);
    EXPECT_EQ(total, kEntries);
    last = done;
  });
  ASSERT_TRUE(report.has_value()) << report.error().message;
  EXPECT_EQ(report->size, kEntries);
  EXPECT_EQ(report->origin, kOrigin);
  EXPECT_EQ(last, kEntries);
}

TEST_F(VerifyTest, AnEmptyLogHolds) {
  TempDir empty;
  MakeLog(empty.path(), 0);
  EXPECT_EQ(Verify(empty.path(), key_).value().size, 0u);
  EXPECT_FALSE(Prove(empty.path(), 0, key_).has_value());
}

struct Tampering {
  const char* name;
  std::function<void(const fs::path& log)> change;
  const char* named;  // what the message must name
};

std::string ReplaceAll(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos);
  return text.replace(at, from.size(), to);
}

void EditFile(const fs::path& path, std::string_view from, std::string_view to) {
  WriteText(path, ReplaceAll(ReadText(path), from, to));
}

const Tampering kTamperings[] = {
    {"entry of a full bundle changed",
     [](const fs::path& log) { EditFile(log / "tile/entries/000", "{\"n\":17}", "{\"n\":71}"); },
     "tile/entries/000: entry 17"},
    {"entry of the last bundle changed",
     [](const fs::path& log) {
       EditFile(log / "tile/entries/002.p/88", "{\"n\":599}", "{\"n\":995}");
     },
     "tile/entries/002.p/88: entry 599"},
    {"two entries exchanged",
     [](const fs::path& log) {
       EditFile(log / "tile/entries/001", "{\"n\":300}", "{\"n\":XXX}");
       EditFile(log / "tile/entries/001", "{\"n\":301}", "{\"n\":300}");
       EditFile(log / "tile/entries/001", "{\"n\":XXX}", "{\"n\":301}");
     },
     "tile/entries/001: entry 300"},
    {"leaf hash of a full tile changed",
     [](const fs::path& log) { FlipByte(log / "tile/0/001", 5 * 32); },
     "tile/0/001: the hash of entry 261"},
    {"leaf hash of the last tile changed",
     [](const fs::path& log) { FlipByte(log / "tile/0/002.p/88", 7); },
     "tile/0/002.p/88: the hash of entry 512"},
    {"hash of an upper tile changed",
     [](const fs::path& log) { FlipByte(log / "tile/1/000.p/2", 40); },
     "tile/1/000.p/2: its hash 1"},
    {"bundle missing", [](const fs::path& log) { fs::remove(log / "tile/entries/001"); },
     "tile/entries/001 is missing"},
    {"tile missing", [](const fs::path& log) { fs::remove(log / "tile/0/000"); },
     "tile/0/000 is missing"},
    {"bundle cut short",
     [](const fs::path& log) { fs::resize_file(log / "tile/entries/000", 100); },
     "tile/entries/000: it ends"},
    {"bytes after the last entry of a bundle",
     [](const fs::path& log) {
       WriteText(log / "tile/entries/000", ReadText(log / "tile/entries/000") + "x");
     },
     "tile/entries/000: bytes after"},
    {"bytes after the last hash of a tile",
     [](const fs::path& log) {
       WriteText(log / "tile/1/000.p/2", ReadText(log / "tile/1/000.p/2") + "x");
     },
     "tile/1/000.p/2: it has 65 bytes"},
    {"tile emptied", [](const fs::path& log) { WriteText(log / "tile/0/000", ""); },
     "tile/0/000: it has 0 bytes"},
    {"tile far too large",
     [](const fs::path& log) { WriteText(log / "tile/0/000", std::string(100000, 'x')); },
     "tile/0/000 is larger"},
    {"entry removed with its length",
     [](const fs::path& log) {
       std::string entry;
       AppendEntry(entry, "{\"n\":40}");
       EditFile(log / "tile/entries/000", entry, "");
     },
     "tile/entries/000: it ends before entry 255"},
    {"two bundles exchanged",
     [](const fs::path& log) {
       fs::rename(log / "tile/entries/000", log / "x");
       fs::rename(log / "tile/entries/001", log / "tile/entries/000");
       fs::rename(log / "x", log / "tile/entries/001");
     },
     "tile/entries/000: entry 0"},
    {"entry and leaf hash changed together",
     [](const fs::path& log) {
       EditFile(log / "tile/entries/000", "{\"n\":17}", "{\"n\":71}");
       const Hash leaf = LeafHash("{\"n\":71}");
       std::string tile = ReadText(log / "tile/0/000");
       WriteText(log / "tile/0/000", tile.replace(17 * 32, 32, AsText(leaf)));
     },
     "tile/1/000.p/2: its hash 0"},
    {"entry and leaf hash of the right edge changed together",
     [](const fs::path& log) {
       EditFile(log / "tile/entries/002.p/88", "{\"n\":512}", "{\"n\":215}");
       const Hash leaf = LeafHash("{\"n\":215}");
       std::string tile = ReadText(log / "tile/0/002.p/88");
       WriteText(log / "tile/0/002.p/88", tile.replace(0, 32, AsText(leaf)));
     },
     "checkpoint: entries and tiles agree with each other, but not with its root"},
    {"size in the checkpoint changed",
     [](const fs::path& log) { EditFile(log / "checkpoint", "\n600\n", "\n512\n"); },
     "checkpoint does not hold"},
    {"checkpoint unsigned",
     [](const fs::path& log) {
       const std::string note = ReadText(log / "checkpoint");
       WriteText(log / "checkpoint", note.substr(0, note.find("—")));
     },
     "checkpoint does not hold"},
    {"checkpoint signed by another key of the same name",
     [](const fs::path& log) {
       const auto signer = NoteSigner::Make(std::string(kOrigin), TestKey('x')).value();
       WriteText(log / "checkpoint",
                 signer.Sign(FormatCheckpoint({std::string(kOrigin), 0, EmptyRoot()})));
     },
     "checkpoint does not hold"},
    {"checkpoint missing", [](const fs::path& log) { fs::remove(log / "checkpoint"); },
     "checkpoint is missing"},
};

TEST_F(VerifyTest, EveryTamperingIsFoundAndNamed) {
  for (const Tampering& tampering : kTamperings) {
    SCOPED_TRACE(tampering.name);
    const fs::path copy = dir_ / "copy";
    fs::copy(log(), copy, fs::copy_options::recursive);
    tampering.change(copy);
    const auto report = Verify(copy, key_);
    ASSERT_FALSE(report.has_value());
    EXPECT_EQ(report.error().code, Code::verification);
    EXPECT_NE(report.error().message.find(tampering.named), std::string::npos)
        << report.error().message;
    fs::remove_all(copy);
  }
}

TEST_F(VerifyTest, AnyFlippedByteOfAPublishedFileIsFound) {
  std::size_t files = 0;
  for (const auto& file : fs::recursive_directory_iterator(log())) {
    const fs::path relative = fs::relative(file.path(), log());
    const std::string top = relative.begin()->string();
    if (!file.is_regular_file() || (top != "tile" && top != "checkpoint")) continue;
    // Partial files of earlier sizes are no part of this checkpoint's tree.
    const fs::path parent = relative.parent_path();
    const std::string width = relative.filename().string();
    if (parent.extension() == ".p" && width != "88" && width != "2") continue;
    const std::string bytes = ReadText(file.path());
    const std::size_t step = bytes.size() / 7 + 1;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      FlipByte(file.path(), at);
      EXPECT_FALSE(Verify(log(), key_).has_value()) << relative << " byte " << at;
      WriteText(file.path(), bytes);
    }
    ++files;
  }
  EXPECT_EQ(files, 8u);
  EXPECT_TRUE(Verify(log(), key_).has_value());
}

TEST_F(VerifyTest, AReceiptProvesItsEntryAndNothingElse) {
  for (const std::uint64_t index : {std::uint64_t{0}, std::uint64_t{255}, std::uint64_t{256},
                                    std::uint64_t{511}, std::uint64_t{599}}) {
    const auto receipt = Prove(log(), index, key_);
    ASSERT_TRUE(receipt.has_value()) << receipt.error().message;
    const auto proved = VerifyProof(*receipt, EntryText(index), key_);
    ASSERT_TRUE(proved.has_value()) << proved.error().message;
    EXPECT_EQ(proved->index, index);
    EXPECT_EQ(proved->checkpoint.size, kEntries);
    EXPECT_FALSE(VerifyProof(*receipt, EntryText(index + 1), key_).has_value());
    EXPECT_FALSE(VerifyProof(*receipt, EntryText(index), TestVerifier('x')).has_value());
    const auto moved = ReplaceAll(*receipt, "index " + std::to_string(index) + "\n",
                                  "index " + std::to_string(index ^ 1) + "\n");
    EXPECT_FALSE(VerifyProof(moved, EntryText(index), key_).has_value());
  }
  EXPECT_EQ(Prove(log(), kEntries, key_).error().code, Code::not_found);
}

TEST_F(VerifyTest, NoReceiptIsGivenForAChangedEntry) {
  EditFile(log() / "tile/entries/000", "{\"n\":17}", "{\"n\":71}");
  EXPECT_EQ(Prove(log(), 17, key_).error().code, Code::verification);
  EXPECT_TRUE(Prove(log(), 18, key_).has_value());
}

TEST_F(VerifyTest, ExportGivesEveryEntryInOrder) {
  std::uint64_t next = 0;
  const auto exported = Export(log(), [&](std::uint64_t index, std::string_view entry) {
    EXPECT_EQ(index, next);
    EXPECT_EQ(entry, EntryText(next));
    ++next;
    return Result<void>();
  });
  EXPECT_TRUE(exported.has_value());
  EXPECT_EQ(next, kEntries);
  EXPECT_EQ(ReadEntry(log(), 300).value(), EntryText(300));
  EXPECT_EQ(ReadEntry(log(), kEntries).error().code, Code::not_found);
  const auto stopped = Export(log(), [](std::uint64_t, std::string_view) -> Result<void> {
    return Fail(Code::unavailable, "pipe closed");
  });
  EXPECT_EQ(stopped.error().message, "pipe closed");
}

// A second opinion: tests/ledger/verify_ledger.py shares no code with us and checks the signature
// with the openssl program.
class SecondOpinion : public VerifyTest {
 protected:
  void SetUp() override {
    VerifyTest::SetUp();
    if (::system("python3 -c pass >/dev/null 2>&1") != 0) GTEST_SKIP() << "no python3";
    if (::system("openssl version >/dev/null 2>&1") != 0) GTEST_SKIP() << "no openssl program";
  }
  // Exit status and output.
  static std::pair<int, std::string> Run(const fs::path& dir) {
    const std::string command = std::string("python3 -I ") + ILK_SOURCE_DIR +
                                "/tests/ledger/verify_ledger.py " + dir.string() + " 2>&1";
    FILE* pipe = ::popen(command.c_str(), "r");
    std::string output;
    char buffer[4096];
    while (const std::size_t got = ::fread(buffer, 1, sizeof buffer, pipe)) {
      output.append(buffer, got);
    }
    const int status = ::pclose(pipe);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, output};
  }
};

TEST_F(SecondOpinion, HoldsForAFreshLog) {
  const auto [status, output] = Run(log());
  EXPECT_EQ(status, 0) << output;
  EXPECT_NE(output.find("ok: 600 entries"), std::string::npos) << output;
}

TEST_F(SecondOpinion, FindsAChangedEntryAndAForgedSignature) {
  FlipByte(log() / "tile/entries/001", 20);
  EXPECT_EQ(Run(log()).first, 5);
  FlipByte(log() / "tile/entries/001", 20);
  EditFile(log() / "checkpoint", "\n600\n", "\n512\n");
  EXPECT_EQ(Run(log()).first, 5);
}

TEST_F(SecondOpinion, HoldsForTheLogOfAnotherImplementation) {
  const fs::path tessera = fs::path(ILK_SHARED_DIR) / "vectors/tessera-log";
  if (!fs::exists(tessera)) GTEST_SKIP() << "not found: " << tessera;
  const auto [status, output] = Run(tessera);
  EXPECT_EQ(status, 0) << output;
}

}  // namespace
}  // namespace interlock::ledger
