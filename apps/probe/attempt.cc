#include "attempt.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace interlock::probe {
namespace {

constexpr unsigned kSecondsMax = 8;
constexpr std::size_t kHowMax = 400;

// One printable line.
std::string OneLine(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kHowMax)) out += (c >= 0x20 && c < 0x7f) ? c : ' ';
  return out;
}

std::string EndOf(int status) {
  if (!WIFSIGNALED(status)) return "its process ended without a word";
  if (WTERMSIG(status) == SIGALRM) return "nothing came of it within its time";
  return std::string("its process was ended by ") + strsignal(WTERMSIG(status));
}

}  // namespace

Attempt Reached(std::string how) { return {true, std::move(how)}; }
Attempt Blocked(std::string how) { return {false, std::move(how)}; }

Attempt BlockedBy(std::string_view what, int error) {
  const char* name = strerrorname_np(error);
  return Blocked(std::string(what) + ": " + std::strerror(error) + " (" + (name ? name : "?") +
                 ")");
}

Attempt Called(std::string_view what, long result) {
  return result < 0 ? BlockedBy(what) : Reached(std::string(what) + " was done");
}

Attempt Considered(std::string_view what, long result) {
  if (result >= 0) return Reached(std::string(what) + " was done");
  switch (errno) {
    case EPERM:
    case EACCES:
    case ENOSYS:
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT:
      return BlockedBy(what);
    default:
      return Reached(std::string(what) + " was considered: " + std::strerror(errno));
  }
}

std::string Slurp(const std::string& path, std::size_t limit) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::string out;
  if (!file.valid()) return out;
  errno = 0;
  out.resize(limit);
  std::size_t have = 0;
  while (have < limit) {
    const ssize_t got = read(file.get(), out.data() + have, limit - have);
    if (got <= 0) break;
    have += static_cast<std::size_t>(got);
  }
  out.resize(have);
  return out;
}

bool Holds(std::string_view text, std::string_view part) {
  return !part.empty() && text.find(part) != std::string_view::npos;
}

bool Scribble(const std::string& path, std::string_view content) {
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  return file.valid() &&
         write(file.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size());
}

Attempt ReadsCanary(const Facts& facts, const std::string& path) {
  const std::string text = Slurp(path);
  if (Holds(text, facts.canary)) return Reached("read " + path);
  if (text.empty()) return errno != 0 ? BlockedBy("open " + path) : Blocked(path + " is empty");
  return Blocked(path + " is not the host's file");
}

Attempt Opens(const std::string& path, int flags) {
  const UniqueFd file(open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600));
  return file.valid() ? Reached("opened " + path) : BlockedBy("open " + path);
}

Attempt FirstReached(std::initializer_list<Attempt> attempts) {
  for (const Attempt& attempt : attempts) {
    if (attempt.reached) return attempt;
  }
  return *attempts.begin();
}

Attempt Make(const Probe& probe, const Facts& facts) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return BlockedBy("make a pipe for the probe itself");
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const pid_t pid = fork();
  if (pid < 0) return BlockedBy("start the probe itself");
  if (pid == 0) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    read_end.Reset();
    alarm(kSecondsMax);
    const Attempt attempt = probe.attempt(facts, probe);
    const std::string line = (attempt.reached ? "R" : "B") + OneLine(attempt.how);
    (void)!write(write_end.get(), line.data(), line.size());
    _exit(0);
  }
  write_end.Reset();
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  kill(-pid, SIGKILL);  // what it started and left in its group
  // One that left the group must not hold the next one up: only what is there now is read.
  fcntl(read_end.get(), F_SETFL, O_NONBLOCK);
  std::string line(kHowMax + 1, '\0');
  const ssize_t got = read(read_end.get(), line.data(), line.size());
  if (got < 1) return Blocked(EndOf(status));
  line.resize(static_cast<std::size_t>(got));
  return {line[0] == 'R', line.substr(1)};
}

}  // namespace interlock::probe
