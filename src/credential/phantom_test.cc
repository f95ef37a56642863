#include "credential/phantom.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/bytes.h"
#include "credential/shapes.h"

namespace interlock::credential {
namespace {

Secret Make(std::string_view value) { return Secret(std::string(value)); }

TEST(MakePhantom, KeepsTheFormAndNothingElse) {
  const std::string_view kReal[] = {
      "3d2c42fb-1111-4a4a-9b9b-123456789abc",
      "3D2C42FB-1111-1A4A-0B9B-123456789ABC",
      "ghp_0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX",
      "sk-ant-api03-0aB1cD2eF3gH4iJ5kL6m-N7oP8qR9sT0uV1wX",
      "AKIAQ1W2E3R4T5Y6U7I8",
      "sbp_0123456789abcdef0123456789abcdef01234567",
      "0123456789abcdef0123456789abcdef",
      "plain-password-with-words",
      "12345678",
      "correct horse battery",
      "ghp_short",
      "!!!!!!!!",
      "someone:with-a-password-0123",
      "first0part0of0it,second0part0of0it",
      "AKIAQ2W2E3R4T5Y6U7I7",
      "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX",
  };
  for (const std::string_view value : kReal) {
    const Secret real = Make(value);
    const std::string phantom = MakePhantom(real, "seed");
    EXPECT_EQ(phantom.size(), value.size());
    EXPECT_NE(phantom, value);
    EXPECT_EQ(phantom, MakePhantom(real, "seed"));
    EXPECT_NE(phantom, MakePhantom(real, "seed 2"));
    EXPECT_EQ(IsUuid(phantom), IsUuid(value));
    EXPECT_EQ(KindOf(phantom), KindOf(value));
    // No long piece of the secret part survives.
    const std::size_t tail = value.size() / 2;
    EXPECT_NE(phantom.substr(value.size() - tail), value.substr(value.size() - tail));
  }
}

TEST(MakePhantom, KeepsCaseDigitsAndClaims) {
  const std::string upper = MakePhantom(Make("3D2C42FB-1111-1A4A-0B9B-123456789ABC"), "s");
  EXPECT_TRUE(std::ranges::none_of(upper, [](char c) { return c >= 'a' && c <= 'z'; }));
  EXPECT_EQ(upper[14], '4');
  const std::string hex = MakePhantom(Make("0123456789abcdef0123456789abcdef"), "s");
  EXPECT_EQ(hex.find_first_not_of("0123456789abcdef"), std::string::npos);
  const std::string jwt = MakePhantom(
      Make("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX"), "s");
  EXPECT_TRUE(jwt.starts_with("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0."));
}

TEST(MakePhantom, AJwtsSignatureEndsAsBase64urlDoes) {
  // 32 bytes are 43 characters, whose last one carries four bits: the lower two are zero.
  const std::string real =
      "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wXyZ23-_8";
  for (const char* seed : {"1", "2", "3", "4", "5", "6"}) {
    const std::string phantom = MakePhantom(Make(real), seed);
    EXPECT_TRUE(FromBase64Url(phantom.substr(phantom.rfind('.') + 1))) << phantom;
  }
}

TEST(MakePhantom, PartsKeepTheirForms) {
  struct {
    std::string_view real;
    std::string_view kept;  // where it isn't '#', the phantom has the same
  } const kCases[] = {
      // A user that everybody has, or an address, is what clients show.
      {"x-access-token:ghp_0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX",
       "x-access-token:ghp_####################################"},
      {"me@example.com:12345678-1234-4234-8234-123456789012",
       "me@example.com:########-####-4###-####-############"},
      // Any other may be half of the secret.
      {"ck_0123456789:cs_0123456789", "##_##########:##_##########"},
      {"me@example.com:short", "##@#######.###:#####"},
      {"fm2_aaaaBBBBccccDDDDeeee,fm2_ffffGGGGhhhhIIIIjjjj",
       "fm2_####################,fm2_####################"},
  };
  for (const auto& one : kCases) {
    const std::string phantom = MakePhantom(Make(one.real), "seed");
    ASSERT_EQ(phantom.size(), one.kept.size());
    for (std::size_t i = 0; i < phantom.size(); ++i) {
      if (one.kept[i] != '#') {
        EXPECT_EQ(phantom[i], one.kept[i]) << phantom << " at " << i;
      }
    }
    EXPECT_NE(phantom, one.real);
  }
  const std::string aws = MakePhantom(Make("AKIAQ2W2E3R4T5Y6U7I7"), "seed");
  EXPECT_EQ(aws.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), std::string::npos);
}

class PhantomTableTest : public testing::Test {
 protected:
  static VaultEntry Entry(const std::string& name, int version = 1) {
    VaultEntry entry;
    entry.name = name;
    entry.version = version;
    return entry;
  }
  const Secret real_ = Make("3d2c42fb-1111-4a4a-9b9b-123456789abc");
  PhantomTable table_{Make("key")};
};

TEST_F(PhantomTableTest, EachSessionHasItsOwn) {
  const std::string one = table_.Issue("s-1", Entry("staging"), real_);
  const std::string two = table_.Issue("s-2", Entry("staging"), real_);
  EXPECT_NE(one, two);
  EXPECT_EQ(table_.Issue("s-1", Entry("staging"), real_), one);
  EXPECT_EQ(table_.Find(one), (PhantomOwner{"s-1", "staging", 1, false}));
  EXPECT_EQ(table_.Find(two)->session, "s-2");
  EXPECT_FALSE(table_.Find(real_.Reveal()));
  EXPECT_FALSE(table_.Find(""));
  EXPECT_EQ(table_.Of("s-1").size(), 1u);
}

TEST_F(PhantomTableTest, ARestartGivesTheSamePhantoms) {
  PhantomTable again{Make("key")};
  PhantomTable other{Make("other key")};
  const std::string phantom = table_.Issue("s-1", Entry("staging"), real_);
  EXPECT_EQ(again.Issue("s-1", Entry("staging"), real_), phantom);
  EXPECT_NE(other.Issue("s-1", Entry("staging"), real_), phantom);
}

TEST_F(PhantomTableTest, ARotationKeepsThePhantomAndMovesItsVersion) {
  const std::string phantom = table_.Issue("s-1", Entry("staging", 1), real_);
  table_.Rotate("staging", 2);
  EXPECT_EQ(table_.Find(phantom)->version, 2);
}

TEST_F(PhantomTableTest, AnEndedSessionsPhantomIsStillRecognised) {
  const std::string phantom = table_.Issue("s-1", Entry("staging"), real_);
  table_.EndSession("s-1");
  EXPECT_TRUE(table_.Find(phantom)->ended);
  EXPECT_TRUE(table_.Of("s-1").empty());
  const auto seen = table_.FindAll("x" + phantom + "y");
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].offset, 1u);
  EXPECT_TRUE(seen[0].owner.ended);
}

TEST_F(PhantomTableTest, TheMemoryOfEndedSessionsIsBounded) {
  const std::string first = table_.Issue("s-first", Entry("staging"), real_);
  table_.EndSession("s-first");
  VaultEntry entry = Entry("e");
  for (int i = 0; i < 4200; ++i) {
    entry.name = "e" + std::to_string(i);
    table_.Issue("s-many", entry, real_);
  }
  const std::string alive = table_.Issue("s-alive", Entry("staging"), real_);
  table_.EndSession("s-many");
  EXPECT_FALSE(table_.Find(first));
  EXPECT_TRUE(table_.Find(alive));
  EXPECT_EQ(table_.FindAll(alive).size(), 1u);
}

}  // namespace
}  // namespace interlock::credential
