// A place in a text file.
#pragma once

namespace interlock::policy {

struct Mark {
  int line = 1;  // both count from 1
  int column = 1;
  bool operator==(const Mark&) const = default;
};

}  // namespace interlock::policy
