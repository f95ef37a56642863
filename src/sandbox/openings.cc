#include "sandbox/openings.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>

#include "sandbox/channel.h"
#include "sandbox/fill.h"
#include "sandbox/held_signals.h"
#include "sandbox/link.h"

namespace interlock::sandbox {
namespace {

constexpr int kBacklog = 64;
constexpr int kAcceptedAtOnce = 32;
constexpr int kExhaustedPauseMs = 100;  // no listener is asked for so long when descriptors run out

Result<sockaddr_un> UnixAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Fail(Code::invalid_input,
                Fill("\"{}\" is too long for a socket ({} bytes at most): give a shorter --state",
                     path, sizeof address.sun_path - 1));
  }
  path.copy(address.sun_path, path.size());
  return address;
}

Result<uid_t> PeerUid(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return Fail(Code::unavailable, "the other side of a socket is not known");
  return peer.uid;
}

std::unexpected<Error> TakenPort(Published port) {
  return Fail(
      Code::conflict,
      Fill("--publish: port {} of this machine's loopback: another program listens there. "
           "Choose another one: --publish {}:{}",
           port.host_port, port.host_port == 65535 ? 65534 : port.host_port + 1, port.room_port));
}

struct Pipe {
  UniqueFd read, write;
};
Result<Pipe> MakePipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0)
    return Fail(Code::unavailable, "no descriptor is left for a pipe");
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

}  // namespace

Openings::Openings() = default;

Openings::~Openings() {
  waker_.Reset();
  if (thread_.joinable()) thread_.join();
  if (!attach_path_.empty()) unlink(attach_path_.c_str());
}

Result<void> Openings::Publish(Published port) {
  const auto failed = [&](Code code, std::string_view why) {
    return Fail(code,
                Fill("--publish: port {} of this machine's loopback: {}", port.host_port, why));
  };
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return failed(Code::unavailable, std::strerror(errno));
  // Connections of an earlier session that still linger are no reason to refuse.
  const int on = 1;
  setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port.host_port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
    if (errno == EADDRINUSE) return TakenPort(port);
    if (errno == EACCES) {
      return failed(Code::denied, Fill("only root may listen below 1024. Choose a higher one: "
                                       "--publish 8080:{}",
                                       port.room_port));
    }
    return failed(Code::unavailable, std::strerror(errno));
  }
  listeners_.push_back({std::move(socket), port.room_port});
  published_.push_back(port);
  return {};
}

Result<void> Openings::Listen() {
  // Published ports come first, in their order.
  for (std::size_t i = 0; i < published_.size(); ++i) {
    // Two sockets may be bound to one port as long as neither listens.
    if (listen(listeners_[i].socket.get(), kBacklog) != 0) return TakenPort(published_[i]);
  }
  return {};
}

Result<void> Openings::ListenForAttach(const std::string& path) {
  ILK_TRY(final, UnixAddress(path));
  (void) final;
  // Under another name until it listens: what looks for sockets that nobody listens on any more
  // must not find this one too early.
  const std::string made = path + ".new";
  ILK_TRY(address, UnixAddress(made));
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid() ||
      bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      chmod(made.c_str(), 0600) != 0 || listen(socket.get(), kBacklog) != 0 ||
      rename(made.c_str(), path.c_str()) != 0) {
    return Fail(Code::unavailable,
                Fill("cannot listen on {}: {}", path, std::string_view(std::strerror(errno))));
  }
  attach_path_ = path;
  listeners_.push_back({std::move(socket), 0});
  return {};
}

Result<void> Openings::Serve(Door door) {
  if (listeners_.empty()) return {};
  ILK_TRY(pipe, MakePipe());
  wake_ = std::move(pipe.read);
  waker_ = std::move(pipe.write);
  door_ = std::move(door);
  // Signals are for the thread that waits with the command.
  sigset_t all;
  sigfillset(&all);
  const HeldSignals held(all);
  try {
    thread_ = std::thread([this] { Loop(); });
  } catch (const std::system_error& error) {
    return Fail(Code::unavailable,
                Fill("no thread for what leads into the room: {}", std::string_view(error.what())));
  }
  return {};
}

void Openings::Loop() {
  for (;;) {
    std::vector<pollfd> wait = {{wake_.get(), POLLIN, 0}};
    const bool full = links_.size() >= kLinksMax;
    for (const Listener& listener : listeners_) {
      const bool waits = exhausted_ || (full && listener.room_port != 0);
      wait.push_back({waits ? -1 : listener.socket.get(), POLLIN, 0});
    }
    for (const Link& link : links_) link.AddTo(wait);
    const int pause = std::exchange(exhausted_, false) ? kExhaustedPauseMs : -1;
    if (poll(wait.data(), wait.size(), pause) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    if (wait[0].revents != 0) return;
    std::size_t at = 1 + listeners_.size();
    for (auto link = links_.begin(); link != links_.end(); at += 2) {
      link = link->On(wait[at], wait[at + 1], door_) ? std::next(link) : links_.erase(link);
    }
    for (std::size_t i = 0; i < listeners_.size(); ++i) {
      if (wait[1 + i].revents != 0) Accept(listeners_[i]);
    }
  }
}

void Openings::Accept(const Listener& listener) {
  for (int accepted = 0; accepted < kAcceptedAtOnce; ++accepted) {
    const bool attach = listener.room_port == 0;
    if (!attach && links_.size() >= kLinksMax) return;
    UniqueFd client(accept4(listener.socket.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client.valid()) {
      // The connection stays in the queue and would be reported again at once.
      exhausted_ = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
      return;
    }
    if (attach) {
      Attach(std::move(client));
      continue;
    }
    links_.emplace_back(std::move(client), listener.room_port);
    if (!links_.back().Dial(door_)) links_.pop_back();
  }
}

// Pipes, and not the client's own socket: what is inside gets nothing that knows who is outside.
void Openings::Attach(UniqueFd client) {
  const auto uid = PeerUid(client.get());
  if (!uid || *uid != geteuid()) return;
  auto in = MakePipe();
  auto out = MakePipe();
  if (!in || !out || !door_.Enter(in->read.get(), out->write.get())) return;
  const std::array<int, 2> ends = {in->write.get(), out->read.get()};
  (void)Send(client.get(), Note::entered, 0, {}, ends);
}

bool IsListening(const std::string& path) {
  const auto address = UnixAddress(path);
  if (!address) return true;
  // Of another type than the listener's: told apart from nobody without being accepted.
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return !socket.valid() ||
         connect(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) ==
             0 ||
         errno != ECONNREFUSED;
}

Result<Attached> AttachTo(const std::string& path) {
  ILK_TRY(address, UnixAddress(path));
  const UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket.valid() ||
      connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == EACCES || errno == EPERM)
      return Fail(Code::denied, "the session is another user's");
    return Fail(Code::not_found, "no session listens there");
  }
  const auto uid = PeerUid(socket.get());
  if (!uid || *uid != geteuid()) return Fail(Code::denied, "the session is another user's");
  auto answer = Receive(socket.get());
  if (!answer || answer->note != Note::entered || !answer->fds[0].valid() ||
      !answer->fds[1].valid()) {
    return Fail(Code::unavailable, "the session's room is over, or can start nothing more");
  }
  return Attached{std::move(answer->fds[0]), std::move(answer->fds[1])};
}

}  // namespace interlock::sandbox
