#include "sandbox/seccomp.h"

#include <linux/audit.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace interlock::sandbox {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "the room's filter is written for x86-64 and aarch64"
#endif

// Both architectures share their numbers from 424 on; 469 (file_setattr, Linux 6.17) is the last
// one judged.
constexpr std::uint32_t kLastJudged = 469;
constexpr std::uint32_t kX32Bit = 0x40000000;
constexpr std::uint32_t kOpenTreeAttr = 467;  // younger than the headers

// Programs expect to be refused these and say so.
constexpr std::uint32_t kNotPermitted[] = {
    // Mounts, roots and namespaces of others.
    __NR_mount,
    __NR_umount2,
    __NR_pivot_root,
    __NR_chroot,
    __NR_setns,
    // Other processes by the back door; ptrace of one's own children stays.
    __NR_process_vm_readv,
    __NR_process_vm_writev,
    __NR_kcmp,
    __NR_pidfd_getfd,
    // Files without a path to them.
    __NR_open_by_handle_at,
    // The kernel itself.
    __NR_bpf,
    __NR_perf_event_open,
    __NR_init_module,
    __NR_finit_module,
    __NR_delete_module,
    __NR_kexec_load,
    __NR_reboot,
    __NR_syslog,
    __NR_acct,
    __NR_swapon,
    __NR_swapoff,
    __NR_quotactl,
    __NR_quotactl_fd,
    __NR_fanotify_init,
    __NR_fanotify_mark,
    __NR_lookup_dcookie,
    __NR_vhangup,
    __NR_nfsservctl,
    __NR_migrate_pages,
    __NR_move_pages,
    // Keys of the user's session on the host.
    __NR_keyctl,
    __NR_add_key,
    __NR_request_key,
    // The machine's clock and name.
    __NR_settimeofday,
    __NR_clock_settime,
    __NR_clock_adjtime,
    __NR_adjtimex,
    __NR_sethostname,
    __NR_setdomainname,
#if defined(__x86_64__)
    __NR_kexec_file_load,
    __NR_iopl,
    __NR_ioperm,
    __NR_modify_ldt,
    __NR_uselib,
    __NR_ustat,
    __NR_sysfs,
    __NR__sysctl,
    __NR_create_module,
    __NR_get_kernel_syms,
    __NR_query_module,
#else
    __NR_kexec_file_load,
#endif
};

// Programs try these first and have another way: they must look absent.
constexpr std::uint32_t kAbsent[] = {
    // Its flags lie in memory, where a filter can't read them; libraries fall back to clone.
    __NR_clone3,       __NR_io_uring_setup, __NR_io_uring_enter, __NR_io_uring_register,
    __NR_userfaultfd,
#ifdef __NR_memfd_secret
    __NR_memfd_secret,
#endif
    __NR_fsopen,       __NR_fsconfig,       __NR_fsmount,        __NR_fspick,
    __NR_open_tree,    __NR_move_mount,     __NR_mount_setattr,  kOpenTreeAttr,
};

constexpr std::uint32_t kNewNamespaces = CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |
                                         CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
constexpr std::uint32_t kSocketTypeMask = 0xf;

constexpr std::uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr std::uint32_t kKill = SECCOMP_RET_KILL_PROCESS;
constexpr std::uint32_t Refuse(int error) {
  return SECCOMP_RET_ERRNO | (static_cast<std::uint32_t>(error) & SECCOMP_RET_DATA);
}

