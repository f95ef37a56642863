// The socket on which people's commands reach the gateway: STATE/gateway.sock, 0600, same user
// only.
//
// One blocking thread per connection (commands are few, a session holds one for its whole life), at
// most 512. The socket lies in STATE, which no sandbox shows; a peer with another uid is refused.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "gateway/control_wire.h"

namespace interlock::gateway {

// One connection's view of the gateway. `Handle` answers one request; `Closed` is called once when
// the connection ends, on the same thread.
class ControlPeer {
 public:
  virtual ~ControlPeer() = default;
  virtual Result<json::value> Handle(const json::object& request, std::vector<UniqueFd> fds) = 0;
  virtual void Closed() {}
};

class ControlServer {
 public:
  using MakePeer = std::function<std::unique_ptr<ControlPeer>(Peer)>;

  // Code::conflict when another gateway answers on that path; a stale socket is replaced.
  static Result<std::unique_ptr<ControlServer>> Listen(const std::filesystem::path& path,
                                                       MakePeer make_peer);
  ~ControlServer();  // ends every connection and joins every thread

 private:
  ControlServer(UniqueFd listener, std::filesystem::path path, MakePeer make_peer);
  struct Connection {
    std::thread thread;
    int fd = -1;
    bool done = false;
  };
  void Accept();
  void Serve(UniqueFd socket, Connection& connection);

  UniqueFd listener_;
  std::filesystem::path path_;
  MakePeer make_peer_;
  std::mutex mutex_;  // guards connections_ and their fields
  std::list<Connection> connections_;
  std::atomic<bool> stopping_{false};
  std::thread acceptor_;
};

}  // namespace interlock::gateway
