// Whether this kernel can hold a room, found out by trying each part alone.
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "sandbox/apply.h"
#include "sandbox/capture.h"
#include "sandbox/channel.h"
#include "sandbox/launch.h"
#include "sandbox/pretend.h"
#include "sandbox/remedy.h"
#include "sandbox/tree.h"
#include "sandbox/weaken.h"

namespace interlock::sandbox {
namespace {

constexpr std::string_view kByPorts = "capture every port";
constexpr std::uint16_t kProbePort = 15001;  // in a network of its own

// Runs `attempt` in new namespaces; what it reported.
template <typename Attempt>
Outcome<void> TryInside(Attempt attempt) {
  auto launched = Launch(geteuid(), getegid(), [&](int control) {
    prctl(PR_SET_DUMPABLE, 1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!Send(control, Note::wants_map) || !Receive(control)) _exit(1);
    const Outcome<void> result = attempt();
    if (result) {
      Send(control, Note::ready);
    } else {
      SendFault(control, result.error());
    }
    _exit(0);
  });
  if (!launched) return std::unexpected(std::move(launched.error()));
  const auto report = Receive(launched->control.get());
  EndAndReap(launched->pidfd.get());
  if (!report) return Broken(Step::namespaces, "hear from the process inside", ESRCH);
  if (report->note != Note::ready) return std::unexpected(FaultFrom(*report));
  return {};
}

Check CheckFrom(std::string name, const Outcome<void>& result) {
  if (result) return {std::move(name), true, ""};
  return {std::move(name), false, Explain(result.error()).message};
}

Outcome<void> HasSeccomp() {
  const std::uint32_t action = SECCOMP_RET_KILL_PROCESS;
  if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) != 0) {
    return Broken(Step::lockdown, "filter system calls");
  }
  return {};
}

Check BoundsProcesses(const utsname& name) {
  unsigned major = 0, minor = 0;
  std::sscanf(name.release, "%u.%u", &major, &minor);
  PretendKernel(major, minor);
  const bool per_namespace = major > 6 || (major == 6 && minor >= 14);
  const bool counted = geteuid() != 0 && (major > 5 || (major == 5 && minor >= 14));
  if (per_namespace || counted) return {"processes", true, ""};
  return {"processes", false,
          "the number of processes in a room has no bound of its own: Linux 6.14, or 5.14 for "
          "users other than root, can set one. interlock run refuses without --weaken " +
              std::string(kNoProcessLimit)};
}

}  // namespace

bool Probe::CanMakeRooms() const {
  return std::ranges::all_of(
      checks, [](const Check& check) { return check.works || check.name == "processes"; });
}

Result<Probe> ProbeKernel() {
  utsname name{};
  if (uname(&name) != 0)
    return Fail(Code::unavailable, "cannot probe the kernel: it tells no version");
  Probe probe;
  probe.kernel = name.release;
  probe.checks.push_back(CheckFrom("namespaces", TryInside([]() -> Outcome<void> { return {}; })));
  const Tproxy tproxy = PretendsToLack("nf-tables") ? Tproxy::never : Tproxy::if_there_is;
  const Outcome<void> captured = TryInside([tproxy]() -> Outcome<void> {
    const auto capture = OpenCapture(kProbePort, tproxy);
    if (!capture) return std::unexpected(capture.error());
    if (!capture->ports.empty()) return Broken(Step::capture, std::string(kByPorts), 0);
    return {};
  });
  const bool by_ports = !captured && captured.error().what == kByPorts;
  probe.checks.push_back(
      by_ports ? Check{"capture", true,
                       "without nf_tables and tproxy only the ports " + FallbackPortsText() +
                           " lead to the gateway, the others nowhere: sudo modprobe nft_tproxy"}
               : CheckFrom("capture", captured));
  probe.checks.push_back(CheckFrom("files", TryInside(TryFileSystems)));
  probe.checks.push_back(CheckFrom("seccomp", HasSeccomp()));
  probe.checks.push_back(BoundsProcesses(name));
  return probe;
}

}  // namespace interlock::sandbox
