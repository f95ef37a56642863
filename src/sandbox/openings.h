// Ways into a room that its launcher holds open: ports of the host's loopback that lead to ports
// of the room's, and the socket of `interlock attach`. All of them lead inwards: nothing inside can
// begin a connection over them.
//
//   Openings openings;
//   openings.Publish({3000, 3000});        // listens at once, so that a taken port is known early
//   openings.ListenForAttach(path);
//   ... Start, Release ...
//   openings.Serve(Door(std::move(child->door)));
//
// One thread of its own from Serve on, ended with the object. What came before Serve waits.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "sandbox/door.h"

namespace interlock::sandbox {

struct Published {
  std::uint16_t host_port = 0;  // of 127.0.0.1 outside
  std::uint16_t room_port = 0;  // of 127.0.0.1, else ::1, inside
  bool operator==(const Published&) const = default;
};

class Openings {
 public:
  Openings();
  Openings(const Openings&) = delete;
  Openings& operator=(const Openings&) = delete;
  ~Openings();

  // Takes the port; nobody is let in yet. Before ListenForAttach. Code::conflict if the host's port
  // is taken, Code::denied if it is one that only root may have.
  Result<void> Publish(Published port);
  // From here on connections to published ports wait for Serve. Code::conflict if another program
  // was quicker.
  Result<void> Listen();

  // A socket at `path`, 0600, for this user alone; removed with the object. Each connection is
  // given the two ends of a process that entered, and closed. Code::invalid_input if the path is
  // too long.
  Result<void> ListenForAttach(const std::string& path);

  // Code::unavailable if no thread can be made.
  Result<void> Serve(Door door);

  static constexpr std::size_t kLinksMax = 256;  // connections to published ports at one time

 private:
  struct Listener {
    UniqueFd socket;
    std::uint16_t room_port = 0;  // 0: of attach
  };
  void Loop();
  void Accept(const Listener& listener);
  void Attach(UniqueFd client);

  class Link;
  std::vector<Listener> listeners_;
  std::vector<Published> published_;  // the first of the listeners
  std::string attach_path_;
  // From Serve on of the thread.
  Door door_;
  std::list<Link> links_;
  bool exhausted_ = false;  // no descriptor was left for the last connection
  UniqueFd wake_, waker_;
  std::thread thread_;
};

// The client's side of attach: connects to `path`, checks that this user listens there, and gives
// the ends of a process that entered the room: `in` for what it reads, `out` for what it says.
struct Attached {
  UniqueFd in;
  UniqueFd out;
};
Result<Attached> AttachTo(const std::string& path);
// False once the launcher that made the socket is gone.
bool IsListening(const std::string& path);

}  // namespace interlock::sandbox
