#include "sandbox/weaken.h"

#include <algorithm>

#include "sandbox/fill.h"

namespace interlock::sandbox {
namespace {

constexpr Weakening kTable[] = {
    {kNoProcessLimit,
     "the number of processes in the room has no bound: a fork bomb takes the machine with it",
     "run as a normal user on Linux 5.14 or later, or on Linux 6.14 or later",
     [](Weakenings& weakenings) { weakenings.unbounded_processes = AllowUnboundedProcesses(); }},
};

}  // namespace

std::span<const Weakening> WeakeningTable() { return kTable; }

const Weakening* FindWeakening(std::string_view name) {
  const auto it = std::ranges::find(kTable, name, &Weakening::name);
  return it == std::end(kTable) ? nullptr : &*it;
}

Result<void> Weaken(Weakenings& weakenings, std::string_view name) {
  if (const Weakening* found = FindWeakening(name)) {
    found->allow(weakenings);
    return {};
  }
  std::string known;
  for (const Weakening& each : kTable)
    known += (known.empty() ? "" : ", ") + std::string(each.name);
  return Fail(Code::invalid_input, Fill("there is no weakening \"{}\"; there is: {}", name, known));
}

}  // namespace interlock::sandbox
