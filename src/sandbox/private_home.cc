#include "sandbox/private_home.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/unique_fd.h"
#include "sandbox/fill.h"

namespace interlock::sandbox {
namespace {

namespace fs = std::filesystem;

// A path below a directory, without any link on the way.
UniqueFd OpenBelow(int directory, const std::string& path, std::uint64_t flags) {
  open_how how{};
  how.flags = flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return UniqueFd(
      static_cast<int>(syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how)));
}

Result<std::string> ReadRegular(int fd, std::size_t limit) {
  struct stat status{};
  if (fstat(fd, &status) != 0) return Fail(Code::unavailable, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return Fail(Code::invalid_input, "not a file");
  std::string text;
  // One byte more than the limit tells a file that grows while it is read.
  while (text.size() <= limit) {
    char block[16384];
    const ssize_t got = read(fd, block, std::min(sizeof block, limit + 1 - text.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Fail(Code::unavailable, std::strerror(errno));
    if (got == 0) return text;
    text.append(block, static_cast<std::size_t>(got));
  }
  return Fail(Code::limit, Fill("larger than {} bytes", limit));
}

// The parts of "a.b.{workspace}".
std::vector<std::string> Steps(std::string_view member, const std::string& workspace) {
  std::vector<std::string> steps;
  for (std::size_t at = 0; at <= member.size();) {
    const std::size_t end = std::min(member.find('.', at), member.size());
    const std::string_view step = member.substr(at, end - at);
    steps.push_back(step == "{workspace}" ? workspace : std::string(step));
    at = end + 1;
  }
  return steps;
}

const json::value* Lookup(const json::object& object, const std::vector<std::string>& steps) {
  const json::object* at = &object;
  for (std::size_t i = 0; at != nullptr; ++i) {
    const json::value* value = Find(*at, steps[i]);
    if (value == nullptr || i + 1 == steps.size()) return value;
    at = value->if_object();
  }
  return nullptr;
}

void Put(json::object& object, const std::vector<std::string>& steps, const json::value& value) {
  json::object* at = &object;
  for (std::size_t i = 0; i + 1 < steps.size(); ++i) {
    json::value& next = (*at)[steps[i]];
    if (!next.is_object()) next = json::object();
    at = &next.as_object();
  }
  (*at)[steps.back()] = value;
}

bool IsToken(const json::value* value) {
  const json::string* text = value == nullptr ? nullptr : value->if_string();
  return text != nullptr && text->size() >= kTokenBytesMin && text->size() <= kTokenBytesMax &&
         std::ranges::all_of(*text, [](char c) { return c > 0x20 && c < 0x7f; });
}

class HomeReader {
 public:
  HomeReader(const Profile& profile, const std::string& home, const std::string& workspace,
             const std::vector<Variable>& environment, const ContentGuard& guard)
      : profile_(profile),
        home_(home),
        workspace_(workspace),
        environment_(environment),
        guard_(guard) {}

  HomeView Read() {
    if (home_.starts_with('/') && home_ != "/") {
      directory_ = UniqueFd(open(home_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    }
    if (directory_.valid()) {
      for (const std::string& path : profile_.show) ShowPlace(path);
      for (const Copy& copy : profile_.copy) CopyPlace(copy);
      for (const Login& login : profile_.logins) ReadLogin(login);
    }
    for (const KeyPlace& key : profile_.keys) ReadKey(key);
    std::erase_if(view_.login_files, [](const LoginFile& file) {
      return file.content.empty() && file.phantoms.empty();
    });
    return std::move(view_);
  }

 private:
  void LeaveOut(const std::string& path, std::string_view why) {
    view_.left_out.push_back(Fill("~/{}: {}", path, why));
  }

  // A place may itself be a link (~/.nvm on another disk): then what it leads to is shown, if that
  // holds no secrets either.
  void ShowPlace(const std::string& path) {
    const std::string whole = home_ + "/" + path;
    std::error_code error;
    const std::string real = fs::canonical(whole, error).native();
    if (error) {
      if (error != std::errc::no_such_file_or_directory) LeaveOut(path, error.message());
      return;
    }
    const bool leads_to_home = IsWithin(home_, real);
    const bool is_private = IsWithin(real, home_) && real != home_ &&
                            TouchesPrivatePlace(real.substr(home_.size() + 1));
    const bool is_host = std::ranges::any_of(
        std::initializer_list<std::string_view>{"/proc", "/sys", "/dev", "/run", "/var", "/root",
                                                "/boot", "/tmp"},
        [&](std::string_view tree) { return real == tree || IsWithin(tree, real); });
    const bool is_device = IsWithin(real, "/proc") || IsWithin(real, "/sys") ||
                           IsWithin(real, "/dev") || IsWithin(real, "/run");
    if (leads_to_home || is_private || is_host || is_device) {
      LeaveOut(path, Fill("a link to {}, which is not shown", real));
      return;
    }
    if (real != whole) view_.links.push_back({whole, real});
    view_.show.push_back(real);
  }

  void CopyPlace(const Copy& copy) {
    const UniqueFd place = OpenBelow(directory_.get(), copy.path, O_RDONLY);
    if (!place.valid()) {
      if (errno == ELOOP)
        LeaveOut(copy.path, "a link; links are not followed");
      else if (errno != ENOENT && errno != ENOTDIR)
        LeaveOut(copy.path, std::strerror(errno));
      return;
    }
    struct stat status{};
    if (fstat(place.get(), &status) != 0) return LeaveOut(copy.path, std::strerror(errno));
    if (!S_ISDIR(status.st_mode)) {
      if (const auto why = Enter(place.get(), copy.path, copy.members, status.st_mode); !why) {
        LeaveOut(copy.path, why.error().message);
      }
      return;
    }
    if (!copy.members.empty())
      return LeaveOut(copy.path, "a directory, where a JSON file should be");
    // All of it or nothing: half of somebody's settings would be another setting.
    const std::size_t files = view_.copies.size();
    const std::size_t bytes = bytes_;
    if (const auto why = CopyDirectory(place.get(), copy.path, 0); !why) {
      view_.copies.resize(files);
      bytes_ = bytes;
      LeaveOut(copy.path, why.error().message);
    }
  }

  Result<void> CopyDirectory(int directory, const std::string& path, int depth) {
    if (depth > kCopyDepthMax) return Fail(Code::limit, Fill("deeper than {}", kCopyDepthMax));
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(Fill("/proc/self/fd/{}", directory), error)) {
      if (names.size() >= kCopyFilesMax) {
        return Fail(Code::limit, Fill("more than {} files", kCopyFilesMax));
      }
      names.push_back(entry.path().filename().native());
    }
    if (error) return Fail(Code::unavailable, error.message());
    std::ranges::sort(names);
    for (const std::string& name : names) {
      if (IsCredentialFile(name)) {
        LeaveOut(path + "/" + name, "holds credentials by its name");
        continue;
      }
      const UniqueFd item = OpenBelow(directory, name, O_RDONLY);
      struct stat status{};
      if (!item.valid() || fstat(item.get(), &status) != 0) {
        LeaveOut(path + "/" + name,
                 errno == ELOOP ? "a link; links are not followed" : std::strerror(errno));
        continue;
      }
      if (S_ISDIR(status.st_mode)) {
        ILK_TRY_VOID(CopyDirectory(item.get(), path + "/" + name, depth + 1));
      } else if (S_ISREG(status.st_mode)) {
        auto entered = Enter(item.get(), path + "/" + name, {}, status.st_mode);
        if (entered) continue;
        if (entered.error().code != Code::denied) return entered;
        LeaveOut(path + "/" + name, entered.error().message);
      }
    }
    return {};
  }

  // denied: the guard's word about this file alone.
  Result<void> Enter(int fd, const std::string& path, const std::vector<std::string>& members,
                     mode_t mode) {
    ILK_TRY(text, ReadRegular(fd, members.empty() ? kCopyFileBytesMax : kReducedBytesMax));
    if (!members.empty()) {
      const auto whole = ParseJson(text);
      const json::object* object = whole ? whole->if_object() : nullptr;
      if (object == nullptr) return Fail(Code::invalid_input, "not a JSON object");
      json::object reduced;
      for (const std::string& member : members) {
        const auto steps = Steps(member, workspace_);
        if (const json::value* value = Lookup(*object, steps)) Put(reduced, steps, *value);
      }
      text = json::serialize(reduced);
    }
    if (text.size() > kCopyFileBytesMax) {
      return Fail(Code::limit, Fill("larger than {} bytes", kCopyFileBytesMax));
    }
    if (guard_) {
      if (const std::string why = guard_(text); !why.empty()) return Fail(Code::denied, why);
    }
    if (view_.copies.size() >= kCopyFilesMax) {
      return Fail(Code::limit, Fill("more than {} files in all", kCopyFilesMax));
    }
    if (bytes_ + text.size() > kCopyBytesMax) {
      return Fail(Code::limit, Fill("more than {} bytes in all", kCopyBytesMax));
    }
    bytes_ += text.size();
    view_.copies.push_back({path, std::move(text), (mode & S_IXUSR) != 0 ? 0700u : 0600u});
    return {};
  }

  // The agent's JSON file, read once. nullptr if it isn't there.
  const json::object* Source(const std::string& path) {
    if (const auto known = sources_.find(path); known != sources_.end()) return &known->second;
    const UniqueFd file = OpenBelow(directory_.get(), path, O_RDONLY);
    if (!file.valid()) {
      if (errno == ELOOP) LeaveOut(path, "a link; links are not followed");
      return nullptr;
    }
    const auto text = ReadRegular(file.get(), kCopyFileBytesMax);
    const auto whole = text ? ParseJson(*text) : Result<json::value>(std::unexpected(text.error()));
    if (!whole || !whole->is_object()) {
      LeaveOut(path, text ? "not a JSON object" : text.error().message);
      return nullptr;
    }
    return &sources_.emplace(path, whole->as_object()).first->second;
  }

  LoginFile& FileOf(const std::string& path) {
    const auto known = std::ranges::find(view_.login_files, path, &LoginFile::path);
    if (known != view_.login_files.end()) return *known;
    return view_.login_files.emplace_back(LoginFile{path, {}, {}});
  }

  void ReadLogin(const Login& login) {
    const json::object* source = Source(login.file);
    if (source == nullptr) return;
    LoginFile& file = FileOf(login.file);
    for (const std::string& member : login.tokens) {
      const auto steps = Steps(member, workspace_);
      const json::value* value = Lookup(*source, steps);
      if (!IsToken(value)) continue;
      Put(file.content, steps, *value);
      view_.logins.push_back({std::string(value->as_string()), login.hosts});
    }
    for (const std::string& member : login.members) {
      const auto steps = Steps(member, workspace_);
      if (const json::value* value = Lookup(*source, steps)) Put(file.content, steps, *value);
    }
  }

  void ReadKey(const KeyPlace& place) {
    CallerKey key{place.variable, "", place.provider, place.kind};
    const auto variable = std::ranges::find(environment_, place.variable, &Variable::name);
    if (variable != environment_.end()) key.value = variable->value;
    if (!place.file.empty() && directory_.valid()) {
      const json::object* source = Source(place.file);
      const auto steps = Steps(place.member, workspace_);
      const json::value* value = source == nullptr ? nullptr : Lookup(*source, steps);
      if (IsToken(value)) {
        FileOf(place.file).phantoms.emplace_back(place.member, place.variable);
        if (key.value.empty()) key.value = std::string(value->as_string());
      }
    }
    if (key.value.empty()) return;
    if (key.value.size() < kTokenBytesMin || key.value.size() > kTokenBytesMax) {
      view_.left_out.push_back(Fill("{}: not a key by its length", place.variable));
      return;
    }
    view_.keys.push_back(std::move(key));
  }

  const Profile& profile_;
  const std::string& home_;
  const std::string& workspace_;
  const std::vector<Variable>& environment_;
  const ContentGuard& guard_;
  UniqueFd directory_;
  std::size_t bytes_ = 0;
  std::map<std::string, json::object> sources_;
  HomeView view_;
};

}  // namespace

HomeView ReadHome(const Profile& profile, const std::string& home, const std::string& workspace,
                  const std::vector<Variable>& caller_environment, const ContentGuard& guard) {
  return HomeReader(profile, home, workspace, caller_environment, guard).Read();
}

std::vector<HomeFile> LoginFilesWith(const HomeView& view,
                                     const std::map<std::string, std::string>& phantoms) {
  std::vector<HomeFile> out;
  for (const LoginFile& file : view.login_files) {
    json::object content = file.content;
    for (const auto& [member, variable] : file.phantoms) {
      const auto phantom = phantoms.find(variable);
      if (phantom != phantoms.end()) Put(content, Steps(member, ""), json::value(phantom->second));
    }
    out.push_back({file.path, json::serialize(content), 0600});
  }
  return out;
}

}  // namespace interlock::sandbox
