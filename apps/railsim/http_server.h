// HTTPS in front of Handle. The one place of railsim with sockets.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "base/result.h"
#include "world.h"

namespace interlock::railsim {

// What a test wants to go wrong after a request was carried out.
enum class Fault {
  none,
  reset_after_request,  // the connection is reset instead of an answer
  hang,                 // no answer ever; the connection stays until the peer closes it
  lie_length,           // Content-Length says more than there is, then the connection closes
};

struct ServerOptions {
  std::string host = "127.0.0.1";
  unsigned short port = 0;         // 0: the system chooses
  std::filesystem::path tls_cert;  // PEM chain
  std::filesystem::path tls_key;
  Fault fault = Fault::none;
  std::string fault_on;  // an operation; "" means every mutation
};

// Serves until SIGTERM or SIGINT. `on_listening` is told the port once connections are accepted. At
// most 256 connections; headers up to 16 KiB, bodies up to 1 MiB; a silent peer is dropped after 60
// s.
Result<void> Serve(World& world, const ServerOptions& options,
                   const std::function<void(unsigned short port)>& on_listening);

}  // namespace interlock::railsim
