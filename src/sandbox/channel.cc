#include "sandbox/channel.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace interlock::sandbox {
namespace {

constexpr std::size_t kTextMax = 2048;
constexpr std::size_t kHeader = 1 + sizeof(int);
constexpr std::size_t kControlSpace = CMSG_SPACE(3 * sizeof(int)) + CMSG_SPACE(sizeof(ucred));

void TakeControl(const cmsghdr& header, Message& out) {
  if (header.cmsg_level != SOL_SOCKET) return;
  if (header.cmsg_type == SCM_CREDENTIALS) {
    ucred credentials{};
    std::memcpy(&credentials, CMSG_DATA(&header), sizeof credentials);
    out.sender = credentials.pid;
  }
  if (header.cmsg_type == SCM_RIGHTS) {
    const std::size_t count = (header.cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(&header) + i * sizeof(int), sizeof fd);
      UniqueFd owned(fd);
      if (i < out.fds.size()) out.fds[i] = std::move(owned);
    }
  }
}

}  // namespace

Outcome<Pair> MakePair() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
    return Broken(Step::namespaces, "make a socket pair");
  }
  return Pair{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

bool Send(int socket, Note note, int number, std::string_view text, std::span<const int> fds) {
  char data[kHeader + kTextMax];
  data[0] = static_cast<char>(note);
  std::memcpy(data + 1, &number, sizeof number);
  text = text.substr(0, kTextMax);
  std::copy(text.begin(), text.end(), data + kHeader);
  iovec part{data, kHeader + text.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[kControlSpace] = {};
  if (!fds.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
  }
  ssize_t sent = 0;
  do {
    sent = sendmsg(socket, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent >= 0;
}

std::optional<Message> Receive(int socket) {
  char data[kHeader + kTextMax];
  iovec part{data, sizeof data};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[kControlSpace];
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got = 0;
  do {
    got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < static_cast<ssize_t>(kHeader)) return std::nullopt;
  Message out;
  out.note = static_cast<Note>(data[0]);
  std::memcpy(&out.number, data + 1, sizeof out.number);
  out.text.assign(data + kHeader, static_cast<std::size_t>(got) - kHeader);
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    TakeControl(*header, out);
  }
  return out;
}

bool SendFault(int socket, const Fault& fault) {
  std::string text(1, static_cast<char>(fault.step));
  text += fault.what;
  return Send(socket, Note::fault, fault.error, text);
}

Fault FaultFrom(const Message& message) {
  if (message.note != Note::fault || message.text.empty() ||
      message.text[0] > static_cast<char>(Step::command)) {
    return {Step::namespaces, 0, "the process inside answered out of turn"};
  }
  return {static_cast<Step>(message.text[0]), message.number, message.text.substr(1)};
}

}  // namespace interlock::sandbox
