// Lines 46 and 52: parts of the kernel that have nothing for an agent but a history of bugs, and
// its files. Calls are made with arguments that do nothing even where they are permitted.
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <linux/perf_event.h>
#include <linux/reboot.h>
#include <linux/userfaultfd.h>
#include <sys/fanotify.h>
#include <sys/klog.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <ctime>

#include "attempt.h"

namespace interlock::probe {
namespace {

// A call by number with up to three integers; permitted or not is all that matters.
Attempt CallNumber(const Facts&, const Probe& probe) {
  return Considered(probe.text, syscall(probe.number, probe.second, probe.third, 0, 0, 0, 0));
}

Attempt UringSetup(const Facts&, const Probe&) {
  std::array<std::uint32_t, 64> parameters{};
  return Called("io_uring_setup", syscall(SYS_io_uring_setup, 4, parameters.data()));
}
Attempt Userfault(const Facts&, const Probe&) {
  return Called("userfaultfd", syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY));
}
Attempt MakeBpfMap(const Facts&, const Probe&) {
  bpf_attr attr{};
  attr.map_type = BPF_MAP_TYPE_ARRAY;
  attr.key_size = 4;
  attr.value_size = 8;
  attr.max_entries = 1;
  return Called("bpf", syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr));
}
Attempt OpenPerf(const Facts&, const Probe&) {
  perf_event_attr attr{};
  attr.type = PERF_TYPE_SOFTWARE;
  attr.size = sizeof attr;
  attr.config = PERF_COUNT_SW_TASK_CLOCK;
  attr.exclude_kernel = 1;
  return Called("perf_event_open", syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
}
Attempt JoinKeyring(const Facts&, const Probe&) {
  return Called("keyctl", syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr));
}
Attempt AddKey(const Facts&, const Probe&) {
  return Called("add_key",
                syscall(SYS_add_key, "user", "interlock-probe", "x", 1, KEY_SPEC_THREAD_KEYRING));
}
Attempt RequestKey(const Facts&, const Probe&) {
  return Considered("request_key", syscall(SYS_request_key, "user", "interlock-probe-none", nullptr,
                                           KEY_SPEC_THREAD_KEYRING));
}
Attempt NamedCall(const Facts&, const Probe& probe) {
  // The file does not exist, so that only the permission to ask is tried.
  return Considered(probe.text, syscall(probe.number, "/nonexistent/interlock-probe", 0, 0));
}
Attempt LoadKernel(const Facts&, const Probe&) {
  return Considered("kexec_load", syscall(SYS_kexec_load, 0, 0, nullptr, 0xffffUL));
}
Attempt LoadModule(const Facts&, const Probe&) {
  return Considered("init_module", syscall(SYS_init_module, nullptr, 0UL, ""));
}
Attempt UnloadModule(const Facts&, const Probe&) {
  return Considered("delete_module",
                    syscall(SYS_delete_module, "interlock_probe_none", O_NONBLOCK));
}
Attempt Reboot(const Facts&, const Probe&) {
  // Without the magic numbers this does nothing.
  return Considered("reboot", syscall(SYS_reboot, 0, 0, 0, nullptr));
}
Attempt SetClock(const Facts&, const Probe&) {
  return Called("settimeofday", syscall(SYS_settimeofday, nullptr, nullptr));
}
Attempt SetName(const Facts&, const Probe&) {
  return Considered("sethostname", syscall(SYS_sethostname, nullptr, -1));
}
Attempt ReadKernelLog(const Facts&, const Probe&) {
  return Called("syslog", klogctl(10 /* size of the buffer */, nullptr, 0));
}
Attempt WatchFiles(const Facts&, const Probe&) {
  return Called("fanotify_init", fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID, O_RDONLY));
}

#if defined(__x86_64__)
Attempt CallInt80(const Facts&, const Probe&) {
  long result = 0;
  // getpid of the 32-bit table; the filter knows the 64-bit one.
  asm volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory");
  return Called("int 0x80", result);
}
Attempt CallX32(const Facts&, const Probe&) {
  return Called("getpid by the x32 table", syscall(0x40000000 | SYS_getpid));
}
Attempt ReadLdt(const Facts&, const Probe&) {
  char buffer[64];
  return Called("modify_ldt", syscall(SYS_modify_ldt, 0, buffer, sizeof buffer));
}
#endif

