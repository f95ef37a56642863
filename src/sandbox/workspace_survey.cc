#include "sandbox/workspace_survey.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <ranges>

#include "base/bytes.h"
#include "sandbox/fill.h"
#include "sandbox/workspace_guard.h"

namespace interlock::sandbox {
namespace {

constexpr std::size_t kProtectedMax = 1024;  // mounts; each costs some ten microseconds
constexpr std::size_t kHardLinksMax = 100'000;
constexpr std::size_t kGitConfigMax = 1u << 20;
constexpr int kModuleDepthMax = 8;

std::string Join(const std::string& directory, std::string_view name) {
  return directory.empty() ? std::string(name) : Fill("{}/{}", directory, name);
}

// Packages bring editors' settings along that no editor opens, and installers must be able to
// remove them.
bool IsInPackages(std::string_view path) {
  const std::string whole = Fill("/{}/", path);
  for (const char* name : {"/node_modules/", "/site-packages/"}) {
    if (whole.find(name) != std::string::npos) return true;
  }
  return false;
}

class Surveyor {
 public:
  Surveyor(const std::string& root, int fd) : root_(root), fd_(fd) {}

  Into Look(const std::string& path, const FileState& state) {
    const std::size_t slash = path.rfind('/');
    const std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
    const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
    if (state.kind == FileKind::file) {
      ++out_.files;
      out_.bytes += state.size;
      if (state.links > 1 && hard_links_.size() < kHardLinksMax)
        hard_links_.push_back({path, state.device, state.inode});
    }
    if (state.kind == FileKind::socket) out_.sockets.push_back(path);
    if (IsInPackages(path)) return Into::descend;
    const Concern* outer = parent.empty() ? nullptr : ConcernOf(parent);
    if (outer != nullptr && outer->care == Care::guard) return Into::descend;
    if (ToLower(name) == ".git") {
      repositories_.push_back({parent, path, state.kind});
    } else if (const Concern* concern = ConcernOf(name);
               concern != nullptr && concern->care == Care::guard && !IsInGit(parent)) {
      Protect(path, state);
    }
    return Into::descend;
  }

  Result<Survey> Finish(bool complete) {
    out_.complete = complete && hard_links_.size() < kHardLinksMax;
    for (const Repository& repository : repositories_) ILK_TRY_VOID(LookAt(repository));
    for (const std::string_view name : ReservedNames()) {
      if (!StateBeneath(fd_, std::string(name)))
        out_.missing.push_back({std::string(name), !IsKeptBySocket(name), "", 0});
    }
    // OpenCode writes this file wherever its directory has none, and ends where it can't. It hides
    // itself from git.
    const auto opencode = StateBeneath(fd_, ".opencode");
    if ((!opencode || opencode->kind == FileKind::directory) &&
        !StateBeneath(fd_, ".opencode/.gitignore"))
      out_.missing.push_back({".opencode/.gitignore", false, ".gitignore\n", 0});
    FreezeOtherNames();
    for (auto* list : {&out_.pinned, &out_.frozen, &out_.sockets, &out_.links}) {
      std::ranges::sort(*list);
      list->erase(std::ranges::unique(*list).begin(), list->end());
    }
    if (!refused_.empty()) {
      return Fail(Code::denied,
                  Fill("cannot protect {}/{}: it is a symbolic link, and an agent could replace "
                       "what it leads to. Make it a file or directory, or use --mode review",
                       root_, refused_));
    }
    if (out_.pinned.size() + out_.frozen.size() + out_.sockets.size() + out_.missing.size() >
        kProtectedMax) {
      return Fail(Code::limit,
                  Fill("cannot protect {}: it holds more than {} repositories, settings and "
                       "sockets. Choose a smaller workspace, or use --mode review",
                       root_, kProtectedMax));
    }
    return std::move(out_);
  }

 private:
  struct Repository {
    std::string directory;  // its working tree
    std::string git;        // its `.git`
    FileKind kind;
  };
  struct HardLink {
    std::string path;
    std::uint64_t device, inode;
  };

  static bool IsInGit(const std::string& path) {
    return ("/" + ToLower(path) + "/").find("/.git/") != std::string::npos;
  }

  void Protect(const std::string& path, const FileState& state) {
    if (state.kind == FileKind::link) {
      const bool below = path.find('/') != std::string::npos;
      if (below) {
        out_.links.push_back(path);
      } else {
        refused_ = path;
      }
    } else if (state.kind != FileKind::socket) {
      out_.frozen.push_back(path);
    }
  }

