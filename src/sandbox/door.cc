#include "sandbox/door.h"

#include <sys/socket.h>

#include <array>
#include <cstring>

#include "sandbox/channel.h"
#include "sandbox/fill.h"

namespace interlock::sandbox {
namespace {

Result<Message> Ask(int door, Note question, int number, std::span<const int> fds, Note answer) {
  if (!Send(door, question, number, {}, fds)) return Fail(Code::unavailable, "the room is over");
  auto answered = Receive(door);
  if (!answered || answered->note != answer) return Fail(Code::unavailable, "the room is over");
  if (answered->number != 0) {
    return Fail(Code::unavailable, Fill("the room's first process could not do it: {}",
                                        std::string_view(std::strerror(answered->number))));
  }
  return std::move(*answered);
}

}  // namespace

Result<UniqueFd> Door::Socket(RoomFamily family) {
  const int number = family == RoomFamily::v4 ? AF_INET : AF_INET6;
  ILK_TRY(answer, Ask(socket_.get(), Note::wants_socket, number, {}, Note::socket));
  if (!answer.fds[0].valid()) return Fail(Code::unavailable, "no descriptor is left for a socket");
  return std::move(answer.fds[0]);
}

Result<void> Door::Enter(int standard_input, int standard_output) {
  const std::array<int, 2> fds = {standard_input, standard_output};
  ILK_TRY(answer, Ask(socket_.get(), Note::enter, 0, fds, Note::entered));
  (void)answer;
  return {};
}

}  // namespace interlock::sandbox
