// One GraphQL request over HTTP → one answer, without a socket.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "world.h"

namespace interlock::railsim {

struct Answer {
  unsigned status = 200;
  std::string body;                     // JSON
  std::vector<std::string> operations;  // the root fields named, in order
  bool mutation = false;
};

// Every root field that the request names is recorded, durably, before this returns. Takes the
// world's mutex; any thread.
Answer Handle(World& world, const Credentials& credentials, std::string_view body);

}  // namespace interlock::railsim
