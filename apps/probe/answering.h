// A server for bait: whoever gets through to it is given the canary, whatever was said.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace interlock::probe {

class AnsweringServer {
 public:
  explicit AnsweringServer(std::string canary) : canary_(std::move(canary)) {}

  // Each takes a bound socket; false if it isn't valid, with errno.
  bool AddStream(UniqueFd listener);
  bool AddDatagram(UniqueFd socket);
  // A descriptor that goes with every answer on a local stream socket (SCM_RIGHTS).
  void Lend(UniqueFd descriptor) { lent_ = std::move(descriptor); }

  // Serves until `until` can be read or closes.
  void Run(int until);

 private:
  struct Served {
    UniqueFd socket;
    bool stream;
  };
  void AnswerStream(int listener);
  void AnswerDatagram(int socket);

  std::string canary_;
  std::vector<Served> served_;
  UniqueFd lent_;
  std::deque<UniqueFd> finished_;  // answered, the newest ones, kept open for slow readers
};

// Sockets on every address of this network, IPv6 and IPv4; port 0 for any. Not valid on failure.
UniqueFd ListenTcp(int port);
UniqueFd OpenUdp(int port);
int PortOf(int socket);
// Local sockets; the directories that lead there are made. An abstract one has a leading NUL.
UniqueFd ListenLocal(const std::string& path, int type);

}  // namespace interlock::probe
