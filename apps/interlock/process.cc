#include "process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

extern char** environ;

namespace interlock::app {
namespace {

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Result<Pipe> MakePipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0)
    return Fail(Code::unavailable, std::string("pipe: ") + std::strerror(errno));
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

std::vector<std::string> Environment(const ProcessOptions& options) {
  std::vector<std::string> result;
  if (!options.clean_environment) {
    for (char** entry = environ; *entry != nullptr; ++entry) {
      const std::string_view text = *entry;
      const std::string name(text.substr(0, text.find('=')));
      const bool replaced =
          std::ranges::any_of(options.set, [&](const auto& s) { return s.first == name; });
      const bool removed = std::ranges::find(options.unset, name) != options.unset.end();
      if (!replaced && !removed) result.emplace_back(text);
    }
  }
  for (const auto& [name, value] : options.set) result.push_back(name + "=" + value);
  return result;
}

// Forks and execs; `in`, `out`, `err` become the child's first three descriptors (-1: /dev/null for
// stdin, inherited for the others). The child leads its own process group and dies with this
// process.
Result<pid_t> Spawn(const std::vector<std::string>& argv, const ProcessOptions& options, int in,
                    int out, int err) {
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const std::vector<std::string> variables = Environment(options);
  std::vector<char*> envp;
  for (const std::string& variable : variables) envp.push_back(const_cast<char*>(variable.c_str()));
  envp.push_back(nullptr);
  ILK_TRY(failure, MakePipe());
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return Fail(Code::unavailable, std::string("fork: ") + std::strerror(errno));
  if (pid == 0) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    ::signal(SIGPIPE, SIG_DFL);
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    ::dup2(in >= 0 ? in : null, 0);
    if (out >= 0) ::dup2(out, 1);
    if (err >= 0) ::dup2(err, 2);
    if (options.cwd.empty() || ::chdir(options.cwd.c_str()) == 0)
      ::execvpe(words[0], words.data(), envp.data());
    const int code = errno;
    (void)!::write(failure.write.get(), &code, sizeof code);
    ::_exit(127);
  }
  failure.write.Reset();
  int code = 0;
  if (::read(failure.read.get(), &code, sizeof code) == sizeof code) {
    ::waitpid(pid, nullptr, 0);
    return Fail(Code::not_found, "can't run " + argv[0] + ": " + std::strerror(code));
  }
  return pid;
}

int StatusOf(int raw) { return WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw); }

}  // namespace

Result<ProcessResult> RunProcess(const std::vector<std::string>& argv,
                                 const ProcessOptions& options) {
  ILK_TRY(in, MakePipe());
  ILK_TRY(out, MakePipe());
  ILK_TRY(err, MakePipe());
  ILK_TRY(pid, Spawn(argv, options, in.read.get(), out.write.get(), err.write.get()));
  in.read.Reset();
  out.write.Reset();
  err.write.Reset();
  ::fcntl(in.write.get(), F_SETFL, O_NONBLOCK);
  std::string_view input = options.input;
  if (input.empty()) in.write.Reset();

  ProcessResult result;
  const auto end = std::chrono::steady_clock::now() + options.timeout;
  while (out.read.valid() || err.read.valid()) {
    std::array<pollfd, 3> polled{
        {{out.read.get(), POLLIN, 0}, {err.read.get(), POLLIN, 0}, {in.write.get(), POLLOUT, 0}}};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      ::kill(-pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
      return Fail(Code::limit, argv[0] + " did not end within its time");
    }
    if (::poll(polled.data(), polled.size(), static_cast<int>(left.count())) < 0 && errno != EINTR)
      break;
    std::array<char, 65536> bytes;
    const auto drain = [&](UniqueFd& fd, const pollfd& p, std::string& into) {
      if (!fd.valid() || (p.revents & (POLLIN | POLLHUP | POLLERR)) == 0) return;
      const ssize_t got = ::read(fd.get(), bytes.data(), bytes.size());
      if (got > 0)
        into.append(bytes.data(), static_cast<std::size_t>(got));
      else if (got == 0 || errno != EINTR)
        fd.Reset();
    };
    drain(out.read, polled[0], result.out);
    drain(err.read, polled[1], result.err);
    if (in.write.valid() && (polled[2].revents & (POLLOUT | POLLERR | POLLHUP)) != 0) {
      const ssize_t sent = ::write(in.write.get(), input.data(), input.size());
      if (sent > 0) input.remove_prefix(static_cast<std::size_t>(sent));
      if (input.empty() || (sent < 0 && errno != EAGAIN && errno != EINTR)) in.write.Reset();
    }
  }
  int raw = 0;
  while (::waitpid(pid, &raw, 0) < 0 && errno == EINTR) {
  }
  result.status = StatusOf(raw);
  return result;
}

Result<BackgroundProcess> BackgroundProcess::Start(const std::vector<std::string>& argv,
                                                   const ProcessOptions& options) {
  ILK_TRY(out, MakePipe());
  ILK_TRY(pid, Spawn(argv, options, -1, out.write.get(), -1));
  return BackgroundProcess(pid, std::move(out.read));
}

Result<std::string> BackgroundProcess::ReadLine() {
  std::string line;
  char byte = 0;
  for (;;) {
    const ssize_t got = ::read(out_.get(), &byte, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return Fail(Code::unavailable, "the program ended before it said anything");
    if (byte == '\n') return line;
    line += byte;
  }
}

Result<std::size_t> BackgroundProcess::Read(std::span<char> buffer) {
  for (;;) {
    const ssize_t got = ::read(out_.get(), buffer.data(), buffer.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR)
      return Fail(Code::unavailable,
                  std::string("reading from a program: ") + std::strerror(errno));
  }
}

int BackgroundProcess::Wait() {
  if (pid_ < 0) return 0;
  int raw = 0;
  while (::waitpid(pid_, &raw, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return StatusOf(raw);
}

void BackgroundProcess::Stop() {
  if (pid_ < 0) return;
  ::kill(-pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

}  // namespace interlock::app
