#include "sandbox/remedy.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "base/file.h"
#include "sandbox/fill.h"

namespace interlock::sandbox {
namespace {

bool SysctlIs(const char* path, std::string_view value) {
  // Files of /proc have no size; one small read is the whole value.
  const auto text = ReadFile(path, 4096);
  return text && std::string_view(*text).starts_with(value);
}

bool IsOlderThan(const Circumstances& now, unsigned major, unsigned minor) {
  return now.kernel_major != 0 &&
         (now.kernel_major < major || (now.kernel_major == major && now.kernel_minor < minor));
}

constexpr std::string_view kInContainer =
    "A container's own rules refuse it. Run Interlock on the host, or the container with "
    "--security-opt seccomp=unconfined --security-opt systempaths=unconfined";
// Ubuntu 23.10 and later let anybody make a user namespace, and then refuse everything inside.
constexpr std::string_view kAppArmor =
    "AppArmor refuses rights inside user namespaces to programs without a profile: install "
    "Interlock's (packaging/apparmor/interlock, in the package already) with "
    "sudo cp interlock /etc/apparmor.d/ && sudo apparmor_parser -r /etc/apparmor.d/interlock";
constexpr std::string_view kOldKernel =
    "The kernel must be Linux 5.12 or later (open_tree, mount_setattr)";

std::string NamespaceRemedy(int error, const Circumstances& now) {
  if (now.clone_is_off) {
    return "This system refuses user namespaces to normal users: "
           "sudo sysctl -w kernel.unprivileged_userns_clone=1";
  }
  if (now.no_namespaces_left || error == ENOSPC || error == EUSERS) {
    return "The limit of user namespaces is reached (or 0, or they are nested too deep): "
           "sudo sysctl -w user.max_user_namespaces=10000";
  }
  if (error == EPERM || error == EACCES) {
    if (now.apparmor_restricts) return std::string(kAppArmor);
    if (now.in_container) return std::string(kInContainer);
    return "User namespaces are refused here, by a security module or a filter of the program "
           "that started this one: run Interlock outside of it";
  }
  if (error == EAGAIN) return "Too many processes: close some, or raise ulimit -u";
  if (IsOlderThan(now, 5, 12)) return std::string(kOldKernel);
  return "The kernel must have user, network, mount, pid, ipc, uts and cgroup namespaces "
         "(CONFIG_USER_NS and its siblings)";
}

}  // namespace

Circumstances ObserveCircumstances() {
  Circumstances now;
  now.clone_is_off = SysctlIs("/proc/sys/kernel/unprivileged_userns_clone", "0");
  now.apparmor_restricts = SysctlIs("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1");
  now.no_namespaces_left = SysctlIs("/proc/sys/user/max_user_namespaces", "0\n");
  now.in_container = access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0;
  utsname name{};
  if (uname(&name) == 0) std::sscanf(name.release, "%u.%u", &now.kernel_major, &now.kernel_minor);
  return now;
}

std::string RemedyFor(const Fault& fault, const Circumstances& now) {
  const bool refused = fault.error == EPERM || fault.error == EACCES;
  if (fault.step == Step::namespaces) return NamespaceRemedy(fault.error, now);
  if (refused && fault.step != Step::command && now.apparmor_restricts) {
    return std::string(kAppArmor);
  }
  switch (fault.step) {
    case Step::namespaces:
      break;
    case Step::map:
      return "The user id could not be mapped. In a container, it needs the default capabilities "
             "(CAP_SETFCAP) or a user other than root";
    case Step::network:
      return "The room's network could not be set up; nothing was started. The kernel needs IPv4 "
             "and policy-free local routes (CONFIG_INET)";
    case Step::capture:
      return "Connections can't be captured without nf_tables and its tproxy expression "
             "(CONFIG_NF_TABLES, CONFIG_NFT_TPROXY), and where these are refused nothing is "
             "started: "
             "sudo modprobe nft_tproxy, or a kernel that has it";
    case Step::mount:
      if (fault.error == ENOSYS || IsOlderThan(now, 5, 12)) return std::string(kOldKernel);
      if (refused && now.in_container) return std::string(kInContainer);
      return "Check that the path exists and is not itself hidden by a mount";
    case Step::proc:
      if (!refused) return "The kernel settings of the room could not be set";
      return "A container that masks parts of /proc can't hold a room: run Interlock on the host, "
             "or the container with --security-opt systempaths=unconfined";
    case Step::lockdown:
      return "The kernel needs seccomp filters (CONFIG_SECCOMP_FILTER)";
    case Step::command:
      return "Inside, only system directories, the workspace and paths shown on purpose exist: "
             "install the program system-wide or show its directory";
  }
  return "";
}

Error Explain(const Fault& fault) { return Explain(fault, ObserveCircumstances()); }

Error Explain(const Fault& fault, const Circumstances& now) {
  const char* reason = fault.error == 0 ? "no further reason" : std::strerror(fault.error);
  const std::string_view cannot =
      fault.step == Step::command ? "cannot start the command" : "cannot make the room";
  const bool missing = fault.step == Step::command && fault.error == ENOENT;
  return {missing ? Code::not_found : Code::unavailable,
          Fill("{}: {}: {}. {}", cannot, fault.what, reason, RemedyFor(fault, now))};
}

}  // namespace interlock::sandbox
