#include <algorithm>
#include <array>

#include "probe.h"

namespace interlock::probe {

std::vector<const Probe*> Select(std::span<const std::string> prefixes) {
  std::vector<const Probe*> out;
  for (const auto topic :
       {FileProbes(), WorkspaceProbes(), ProcessProbes(), NamespaceProbes(), KernelProbes(),
        SocketProbes(), PrivilegeProbes(), NetworkProbes(), RequestProbes()}) {
    for (const Probe& probe : topic) {
      const bool wanted =
          prefixes.empty() || std::ranges::any_of(prefixes, [&](const std::string& prefix) {
            return probe.name.starts_with(prefix);
          });
      if (wanted) out.push_back(&probe);
    }
  }
  return out;
}

}  // namespace interlock::probe
