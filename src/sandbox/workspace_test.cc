// The table of guarded files, and what is found in, remembered of and carried into a workspace.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "sandbox/workspace_guard.h"
#include "sandbox/workspace_record.h"
#include "sandbox/workspace_replay.h"
#include "sandbox/workspace_survey.h"

namespace interlock::sandbox {
namespace {

namespace fs = std::filesystem;

TEST(ConcernOf, GuardsWhatToolsRunUnasked) {
  for (const char* path : {".git",
                           ".git/config",
                           ".git/hooks/pre-commit",
                           ".git/commondir",
                           ".git/modules/a/b/config",
                           ".git/modules/x/hooks/post-checkout",
                           ".git/worktrees/w/gitdir",
                           "sub/.git/config",
                           ".envrc",
                           "a/b/.envrc",
                           ".vscode/tasks.json",
                           ".claude/settings.local.json",
                           ".mcp.json",
                           "mise.toml",
                           "a/.mise.local.toml",
                           ".mise/config.toml",
                           ".husky/pre-commit",
                           ".GIT/config",
                           ".VsCode/tasks.json",
                           "./.idea/x",
                           ".idea//x"}) {
    const Concern* concern = ConcernOf(path);
    ASSERT_NE(concern, nullptr) << path;
    EXPECT_EQ(concern->care, Care::guard) << path;
    EXPECT_FALSE(concern->reason.empty()) << path;
  }
}

TEST(ConcernOf, ShowsWhatRunsAtABuild) {
  for (const char* path : {"Makefile", "package.json", "a/conftest.py", ".github/workflows/ci.yml",
                           ".git/rebase-merge/git-rebase-todo"}) {
    const Concern* concern = ConcernOf(path);
    ASSERT_NE(concern, nullptr) << path;
    EXPECT_EQ(concern->care, Care::show) << path;
  }
}

TEST(ConcernOf, SaysNothingOfTheRest) {
  for (const char* path :
       {"", "main.cc", ".git/index", ".git/objects/ab/cd", ".git/HEAD", "git/config", "hooks/x",
        "config", ".gitignore", "makefile.md", "package.json/x"}) {
    EXPECT_EQ(ConcernOf(path), nullptr) << path;
  }
}

TEST(PathsInGitConfig, NamesProgramsAndIncludes) {
  const auto paths = PathsInGitConfig(
      "[core]\n\thooksPath = tools/my hooks\n\tfsmonitor = ./watch.sh --fast\n[include]\n"
      "path=\"../shared.cfg\"\n[remote \"o\"]\n\turl = x\n[alias]\n\tx = !tools/x.sh a\nbroken\n");
  EXPECT_EQ(paths, (std::vector<std::string>{"tools/my hooks", "./watch.sh", "../shared.cfg",
                                             "tools/x.sh"}));
}

class WorkspaceTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/ilk-work-XXXXXX";
    ASSERT_NE(mkdtemp(pattern), nullptr);
    root_ = fs::canonical(pattern);
    fs::create_directories(root_ / "w");
  }
  void TearDown() override { (void)RemoveTree(root_); }
  std::string At(const std::string& path) const { return (root_ / path).native(); }
  void Write(const std::string& path, const std::string& text) const {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  std::string Read(const std::string& path) const {
    std::ifstream in(root_ / path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  Result<Survey> Look(std::string* manifest = nullptr) const {
    return SurveyWorkspace(At("w"), {}, [&](const std::string& path, const FileState& state) {
      if (manifest != nullptr) *manifest += ManifestRecord(path, state);
      return Into::descend;
    });
  }
  static bool Has(const std::vector<std::string>& list, const std::string& path) {
    return std::ranges::find(list, path) != list.end();
  }
  static bool IsReserved(const Survey& survey, const std::string& path) {
    return std::ranges::find(survey.missing, path, &Placeholder::path) != survey.missing.end();
  }
  fs::path root_;
};

using SurveyTest = WorkspaceTest;

TEST_F(SurveyTest, AnEmptyWorkspaceKeepsEveryNameFree) {
  const auto survey = Look();
  ASSERT_TRUE(survey);
  for (const std::string_view name : ReservedNames())
    EXPECT_TRUE(IsReserved(*survey, std::string(name))) << name;
  EXPECT_TRUE(survey->frozen.empty());
  EXPECT_TRUE(survey->complete);
}

TEST_F(SurveyTest, ARepositoryIsPinnedAndItsConfigurationFrozen) {
  Write("w/a/b/.git/config", "[core]\n hooksPath = hooks.d\n");
  Write("w/a/b/.git/HEAD", "ref: refs/heads/main\n");
  Write("w/a/b/hooks.d/pre-commit", "x");
  Write("w/a/b/.git/modules/lib/one/HEAD", "x");
  Write("w/a/b/.git/modules/lib/one/config", "");
  Write("w/a/b/.git/worktrees/t/gitdir", "x");
  const auto survey = Look();
  ASSERT_TRUE(survey) << survey.error().message;
  for (const char* path : {"a", "a/b", "a/b/.git", "a/b/.git/modules", "a/b/.git/modules/lib",
                           "a/b/.git/modules/lib/one", "a/b/.git/worktrees/t"})
    EXPECT_TRUE(Has(survey->pinned, path)) << path;
  for (const char* path : {"a/b/.git/config", "a/b/hooks.d", "a/b/.git/modules/lib/one/config",
                           "a/b/.git/worktrees/t/gitdir"})
    EXPECT_TRUE(Has(survey->frozen, path)) << path;
  EXPECT_TRUE(IsReserved(*survey, "a/b/.git/hooks"));
  EXPECT_TRUE(IsReserved(*survey, "a/b/.git/commondir"));
  EXPECT_TRUE(IsReserved(*survey, "a/b/.git/modules/lib/one/hooks"));
  EXPECT_TRUE(std::ranges::is_sorted(survey->pinned)) << "parents come first";
}

TEST_F(SurveyTest, ASecondNameOfAProtectedFileIsFrozenToo) {
  Write("w/.mcp.json", "{}");
  fs::create_hard_link(At("w/.mcp.json"), At("w/notes.txt"));
  const auto survey = Look();
  ASSERT_TRUE(survey);
  EXPECT_TRUE(Has(survey->frozen, "notes.txt"));
}

TEST_F(SurveyTest, AGuardedNameThatIsALinkRefuses) {
  for (const char* name : {".vscode", ".git"}) {
    fs::create_directory_symlink("elsewhere", At(std::string("w/") + name));
    const auto survey = Look();
    ASSERT_FALSE(survey) << name;
    EXPECT_EQ(survey.error().code, Code::denied) << name;
    fs::remove(At(std::string("w/") + name));
  }
}

TEST_F(SurveyTest, SocketsAreFoundAndPackagesLeftAlone) {
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{.sun_family = AF_UNIX};
  std::strncpy(address.sun_path, At("w/s").c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  Write("w/node_modules/p/.vscode/settings.json", "{}");
  const auto survey = Look();
  ASSERT_TRUE(survey);
  EXPECT_EQ(survey->sockets, std::vector<std::string>{"s"});
  EXPECT_FALSE(Has(survey->frozen, "node_modules/p/.vscode"));
}

TEST_F(SurveyTest, ALimitIsSaid) {
  for (int i = 0; i < 20; ++i) Write("w/f" + std::to_string(i), "x");
  const auto survey = SurveyWorkspace(At("w"), {.entries_max = 10},
                                      [](const auto&, const auto&) { return Into::descend; });
  ASSERT_TRUE(survey);
  EXPECT_FALSE(survey->complete);
}

using PlaceholderTest = WorkspaceTest;

TEST_F(PlaceholderTest, OnesThatAreAsTheyWereMadeGo) {
  const auto made = MakePlaceholders(At("w"), {{".vscode", true, "", 0}, {"c", false, ".\n", 0}});
  ASSERT_TRUE(made);
  ASSERT_EQ(made->size(), 2U);
  for (const Placeholder& one : *made) EXPECT_TRUE(RemovePlaceholder(At("w"), one)) << one.path;
  EXPECT_TRUE(fs::is_empty(At("w")));
}

TEST_F(PlaceholderTest, WhatSomebodyUsedSinceStays) {
  const auto made = MakePlaceholders(At("w"), {{".vscode", true, "", 0}, {"c", false, ".\n", 0}});
  ASSERT_TRUE(made);
  Write("w/.vscode/mine.json", "{}");
  Write("w/c", "mine");
  for (const Placeholder& one : *made) EXPECT_FALSE(RemovePlaceholder(At("w"), one)) << one.path;
  EXPECT_EQ(Read("w/c"), "mine");
}

TEST_F(PlaceholderTest, WhatExistsIsNotOurs) {
  Write("w/.vscode/mine.json", "{}");
  const auto made = MakePlaceholders(At("w"), {{".vscode", true, "", 0}});
  ASSERT_TRUE(made);
  EXPECT_TRUE(made->empty());
}

using ManifestTest = WorkspaceTest;

TEST_F(ManifestTest, TellsWhatChangedWhateverTheNamesHold) {
  Write("w/a\nb 1", "x");
  Write("w/ lead", "x");
  Write("w/gone", "x");
  std::string text;
  ASSERT_TRUE(Look(&text));
  const auto before = ParseManifest(text);
  ASSERT_TRUE(before);
  EXPECT_EQ(before->size(), 3U);
  EXPECT_TRUE(ChangesSince(*before, At("w"), {})->list.empty());
  Write("w/a\nb 1", "y");
  Write("w/new", "x");
  fs::remove(At("w/gone"));
  const auto changes = ChangesSince(*before, At("w"), {});
  ASSERT_TRUE(changes);
  ASSERT_EQ(changes->list.size(), 3U);
  EXPECT_EQ(changes->list[0].path, "a\nb 1");
  EXPECT_EQ(changes->list[0].kind, ChangeKind::changed);
  EXPECT_EQ(changes->list[1].kind, ChangeKind::removed);
  EXPECT_EQ(changes->list[2].kind, ChangeKind::added);
}

TEST_F(ManifestTest, ADamagedOneIsRefused) {
  for (const char* text : {"f 1 2 3", "x 1 2 3 4 a", "f a"})
    EXPECT_FALSE(ParseManifest(std::string(text) + '\0')) << text;
  EXPECT_FALSE(ParseManifest("f 420 1 1 1 cut"));
}

using ReplayTest = WorkspaceTest;

TEST_F(ReplayTest, MakesOneTreeEqualToAnother) {
  Write("w/same", "s");
  Write("w/changed", "old");
  Write("w/dir/gone", "x");
  Write("w/was_dir/x", "x");
  Write("v/same", "s");
  Write("v/changed", "new");
  Write("v/was_dir", "file");
  Write("v/deep/er/f", "f");
  fs::create_symlink("changed", At("v/link"));
  fs::permissions(At("v/changed"), fs::perms::owner_all);
  const auto changes = ChangesBetween(At("w"), At("v"), {});
  ASSERT_TRUE(changes) << changes.error().message;
  const auto done = ReplayChanges({At("v"), At("w"), *changes, {}});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(ChangesBetween(At("w"), At("v"), {})->empty());
  EXPECT_EQ(Read("w/changed"), "new");
  EXPECT_EQ(fs::read_symlink(At("w/link")), "changed");
}

TEST_F(ReplayTest, NeverFollowsALinkOutOfTheTarget) {
  Write("outside/passwd", "mine");
  Write("v/x/passwd", "evil");
  fs::create_directory_symlink(At("outside"), At("w/x"));
  FileState file;
  file.mode = 0644;
  const auto done = ReplayChanges({At("v"), At("w"), {{ChangeKind::added, "x/passwd", file}}, {}});
  EXPECT_FALSE(done);
  const auto removed =
      ReplayChanges({At("v"), At("w"), {{ChangeKind::removed, "x/passwd", file}}, {}});
  EXPECT_FALSE(removed.has_value() && !fs::exists(At("outside/passwd")));
  EXPECT_EQ(Read("outside/passwd"), "mine");
  const auto escaped =
      ReplayChanges({At("v"), At("w"), {{ChangeKind::removed, "../outside/passwd", file}}, {}});
  EXPECT_FALSE(escaped);
  EXPECT_EQ(Read("outside/passwd"), "mine");
}

TEST_F(ReplayTest, WhatCannotBeReadChangesNothing) {
  Write("w/a", "old");
  Write("v/a", "new");
  FileState file;
  file.mode = 0644;
  const auto done = ReplayChanges(
      {At("v"), At("w"), {{ChangeKind::changed, "a", file}, {ChangeKind::added, "b", file}}, {}});
  EXPECT_FALSE(done);
  EXPECT_EQ(Read("w/a"), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(At("w")), {}), 1)
      << "the staging directory is gone";
}

TEST_F(ReplayTest, SetIdBitsAreNotCarriedOver) {
  Write("v/a", "x");
  FileState file;
  file.mode = 06755;
  ASSERT_TRUE(ReplayChanges({At("v"), At("w"), {{ChangeKind::added, "a", file}}, {}}));
  struct stat status{};
  ASSERT_EQ(stat(At("w/a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0755U);
}

using RecordTest = WorkspaceTest;

TEST_F(RecordTest, ComesBackAsItWasSaved) {
  const WorkspaceRecords records(root_ / "state");
  WorkspaceRecord record;
  record.session = "s-00112233";
  record.workspace = "/srv/\xff odd";
  record.mode = WorkspaceMode::review;
  record.started_ns = 1234567890123456789;
  record.placeholders = {{".git/commondir", false, ".\n", 7}, {"hex:a", true, "", 8}};
  record.substitutions = {{".env", "ab", {{3, 4, "phantom"}}, false}};
  ASSERT_TRUE(records.Save(record));
  EXPECT_EQ(records.Load(record.session).value(), record);
}

TEST_F(RecordTest, OddNamesOfSessionsAreRefused) {
  const WorkspaceRecords records(root_ / "state");
  for (const char* name : {"", "s-", "s-../../x", "x-00", "s-00/..", "s-AB"})
    EXPECT_EQ(records.Load(name).error().code, Code::invalid_input) << name;
  EXPECT_EQ(records.Load("s-00112233").error().code, Code::not_found);
}

TEST_F(RecordTest, WhatADeadSessionLeftIsTakenAway) {
  const WorkspaceRecords records(root_ / "state");
  WorkspaceRecord record;
  record.session = "s-1";
  record.workspace = At("w");
  record.placeholders = {{".vscode", true, "", 0}};
  auto alive = records.Claim("s-1");
  ASSERT_TRUE(alive);
  ASSERT_TRUE(records.Save(record));  // and a crash before the inode was known
  alive->Reset();
  ASSERT_TRUE(MakePlaceholders(At("w"), record.placeholders));
  records.CleanUp();
  EXPECT_TRUE(fs::is_empty(At("w")));
  EXPECT_EQ(records.Load("s-1")->state, WorkspaceState::ended);
}

TEST_F(RecordTest, WhatALivingSessionStandsOnStays) {
  const WorkspaceRecords records(root_ / "state");
  WorkspaceRecord one;
  one.session = "s-1";
  one.workspace = At("w");
  one.placeholders = MakePlaceholders(At("w"), {{".vscode", true, "", 0}}).value();
  WorkspaceRecord two = one;
  two.session = "s-2";
  ASSERT_TRUE(records.Save(one));
  ASSERT_TRUE(records.Save(two));
  auto alive = records.Claim("s-2");
  ASSERT_TRUE(alive);
  EXPECT_EQ(records.Claim("s-2").error().code, Code::conflict);
  EXPECT_TRUE(records.RemovePlaceholders(one).empty());
  EXPECT_TRUE(fs::exists(At("w/.vscode")));
  alive->Reset();
  EXPECT_TRUE(records.RemovePlaceholders(one).empty());
  EXPECT_FALSE(fs::exists(At("w/.vscode")));
}

}  // namespace
}  // namespace interlock::sandbox
