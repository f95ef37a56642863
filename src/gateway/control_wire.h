// The framing of the control socket: one JSON object a line, file descriptors riding along with the
// line's first byte (SCM_RIGHTS). Blocking; used by the gateway's control threads and by the
// commands.
//
// A line is at most 16 MiB and carries at most 8 descriptors; more of either ends the connection.
#pragma once

#include <chrono>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace interlock::gateway {

struct ControlMessage {
  json::object object;
  std::vector<UniqueFd> fds;
};

class ControlChannel {
 public:
  explicit ControlChannel(UniqueFd socket) : socket_(std::move(socket)) {}

  Result<void> Send(const json::object& object, std::span<const int> fds = {});
  // Code::not_found when the other side has closed between two lines.
  Result<ControlMessage> Receive();

  // Sends a request and returns the "result" of the answer, or its error.
  Result<json::value> Call(const json::object& request, std::span<const int> fds = {});
  // The second half of Call, after a Send.
  Result<json::value> Answer();

  int fd() const { return socket_.get(); }

 private:
  UniqueFd socket_;
  std::string buffer_;
  std::vector<UniqueFd> pending_;
};

// Connects to STATE/gateway.sock. Code::not_found when nobody listens there.
Result<ControlChannel> ConnectControl(const std::filesystem::path& socket);

// The uid and pid at the other end (SO_PEERCRED).
struct Peer {
  unsigned uid = 0;
  int pid = 0;
};
Result<Peer> PeerOf(int socket);

json::object ControlError(const Error& error);

// The text of a member that a request must have; invalid_input where it is missing or empty.
Result<std::string> Required(const json::object& request, std::string_view key);

}  // namespace interlock::gateway
