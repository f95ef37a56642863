// What a launcher asks of a room that runs: a socket of the room's network, or that the plan's
// command for entering be started. The room's first process answers; nothing inside can ask.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"

namespace interlock::sandbox {

enum class RoomFamily { v4, v6 };

// Blocks for the answer, which never takes long: the other side waits for nothing else. One thread.
class Door {
 public:
  Door() = default;
  explicit Door(UniqueFd socket) : socket_(std::move(socket)) {}

  // An unconnected, non-blocking TCP socket of the room's network. Connected from here it reaches
  // what listens inside; to any other address than loopback it leads to the gateway, as everything
  // in the room does.
  Result<UniqueFd> Socket(RoomFamily family);

  // Starts Plan::entered with these as its standard input and output; its standard error leads
  // nowhere. Which end it comes to shows in these closing.
  Result<void> Enter(int standard_input, int standard_output);

  bool valid() const { return socket_.valid(); }

 private:
  UniqueFd socket_;
};

}  // namespace interlock::sandbox
