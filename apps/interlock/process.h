// Other programs: run to the end with their output collected, or started and left running.
#pragma once

#include <chrono>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace interlock::app {

struct ProcessOptions {
  std::filesystem::path cwd;                             // "" keeps the caller's
  std::vector<std::pair<std::string, std::string>> set;  // added to the environment
  std::vector<std::string> unset;                        // removed from it
  bool clean_environment = false;                        // start from nothing but `set`
  std::string input;                                     // on stdin
  std::chrono::milliseconds timeout{120'000};            // then it is killed, with its group
};

struct ProcessResult {
  int status = 0;  // as a shell shows it: 128 + signal when killed
  std::string out;
  std::string err;
};

// Waits for the end. Code::not_found when there is no such program, Code::limit on the timeout.
Result<ProcessResult> RunProcess(const std::vector<std::string>& argv,
                                 const ProcessOptions& options = {});

// A running program with its stdout readable; killed (its whole group) and reaped when this goes.
class BackgroundProcess {
 public:
  static Result<BackgroundProcess> Start(const std::vector<std::string>& argv,
                                         const ProcessOptions& options = {});
  BackgroundProcess(BackgroundProcess&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)), out_(std::move(other.out_)) {}
  BackgroundProcess& operator=(BackgroundProcess&& other) noexcept {
    Stop();
    pid_ = std::exchange(other.pid_, -1);
    out_ = std::move(other.out_);
    return *this;
  }
  ~BackgroundProcess() { Stop(); }
  // One line of its stdout; an error when it ended before.
  Result<std::string> ReadLine();
  // What it wrote to stdout meanwhile, at most what the buffer holds; 0 at the end.
  Result<std::size_t> Read(std::span<char> buffer);
  // Its end, as a shell shows it.
  int Wait();
  void Stop();

 private:
  BackgroundProcess(int pid, UniqueFd out) : pid_(pid), out_(std::move(out)) {}
  int pid_ = -1;
  UniqueFd out_;
};

}  // namespace interlock::app
