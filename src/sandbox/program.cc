#include "sandbox/program.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/unique_fd.h"
#include "sandbox/fill.h"
#include "sandbox/profile.h"

namespace interlock::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr int kLinksMax = 16;        // as the kernel allows 40, and real installations need three
constexpr int kInterpretersMax = 4;  // the kernel's own limit is 4 (BINPRM_MAX_RECURSION)
constexpr std::size_t kArgumentsMax = 12;
constexpr std::string_view kModules = "/node_modules/";

// Programs whose arguments hold another program's name.
constexpr std::array<std::string_view, 16> kStarters = {
    "env",    "nice", "nohup", "time", "timeout", "setsid", "stdbuf", "script",
    "ionice", "npx",  "bunx",  "pnpm", "node",    "bun",    "deno",   "chrt"};

// What makes a directory above "bin" a place where programs are installed, rather than somebody's
// project that happens to have a bin.
constexpr std::array<std::string_view, 2> kPrefixMarks = {"lib/node_modules", "pyvenv.cfg"};

std::string Canonical(const std::string& path) {
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  return error ? "" : real.native();
}

bool IsDirectory(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool Exists(const std::string& path) {
  struct stat status{};
  return lstat(path.c_str(), &status) == 0;
}

bool IsExecutable(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         access(path.c_str(), X_OK) == 0;
}

std::string_view NameOf(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string ParentOf(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string_view::npos ? "/" : std::string(path.substr(0, slash));
}

std::string Joined(const std::string& directory, std::string_view name) {
  return (directory == "/" ? "/" : directory + "/") + std::string(name);
}

// Words of a script's first line: the interpreter and its arguments.
std::vector<std::string> FirstLine(const std::string& path) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  char text[256];
  const ssize_t got = file.valid() ? read(file.get(), text, sizeof text) : -1;
  std::vector<std::string> words;
  if (got < 3 || text[0] != '#' || text[1] != '!') return words;
  std::string_view line(text + 2, static_cast<std::size_t>(got) - 2);
  line = line.substr(0, line.find('\n'));
  for (std::size_t at = 0; at < line.size();) {
    const std::size_t end = std::min(line.find_first_of(" \t\r", at), line.size());
    if (end > at) words.emplace_back(line.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

class Search {
 public:
  Search(std::string_view path, const std::string& cwd, const std::string& home,
         const std::string& workspace)
      : path_(path), cwd_(cwd), home_(home), workspace_(workspace) {}

  Program found;

  // The program's path as the caller would start it, or "".
  std::string OnPath(const std::string& name) const {
    if (name.find('/') != std::string::npos) {
      const std::string whole = name.starts_with('/') ? name : Joined(cwd_, name);
      return IsExecutable(whole) ? whole : "";
    }
    for (std::size_t at = 0; at <= path_.size();) {
      const std::size_t end = std::min(path_.find(':', at), path_.size());
      const std::string directory(path_.substr(at, end - at));
      at = end + 1;
      // Empty and relative entries are not part of the room's PATH either.
      if (!directory.starts_with('/')) continue;
      const std::string whole = Joined(directory, name);
      if (IsExecutable(whole)) return whole;
    }
    return "";
  }

  Result<void> Follow(const std::string& start, int interpreters) {
    std::string at = start;
    AddName(NameOf(at));
    if (std::ranges::find(found.path_entries, ParentOf(at)) == found.path_entries.end()) {
      found.path_entries.push_back(ParentOf(at));
    }
    for (int links = 0; links < kLinksMax; ++links) {
      const std::string directory = Canonical(ParentOf(at));
      if (directory.empty()) return {};
      const std::string here = Joined(directory, NameOf(at));
      const std::string real = Canonical(here);
      if (real.empty()) return {};
      AddName(NameOf(here));
      AddPackage(here);
      const std::string spelled = fs::path(at).lexically_normal().native();
      if ((InWorkspace(spelled) || InWorkspace(here)) && !InWorkspace(real)) return {};
      if (at != real) AddLink(at, real);
      if (here == real) {
        ILK_TRY_VOID(Show(real));
        return FollowInterpreter(real, interpreters);
      }
      if (here != at) AddLink(here, real);
      ILK_TRY_VOID(ShowPrefix(directory));
      std::error_code error;
      const fs::path target = fs::read_symlink(here, error);
      // A directory on the way was the link, not the file.
      at = error ? real : (target.is_absolute() ? target : fs::path(directory) / target).native();
    }
    return {};
  }

 private:
  bool InWorkspace(std::string_view path) const {
    return !workspace_.empty() && IsWithin(path, workspace_);
  }

  void AddName(std::string_view name) {
    if (std::ranges::find(found.names, name) == found.names.end()) found.names.emplace_back(name);
  }

  // ".../node_modules/@scope/name/..." is part of "@scope/name".
  void AddPackage(std::string_view path) {
    const std::size_t at = path.rfind(kModules);
    if (at == std::string_view::npos) return;
    const std::string_view rest = path.substr(at + kModules.size());
    std::size_t end = rest.find('/');
    if (rest.starts_with('@') && end != std::string_view::npos) end = rest.find('/', end + 1);
    if (end != std::string_view::npos) AddName(rest.substr(0, end));
  }

  void AddLink(const std::string& from, const std::string& to) {
    const Link link{from, to};
    if (std::ranges::find(found.links, link) == found.links.end()) found.links.push_back(link);
  }

  Result<void> AddShown(const std::string& real) {
    if (!home_.empty() && home_ != "/" && IsWithin(real, home_) &&
        (real == home_ || TouchesPrivatePlace(real.substr(home_.size() + 1)))) {
      return Fail(Code::denied,
                  Fill("cannot show the program at \"{}\" in the room: credentials lie there; "
                       "install it elsewhere",
                       real));
    }
    if (std::ranges::find(found.show, real) == found.show.end()) found.show.push_back(real);
    return {};
  }

  Result<void> Show(const std::string& real) {
    // The outermost: packages may use others beside them.
    if (const std::size_t at = real.find(kModules); at != std::string::npos) {
      ILK_TRY_VOID(AddShown(real.substr(0, at + kModules.size() - 1)));
      return {};
    }
    const std::size_t before = found.show.size();
    ILK_TRY_VOID(ShowPrefix(ParentOf(real)));
    if (found.show.size() == before) ILK_TRY_VOID(AddShown(real));
    return {};
  }

  // `bin` of an installation, with its libraries.
  Result<void> ShowPrefix(const std::string& bin) {
    if (bin.ends_with("/node_modules/.bin")) {
      const std::size_t at = bin.find(kModules);
      return AddShown(bin.substr(0, at + kModules.size() - 1));
    }
    // The workspace is there anyway, and its links may lead anywhere.
    if (NameOf(bin) != "bin" || InWorkspace(bin)) return {};
    const std::string prefix = ParentOf(bin);
    if (prefix == "/" || !IsPrefix(prefix)) return {};
    for (const char* part : {"bin", "lib", "lib64", "libexec", "include", "pyvenv.cfg"}) {
      const std::string path = Joined(prefix, part);
      const std::string real = Exists(path) ? Canonical(path) : "";
      if (real.empty()) continue;
      if (real != path) AddLink(path, real);
      ILK_TRY_VOID(AddShown(real));
    }
    return {};
  }

  static bool IsPrefix(const std::string& prefix) {
    const bool marked =
        std::ranges::any_of(kPrefixMarks, [&](auto mark) { return Exists(Joined(prefix, mark)); });
    if (marked) return true;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(Joined(prefix, "lib"), error)) {
      const std::string name = entry.path().filename().native();
      if (name.starts_with("python3") && IsDirectory(entry.path().native())) return true;
    }
    return false;
  }

  Result<void> FollowInterpreter(const std::string& script, int interpreters) {
    if (interpreters >= kInterpretersMax) return {};
    const std::vector<std::string> words = FirstLine(script);
    if (words.empty()) return {};
    const std::vector<std::string> names = std::exchange(found.names, {});
    Result<void> result;
    // By PATH, which is the caller's, but not by whatever a script in the workspace names.
    if (IsExecutable(words[0]) && !InWorkspace(script)) result = Follow(words[0], interpreters + 1);
    if (result && NameOf(words[0]) == "env") {
      const auto word = std::ranges::find_if(words.begin() + 1, words.end(), [](const auto& text) {
        return !text.starts_with('-') && text.find('=') == std::string::npos;
      });
      const std::string program = word == words.end() ? "" : OnPath(*word);
      if (!program.empty()) result = Follow(program, interpreters + 1);
    }
    found.names = names;  // a script isn't called what its interpreter is
    return result;
  }

  const std::string_view path_;
  const std::string& cwd_;
  const std::string& home_;
  const std::string& workspace_;
};

}  // namespace

Result<Program> FindProgram(const std::vector<std::string>& argv, std::string_view path,
                            const std::string& cwd, const std::string& home,
                            const std::string& workspace) {
  Search search(path, cwd, home, workspace);
  if (argv.empty()) return search.found;
  const std::string_view own = NameOf(argv[0]);
  search.found.names.emplace_back(own);
  if (const std::string program = search.OnPath(argv[0]); !program.empty()) {
    ILK_TRY_VOID(search.Follow(program, 0));
  }
  if (std::ranges::find(kStarters, own) == kStarters.end()) return search.found;
  // Any word may be the program: options with values can't be told from it without knowing each
  // starter. What isn't on PATH adds only its name.
  for (std::size_t i = 1; i < std::min(argv.size(), kArgumentsMax); ++i) {
    const std::string& word = argv[i];
    if (word.empty() || word.starts_with('-') || word.find('=') != std::string::npos) continue;
    // "npx @scope/name@1.2": the package without its version.
    search.found.names.push_back(word.substr(0, word.find('@', 1)));
    const std::string program = search.OnPath(word);
    if (!program.empty()) ILK_TRY_VOID(search.Follow(program, 0));
  }
  return search.found;
}

}  // namespace interlock::sandbox