  // A repository can't be swapped for another one at the same place.
  void Pin(const std::string& path) {
    for (std::size_t at = path.find('/'); at != std::string::npos; at = path.find('/', at + 1))
      out_.pinned.push_back(path.substr(0, at));
    if (!path.empty()) out_.pinned.push_back(path);
  }

  Result<void> LookAt(const Repository& repository) {
    if (repository.kind == FileKind::link) {
      refused_ = repository.git;
      return {};
    }
    Pin(repository.directory);
    if (repository.kind != FileKind::directory) {
      out_.frozen.push_back(repository.git);
      return {};
    }
    Pin(repository.git);
    LookIntoGit(repository.git, repository.directory);
    LookForModules(repository.git + "/modules", repository.directory, 0);
    LookForWorktrees(repository.git + "/worktrees");
    return {};
  }

  // Frozen if it is there, kept free if not.
  void Reserve(const std::string& path, bool directory, std::string content) {
    const auto state = StateBeneath(fd_, path);
    if (!state) {
      out_.missing.push_back({path, directory, std::move(content), 0});
    } else if (state->kind == FileKind::link) {
      refused_ = path;
    } else {
      out_.frozen.push_back(path);
    }
  }

  void LookIntoGit(const std::string& git, const std::string& tree) {
    const auto config = ReadBeneath(fd_, git + "/config", kGitConfigMax);
    Reserve(git + "/config", false, "");
    Reserve(git + "/hooks", true, "");
    // Says "the rest of this repository is here", which is what its absence says; git does not
    // accept an empty one.
    Reserve(git + "/commondir", false, ".\n");
    const std::string text = config ? *config : "";
    if (ToLower(text).find("worktreeconfig") != std::string::npos ||
        StateBeneath(fd_, git + "/config.worktree")) {
      Reserve(git + "/config.worktree", false, "");
    }
    for (const std::string& named : PathsInGitConfig(text)) FreezeNamed(named, git, tree);
  }

  // Programs, hooks and further configuration that the repository's configuration names.
  void FreezeNamed(const std::string& named, const std::string& git, const std::string& tree) {
    for (const std::string& base : {tree, git}) {
      std::string path = named.starts_with('/')
                             ? std::filesystem::path(named).lexically_relative(root_).string()
                             : (std::filesystem::path(base) / named).lexically_normal().string();
      while (path.ends_with('/')) path.pop_back();
      if (path.empty() || path == "." || path.starts_with("..") || path == git || path == tree)
        continue;
      const auto state = StateBeneath(fd_, path);
      if (state && (state->kind == FileKind::file || (state->kind == FileKind::directory &&
                                                      named.find("hook") != std::string::npos)))
        out_.frozen.push_back(path);
    }
  }

  void LookForModules(const std::string& directory, const std::string& tree, int depth) {
    if (depth > kModuleDepthMax || !StateBeneath(fd_, directory)) return;
    Pin(directory);
    for (const std::string& path : DirectoriesIn(directory)) {
      if (StateBeneath(fd_, path + "/HEAD")) {
        Pin(path);
        LookIntoGit(path, tree);
        LookForModules(path + "/modules", tree, depth + 1);
      } else {
        LookForModules(path, tree, depth + 1);
      }
    }
  }

  void LookForWorktrees(const std::string& directory) {
    if (!StateBeneath(fd_, directory)) return;
    Pin(directory);
    for (const std::string& path : DirectoriesIn(directory)) {
      Pin(path);
      for (const char* name : {"commondir", "gitdir", "config.worktree"}) {
        const std::string file = Join(path, name);
        if (StateBeneath(fd_, file)) out_.frozen.push_back(file);
      }
    }
  }

  std::vector<std::string> DirectoriesIn(const std::string& directory) {
    std::vector<std::string> out;
    const auto walked = WalkTree(root_ + "/" + directory, {.entries_max = 4096, .depth_max = 1},
                                 [&](const std::string& name, const FileState& state) {
                                   if (state.kind == FileKind::directory)
                                     out.push_back(Join(directory, name));
                                   return Into::skip;
                                 });
    if (!walked || !*walked) out_.complete = false;
    return out;
  }

