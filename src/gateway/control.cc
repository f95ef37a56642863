#include "gateway/control.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace interlock::gateway {
namespace {
constexpr std::size_t kConnectionsMax = 512;
}

Result<std::unique_ptr<ControlServer>> ControlServer::Listen(const std::filesystem::path& path,
                                                             MakePeer make_peer) {
  auto living = ConnectControl(path);
  if (living) return Fail(Code::conflict, "another gateway already answers on " + path.native());
  if (living.error().code != Code::not_found) return std::unexpected(living.error());
  ::unlink(path.c_str());

  UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listener.valid())
    return Fail(Code::unavailable,
                std::string("making the control socket: ") + std::strerror(errno));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.native().size());
  // The socket's own mode becomes the file's (unix(7): less the umask). The umask itself belongs to
  // every thread, and others make directories at this moment.
  if (::fchmod(listener.get(), 0600) != 0 ||
      ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::chmod(path.c_str(), 0600) != 0 || ::listen(listener.get(), 64) != 0) {
    return Fail(Code::unavailable, "listening on " + path.native() + ": " + std::strerror(errno));
  }
  return std::unique_ptr<ControlServer>(
      new ControlServer(std::move(listener), path, std::move(make_peer)));
}

ControlServer::ControlServer(UniqueFd listener, std::filesystem::path path, MakePeer make_peer)
    : listener_(std::move(listener)), path_(std::move(path)), make_peer_(std::move(make_peer)) {
  acceptor_ = std::thread([this] { Accept(); });
}

ControlServer::~ControlServer() {
  stopping_ = true;
  ::shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  ::unlink(path_.c_str());
  {
    const std::lock_guard lock(mutex_);
    for (Connection& connection : connections_) {
      if (connection.fd >= 0) ::shutdown(connection.fd, SHUT_RDWR);
    }
  }
  for (Connection& connection : connections_) connection.thread.join();
}

void ControlServer::Accept() {
  while (!stopping_) {
    UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!socket.valid()) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (stopping_ || errno == EINVAL) return;
      ::usleep(50'000);  // out of descriptors: wait for some to come back
      continue;
    }
    const auto peer = PeerOf(socket.get());
    if (!peer || (peer->uid != ::geteuid() && peer->uid != 0)) continue;
    const std::lock_guard lock(mutex_);
    for (auto it = connections_.begin(); it != connections_.end();) {
      if (!it->done) {
        ++it;
        continue;
      }
      it->thread.join();
      it = connections_.erase(it);
    }
    if (connections_.size() >= kConnectionsMax) continue;
    Connection& connection = connections_.emplace_back();
    connection.fd = socket.get();
    try {
      connection.thread = std::thread([this, &connection, s = std::move(socket)]() mutable {
        Serve(std::move(s), connection);
      });
    } catch (const std::system_error&) {
      connections_.pop_back();  // no thread to be had: the client sees a closed socket
    }
  }
}

void ControlServer::Serve(UniqueFd socket, Connection& connection) {
  const std::unique_ptr<ControlPeer> handler = make_peer_(PeerOf(socket.get()).value_or(Peer{}));
  ControlChannel channel(std::move(socket));
  for (;;) {
    auto message = channel.Receive();
    if (!message) {
      // A broken message is answered before the connection ends; a closed one can't be.
      if (message.error().code == Code::invalid_input || message.error().code == Code::limit) {
        (void)channel.Send(ControlError(message.error()));
      }
      break;
    }
    Result<json::value> result = Fail(Code::unavailable, "the gateway could not do this");
    try {
      result = handler->Handle(message->object, std::move(message->fds));
    } catch (const std::exception& failure) {
      // Out of memory or threads: this command fails, the gateway goes on.
      result =
          Fail(Code::unavailable, std::string("the gateway could not do this: ") + failure.what());
    }
    const json::object answer =
        result ? json::object{{"result", std::move(*result)}} : ControlError(result.error());
    if (!channel.Send(answer)) break;
  }
  handler->Closed();
  // Before the descriptor is closed: its number may then belong to somebody else.
  const std::lock_guard lock(mutex_);
  connection.fd = -1;
  connection.done = true;
}

}  // namespace interlock::gateway
