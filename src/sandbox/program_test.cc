// How a command is found wherever it is installed, and what of that place a room shows.
#include "sandbox/program.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace interlock::sandbox {
namespace {

namespace fs = std::filesystem;

class FindProgramTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/ilk-program-XXXXXX";
    ASSERT_NE(mkdtemp(pattern), nullptr);
    root_ = fs::canonical(pattern).native();
    home_ = Path("home");
    fs::create_directories(home_);
  }
  void TearDown() override { fs::remove_all(root_); }

  std::string Path(const std::string& name) const { return root_ + "/" + name; }
  void Install(const std::string& name, const std::string& text =
                                            "\x7f"
                                            "ELF") const {
    fs::create_directories(fs::path(Path(name)).parent_path());
    std::ofstream(Path(name)) << text;
    chmod(Path(name).c_str(), 0755);
  }
  void Link(const std::string& from, const std::string& to) const {
    fs::create_directories(fs::path(Path(from)).parent_path());
    fs::create_symlink(to, Path(from));
  }
  Program Find(std::vector<std::string> argv, const std::string& path) const {
    auto found = FindProgram(argv, path, root_, home_, Path("work"));
    EXPECT_TRUE(found) << found.error().message;
    return found ? *found : Program{};
  }
  static bool Has(const std::vector<std::string>& list, const std::string& item) {
    return std::ranges::find(list, item) != list.end();
  }

  std::string root_, home_;
};

TEST_F(FindProgramTest, ANpmPackageBelowNvmComesWithItsModulesAndItsNode) {
  Install("home/.nvm/versions/node/v22/lib/node_modules/@anthropic-ai/claude-code/cli.js",
          "#!/usr/bin/env node\n");
  Install("home/.nvm/versions/node/v22/bin/node");
  Link("home/.nvm/versions/node/v22/bin/claude",
       "../lib/node_modules/@anthropic-ai/claude-code/cli.js");
  const std::string bin = home_ + "/.nvm/versions/node/v22/bin";
  const Program program = Find({"claude", "-p"}, bin + ":/usr/bin");
  EXPECT_EQ(program.names.front(), "claude");
  EXPECT_TRUE(Has(program.names, "@anthropic-ai/claude-code"));
  EXPECT_FALSE(Has(program.names, "node")) << "the interpreter is not what the command is called";
  EXPECT_TRUE(Has(program.show, bin));
  EXPECT_TRUE(Has(program.show, home_ + "/.nvm/versions/node/v22/lib"));
  EXPECT_TRUE(Has(program.path_entries, bin));
}

TEST_F(FindProgramTest, ANativeInstallationIsReachedByItsLink) {
  Install("home/.local/share/claude/versions/2.1/claude-bin");
  Link("home/.local/bin/claude", home_ + "/.local/share/claude/versions/2.1/claude-bin");
  const Program program = Find({"claude"}, home_ + "/.local/bin");
  EXPECT_EQ(program.show,
            std::vector<std::string>{home_ + "/.local/share/claude/versions/2.1/claude-bin"});
  ASSERT_EQ(program.links.size(), 1u);
  EXPECT_EQ(program.links[0].path, home_ + "/.local/bin/claude");
  EXPECT_EQ(program.links[0].target, program.show[0]);
}

TEST_F(FindProgramTest, AProjectsOwnBinIsNotShownWholeOnlyItsProgram) {
  Install("home/projects/bin/agent");
  fs::create_directories(Path("home/projects/lib"));
  EXPECT_EQ(Find({home_ + "/projects/bin/agent"}, "").show,
            std::vector<std::string>{home_ + "/projects/bin/agent"});
}

TEST_F(FindProgramTest, ALocalInstallationShowsItsOutermostModules) {
  Install("tools/node_modules/opencode-ai/node_modules/x/bin/opencode");
  Link("tools/node_modules/.bin/opencode", "../opencode-ai/node_modules/x/bin/opencode");
  const Program program = Find({"opencode"}, Path("tools/node_modules/.bin"));
  EXPECT_EQ(program.show, std::vector<std::string>{Path("tools/node_modules")});
}

TEST_F(FindProgramTest, AVirtualEnvironmentComesWithItsPythonElsewhere) {
  Install("home/uv/python/3.12/bin/python3.12");
  fs::create_directories(Path("home/uv/python/3.12/lib/python3.12"));
  fs::create_directories(Path("home/uv/tools/aider/lib"));
  Install("home/uv/tools/aider/pyvenv.cfg");
  Install("home/uv/tools/aider/bin/aider", "#!" + home_ + "/uv/tools/aider/bin/python\n");
  Link("home/uv/tools/aider/bin/python", home_ + "/uv/python/3.12/bin/python3.12");
  Link("home/.local/bin/aider", home_ + "/uv/tools/aider/bin/aider");
  const Program program = Find({"aider"}, home_ + "/.local/bin");
  EXPECT_TRUE(Has(program.show, home_ + "/uv/tools/aider/bin"));
  EXPECT_TRUE(Has(program.show, home_ + "/uv/tools/aider/pyvenv.cfg"));
  EXPECT_TRUE(Has(program.show, home_ + "/uv/python/3.12/lib"));
}

