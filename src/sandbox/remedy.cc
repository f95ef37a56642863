#include "sandbox/remedy.h"

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

// Ubuntu 23.10 and later let anybody make a user namespace, and then refuse everything inside.
bool IsRestrictedByAppArmor() {
  return SysctlIs("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1");
}

std::string NamespaceRemedy(int error) {
  if (SysctlIs("/proc/sys/kernel/unprivileged_userns_clone", "0")) {
    return "This system refuses user namespaces to normal users: "
           "sudo sysctl -w kernel.unprivileged_userns_clone=1";
  }
  if (error == ENOSPC || error == EUSERS) {
    return "The limit of user namespaces is reached (or 0, or they are nested too deep): "
           "sudo sysctl -w user.max_user_namespaces=10000";
  }
  if (error == EPERM) {
    return "User namespaces are refused here. In a container, its seccomp profile is the usual "
           "cause: run "
           "Interlock on the host, or the container with --security-opt seccomp=unconfined";
  }
  if (error == EAGAIN) return "Too many processes: close some, or raise ulimit -u";
  return "The kernel must be Linux 5.12 or later with user, network, mount, pid, ipc, uts and "
         "cgroup "
         "namespaces (CONFIG_USER_NS and its siblings)";
}

std::string RemedyFor(const Fault& fault) {
  const bool refused = fault.error == EPERM || fault.error == EACCES;
  if (fault.step == Step::namespaces) return NamespaceRemedy(fault.error);
  if (refused && fault.step != Step::command && IsRestrictedByAppArmor()) {
    return "AppArmor refuses rights inside user namespaces to programs without a profile: "
           "sudo interlock doctor --fix apparmor installs Interlock's, or "
           "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0";
  }
  switch (fault.step) {
    case Step::namespaces:
      break;
    case Step::map:
      return "The user id could not be mapped. In a container, it needs the default capabilities "
             "(CAP_SETFCAP) or a user other than root";
    case Step::network:
      return "The room's network could not be set up; nothing was started. The kernel needs IPv4 "
             "and "
             "policy-free local routes (CONFIG_INET)";
    case Step::capture:
      return "Connections can't be captured without nf_tables and its tproxy expression "
             "(CONFIG_NF_TABLES, CONFIG_NFT_TPROXY): sudo modprobe nft_tproxy, or a kernel that "
             "has it";
    case Step::mount:
      return fault.error == ENOSYS
                 ? "The kernel must be Linux 5.12 or later (open_tree, mount_setattr)"
                 : "Check that the path exists and is not itself hidden by a mount";
    case Step::proc:
      return refused
                 ? "A container that masks parts of /proc can't hold a room: run Interlock on the "
                   "host, or the container with --security-opt systempaths=unconfined"
                 : "The kernel settings of the room could not be set";
    case Step::lockdown:
      return "The kernel needs seccomp filters (CONFIG_SECCOMP_FILTER)";
    case Step::command:
      return "Inside, only system directories, the workspace and paths shown on purpose exist: "
             "install "
             "the program system-wide or show its directory";
  }
  return "";
}

}  // namespace

Error Explain(const Fault& fault) {
  const char* reason = fault.error == 0 ? "no further reason" : std::strerror(fault.error);
  const std::string_view cannot =
      fault.step == Step::command ? "cannot start the command" : "cannot make the room";
  const bool missing = fault.step == Step::command && fault.error == ENOENT;
  return {missing ? Code::not_found : Code::unavailable,
          Fill("{}: {}: {}. {}", cannot, fault.what, reason, RemedyFor(fault))};
}

}  // namespace interlock::sandbox
