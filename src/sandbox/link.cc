#include "sandbox/link.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

namespace interlock::sandbox {
namespace {

int ConnectLoopback(int socket, RoomFamily family, std::uint16_t port) {
  if (family == RoomFamily::v4) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 ? 0 : errno;
  }
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  to.sin6_port = htons(port);
  to.sin6_addr = in6addr_loopback;
  return connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 ? 0 : errno;
}

bool IsLater(int error) { return error == EAGAIN || error == EINTR; }

}  // namespace

bool Openings::Link::Dial(Door& door) {
  for (;; family_ = RoomFamily::v6) {
    auto socket = door.Socket(family_);
    if (!socket) return false;
    inside_ = std::move(*socket);
    const int error = ConnectLoopback(inside_.get(), family_, room_port_);
    connecting_ = error == EINPROGRESS;
    if (error == 0 || connecting_) return true;
    if (family_ == RoomFamily::v6) return false;
  }
}

short Openings::Link::Wanted(bool connecting, const Flow& in, const Flow& out) {
  if (connecting) return POLLOUT;
  short wanted = 0;
  if (!in.ended && in.empty()) wanted |= POLLIN;
  if (!out.empty()) wanted |= POLLOUT;
  return wanted;
}

void Openings::Link::AddTo(std::vector<pollfd>& wait) const {
  // A descriptor of which nothing is wanted would wake the loop for ever once it has hung up.
  const short of_outside = connecting_ ? short{0} : Wanted(false, inward_, outward_);
  const short of_inside = Wanted(connecting_, outward_, inward_);
  wait.push_back({of_outside != 0 ? outside_.get() : -1, of_outside, 0});
  wait.push_back({of_inside != 0 ? inside_.get() : -1, of_inside, 0});
}

bool Openings::Link::Read(int from, Flow& flow) {
  const ssize_t got = recv(from, flow.data.data(), flow.data.size(), 0);
  if (got < 0) return IsLater(errno);
  flow.begin = 0;
  flow.end = static_cast<std::size_t>(got);
  flow.ended = got == 0;
  return true;
}

bool Openings::Link::Write(int to, Flow& flow) {
  if (!flow.empty()) {
    const ssize_t sent =
        send(to, flow.data.data() + flow.begin, flow.end - flow.begin, MSG_NOSIGNAL);
    if (sent < 0) return IsLater(errno);
    flow.begin += static_cast<std::size_t>(sent);
  }
  if (flow.ended && flow.empty() && !flow.passed) {
    shutdown(to, SHUT_WR);
    flow.passed = true;
  }
  return true;
}

bool Openings::Link::On(const pollfd& outside, const pollfd& inside, Door& door) {
  if (connecting_) {
    if (inside.revents == 0) return true;
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(inside_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return false;
    connecting_ = false;
    if (error == 0) return true;
    if (family_ == RoomFamily::v6) return false;
    family_ = RoomFamily::v6;
    return Dial(door);
  }
  constexpr short kReadable = POLLIN | POLLHUP | POLLERR;
  if ((outside.revents & kReadable) != 0 && inward_.empty() && !inward_.ended &&
      !Read(outside_.get(), inward_))
    return false;
  if ((inside.revents & kReadable) != 0 && outward_.empty() && !outward_.ended &&
      !Read(inside_.get(), outward_))
    return false;
  if (!Write(inside_.get(), inward_) || !Write(outside_.get(), outward_)) return false;
  return !(inward_.passed && outward_.passed);
}

}  // namespace interlock::sandbox
