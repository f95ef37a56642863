#include "credential/workspace_scan.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/ids.h"
#include "credential/shapes.h"

namespace interlock::credential {
namespace {

constexpr std::string_view kUuid = "7c1f9f0e-2b6d-4d7e-9a1c-5a2b8d3e4f60";

TEST(TokensOfLine, FindsWhatALineGivesAway) {
  const struct {
    std::string line;
    std::string_view kind;  // "" when nothing is found
  } kCases[] = {
      {"RAILWAY_TOKEN=" + std::string(kUuid), "uuid token"},
      {"const token = \"" + std::string(kUuid) + "\";", "uuid token"},
      {"  'Project-Access-Token': '" + std::string(kUuid) + "',", "uuid token"},
      {"Authorization: Bearer " + std::string(kUuid), "uuid token"},
      {"password: hunter2hunter2hunter2abcdXYZ981", "assigned token"},
      {"API_KEY=0aB1cD2eF3gH4iJ5kL6mN7oP8", "assigned token"},
      {"remote = https://x:ghp_0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX@github.com", "github token"},
      {"const volumeId = \"" + std::string(kUuid) + "\";", ""},
      {"key: " + std::string(kUuid), ""},
      {"export function getAccessTokenFromStorage2(tokenName) {", ""},
      {"// the token is read from the environment", ""},
      {"", ""},
  };
  for (const auto& c : kCases) {
    const auto tokens = TokensOfLine(c.line);
    EXPECT_EQ(tokens.empty() ? "" : tokens[0].kind, c.kind) << c.line;
    EXPECT_LE(tokens.size(), 1u) << c.line;
  }
}

class WorkspaceScanTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = std::filesystem::temp_directory_path() / ("ilk-scan-" + RandomToken());
    ASSERT_TRUE(MakePrivateDirectory(root_));
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void Put(const std::filesystem::path& path, std::string_view text) {
    ASSERT_TRUE(MakePrivateDirectory((root_ / path).parent_path()));
    ASSERT_TRUE(WriteFileDurably(root_ / path, text));
  }
  std::filesystem::path root_;
};

TEST_F(WorkspaceScanTest, SaysWhereATokenWasFound) {
  Put("scripts/domains.ts", "import x\n\nconst token = \"" + std::string(kUuid) + "\"\n");
  Put("src/index.ts", "export {}\n");
  const auto report = ScanWorkspace(root_).value();
  const std::vector<FoundToken> wanted = {
      {Fingerprint(kUuid), "uuid token", "scripts/domains.ts", 3}};
  EXPECT_EQ(report.found, wanted);
  EXPECT_TRUE(report.complete);
  EXPECT_EQ(report.files, 2u);
  const std::string text = "x" + std::string(kUuid);
  const auto matches = report.index.Find(text);
  ASSERT_EQ(matches.size(), 1u);
  EXPECT_EQ(matches[0].label, "scripts/domains.ts:3");
}

TEST_F(WorkspaceScanTest, SkipsWhatIsNotTheProjectsOwnText) {
  const std::string line = "TOKEN=" + std::string(kUuid) + "\n";
  Put("node_modules/p/.env", line);
  Put(".git/objects/aa/bb", line);
  Put("binary", std::string("\0", 1) + line);
  Put("large", line + std::string(2u << 20, 'x'));
  EXPECT_TRUE(ScanWorkspace(root_)->found.empty());
  EXPECT_TRUE(ScanWorkspace(root_)->complete);
  Put(".git/config", "url = https://ghp_0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX@github.com/a/b\n");
  Put(".env", line);
  EXPECT_EQ(ScanWorkspace(root_)->found.size(), 2u);
}

TEST_F(WorkspaceScanTest, LinksAreNotFollowed) {
  std::filesystem::create_directory_symlink("/proc/self", root_ / "out");
  std::filesystem::create_symlink("/etc/passwd", root_ / "file");
  const auto report = ScanWorkspace(root_).value();
  EXPECT_EQ(report.files, 0u);
  EXPECT_TRUE(report.complete);
}

TEST_F(WorkspaceScanTest, LimitsAreToldNotHidden) {
  for (int i = 0; i < 5; ++i) Put("f" + std::to_string(i), "x");
  EXPECT_FALSE(ScanWorkspace(root_, {.files_max = 4})->complete);
  EXPECT_TRUE(ScanWorkspace(root_, {.files_max = 5})->complete);
  Put("a/b/c", "x");
  EXPECT_FALSE(ScanWorkspace(root_, {.depth_max = 1})->complete);
}

TEST_F(WorkspaceScanTest, AMissingDirectoryIsAnError) {
  const auto report = ScanWorkspace(root_ / "none");
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::not_found);
}

}  // namespace
}  // namespace interlock::credential
