// What a human may do without, by name (`interlock run --weaken NAME`). A room that lacks a
// protection is not made unless its name was given; where the protection can be had, the name
// changes nothing. There is none for the network, the filter, the namespaces or the file tree:
// without one of those it would be no room.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace interlock::sandbox {

// The room may start where this kernel can't bound how many processes it holds.
struct AllowUnboundedProcesses {
  explicit AllowUnboundedProcesses() = default;
  bool operator==(const AllowUnboundedProcesses&) const = default;
};

struct Weakenings {
  std::optional<AllowUnboundedProcesses> unbounded_processes;
  bool operator==(const Weakenings&) const = default;
};

struct Weakening {
  std::string_view name;    // as it is typed, shown and recorded
  std::string_view means;   // what is missing
  std::string_view remedy;  // how to have it
  void (*allow)(Weakenings&);
};

inline constexpr std::string_view kNoProcessLimit = "no-process-limit";

std::span<const Weakening> WeakeningTable();
const Weakening* FindWeakening(std::string_view name);  // nullptr when there is none

// invalid_input for an unknown name; the error lists those there are.
Result<void> Weaken(Weakenings& weakenings, std::string_view name);

}  // namespace interlock::sandbox
