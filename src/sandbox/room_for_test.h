// Rooms for tests: a private host directory with a workspace, a home that holds a secret, a STATE,
// and a way to run one command in a room and see what it printed. Linked into tests only.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "sandbox/apply.h"
#include "sandbox/plan.h"

namespace interlock::sandbox {

// Why no room can be made here, or "": a reason to skip.
const std::string& Obstacle();

// Who starts the room.
enum class As { caller, normal_user };

// Removed with everything in it when it goes.
class TestHost {
 public:
  explicit TestHost(As as);
  ~TestHost();
  TestHost(const TestHost&) = delete;
  TestHost& operator=(const TestHost&) = delete;

  std::string Path(const std::string& name) const { return root_ + "/" + name; }
  Request For(std::vector<std::string> argv) const;
  As as() const { return as_; }

 private:
  As as_;
  std::string root_;
};

struct Ran {
  int status = -1;     // as Wait gave it; -1 if the room was refused
  std::string output;  // stdout and stderr of the command, or the refusal
};

// Runs the request in a process of its own, which answers every captured connection with
// "tcp ADDRESS PORT" and every datagram with "udp ADDRESS", from that address. `before` runs in
// that process before the room is planned, `planned` between plan and start.
struct Hooks {
  std::function<void()> before;
  std::function<void()> planned;
};
Ran RunInRoom(const TestHost& host, const Request& request, const Hooks& hooks = {});

// The same, left running: its output can be read, signals sent to the launcher.
struct Running {
  pid_t launcher = 0;
  UniqueFd output;
};
Running StartLauncher(const TestHost& host, const Request& request, const Hooks& hooks = {});

// What StartLauncher's process does, for a test that makes the process itself. Standard output is
// used as it is; ends with the command's status, or 200 after printing the refusal.
[[noreturn]] void BeLauncher(const TestHost& host, const Request& request, const Hooks& hooks);
inline constexpr int kRefused = 200;

// Everything up to the end of the output.
std::string ReadAll(int fd);
std::string ReadLine(int fd);
// The exit status of a process of ours, or 128 + signal.
int StatusOf(pid_t pid);

}  // namespace interlock::sandbox