  // A protected file may have a second name in the workspace, through which it could be written.
  void FreezeOtherNames() {
    std::vector<std::string> more;
    for (const std::string& path : out_.frozen) {
      const auto state = StateBeneath(fd_, path);
      if (!state || state->kind != FileKind::file || state->links < 2) continue;
      for (const HardLink& link : hard_links_) {
        if (link.inode == state->inode && link.device == state->device) more.push_back(link.path);
      }
    }
    out_.frozen.insert(out_.frozen.end(), more.begin(), more.end());
  }

  const std::string root_;
  const int fd_;
  Survey out_;
  std::vector<Repository> repositories_;
  std::vector<HardLink> hard_links_;
  std::string refused_;
};

UniqueFd ParentOf(int root, const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return OpenBeneath(root, slash == std::string::npos ? "" : path.substr(0, slash),
                     O_RDONLY | O_DIRECTORY);
}
std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool MakeOne(int parent, const Placeholder& placeholder) {
  const std::string name = NameOf(placeholder.path);
  if (IsKeptBySocket(placeholder.path)) {
    if (mknodat(parent, name.c_str(), S_IFSOCK | 0600, 0) == 0) return true;
    // Not every file system has sockets.
    return errno != EEXIST && mkdirat(parent, name.c_str(), 0755) == 0;
  }
  if (placeholder.directory) return mkdirat(parent, name.c_str(), 0755) == 0;
  const UniqueFd file(
      openat(parent, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!file.valid()) return false;
  const auto& content = placeholder.content;
  return write(file.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size());
}

// Whoever may not create there now, and does not own the directory, can't let itself either.
bool NobodyCan(int parent, int error) {
  struct stat status{};
  if (error == EROFS) return true;
  return error == EACCES && fstat(parent, &status) == 0 && status.st_uid != geteuid();
}

}  // namespace

Result<Survey> SurveyWorkspace(const std::string& root, const WalkLimits& limits,
                               const Visit& visit) {
  const UniqueFd fd(open(root.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) {
    return Fail(Code::not_found, Fill("surveying {}: {}", root, std::strerror(errno)));
  }
  Surveyor surveyor(root, fd.get());
  ILK_TRY(complete, WalkTree(root, limits, [&](const std::string& path, const FileState& state) {
            visit(path, state);
            return surveyor.Look(path, state);
          }));
  return surveyor.Finish(complete);
}

Result<std::vector<Placeholder>> MakePlaceholders(const std::string& root,
                                                  const std::vector<Placeholder>& wanted) {
  const UniqueFd fd(open(root.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) {
    return Fail(Code::not_found, Fill("opening {}: {}", root, std::strerror(errno)));
  }
  std::vector<Placeholder> made;
  for (const Placeholder& placeholder : wanted) {
    const UniqueFd parent = ParentOf(fd.get(), placeholder.path);
    if (!parent.valid() || !MakeOne(parent.get(), placeholder)) {
      const int error = errno;
      if (error == EEXIST || (parent.valid() && NobodyCan(parent.get(), error))) continue;
      for (const Placeholder& done : std::views::reverse(made)) (void)RemovePlaceholder(root, done);
      return Fail(Code::unavailable,
                  Fill("cannot keep {}/{} free: {}", root, placeholder.path, std::strerror(error)));
    }
    made.push_back(placeholder);
    if (const auto state = StateBeneath(fd.get(), placeholder.path))
      made.back().inode = state->inode;
  }
  return made;
}

bool RemovePlaceholder(const std::string& root, const Placeholder& placeholder) {
  const UniqueFd fd(open(root.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) return false;
  const auto state = StateBeneath(fd.get(), placeholder.path);
  if (!state) return state.error().code == Code::not_found;
  // 0: the session ended between making it and writing down what was made.
  if (placeholder.inode != 0 && state->inode != placeholder.inode) return false;
  const UniqueFd parent = ParentOf(fd.get(), placeholder.path);
  if (!parent.valid()) return false;
  const std::string name = NameOf(placeholder.path);
  if (IsKeptBySocket(placeholder.path) && state->kind == FileKind::socket)
    return unlinkat(parent.get(), name.c_str(), 0) == 0;
  if (placeholder.directory || state->kind == FileKind::directory)
    return unlinkat(parent.get(), name.c_str(), AT_REMOVEDIR) == 0;
  const auto content = ReadBeneath(fd.get(), placeholder.path, 4096);
  if (!content || state->links != 1 || *content != placeholder.content) return false;
  return unlinkat(parent.get(), name.c_str(), 0) == 0;
}

}  // namespace interlock::sandbox
