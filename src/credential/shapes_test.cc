#include "credential/shapes.h"

#include <gtest/gtest.h>

namespace interlock::credential {
namespace {

// Made up for these tests: shapes, not credentials.
const std::string kAlnum = "0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX2yZ3aB4cD5eF6gH7iJ8kL9mN0oP1qR2s";
const std::string kHex64 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

std::string Take(std::size_t count) { return kAlnum.substr(0, count); }

TEST(FindShapes, KnowsTheProvidersPrefixes) {
  const std::pair<std::string, std::string_view> kCases[] = {
      {"ghp_" + Take(36), "github token"},
      {"ghs_" + Take(36), "github token"},
      {"github_pat_" + Take(22) + "_" + Take(59), "github token"},
      {"glpat-" + Take(20), "gitlab token"},
      {"sk-ant-api03-" + Take(60), "anthropic key"},
      {"sk-proj-" + Take(48), "openai key"},
      {"sk-" + Take(48), "openai key"},
      {"AKIAQ1W2E3R4T5Y6U7I8", "aws access key"},
      {"ASIAQ1W2E3R4T5Y6U7I8", "aws access key"},
      {"xoxb-123456789012-" + Take(24), "slack token"},
      {"sbp_" + kHex64.substr(0, 40), "supabase token"},
      {"sk_live_" + Take(24), "stripe key"},
      {"rk_live_" + Take(24), "stripe key"},
      {"npm_" + Take(36), "npm token"},
      {"pypi-AgEIcHlwaS5vcmc" + Take(60), "pypi token"},
      {"dop_v1_" + kHex64, "digitalocean token"},
      {"hf_" + Take(34), "hugging face token"},
      {"SG." + Take(22) + "." + Take(43), "sendgrid key"},
      {"AIza" + Take(35), "google api key"},
      {"ya29." + Take(50), "google access token"},
      {"shpat_" + kHex64.substr(0, 32), "shopify token"},
      {"sntrys_" + Take(60), "sentry token"},
      {"lin_api_" + Take(40), "linear key"},
      {"fo1_" + Take(43), "fly token"},
      {"napi_" + Take(60), "neon key"},
      {"HRKU-" + Take(40), "heroku key"},
  };
  for (const auto& [token, kind] : kCases) {
    EXPECT_EQ(KindOf(token), kind) << token;
    const std::string text = "x = \"" + token + "\".";
    const auto hits = FindShapes(text);
    ASSERT_EQ(hits.size(), 1u) << text;
    EXPECT_EQ(text.substr(hits[0].offset, hits[0].size), token);
    EXPECT_EQ(hits[0].kind, kind);
    EXPECT_GT(KnownPrefix(token), 0u);
  }
}

TEST(FindShapes, LeavesOrdinaryTextAlone) {
  for (const std::string& text :
       {std::string("ghp_short"), "ghp_" + std::string(36, 'x'), "my_ghp_" + Take(36),
        std::string("task-management-and-other-words-that-are-long"),
        std::string("AKIA is a prefix"), "AKIA" + Take(30), std::string("SG. is short"),
        std::string("3d2c42fb-1111-4a4a-9b9b-123456789abc"), std::string("")})
    EXPECT_TRUE(FindShapes(text).empty()) << text;
}

TEST(FindShapes, FindsSeveral) {
  EXPECT_EQ(FindShapes("ghp_" + Take(36) + " glpat-" + Take(20)).size(), 2u);
}

TEST(IsUuid, IsExact) {
  EXPECT_TRUE(IsUuid("3d2c42fb-1111-4a4a-9b9b-123456789ABC"));
  EXPECT_FALSE(IsUuid("3d2c42fb-1111-4a4a-9b9b-123456789ab"));
  EXPECT_FALSE(IsUuid("3d2c42fb-1111-4a4a-9b9b-123456789abg"));
  EXPECT_FALSE(IsUuid("3d2c42fb11111-4a4a-9b9b-123456789abc"));
}

}  // namespace
}  // namespace interlock::credential
