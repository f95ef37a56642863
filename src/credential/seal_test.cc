#include "credential/seal.h"

#include <gtest/gtest.h>

namespace interlock::credential {
namespace {

class SealTest : public testing::Test {
 protected:
  void SetUp() override { StartSodium(); }
  Secret key_{std::string(32, 'k')};
};

TEST_F(SealTest, OpensWithTheSameKeyAndContextOnly) {
  const std::string sealed = SealBytes(key_, "body", "hold h-1");
  EXPECT_EQ(OpenBytes(key_, sealed, "hold h-1").value(), "body");
  EXPECT_EQ(OpenBytes(key_, sealed, "hold h-2").error().code, Code::verification);
  EXPECT_FALSE(OpenBytes(Secret(std::string(32, 'j')), sealed, "hold h-1"));
  EXPECT_EQ(OpenBytes(key_, SealBytes(key_, "", ""), "").value(), "");
}

TEST_F(SealTest, EveryChangedOrMissingByteIsNoticed) {
  const std::string sealed = SealBytes(key_, "body", "c");
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(OpenBytes(key_, changed, "c")) << i;
    EXPECT_FALSE(OpenBytes(key_, std::string_view(sealed).substr(0, i), "c")) << i;
  }
}

TEST_F(SealTest, TheSameBytesAreSealedDifferentlyEachTime) {
  EXPECT_NE(SealBytes(key_, "body", "c"), SealBytes(key_, "body", "c"));
}

TEST_F(SealTest, KeysForDifferentPurposesDiffer) {
  EXPECT_NE(DeriveKey(key_, "a").Reveal(), DeriveKey(key_, "b").Reveal());
  EXPECT_EQ(DeriveKey(key_, "a").Reveal(), DeriveKey(key_, "a").Reveal());
}

}  // namespace
}  // namespace interlock::credential
