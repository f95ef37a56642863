// Short messages between the launcher and the room while it is being made and run: a SOCK_SEQPACKET
// pair, so that a message arrives whole or not at all, with descriptors (SCM_RIGHTS) beside it.
#pragma once

#include <sys/types.h>

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "sandbox/fault.h"

namespace interlock::sandbox {

enum class Note : char {
  wants_map = 'm',  // child: write my uid and gid maps
  mapped = 'M',     // parent: done
  sockets = 'F',    // child: the capture sockets; `number` of `port` messages follow
  port = 'L',       // child: one further listener
  terminal = 'P',   // child: the master of the room's terminal
  fault = 'E',      // child: a Fault; `number` is errno, the first byte of `text` the step
  ready = 'R',  // command process: locked down, waiting; `sender` is its pid as the parent sees it
  go = 'G',     // parent: execute
  exec_failed = 'X',  // command process: `number` is errno
  stopped = 'T',      // init: the command was stopped by signal `number`
  exited = 'S',       // init: the command ended with wait status `number`
  // On the door (door.h), each asked by the launcher and answered by init; `number` of an answer is
  // errno.
  wants_socket = 'k',  // an unconnected TCP socket of the room, of address family `number`
  socket = 'K',
  enter = 'e',  // start the plan's command for entering; beside it its stdin and stdout
  entered = 'N',
};

struct Message {
  Note note = Note::fault;
  int number = 0;
  std::string text;
  std::array<UniqueFd, 3> fds;
  pid_t sender = 0;  // 0 unless the receiving socket has SO_PASSCRED
};

struct Pair {
  UniqueFd ours;
  UniqueFd theirs;
};
Outcome<Pair> MakePair();

// False when the other side is gone. Text beyond 2 KiB is cut.
bool Send(int socket, Note note, int number = 0, std::string_view text = {},
          std::span<const int> fds = {});

// Blocks. nullopt when the other side is gone or sent something that is no message.
std::optional<Message> Receive(int socket);

bool SendFault(int socket, const Fault& fault);
Fault FaultFrom(const Message& message);

}  // namespace interlock::sandbox