TEST_F(FindProgramTest, AStarterIsLookedThrough) {
  Install("home/.local/bin/claude");
  for (const std::vector<std::string>& argv : {std::vector<std::string>{"env", "A=b", "claude"},
                                               {"nice", "-n", "5", "claude"},
                                               {"timeout", "10m", "claude", "-p"}}) {
    EXPECT_TRUE(Has(Find(argv, home_ + "/.local/bin:/usr/bin").names, "claude")) << argv[0];
  }
  EXPECT_TRUE(
      Has(Find({"npx", "-y", "@openai/codex@0.9", "exec"}, "/usr/bin").names, "@openai/codex"));
  EXPECT_FALSE(Has(Find({"vim", "claude"}, home_ + "/.local/bin:/usr/bin").names, "claude"));
}

TEST_F(FindProgramTest, WhatIsNotThereOrNotAbsoluteGivesItsNameAlone) {
  Install("bin/tool");
  for (const char* path : {"", ".", "bin", "/nonexistent", ":::"}) {
    const Program program = Find({"tool"}, path);
    EXPECT_EQ(program.names, std::vector<std::string>{"tool"}) << path;
    EXPECT_TRUE(program.show.empty()) << path;
  }
  EXPECT_EQ(Find({"bin/tool"}, "").show, std::vector<std::string>{Path("bin/tool")});
  EXPECT_TRUE(Find({}, "/usr/bin").names.empty());
}

TEST_F(FindProgramTest, LoopsAndOddFilesEnd) {
  Link("a/x", "y");
  Link("a/y", "x");
  EXPECT_TRUE(Find({"x"}, Path("a")).show.empty());
  Install("a/self", "#!" + Path("a/self") + "\n");
  EXPECT_EQ(Find({"self"}, Path("a")).show, std::vector<std::string>{Path("a/self")});
  Install("a/empty", "#!\n");
  Install("a/blank", "#!   \n");
  Install("a/env", "#!/usr/bin/env\n");
  for (const char* name : {"empty", "blank", "env"}) Find({name}, Path("a"));
}

TEST_F(FindProgramTest, OddNamesAreFoundAsTheyAre) {
  for (const std::string& name :
       std::vector<std::string>{"a b", "it's", "\"q\"", "new\nline", "ünï", "--", "$(x)"}) {
    Install("odd dir/" + name);
    const Program program = Find({Path("odd dir/" + name)}, "");
    EXPECT_EQ(program.show, std::vector<std::string>{Path("odd dir/" + name)});
  }
  EXPECT_TRUE(Find({std::string(5000, 'x')}, "/usr/bin").show.empty());
  EXPECT_TRUE(Find({"/" + std::string(5000, 'x')}, "").show.empty());
}

TEST_F(FindProgramTest, AProgramAmongCredentialsIsRefused) {
  Install("home/.ssh/agent");
  Install("home/.aws/cli/bin/tool");
  Link("home/.local/bin/tool", home_ + "/.aws/cli/bin/tool");
  for (const std::string& name : {home_ + "/.ssh/agent", std::string("tool")}) {
    EXPECT_EQ(FindProgram({name}, home_ + "/.local/bin", root_, home_, "").error().code,
              Code::denied);
  }
}

TEST_F(FindProgramTest, NothingInTheWorkspaceLeadsOutOfIt) {
  Install("home/diary.sh");
  Install("home/notes", "text");
  chmod(Path("home/notes").c_str(), 0600);
  Install("home/other/node_modules/x/cli.js");
  Link("work/link", home_ + "/diary.sh");
  Link("work/module", home_ + "/other/node_modules/x/cli.js");
  Link("work/venv/bin", home_ + "/other/node_modules/x");
  Install("work/script", "#!" + home_ + "/diary.sh\n");
  Install("outside", "#!" + home_ + "/notes\n");
  Install("work/bin/tool");
  Install("work/pyvenv.cfg");
  Link("work/lib", home_ + "/other");
  Install("home/bin/node");
  Install("work/honest", "#!/usr/bin/env node\n");
  for (const char* name : {"link", "module", "venv/bin/cli.js", "script", "bin/tool"}) {
    const Program program = Find({Path("work/") + name}, "");
    for (const std::string& shown : program.show)
      EXPECT_TRUE(IsWithin(shown, Path("work"))) << name << " shows " << shown;
  }
  EXPECT_EQ(Find({Path("outside")}, "").show, std::vector<std::string>{Path("outside")})
      << "an interpreter that can't be executed is none";
  EXPECT_TRUE(Has(Find({Path("work/honest")}, home_ + "/bin").show, home_ + "/bin/node"));
}

}  // namespace
}  // namespace interlock::sandbox
