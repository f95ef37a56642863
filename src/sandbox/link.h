// One connection to a published port: what comes from either side goes to the other. Private to
// this folder.
#pragma once

#include <poll.h>

#include <array>
#include <cstdint>
#include <vector>

#include "base/unique_fd.h"
#include "sandbox/door.h"
#include "sandbox/openings.h"

namespace interlock::sandbox {

class Openings::Link {
 public:
  // `outside` is the accepted, non-blocking socket.
  Link(UniqueFd outside, std::uint16_t room_port)
      : outside_(std::move(outside)), room_port_(room_port) {}

  // Dials 127.0.0.1 and, should that be refused, ::1. False: nobody listens inside.
  bool Dial(Door& door);

  // What this waits for, for the next poll; two entries.
  void AddTo(std::vector<pollfd>& wait) const;
  // Does what the two entries allow. False: it is over.
  bool On(const pollfd& outside, const pollfd& inside, Door& door);

 private:
  struct Flow {
    std::vector<char> data = std::vector<char>(kPiece);
    std::size_t begin = 0, end = 0;
    bool ended = false;   // nothing more comes
    bool passed = false;  // and the other side knows
    bool empty() const { return begin == end; }
  };
  static constexpr std::size_t kPiece = 16384;

  static bool Read(int from, Flow& flow);
  static bool Write(int to, Flow& flow);
  static short Wanted(bool connecting, const Flow& in, const Flow& out);

  UniqueFd outside_, inside_;
  std::uint16_t room_port_;
  RoomFamily family_ = RoomFamily::v4;
  bool connecting_ = false;
  Flow inward_, outward_;
};

}  // namespace interlock::sandbox