// Assembles straight-line programs: every block either returns or falls through to the next one.
// Jumps are at most a block long, far from the 255 instructions a BPF jump can cover.
class Program {
 public:
  void Load(std::uint32_t offset) { Add(BPF_LD | BPF_W | BPF_ABS, offset); }
  // Arguments are compared by their low 32 bits, as the kernel reads those that are `int`. A
  // comparison of all 64 would be passed by garbage in the upper half.
  void LoadArgument(std::uint32_t index) {
    Load(static_cast<std::uint32_t>(offsetof(seccomp_data, args)) + index * 8);
  }
  void And(std::uint32_t mask) { Add(BPF_ALU | BPF_AND | BPF_K, mask); }
  void Return(std::uint32_t action) { Add(BPF_RET | BPF_K, action); }
  void ReturnIfEqual(std::uint32_t value, std::uint32_t action) {
    Add(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
    Return(action);
  }
  void ReturnUnlessEqual(std::uint32_t value, std::uint32_t action) {
    Add(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0);
    Return(action);
  }
  void ReturnIfAbove(std::uint32_t value, std::uint32_t action) {
    Add(BPF_JMP | BPF_JGT | BPF_K, value, 0, 1);
    Return(action);
  }
  void ReturnIfAnyBit(std::uint32_t mask, std::uint32_t action) {
    Add(BPF_JMP | BPF_JSET | BPF_K, mask, 0, 1);
    Return(action);
  }
  // Runs `block` for one value of the accumulator. The block must end in a return.
  template <typename Block>
  void IfEqual(std::uint32_t value, Block block) {
    Add(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 0);
    const std::size_t at = code_.size();
    block();
    code_[at - 1].jf = static_cast<std::uint8_t>(code_.size() - at);
  }
  std::vector<sock_filter> Take() { return std::move(code_); }

 private:
  void Add(int code, std::uint32_t k, std::uint8_t jt = 0, std::uint8_t jf = 0) {
    code_.push_back({static_cast<std::uint16_t>(code), jt, jf, k});
  }
  std::vector<sock_filter> code_;
};

// socket(): local sockets, TCP and UDP, and the netlink that tells a program its own addresses.
void JudgeSocket(Program& program) {
  program.LoadArgument(0);
  program.ReturnIfEqual(AF_UNIX, kAllow);
  program.IfEqual(AF_NETLINK, [&] {
    program.LoadArgument(2);
    program.ReturnIfEqual(0, kAllow);  // NETLINK_ROUTE
    program.Return(Refuse(EPROTONOSUPPORT));
  });
  const auto judge_internet = [&] {
    program.LoadArgument(1);
    program.And(kSocketTypeMask);
    program.ReturnIfEqual(SOCK_RAW, Refuse(EPERM));
    program.ReturnIfEqual(SOCK_PACKET, Refuse(EPERM));
    program.LoadArgument(2);
    program.ReturnIfEqual(0, kAllow);
    program.ReturnIfEqual(IPPROTO_TCP, kAllow);
    program.ReturnIfEqual(IPPROTO_UDP, kAllow);
    // Among others MPTCP, SCTP and ICMP. Programs fall back to TCP at this error.
    program.Return(Refuse(EPROTONOSUPPORT));
  };
  program.IfEqual(AF_INET, judge_internet);
  program.IfEqual(AF_INET6, judge_internet);
  program.Return(Refuse(EAFNOSUPPORT));
}

}  // namespace

std::vector<sock_filter> RoomFilter() {
  Program program;
  program.Load(offsetof(seccomp_data, arch));
  program.ReturnUnlessEqual(kArchitecture, kKill);
  program.Load(offsetof(seccomp_data, nr));
  // -1: a tracer inside has skipped the call and set its answer.
  program.ReturnIfEqual(0xffffffffU, kAllow);
#if defined(__x86_64__)
  program.ReturnIfAnyBit(kX32Bit, kKill);
#endif
  for (const std::uint32_t number : kNotPermitted) program.ReturnIfEqual(number, Refuse(EPERM));
  for (const std::uint32_t number : kAbsent) program.ReturnIfEqual(number, Refuse(ENOSYS));
  program.ReturnIfAbove(kLastJudged, Refuse(ENOSYS));
  program.IfEqual(__NR_socket, [&] { JudgeSocket(program); });
  program.IfEqual(__NR_socketpair, [&] {
    program.LoadArgument(0);
    program.ReturnIfEqual(AF_UNIX, kAllow);
    program.Return(Refuse(EAFNOSUPPORT));
  });
  program.IfEqual(__NR_clone, [&] {
    program.LoadArgument(0);
    program.ReturnIfAnyBit(kNewNamespaces, Refuse(EPERM));
    program.Return(kAllow);
  });
  program.IfEqual(__NR_unshare, [&] {
    program.LoadArgument(0);
    program.ReturnIfAnyBit(kNewNamespaces | CLONE_NEWTIME, Refuse(EPERM));
    program.Return(kAllow);
  });
  program.IfEqual(__NR_ioctl, [&] {
    program.LoadArgument(1);
    program.ReturnIfEqual(TIOCSTI, Refuse(EPERM));
    program.ReturnIfEqual(TIOCLINUX, Refuse(EPERM));
    program.ReturnIfEqual(TIOCSETD, Refuse(EPERM));
    program.Return(kAllow);
  });
  program.Return(kAllow);
  return program.Take();
}

Outcome<void> InstallFilter(const std::vector<sock_filter>& filter) {
  const sock_fprog program{static_cast<unsigned short>(filter.size()),
                           const_cast<sock_filter*>(filter.data())};
  if (syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
    return Broken(Step::lockdown, "install the system call filter");
  }
  return {};
}

}  // namespace interlock::sandbox
