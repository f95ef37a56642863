// What went wrong while the room was being made: which step, the system's reason, and what was
// tried. Crosses from the child to the parent as one message; remedy.h turns it into words for a
// human.
#pragma once

#include <cerrno>
#include <expected>
#include <string>
#include <utility>

#include "base/result.h"

namespace interlock::sandbox {

enum class Step : unsigned char {
  namespaces,
  map,
  network,
  capture,
  mount,
  proc,
  lockdown,
  command
};

struct Fault {
  Step step = Step::namespaces;
  int error = 0;  // errno
  std::string what;
};

template <typename T>
using Outcome = std::expected<T, Fault>;

inline std::unexpected<Fault> Broken(Step step, std::string what, int error = errno) {
  return std::unexpected<Fault>(Fault{step, error, std::move(what)});
}

#define ILK_STEP(expression)                                                         \
  if (auto ILK_CONCAT(step_, __LINE__) = (expression); !ILK_CONCAT(step_, __LINE__)) \
  return std::unexpected<::interlock::sandbox::Fault>(                               \
      std::move(ILK_CONCAT(step_, __LINE__).error()))

}  // namespace interlock::sandbox
