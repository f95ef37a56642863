// Time from starting a sandbox to the first instruction of the command in it, and CPU of everything
// that was started, for several commands in turn (so that a busy moment meets all of them).
//
//   first_instruction RUNS NAME=COMMAND...
//
// Each COMMAND is split at blanks and run by execvp; "{}" becomes this program's own path, which
// then prints the time. The first command is what the others are compared with. CLOCK_MONOTONIC is
// one clock for all namespaces but the time namespace, which none of the commands makes.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string>
#include <vector>

namespace {

long long Now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

struct Command {
  std::string name;
  std::vector<std::string> argv;
  std::vector<double> start_ms, cpu_ms;
  long memory_kib = 0;
  int failed = 0;
};

double Ms(const timeval& time) {
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
}

void RunOnce(Command& command) {
  int out[2];
  if (pipe2(out, O_CLOEXEC) != 0) std::exit(2);
  std::vector<char*> argv;
  for (std::string& word : command.argv) argv.push_back(word.data());
  argv.push_back(nullptr);
  const long long before = Now();
  const pid_t child = vfork();
  if (child == 0) {
    dup2(out[1], 1);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  close(out[1]);
  std::string text;
  char buffer[256];
  for (ssize_t got = 0; (got = read(out[0], buffer, sizeof buffer)) > 0;) text.append(buffer, got);
  close(out[0]);
  int status = 0;
  rusage usage{};
  wait4(child, &status, 0, &usage);
  const long long first = std::strtoll(text.c_str(), nullptr, 10);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || first <= before) {
    ++command.failed;
    return;
  }
  command.start_ms.push_back(static_cast<double>(first - before) / 1e6);
  command.cpu_ms.push_back(Ms(usage.ru_utime) + Ms(usage.ru_stime));
  command.memory_kib = std::max(command.memory_kib, usage.ru_maxrss);
}

double Quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "report") == 0) {
    const long long now = Now();
    std::printf("%lld\n", now);
    return 0;
  }
  if (argc < 3) {
    std::fprintf(stderr, "usage: first_instruction RUNS NAME=COMMAND...\n");
    return 2;
  }
  char self[4096];
  const ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
  if (size <= 0) return 2;
  self[size] = '\0';
  std::vector<Command> commands;
  for (int i = 2; i < argc; ++i) {
    const std::string text = argv[i];
    const auto equals = text.find('=');
    Command command;
    command.name = text.substr(0, equals);
    std::istringstream words(text.substr(equals + 1));
    for (std::string word; words >> word;) {
      if (word == "{}") {
        command.argv.push_back(self);
        command.argv.push_back("report");
      } else {
        command.argv.push_back(word);
      }
    }
    commands.push_back(std::move(command));
  }
  for (Command& command : commands) RunOnce(command);  // warm caches, not counted
  for (Command& command : commands) {
    command.start_ms.clear();
    command.cpu_ms.clear();
  }
  for (int run = 0; run < std::atoi(argv[1]); ++run) {
    for (Command& command : commands) RunOnce(command);
  }
  const double base = Quantile(commands[0].start_ms, 0.5);
  const double base_cpu = Quantile(commands[0].cpu_ms, 0.5);
  for (const Command& command : commands) {
    std::printf(
        "%-16s first instruction p50 %7.2f ms  p90 %7.2f ms  x%.2f   cpu p50 %7.2f ms  x%.2f   "
        "largest %6ld KiB  failed %d\n",
        command.name.c_str(), Quantile(command.start_ms, 0.5), Quantile(command.start_ms, 0.9),
        Quantile(command.start_ms, 0.5) / base, Quantile(command.cpu_ms, 0.5),
        Quantile(command.cpu_ms, 0.5) / base_cpu, command.memory_kib, command.failed);
  }
  return 0;
}
