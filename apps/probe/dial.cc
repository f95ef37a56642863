#include "dial.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace interlock::probe {
namespace {

constexpr int kPatienceMs = 4000;
constexpr int kDatagramPatienceMs = 600;
constexpr std::size_t kAnswerMax = 65536;

const sockaddr* Get(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address.storage);
}

bool ConnectWithin(int socket_fd, const Address& to) {
  if (connect(socket_fd, Get(to), to.size) == 0) return true;
  if (errno != EINPROGRESS) return false;
  pollfd wait{socket_fd, POLLOUT, 0};
  if (poll(&wait, 1, kPatienceMs) != 1) {
    errno = ETIMEDOUT;
    return false;
  }
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(socket_fd, SOL_SOCKET, SO_ERROR, &error, &size);
  errno = error;
  return error == 0;
}

std::uint16_t Word(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>((static_cast<unsigned char>(bytes[at]) << 8) |
                                    static_cast<unsigned char>(bytes[at + 1]));
}

}  // namespace

std::optional<Address> Literal(const std::string& text, int port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (getaddrinfo(text.c_str(), std::to_string(port).c_str(), &hints, &list) != 0) return {};
  Address out;
  std::memcpy(&out.storage, list->ai_addr, list->ai_addrlen);
  out.size = list->ai_addrlen;
  freeaddrinfo(list);
  return out;
}

Address TowardsHost(std::string_view host, int port) {
  const Address anywhere = *Literal("93.184.216.34", port);
  host = host.substr(0, host.find(':'));
  const auto resolver = Literal("127.0.0.1", 53);
  const UniqueFd socket_fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (host.empty() || connect(socket_fd.get(), Get(*resolver), resolver->size) != 0) {
    return anywhere;
  }
  const std::string question = NameQuestion(host, 1);
  (void)send(socket_fd.get(), question.data(), question.size(), MSG_NOSIGNAL);
  pollfd wait{socket_fd.get(), POLLIN, 0};
  std::array<char, 512> bytes;
  if (poll(&wait, 1, kDatagramPatienceMs) != 1) return anywhere;
  const ssize_t got = recv(socket_fd.get(), bytes.data(), bytes.size(), 0);
  const std::string_view answer(bytes.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  if (answer.size() < question.size() + 4 || Word(answer, 6) == 0) return anywhere;
  char text[INET_ADDRSTRLEN];
  inet_ntop(AF_INET, answer.data() + answer.size() - 4, text, sizeof text);
  return std::string_view(text).starts_with("198.") ? *Literal(text, port) : anywhere;
}

Attempt DialTcp(const Facts& facts, const Address& to, std::string_view bytes) {
  const UniqueFd socket_fd(socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket_fd.valid()) return BlockedBy("make a socket");
  if (!ConnectWithin(socket_fd.get(), to)) return BlockedBy("connect");
  (void)send(socket_fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  std::string answer;
  std::array<char, 8192> part;
  for (;;) {
    pollfd wait{socket_fd.get(), POLLIN, 0};
    if (poll(&wait, 1, answer.empty() ? kPatienceMs : kPatienceMs / 8) != 1) break;
    const ssize_t got = recv(socket_fd.get(), part.data(), part.size(), 0);
    if (got < 0 && answer.empty()) return BlockedBy("read an answer");
    if (got <= 0 || answer.size() > kAnswerMax) break;
    answer.append(part.data(), static_cast<std::size_t>(got));
  }
  return JudgeStream(facts, answer);
}

Attempt AskUdp(const Facts& facts, const Address& to, std::string_view bytes, Manner manner) {
  const UniqueFd socket_fd(socket(to.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket_fd.valid()) return BlockedBy("make a socket");
  const int on = 1;
  setsockopt(socket_fd.get(), SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
  long sent = -1;
  if (manner == Manner::connected) {
    if (connect(socket_fd.get(), Get(to), to.size) != 0) return BlockedBy("connect");
    sent = send(socket_fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  } else if (manner == Manner::sendto) {
    sent = sendto(socket_fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL, Get(to), to.size);
  } else {
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    mmsghdr message{};
    message.msg_hdr.msg_iov = &part;
    message.msg_hdr.msg_iovlen = 1;
    message.msg_hdr.msg_name = const_cast<sockaddr*>(Get(to));
    message.msg_hdr.msg_namelen = to.size;
    sent = sendmmsg(socket_fd.get(), &message, 1, MSG_NOSIGNAL);
  }
  if (sent < 0) return BlockedBy("send");
  pollfd wait{socket_fd.get(), POLLIN, 0};
  if (poll(&wait, 1, kDatagramPatienceMs) != 1) return Blocked("sent, and nothing came back");
  std::array<char, 4096> answer;
  const ssize_t got = recv(socket_fd.get(), answer.data(), answer.size(), 0);
  if (got < 0) return BlockedBy("read an answer");
  return JudgeNames(facts, {answer.data(), static_cast<std::size_t>(got)});
}

Attempt JudgeStream(const Facts& facts, std::string_view answer) {
  if (Holds(answer, facts.canary)) return Reached("the answer came from beyond the room");
  if (answer.empty()) return Blocked("connected, and nothing came back");
  for (const std::string_view mark :
       {"INTERLOCK DENIED", "INTERLOCK HOLD", "interlock", "Interlock"}) {
    if (const auto at = answer.find(mark); at != std::string_view::npos) {
      return Blocked("the gateway answered: " + std::string(answer.substr(0, answer.find('\r'))) +
                     " ... " + std::string(answer.substr(at, 100)));
    }
  }
  if (answer[0] == 0x15) return Blocked("the gateway ended it with a TLS alert");
  if (facts.control) return Blocked("something else answered");
  if (answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 502")) {
    return Blocked("refused: " + std::string(answer.substr(0, answer.find('\r'))));
  }
  return Reached("answered: " + std::string(answer.substr(0, 100)));
}

Attempt JudgeNames(const Facts& facts, std::string_view answer) {
  if (Holds(answer, facts.canary)) return Reached("the answer came from beyond the room");
  if (facts.control || answer.size() < 12) return Blocked("something else answered");
  const int code = Word(answer, 2) & 0xf;
  if (Word(answer, 6) == 0) {
    return Blocked("the gateway answered with no record (code " + std::to_string(code) + ")");
  }
  const auto last = answer.substr(answer.size() - 4);
  if (static_cast<unsigned char>(last[0]) == 198 && (last[1] == 18 || last[1] == 19)) {
    return Blocked("the gateway answered with an address of its own making");
  }
  return Reached("a name server answered");
}

std::string NameQuestion(std::string_view name, int type) {
  std::string out("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    out += static_cast<char>(label.size());
    out += label;
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  out += '\0';
  out += {'\0', static_cast<char>(type), '\0', '\1'};
  return out;
}

}  // namespace interlock::probe