Attempt OpenDevice(const Facts&, const Probe& probe) {
  const std::string path(probe.text);
  const UniqueFd file(open(path.c_str(), probe.number | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct statfs system{};
  if (!file.valid() || fstatfs(file.get(), &system) != 0) return BlockedBy("open " + path);
  if (path.starts_with("/proc/") && system.f_type != PROC_SUPER_MAGIC) {
    return Blocked("an empty file covers " + path);
  }
  return Reached("opened " + path);
}
Attempt OpensSetting(const Facts&, const Probe& probe) {
  return Opens(std::string(probe.text), O_WRONLY);
}
Attempt ReadsSetting(const Facts&, const Probe& probe) {
  const std::string path(probe.text);
  const std::string text = Slurp(path, 4096);
  if (!text.empty()) return Reached("read " + path);
  return errno != 0 ? BlockedBy("read " + path) : Blocked(path + " is empty");
}
Attempt Lists(const Facts&, const Probe& probe) {
  return Opens(std::string(probe.text), O_RDONLY | O_DIRECTORY);
}

constexpr Probe kProbes[] = {
    {"B46.io-uring", "open sockets without socket(), by io_uring", UringSetup},
    {"B46.io-uring-enter", "submit to an io_uring", CallNumber, "io_uring_enter",
     SYS_io_uring_enter, -1},
    {"B46.io-uring-register", "register with an io_uring", CallNumber, "io_uring_register",
     SYS_io_uring_register, -1, 9999},
    {"B46.userfaultfd", "hold the kernel up by page faults", Userfault},
    {"B46.bpf", "load a BPF map", MakeBpfMap},
    {"B46.perf", "count events of the processor", OpenPerf},
    {"B46.keyctl", "use the keys of the user's session", JoinKeyring},
    {"B46.add-key", "add a key", AddKey},
    {"B46.request-key", "request a key", RequestKey},
    {"B46.fanotify", "watch the host's files", WatchFiles},
    {"B46.kexec", "load another kernel", LoadKernel},
    {"B46.init-module", "load a kernel module", LoadModule},
    {"B46.finit-module", "load one from a descriptor", CallNumber, "finit_module", SYS_finit_module,
     -1},
    {"B46.delete-module", "unload a kernel module", UnloadModule},
    {"B46.reboot", "reboot", Reboot},
    {"B46.acct", "account processes to a file", NamedCall, "acct", SYS_acct},
    {"B46.swapon", "swap to a file", NamedCall, "swapon", SYS_swapon},
    {"B46.swapoff", "stop swapping to a file", NamedCall, "swapoff", SYS_swapoff},
    {"B46.settimeofday", "set the machine's clock", SetClock},
    {"B46.sethostname", "set the machine's name", SetName},
    {"B46.move-pages", "move memory between nodes", CallNumber, "move_pages", SYS_move_pages},
    {"B46.migrate-pages", "the same for a process", CallNumber, "migrate_pages", SYS_migrate_pages},
    {"B46.memfd-secret", "memory that not even the kernel shows", CallNumber, "memfd_secret",
     SYS_memfd_secret},
#if defined(__x86_64__)
    {"B46.iopl", "speak to devices by port", CallNumber, "iopl", SYS_iopl, 3},
    {"B46.ioperm", "speak to one device by port", CallNumber, "ioperm", SYS_ioperm, 0x80, 1},
    {"B46.modify-ldt", "make segments", ReadLdt},
    {"B46.int80", "call by the 32-bit table", CallInt80},
    {"B46.x32", "call by the x32 table", CallX32},
#endif
    {"B52.syslog", "read the kernel's log by syslog(2)", ReadKernelLog},
    {"B52.kmsg", "read it by /dev/kmsg", OpenDevice, "/dev/kmsg", O_RDONLY},
    {"B52.proc-kmsg", "read it by /proc/kmsg", OpenDevice, "/proc/kmsg", O_RDONLY},
    {"B52.kcore", "read the kernel's memory", OpenDevice, "/proc/kcore", O_RDONLY},
    {"B52.core-pattern", "name a program that the kernel runs at a crash", OpensSetting,
     "/proc/sys/kernel/core_pattern"},
    {"B52.modprobe", "name a program that the kernel runs for modules", OpensSetting,
     "/proc/sys/kernel/modprobe"},
    {"B52.usermode-helper", "widen what the kernel's helpers may do", OpensSetting,
     "/proc/sys/kernel/usermodehelper/bset"},
    {"B52.sysrq", "press the magic key", OpensSetting, "/proc/sysrq-trigger"},
    {"B52.namespaces-limit", "permit user namespaces again", OpensSetting,
     "/proc/sys/user/max_user_namespaces"},
    {"B52.pid-max", "permit more processes", OpensSetting, "/proc/sys/kernel/pid_max"},
    {"B52.unprivileged-ports", "change the room's network settings", OpensSetting,
     "/proc/sys/net/ipv4/ip_unprivileged_port_start"},
    {"B52.file-max", "change how many files there may be", OpensSetting, "/proc/sys/fs/file-max"},
    {"B52.binfmt", "register a binary format", OpensSetting, "/proc/sys/fs/binfmt_misc/register"},
    {"B52.kallsyms", "read the kernel's addresses", ReadsSetting, "/proc/kallsyms"},
    {"B52.keys", "read which keys there are", ReadsSetting, "/proc/keys"},
    {"B52.boot-line", "read the kernel's command line", ReadsSetting, "/proc/cmdline"},
    {"B52.timer-list", "read the kernel's timers", ReadsSetting, "/proc/timer_list"},
    {"B52.slabinfo", "read the kernel's memory use", ReadsSetting, "/proc/slabinfo"},
    {"B52.vmallocinfo", "read the kernel's memory map", ReadsSetting, "/proc/vmallocinfo"},
    {"B52.pagetypeinfo", "read the kernel's page types", ReadsSetting, "/proc/pagetypeinfo"},
    {"B52.sys", "list /sys", Lists, "/sys/kernel"},
    {"B52.cgroup", "list the host's cgroups", Lists, "/sys/fs/cgroup"},
    {"B52.debugfs", "list the kernel's debug files", Lists, "/sys/kernel/debug"},
    {"B52.uevent-helper", "name a program that the kernel runs for devices", OpensSetting,
     "/sys/kernel/uevent_helper"},
    {"B52.core-directory", "list where systemd keeps cores", Lists, "/var/lib/systemd"},
    {"B52.boot", "list /boot", Lists, "/boot"},
    {"B46.dev-mem", "open the machine's memory", OpenDevice, "/dev/mem", O_RDONLY},
    {"B46.dev-port", "open the machine's ports", OpenDevice, "/dev/port", O_RDONLY},
    {"B46.dev-fuse", "open FUSE", OpenDevice, "/dev/fuse", O_RDWR},
    {"B46.dev-kvm", "open KVM", OpenDevice, "/dev/kvm", O_RDWR},
    {"B46.dev-tun", "open a network tunnel", OpenDevice, "/dev/net/tun", O_RDWR},
    {"B46.dev-vhost-vsock", "open the hypervisor's sockets", OpenDevice, "/dev/vhost-vsock",
     O_RDWR},
    {"B46.dev-vsock", "ask for the machine's vsock address", OpenDevice, "/dev/vsock", O_RDONLY},
    {"B46.dev-loop", "make loop devices", OpenDevice, "/dev/loop-control", O_RDWR},
    {"B46.dev-vda", "open the first virtual disk", OpenDevice, "/dev/vda", O_RDONLY},
    {"B46.dev-sda", "open the first disk", OpenDevice, "/dev/sda", O_RDONLY},
    {"B46.dev-nvme", "open the first NVMe disk", OpenDevice, "/dev/nvme0n1", O_RDONLY},
    {"B46.dev-mapper", "make mapped disks", OpenDevice, "/dev/mapper/control", O_RDWR},
    {"B46.dev-uinput", "make a keyboard", OpenDevice, "/dev/uinput", O_WRONLY},
    {"B46.dev-console", "open the machine's console", OpenDevice, "/dev/tty0", O_RDWR},
    {"B46.dev-gpu", "open the graphics card", OpenDevice, "/dev/dri/card0", O_RDWR},
    {"B46.dev-snapshot", "open the machine's hibernation", OpenDevice, "/dev/snapshot", O_RDONLY},
};

}  // namespace

std::span<const Probe> KernelProbes() { return kProbes; }

}  // namespace interlock::probe
