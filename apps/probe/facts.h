// What there is to attack: the bait's places, sockets and process, told to the probes as JSON.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace interlock::probe {

struct Facts {
  bool control = false;         // true outside the room
  std::string canary;           // found in everything an agent should not see
  std::string workspace;        // the room's
  std::string home;             // the host's, with keys in it
  std::string outside;          // a directory of the host beside the workspace
  std::string state;            // the gateway's STATE
  std::string program;          // the interlock program
  std::string gateway_socket;   // people's commands
  std::string stream_socket;    // a service of the host: a path ...
  std::string datagram_socket;  // ... one for datagrams ...
  std::string abstract_socket;  // ... and one with no path (without the leading NUL)
  std::string agent_socket;     // an ssh-agent's
  std::string address;          // of this host, not loopback; "" if it has none
  std::string memory;           // where the canary lies in the bait's process, decimal
  int pid = 0;                  // the bait's process, as the host counts
  int tcp_port = 0;             // of the bait, on every address of the host
  int udp_port = 0;
  int proxy_port = 0;     // the gateway's; 0 where there is none
  int inherited_fd = -1;  // a directory of the host that the launcher had open

  std::string Secret() const { return outside + "/secret"; }
};

json::object ToJson(const Facts& facts);
// Unknown names are ignored; a value of the wrong type is an error.
Result<Facts> FactsFrom(std::string_view text);

}  // namespace interlock::probe
