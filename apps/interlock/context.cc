#include "context.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/file.h"
#include "text.h"

namespace interlock::app {
namespace {

namespace fs = std::filesystem;

fs::path SocketPath(const CommandLine& line) { return StateDirectory(line) / "gateway.sock"; }

// A gateway that answers. One that was killed a moment ago may still accept connections.
Result<gateway::ControlChannel> ConnectLiving(const fs::path& socket) {
  ILK_TRY(channel, gateway::ConnectControl(socket));
  const auto answer = channel.Call({{"op", "ping"}});
  if (!answer)
    return Fail(Code::not_found,
                "no gateway answers on " + socket.native() + ": " + answer.error().message);
  return channel;
}

}  // namespace

fs::path StateDirectory(const CommandLine& line) {
  if (!line.state.empty()) return fs::absolute(line.state);
  if (const char* xdg = std::getenv("XDG_STATE_HOME"); xdg && xdg[0] == '/')
    return fs::path(xdg) / "interlock";
  const char* home = std::getenv("HOME");
  return fs::path(home && home[0] ? home : "/nonexistent") / ".local/state/interlock";
}

Result<gateway::ControlChannel> FindGateway(const CommandLine& line) {
  auto own = ConnectLiving(SocketPath(line));
  if (own || own.error().code != Code::not_found || !line.state.empty()) return own;
  auto system = ConnectLiving("/run/interlock/gateway.sock");
  return system ? std::move(system) : std::move(own);
}

Result<gateway::ControlChannel> ReachGateway(const CommandLine& line) {
  auto channel = FindGateway(line);
  if (channel || channel.error().code != Code::not_found) return channel;
  const fs::path state = StateDirectory(line);
  ILK_TRY_VOID(MakePrivateDirectory(state));
  UniqueFd lock(::open((state / "start.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock.valid() || ::flock(lock.get(), LOCK_EX) != 0) {
    return Fail(Code::unavailable, "locking " + state.native() + ": " + std::strerror(errno));
  }
  channel = FindGateway(line);
  if (channel || channel.error().code != Code::not_found) return channel;
  ILK_TRY_VOID(StartGateway(line));
  return FindGateway(line);
}

Result<json::value> CallGateway(const CommandLine& line, const json::object& request) {
  ILK_TRY(channel, ReachGateway(line));
  return channel.Call(request);
}

int Report(const Error& error) {
  std::fprintf(stderr, "interlock: %s\n", error.message.c_str());
  switch (error.code) {
    case Code::verification:
      return kVerification;
    case Code::denied:
      return kDenied;
    default:
      return kFailed;
  }
}

int Finish(const CommandLine& line, const Result<json::value>& answer,
           const std::function<void(const json::value&)>& print) {
  if (!answer) return Report(answer.error());
  if (line.json)
    PrintJson(*answer);
  else
    print(*answer);
  return kDone;
}

fs::path SelfPath() { return Beside("interlock"); }

fs::path Beside(std::string_view name) {
  std::error_code failed;
  const fs::path self = fs::read_symlink("/proc/self/exe", failed);
  return failed ? fs::path(name) : self.parent_path() / name;
}

}  // namespace interlock::app
