// Lines 29 to 34: files that a human's tools run later, unasked, outside the room. What counts is
// what the host's workspace holds when the room is gone.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "attempt.h"

namespace interlock::probe {
namespace {

namespace fs = std::filesystem;

std::string PathOf(const Facts& facts, const Probe& probe) {
  return facts.workspace + "/" + std::string(probe.text);
}

Attempt Plant(const Facts& facts, const Probe& probe) {
  const std::string path = PathOf(facts, probe);
  std::error_code ignored;
  fs::create_directories(fs::path(path).parent_path(), ignored);
  return Scribble(path, facts.canary) ? Reached("wrote " + path) : BlockedBy("write " + path);
}

// Prepared elsewhere and renamed into place, directory and all.
Attempt PlantByRename(const Facts& facts, const Probe& probe) {
  const fs::path path = PathOf(facts, probe);
  const std::string stage = facts.workspace + "/" + std::string(probe.name);
  std::error_code error;
  fs::create_directories(stage, error);
  if (!Scribble(stage + "/" + path.filename().native(), facts.canary)) {
    return BlockedBy("write " + stage);
  }
  // The name must be free first.
  rename(path.parent_path().c_str(), (stage + "-before").c_str());
  return Called("rename a directory to " + path.parent_path().native(),
                rename(stage.c_str(), path.parent_path().c_str()));
}

Attempt PlantByLink(const Facts& facts, const Probe& probe) {
  const std::string path = PathOf(facts, probe);
  const std::string target = facts.workspace + "/" + std::string(probe.name);
  if (!Scribble(target, facts.canary)) return BlockedBy("write " + target);
  std::error_code ignored;
  fs::create_directories(fs::path(path).parent_path(), ignored);
  unlink(path.c_str());
  return Called("make a link at " + path, symlink(target.c_str(), path.c_str()));
}

bool IsPlanted(const Facts& facts, const Probe& probe) {
  return Holds(Slurp(PathOf(facts, probe)), facts.canary);
}

#define PLANT(label, path, what) \
  {.name = label, .tries = what, .attempt = Plant, .text = path, .remains = IsPlanted}

constexpr Probe kProbes[] = {
    // These two move away what stands there, so they come first.
    {.name = "B29.hooks-by-rename",
     .tries = "rename a directory of hooks into place",
     .attempt = PlantByRename,
     .text = ".git/hooks/post-merge",
     .remains = IsPlanted},
    {.name = "B33.claude-by-rename",
     .tries = "rename a prepared .claude into place",
     .attempt = PlantByRename,
     .text = ".claude/settings.json",
     .remains = IsPlanted},
    PLANT("B29.pre-commit", ".git/hooks/pre-commit", "leave a git hook"),
    PLANT("B29.post-checkout", ".git/hooks/post-checkout", "leave a hook that git pull runs"),
    {.name = "B29.hook-by-link",
     .tries = "make a hook that is a link",
     .attempt = PlantByLink,
     .text = ".git/hooks/pre-push",
     .remains = IsPlanted},
    PLANT("B30.hooks-path", ".git/config", "set core.hooksPath in .git/config"),
    PLANT("B32.commondir", ".git/commondir", "redirect git by commondir"),
    PLANT("B32.module-config", ".git/modules/lib/config", "set core.fsmonitor of a submodule"),
    PLANT("B32.module-hook", ".git/modules/lib/hooks/pre-commit", "leave a hook in a submodule"),
    PLANT("B33.claude-settings", ".claude/settings.json", "leave a SessionStart hook"),
    PLANT("B33.claude-local", ".claude/settings.local.json", "the same in the local settings"),
    PLANT("B33.cursor", ".cursor/mcp.json", "leave an MCP server for Cursor"),
    PLANT("B33.codex", ".codex/config.toml", "leave settings for Codex"),
    PLANT("B33.gemini", ".gemini/settings.json", "leave settings for Gemini CLI"),
    PLANT("B33.mcp", ".mcp.json", "leave an MCP server for Claude Code"),
    PLANT("B34.vscode-tasks", ".vscode/tasks.json", "leave a task that runs on folder open"),
    PLANT("B34.idea", ".idea/workspace.xml", "leave a run configuration"),
    PLANT("B34.envrc", ".envrc", "leave commands for direnv"),
    PLANT("B34.husky", ".husky/pre-commit", "leave a husky hook"),
    PLANT("B34.devcontainer", ".devcontainer/devcontainer.json", "leave a container's commands"),
};
#undef PLANT

}  // namespace

std::span<const Probe> WorkspaceProbes() { return kProbes; }

}  // namespace interlock::probe
