#include "credential/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

#include "base/unique_fd.h"

namespace interlock::credential {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kInputBytesMax = 4096;  // fits into a pipe: written before anybody reads
constexpr std::chrono::milliseconds kLookAgain{100};

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Result<Pipe> MakePipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return Fail(Code::unavailable, std::string("making a pipe: ") + ::strerror(errno));
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// Owns the process group: it is dead and reaped when this goes.
class Group {
 public:
  explicit Group(pid_t pid) : pid_(pid) {}
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  ~Group() { End(); }

  // Nothing of the group lives afterwards. The exit status, as ChildAnswer has it.
  int End() {
    if (pid_ < 0) return status_;
    // The leader isn't reaped yet, so the number still is this group's.
    ::kill(-pid_, SIGKILL);
    Reap(0);
    return status_;
  }
  // True when the leader has ended by itself.
  bool HasEnded() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == pid_;
  }

 private:
  void Reap(int options) {
    int raw = 0;
    pid_t got = -1;
    do got = ::waitpid(pid_, &raw, options);
    while (got < 0 && errno == EINTR);
    if (got == pid_) status_ = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
    pid_ = -1;
  }
  pid_t pid_;
  int status_ = -1;
};

class SpawnTerms {
 public:
  SpawnTerms(int in, int out) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_adddup2(&actions_, in, 0);
    ::posix_spawn_file_actions_adddup2(&actions_, out, 1);
    ::posix_spawn_file_actions_addopen(&actions_, 2, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, 3);
    // Never a directory that somebody else may fill.
    ::posix_spawn_file_actions_addchdir_np(&actions_, "/");
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    sigset_t none;
    sigemptyset(&none);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    sigset_t all;
    sigfillset(&all);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
  }
  SpawnTerms(const SpawnTerms&) = delete;
  SpawnTerms& operator=(const SpawnTerms&) = delete;
  ~SpawnTerms() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

Result<pid_t> Spawn(const ChildRequest& request, int in, int out) {
  const SpawnTerms terms(in, out);
  const std::vector<char*> argv = Pointers(request.words);
  const std::vector<char*> environment = Pointers(request.environment);
  pid_t pid = -1;
  const int failed = ::posix_spawn(&pid, argv[0], terms.actions(), terms.attributes(), argv.data(),
                                   environment.data());
  if (failed != 0)
    return Fail(Code::unavailable, "starting " + request.words[0] + ": " + ::strerror(failed));
  return pid;
}

}  // namespace

Result<ChildAnswer> RunChild(const ChildRequest& request) {
  ILK_CHECK(!request.words.empty());
  if (request.input.size() > kInputBytesMax) return Fail(Code::limit, "input for a program");
  ILK_TRY(to, MakePipe());
  ILK_TRY(from, MakePipe());
  if (!request.input.empty() &&
      ::write(to.write_end.get(), request.input.data(), request.input.size()) !=
          static_cast<ssize_t>(request.input.size()))
    return Fail(Code::unavailable, std::string("writing to a pipe: ") + ::strerror(errno));
  to.write_end.Reset();
  ILK_TRY(pid, Spawn(request, to.read_end.get(), from.write_end.get()));
  Group group(pid);
  to.read_end.Reset();
  from.write_end.Reset();

  // One buffer of the final size: growing would leave copies behind.
  std::string output(request.output_bytes_max + 1, '\0');
  std::size_t size = 0;
  const auto give_up = [&](Code code, std::string_view why) {
    explicit_bzero(output.data(), output.size());
    return Fail(code, request.words[0] + std::string(why));
  };
  const auto until = Clock::now() + request.time_max;
  for (;;) {
    const auto now = Clock::now();
    if (now >= until) return give_up(Code::unavailable, " did not end in time");
    if (request.stop != nullptr && *request.stop)
      return give_up(Code::unavailable, " was stopped: the gateway ends");
    const auto wait =
        std::min(kLookAgain, std::chrono::ceil<std::chrono::milliseconds>(until - now));
    pollfd ready{from.read_end.get(), POLLIN, 0};
    const int events = ::poll(&ready, 1, static_cast<int>(wait.count()));
    if (events < 0 && errno != EINTR) return give_up(Code::unavailable, ": poll failed");
    if (events <= 0) {
      // A grandchild may keep the pipe open for ever; what the program itself said is in it.
      if (group.HasEnded()) break;
      continue;
    }
    const ssize_t got = ::read(from.read_end.get(), output.data() + size, output.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return give_up(Code::unavailable, ": its output can't be read");
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
    if (size > request.output_bytes_max) return give_up(Code::limit, " prints too much");
  }
  // The end of its output may come before its own.
  while (!group.HasEnded()) {
    if (Clock::now() >= until || (request.stop != nullptr && *request.stop))
      return give_up(Code::unavailable, " did not end in time");
    ::usleep(1000);
  }
  output.resize(size);
  return ChildAnswer{Secret(std::move(output)), group.End()};
}

std::vector<std::string> CleanEnvironment() {
  std::vector<std::string> out = {
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"};
  for (const char* name :
       {"HOME", "USER", "LOGNAME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"})
    if (const char* value = std::getenv(name)) out.push_back(std::string(name) + "=" + value);
  return out;
}

}  // namespace interlock::credential
