#include "answering.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif

namespace interlock::probe {
namespace {

constexpr int kBacklog = 512;
constexpr std::size_t kFinishedMax = 600;

void SetOption(int socket, int level, int option, int value) {
  setsockopt(socket, level, option, &value, sizeof value);
}

UniqueFd BindInternet(int type, int port) {
  UniqueFd out(socket(AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const bool v6 = out.valid();
  if (!v6) out = UniqueFd(socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!out.valid()) return out;
  sockaddr_storage any{};
  if (v6) {
    SetOption(out.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
    auto& address = reinterpret_cast<sockaddr_in6&>(any);
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(static_cast<std::uint16_t>(port));
  } else {
    auto& address = reinterpret_cast<sockaddr_in&>(any);
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
  }
  const socklen_t size = v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  if (bind(out.get(), reinterpret_cast<const sockaddr*>(&any), size) != 0) return {};
  return out;
}

}  // namespace

UniqueFd ListenTcp(int port) {
  UniqueFd out = BindInternet(SOCK_STREAM, port);
  if (out.valid() && listen(out.get(), kBacklog) != 0) return {};
  return out;
}

UniqueFd OpenUdp(int port) {
  UniqueFd out = BindInternet(SOCK_DGRAM, port);
  // An answer must come from the address that was asked, also where that is nobody's.
  SetOption(out.get(), IPPROTO_IPV6, IPV6_FREEBIND, 1);
  SetOption(out.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  return out;
}

int PortOf(int socket) {
  sockaddr_in6 address{};  // the port lies where IPv4 has it
  socklen_t size = sizeof address;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return ntohs(address.sin6_port);
}

UniqueFd ListenLocal(const std::string& path, int type) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return {};
  }
  for (std::size_t at = path.find('/', 1); path[0] == '/' && at != std::string::npos;
       at = path.find('/', at + 1)) {
    mkdir(path.substr(0, at).c_str(), 0755);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() +
                                           (path[0] == '\0' ? 0 : 1));
  UniqueFd out(socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!out.valid() || bind(out.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      (type == SOCK_STREAM && listen(out.get(), kBacklog) != 0)) {
    return {};
  }
  return out;
}

bool AnsweringServer::AddStream(UniqueFd listener) {
  if (!listener.valid()) return false;
  served_.push_back({std::move(listener), true});
  return true;
}

bool AnsweringServer::AddDatagram(UniqueFd socket) {
  if (!socket.valid()) return false;
  served_.push_back({std::move(socket), false});
  return true;
}

// At once, without waiting for a question: a client that speaks second gets it too.
void AnsweringServer::AnswerStream(int listener) {
  UniqueFd peer(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  if (!peer.valid()) return;
  std::string text =
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n" + canary_ + "\n";
  iovec part{text.data(), text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  sockaddr_storage self{};
  socklen_t size = sizeof self;
  getsockname(peer.get(), reinterpret_cast<sockaddr*>(&self), &size);
  if (self.ss_family == AF_UNIX && lent_.valid()) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    const int descriptor = lent_.get();
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }
  (void)sendmsg(peer.get(), &message, MSG_NOSIGNAL);
  shutdown(peer.get(), SHUT_WR);
  // Bytes left unread would turn a close into a reset, which may overtake the answer.
  finished_.push_back(std::move(peer));
  if (finished_.size() > kFinishedMax) finished_.pop_front();
}

void AnsweringServer::AnswerDatagram(int socket) {
  std::array<char, 2048> bytes;
  alignas(cmsghdr) std::array<char, 256> control{};
  sockaddr_storage from{};
  iovec part{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_name = &from;
  message.msg_namelen = sizeof from;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t got = recvmsg(socket, &message, 0);
  if (got < 0) return;
  // The question first, so that a resolver's identifier matches.
  std::string text = std::string(bytes.data(), static_cast<std::size_t>(got)) + canary_;
  part = {text.data(), text.size()};
  if (cmsghdr* header = CMSG_FIRSTHDR(&message);
      header != nullptr && header->cmsg_type == IPV6_PKTINFO) {
    in6_pktinfo info{};
    std::memcpy(&info, CMSG_DATA(header), sizeof info);
    info.ipi6_ifindex = 0;
    std::memcpy(CMSG_DATA(header), &info, sizeof info);
    message.msg_controllen = CMSG_SPACE(sizeof info);
  } else {
    message.msg_controllen = 0;
  }
  (void)sendmsg(socket, &message, MSG_NOSIGNAL);
}

void AnsweringServer::Run(int until) {
  std::vector<pollfd> polled{{until, POLLIN, 0}};
  for (const Served& served : served_) polled.push_back({served.socket.get(), POLLIN, 0});
  for (;;) {
    if (poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) return;
    if (polled[0].revents != 0) return;
    for (std::size_t i = 1; i < polled.size(); ++i) {
      if (polled[i].revents == 0) continue;
      if (served_[i - 1].stream) {
        AnswerStream(polled[i].fd);
      } else {
        AnswerDatagram(polled[i].fd);
      }
    }
  }
}

}  // namespace interlock::probe
