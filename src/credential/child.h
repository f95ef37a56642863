// Runs another program for the one thing it prints: bounded in time and output, in an environment
// of its own, with no descriptor of this process but its three standard ones.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace interlock::credential {

struct ChildRequest {
  std::vector<std::string> words;        // the first is a path; never empty
  std::vector<std::string> environment;  // "NAME=value", nothing else is passed on
  std::string_view input = {};           // at most 4096 bytes
  std::chrono::milliseconds time_max{30'000};
  std::size_t output_bytes_max = 64u << 10;
  const std::atomic<bool>* stop = nullptr;  // gives up when it becomes true
};

struct ChildAnswer {
  Secret output;   // of stdout; stderr is dropped, since anything could stand there
  int status = 0;  // the exit status; 128 and the signal's number for one that was killed
};

// Blocks. Whatever the program started in its process group is killed before this returns.
// unavailable: it can't be started, or takes too long. limit: it prints too much.
Result<ChildAnswer> RunChild(const ChildRequest& request);

// What a program needs to know of the user it runs for and no more: HOME, USER, LOGNAME, the two
// variables through which a desktop's services are found, a plain locale, the system's own PATH.
std::vector<std::string> CleanEnvironment();

}  // namespace interlock::credential
