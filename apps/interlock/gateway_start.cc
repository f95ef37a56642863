// The start of a gateway by a command that found none.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/file.h"
#include "context.h"
#include "passphrase.h"

extern char** environ;

namespace interlock::app {
namespace {

namespace fs = std::filesystem;

// The last line the gateway wrote, for the error of a gateway that did not come up.
std::string LastLine(const fs::path& log) {
  auto text = ReadFile(log, 16u << 20);
  if (!text) return "";
  while (!text->empty() && text->back() == '\n') text->pop_back();
  return text->substr(text->rfind('\n') + 1);
}

// The passphrase in a pipe that holds all of it before anybody reads.
Result<UniqueFd> PipeHolding(const Secret& passphrase) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return Fail(Code::unavailable, std::string("pipe: ") + std::strerror(errno));
  UniqueFd read_end(ends[0]);
  const UniqueFd write_end(ends[1]);
  const std::string_view text = passphrase.Reveal();
  if (::write(write_end.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return Fail(Code::unavailable, std::string("pipe: ") + std::strerror(errno));
  return read_end;
}

}  // namespace

// Its output goes to STATE/gateway.log; it writes a byte to a pipe when it answers.
Result<void> StartGateway(const CommandLine& line) {
  const fs::path state = StateDirectory(line);
  const fs::path log = state / "gateway.log";
  std::array<int, 2> ready{};
  if (::pipe2(ready.data(), O_CLOEXEC) != 0)
    return Fail(Code::unavailable, std::string("pipe: ") + std::strerror(errno));
  UniqueFd read_end(ready[0]);
  UniqueFd write_end(ready[1]);
  // It has no terminal of its own to ask on.
  ILK_TRY(passphrase, PassphraseOf(line));
  UniqueFd told;
  if (passphrase) {
    ILK_TRY(pipe, PipeHolding(*passphrase));
    told = std::move(pipe);
  }

  std::vector<std::string> words = {SelfPath().native(), "gateway",    "--state",
                                    state.native(),      "--ready-fd", "3"};
  if (!line.config.empty()) {
    words.push_back("--config");
    words.push_back(fs::absolute(line.config).native());
  }
  if (told.valid()) {
    words.push_back("--passphrase-file");
    words.push_back("/dev/fd/4");
  }
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  // Out of the way of the numbers that the gateway is told, first.
  UniqueFd ready_end(::fcntl(write_end.get(), F_DUPFD_CLOEXEC, 10));
  UniqueFd told_end(told.valid() ? ::fcntl(told.get(), F_DUPFD_CLOEXEC, 10) : -1);
  posix_spawn_file_actions_adddup2(&actions, ready_end.get(), 3);
  if (told_end.valid()) posix_spawn_file_actions_adddup2(&actions, told_end.get(), 4);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  pid_t pid = -1;
  const int failed = ::posix_spawn(&pid, argv[0], &actions, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failed != 0)
    return Fail(Code::unavailable, std::string("starting the gateway: ") + std::strerror(failed));
  // The gateway's end must be the last one: then its end is the end of the pipe.
  write_end.Reset();
  ready_end.Reset();
  char byte = 0;
  ssize_t got = 0;
  do got = ::read(read_end.get(), &byte, 1);
  while (got < 0 && errno == EINTR);
  if (got == 1) return {};
  int status = 0;
  ::waitpid(pid, &status, 0);
  std::string last = LastLine(log);
  if (last.starts_with("interlock: ")) last.erase(0, 11);
  return Fail(Code::unavailable,
              "the gateway did not start: " + (last.empty() ? "see " + log.native() : last));
}

}  // namespace interlock::app
