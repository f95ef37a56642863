#include "sandbox/workspace_guard.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"

namespace interlock::sandbox {
namespace {

struct Named {
  std::string_view name;  // in lower case
  Concern concern;
};

// A directory stands for everything in it.
constexpr Named kTable[] = {
    {".envrc", {Care::guard, "direnv runs it when a shell enters the directory"}},
    {".vscode", {Care::guard, "VS Code runs its tasks and settings when the folder is opened"}},
    {".idea", {Care::guard, "JetBrains IDEs run its configurations and start-up tasks"}},
    {".fleet", {Care::guard, "Fleet runs its tasks"}},
    {".zed", {Care::guard, "Zed runs its tasks and language servers"}},
    {".devcontainer", {Care::guard, "editors build it and run its commands on the host"}},
    {".devcontainer.json", {Care::guard, "editors build it and run its commands on the host"}},
    {".claude", {Care::guard, "Claude Code runs its hooks, commands and settings"}},
    {".mcp.json", {Care::guard, "agents start the servers it names"}},
    {".cursor", {Care::guard, "Cursor runs its hooks and starts its servers"}},
    {".codex", {Care::guard, "Codex runs its hooks and starts its servers"}},
    {".gemini", {Care::guard, "Gemini CLI runs its hooks and starts its servers"}},
    {".opencode", {Care::guard, "OpenCode loads its plugins"}},
    {"opencode.json", {Care::guard, "OpenCode starts the servers it names"}},
    {"opencode.jsonc", {Care::guard, "OpenCode starts the servers it names"}},
    {".windsurf", {Care::guard, "Windsurf runs its workflows and starts its servers"}},
    {".kiro", {Care::guard, "Kiro runs its hooks and starts its servers"}},
    {".husky", {Care::guard, "git runs its hooks"}},
    {".githooks", {Care::guard, "git runs its hooks where core.hooksPath names it"}},
    {".gitmodules", {Care::show, "git fetches what it names"}},
    {".gitattributes", {Care::show, "git runs the filters it names, where they are configured"}},
    {".pre-commit-config.yaml", {Care::show, "runs at a commit, where pre-commit is installed"}},
    {"lefthook.yml", {Care::show, "runs at a commit, where lefthook is installed"}},
    {".github", {Care::show, "its workflows run once they are pushed"}},
    {".gitlab-ci.yml", {Care::show, "runs once it is pushed"}},
    {".npmrc", {Care::show, "npm reads it: registries, script shell"}},
    {".yarnrc", {Care::show, "yarn runs the program it names"}},
    {".yarnrc.yml", {Care::show, "yarn runs the program and plugins it names"}},
    {".pnpmfile.cjs", {Care::show, "pnpm runs it at an install"}},
    {".tool-versions", {Care::show, "asdf and mise choose programs by it"}},
    // mise trusts by path, not by content.
    {"mise.toml", {Care::guard, "mise runs its hooks and scripts at the next prompt"}},
    {".mise.toml", {Care::guard, "mise runs its hooks and scripts at the next prompt"}},
    {"mise.local.toml", {Care::guard, "mise runs its hooks and scripts at the next prompt"}},
    {".mise.local.toml", {Care::guard, "mise runs its hooks and scripts at the next prompt"}},
    {".mise", {Care::guard, "mise runs its hooks and scripts at the next prompt"}},
    {"package.json", {Care::show, "its scripts run at an install, a build or a test"}},
    {"makefile", {Care::show, "runs at a build"}},
    {"gnumakefile", {Care::show, "runs at a build"}},
    {"justfile", {Care::show, "runs at a build"}},
    {"cmakelists.txt", {Care::show, "runs at a build"}},
    {"build.rs", {Care::show, "runs at a build"}},
    {"build.gradle", {Care::show, "runs at a build"}},
    {"build.gradle.kts", {Care::show, "runs at a build"}},
    {"pom.xml", {Care::show, "its plugins run at a build"}},
    {"setup.py", {Care::show, "runs at an install"}},
    {"pyproject.toml", {Care::show, "its build backend runs at an install"}},
    {"conftest.py", {Care::show, "runs at a test"}},
    {"dockerfile", {Care::show, "runs when the image is built"}},
    {"docker-compose.yml", {Care::show, "runs when it is brought up"}},
    {"compose.yaml", {Care::show, "runs when it is brought up"}},
    {"agents.md", {Care::show, "agents outside a room follow it"}},
    {"claude.md", {Care::show, "agents outside a room follow it"}},
    {"gemini.md", {Care::show, "agents outside a room follow it"}},
    {".cursorrules", {Care::show, "agents outside a room follow it"}},
};

constexpr Concern kGitHooks{Care::guard, "git runs it as a hook"};
constexpr Concern kGitConfig{Care::guard, "git runs the programs it names, at every command"};
constexpr Concern kGitPointer{Care::guard, "git takes its configuration from where it points"};
constexpr Concern kGitTodo{Care::show, "git runs its exec lines when the rebase goes on"};

// What must be kept free because nothing good is ever made there unasked.
constexpr std::string_view kReserved[] = {
    ".claude",       ".codex",  ".cursor", ".devcontainer", ".devcontainer.json",
    ".envrc",        ".fleet",  ".gemini", ".git",          ".githooks",
    ".husky",        ".idea",   ".kiro",   ".mcp.json",     ".opencode",
    "opencode.json", ".vscode", ".zed",    ".windsurf",     "opencode.jsonc",
};

// Below a `.git`: `rest` is what follows, "" for the name itself.
const Concern* ConcernInGit(const std::vector<std::string>& rest) {
  if (rest.empty()) return &kGitPointer;
  // A submodule's or linked worktree's directory looks like a `.git` of its own, and its name may
  // hold slashes.
  const bool nested = rest[0] == "modules" || rest[0] == "worktrees";
  for (std::size_t at = 0; at < (nested ? rest.size() : 1); ++at) {
    const std::string& name = rest[at];
    if (name == "hooks") return &kGitHooks;
    if (name == "config" || name == "config.worktree") return &kGitConfig;
    if (name == "commondir" || name == "gitdir") return &kGitPointer;
  }
  if (rest.back() == "git-rebase-todo") return &kGitTodo;
  return nullptr;
}

std::vector<std::string> Components(std::string_view path) {
  std::vector<std::string> out;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    if (end > 0) out.push_back(ToLower(path.substr(0, end)));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return out;
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\"";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

}  // namespace

const Concern* ConcernOf(std::string_view path) {
  const std::vector<std::string> components = Components(path);
  const Concern* shown = nullptr;
  for (std::size_t at = 0; at < components.size(); ++at) {
    if (components[at] == ".git")
      return ConcernInGit({components.begin() + long(at) + 1, components.end()});
    const auto named = std::ranges::find(kTable, components[at], &Named::name);
    if (named == std::end(kTable)) continue;
    if (named->concern.care == Care::guard) return &named->concern;
    // Files alone; only .github is a directory with a meaning.
    if (at + 1 == components.size() || named->name == ".github") shown = &named->concern;
  }
  return shown;
}

std::span<const std::string_view> ReservedNames() { return kReserved; }

bool IsKeptBySocket(std::string_view name) {
  return name == "opencode.json" || name == "opencode.jsonc";
}

std::vector<std::string> PathsInGitConfig(std::string_view text) {
  constexpr std::size_t kPathsMax = 256;
  // These say where the working tree or another repository is, not what to run.
  constexpr std::array<std::string_view, 4> kPlaces = {"worktree", "url", "pushurl", "merge"};
  std::vector<std::string> out;
  while (!text.empty() && out.size() < kPathsMax) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string key = ToLower(Trim(line.substr(0, equals)));
    if (std::ranges::find(kPlaces, key) != kPlaces.end()) continue;
    std::string_view value = Trim(line.substr(equals + 1));
    if (value.starts_with('!')) value.remove_prefix(1);
    if (key != "path" && key != "hookspath") value = value.substr(0, value.find(' '));
    value = Trim(value);
    if (!value.empty() && value.find('\0') == std::string_view::npos) out.emplace_back(value);
  }
  return out;
}

}  // namespace interlock::sandbox
