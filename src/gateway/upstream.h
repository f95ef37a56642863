// Connections to providers: dialled under the egress rules, verified, kept alive and reused.
//
// One pool per worker; everything here runs on that worker's thread. The pool is bounded per
// destination and in total, idle connections are checked before reuse and dropped after a while.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "crypto/tls_context.h"
#include "gateway/reach.h"
#include "gateway/stream.h"
#include "policy/config.h"

namespace interlock::gateway {

struct Destination {
  std::string scheme;  // "https" or "http"
  std::string host;    // lower case
  unsigned port = 443;
  std::string dials = {};  // of a reach (reach.h): dialled instead of the host; "" otherwise
  auto operator<=>(const Destination&) const = default;
};
std::string ToString(const Destination& destination);

// Where a host really is, and whom to trust there. Built once out of the configuration.
struct Route {
  std::string connect_host;  // "" means: resolve the name, public addresses only
  std::string connect_port;
  std::shared_ptr<crypto::ClientContext> tls;
};

class Routes {
 public:
  // Fails when a CA file of `upstreams` can't be read.
  static Result<std::shared_ptr<const Routes>> Make(const policy::Config& config);

  // The route of an `upstreams` entry, or the default one.
  const Route& For(const Destination& destination) const;
  bool Names(const std::string& host) const;  // an `upstreams` entry names this host

 private:
  struct Entry {
    std::string pattern;
    Route route;
  };
  std::vector<Entry> entries_;
  Route default_;
};

// A connection taken from the pool or freshly dialled.
struct UpstreamConnection {
  std::unique_ptr<Stream> stream;
  bool reused = false;
  std::string leftover;  // always empty for a connection that goes back
};

enum class Reuse { allowed, never };  // an execution that must happen at most once never reuses

class UpstreamPool {
 public:
  UpstreamPool(asio::io_context& context, Deadlines& deadlines)
      : context_(context), deadlines_(deadlines) {}

  // The error says what failed: name, address rule, connection, certificate.
  Task<Result<UpstreamConnection>> Acquire(Destination destination,
                                           std::shared_ptr<const Routes> routes, Reuse reuse);
  // Gives back a connection whose last exchange ended cleanly.
  void Release(const Destination& destination, std::unique_ptr<Stream> stream);
  // Where no reach leads; must outlive the pool.
  void Avoid(const OwnPorts& own) { own_ = &own; }
  void DropIdle(SteadyTime now);
  void Clear() { idle_.clear(), idle_count_ = 0; }

 private:
  struct Idle {
    std::unique_ptr<Stream> stream;
    SteadyTime since;
  };
  bool IsOurs(const tcp::endpoint& from, const tcp::endpoint& to) const;
  Task<Result<std::unique_ptr<Stream>>> Dial(Destination destination,
                                             std::shared_ptr<const Routes> routes);

  asio::io_context& context_;
  Deadlines& deadlines_;
  const OwnPorts* own_ = nullptr;
  std::map<Destination, std::vector<Idle>> idle_;
  std::size_t idle_count_ = 0;
};

}  // namespace interlock::gateway
