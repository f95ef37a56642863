#include "crypto/hash.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/bytes.h"

namespace interlock::crypto {
namespace {

// FIPS 180-4 examples and RFC 4231 test case 2.
TEST(Hash, PublishedValues) {
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Hex(Sha512("abc")),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
  EXPECT_EQ(Hex(Sha1("abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(Hex(HmacSha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Hash, PartsHashAsTheirConcatenation) {
  EXPECT_EQ(Sha256Of("ab", "cd", "ef"), Sha256("abcdef"));
  EXPECT_EQ(Sha256Of("", "abc"), Sha256("abc"));
}

TEST(Hash, AnEmptyKeyIsAKey) {
  EXPECT_EQ(Hex(HmacSha256("", "")),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
  EXPECT_EQ(HmacSha256({}, "x"), HmacSha256("", "x"));
}

TEST(Hash, ThreadsDoNotShareState) {
  std::vector<std::thread> threads;
  std::vector<std::string> out(4);
  for (std::size_t i = 0; i < out.size(); ++i) {
    threads.emplace_back([&out, i] {
      for (int round = 0; round < 200; ++round) out[i] = Sha256(std::string(100, 'a'));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& digest : out) EXPECT_EQ(digest, Sha256(std::string(100, 'a')));
}

TEST(Hash, EqualityNeedsEqualLength) {
  EXPECT_TRUE(ConstantTimeEqual("", ""));
  EXPECT_TRUE(ConstantTimeEqual("abc", "abc"));
  EXPECT_FALSE(ConstantTimeEqual("abc", "abd"));
  EXPECT_FALSE(ConstantTimeEqual("abc", "ab"));
}

}  // namespace
}  // namespace interlock::crypto
