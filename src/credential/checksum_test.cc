#include "credential/checksum.h"

#include <gtest/gtest.h>

#include "base/secret.h"
#include "credential/phantom.h"

namespace interlock::credential {
namespace {

struct Case {
  const char* name;
  std::string_view real;
  std::string_view form;  // another token of the form, its checksum wrong
  std::string_view right;
};

// The sums were taken with zlib over what each provider says is covered.
constexpr Case kCases[] = {
    {"github_has_six_base62_digits_over_what_follows_the_prefix",
     "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", "ghp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaXXXXXX",
     "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"},
    {"npm_has_the_same", "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",
     "npm_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaXXXXXX", "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"},
    {"grafana_has_eight_hex_digits_over_all_before",
     "glsa_0123456789abcdefghijABCDEFGHIJKL_ea2a1972",
     "glsa_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa_XXXXXXXX",
     "glsa_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa_940aa4b1"},
    {"gitlab_has_seven_base36_digits_over_all_before",
     "glpat-bzoxCnU6MQphYmNkZWZnaGlqa2xt.0107rlx0y", "glpat-aaaaaaaaaaaaaaaaaaaaaaaaaaaa.01XXXXXXX",
     "glpat-aaaaaaaaaaaaaaaaaaaaaaaaaaaa.0105m2gef"},
    {"what_has_no_checksum_keeps_its_end", "ghp_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ000000",
     "ghp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaXXXXXX", "ghp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaXXXXXX"},
    {"a_short_text_has_none", "ghp_0mLq17", "ghp_XXXXXX", "ghp_XXXXXX"},
    {"nothing_has_none", "", "", ""},
};

class ChecksumTest : public testing::TestWithParam<Case> {};

TEST_P(ChecksumTest, IsPutRight) {
  EXPECT_EQ(WithChecksumOf(GetParam().real, std::string(GetParam().form)), GetParam().right);
  // A right one stays as it is.
  EXPECT_EQ(WithChecksumOf(GetParam().real, std::string(GetParam().right)), GetParam().right);
}

INSTANTIATE_TEST_SUITE_P(Table, ChecksumTest, testing::ValuesIn(kCases),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(Checksum, APhantomPassesTheCheckThatItsTokenPasses) {
  for (const Case& one : kCases) {
    if (one.real.empty()) continue;
    const Secret real{std::string(one.real)};
    for (const char* seed : {"1", "2", "3"}) {
      const std::string phantom = MakePhantom(real, seed);
      EXPECT_NE(phantom, one.real);
      EXPECT_EQ(WithChecksumOf(one.real, phantom), phantom);
    }
  }
}

}  // namespace
}  // namespace interlock::credential
