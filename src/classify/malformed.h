// A request that is refused before anybody judges it.
#pragma once

#include <string>

namespace interlock::classify {

struct Malformed {
  std::string name;    // stable kebab-case; ends the problem type URI of the answer
  std::string reason;  // for humans: what is wrong and what to send instead
  int http_status = 400;
  bool operator==(const Malformed&) const = default;
};

}  // namespace interlock::classify
