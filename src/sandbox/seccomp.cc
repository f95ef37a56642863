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

// What differs between the machines besides the table's numbers.
struct Numbers {
  std::uint32_t architecture;
  std::uint32_t socket, socketpair, clone, unshare, ioctl;
};
constexpr Numbers kX86{AUDIT_ARCH_X86_64, 41, 53, 56, 272, 16};
constexpr Numbers kArm{AUDIT_ARCH_AARCH64, 198, 199, 220, 97, 29};

// The numbers are the same on both from 424 on.
constexpr std::uint32_t kX32Bit = 0x40000000;
constexpr int kNone = DeniedCall::kNone;

// Programs expect EPERM and say so. The numbers are those of asm/unistd_64.h for x86-64 and of
// asm-generic/unistd.h for aarch64.
constexpr DeniedCall kDenied[] = {
    // Mounts, roots and namespaces of others.
    {"mount", EPERM, 165, 40},
    {"umount2", EPERM, 166, 39},
    {"pivot_root", EPERM, 155, 41},
    {"chroot", EPERM, 161, 51},
    {"setns", EPERM, 308, 268},
    // Other processes by the back door; ptrace of one's own children stays.
    {"process_vm_readv", EPERM, 310, 270},
    {"process_vm_writev", EPERM, 311, 271},
    {"kcmp", EPERM, 312, 272},
    {"pidfd_getfd", EPERM, 438, 438},
    // Files without a path to them.
    {"open_by_handle_at", EPERM, 304, 265},
    // The kernel itself.
    {"bpf", EPERM, 321, 280},
    {"perf_event_open", EPERM, 298, 241},
    {"init_module", EPERM, 175, 105},
    {"finit_module", EPERM, 313, 273},
    {"delete_module", EPERM, 176, 106},
    {"kexec_load", EPERM, 246, 104},
    {"kexec_file_load", EPERM, 320, 294},
    {"reboot", EPERM, 169, 142},
    {"syslog", EPERM, 103, 116},
    {"acct", EPERM, 163, 89},
    {"swapon", EPERM, 167, 224},
    {"swapoff", EPERM, 168, 225},
    {"quotactl", EPERM, 179, 60},
    {"quotactl_fd", EPERM, 443, 443},
    {"fanotify_init", EPERM, 300, 262},
    {"fanotify_mark", EPERM, 301, 263},
    {"lookup_dcookie", EPERM, 212, 18},
    {"vhangup", EPERM, 153, 58},
    {"nfsservctl", EPERM, 180, 42},
    {"migrate_pages", EPERM, 256, 238},
    {"move_pages", EPERM, 279, 239},
    // Keys of the user's session on the host.
    {"keyctl", EPERM, 250, 219},
    {"add_key", EPERM, 248, 217},
    {"request_key", EPERM, 249, 218},
    // The machine's clock and name.
    {"settimeofday", EPERM, 164, 170},
    {"clock_settime", EPERM, 227, 112},
    {"clock_adjtime", EPERM, 305, 266},
    {"adjtimex", EPERM, 159, 171},
    {"sethostname", EPERM, 170, 161},
    {"setdomainname", EPERM, 171, 162},
    // x86 alone.
    {"iopl", EPERM, 172, kNone},
    {"ioperm", EPERM, 173, kNone},
    {"modify_ldt", EPERM, 154, kNone},
    {"uselib", EPERM, 134, kNone},
    {"ustat", EPERM, 136, kNone},
    {"sysfs", EPERM, 139, kNone},
    {"_sysctl", EPERM, 156, kNone},
    {"create_module", EPERM, 174, kNone},
    {"get_kernel_syms", EPERM, 177, kNone},
    {"query_module", EPERM, 178, kNone},
    // Programs try these first and have another way: they must look absent. The flags of clone3
    // lie in memory, where a filter can't read them; libraries fall back to clone.
    {"clone3", ENOSYS, 435, 435},
    {"io_uring_setup", ENOSYS, 425, 425},
    {"io_uring_enter", ENOSYS, 426, 426},
    {"io_uring_register", ENOSYS, 427, 427},
    {"userfaultfd", ENOSYS, 323, 282},
    {"memfd_secret", ENOSYS, 447, 447},
    {"fsopen", ENOSYS, 430, 430},
    {"fsconfig", ENOSYS, 431, 431},
    {"fsmount", ENOSYS, 432, 432},
    {"fspick", ENOSYS, 433, 433},
    {"open_tree", ENOSYS, 428, 428},
    {"move_mount", ENOSYS, 429, 429},
    {"mount_setattr", ENOSYS, 442, 442},
    {"open_tree_attr", ENOSYS, 467, 467},
};

#if defined(__x86_64__)
static_assert(__NR_socket == kX86.socket && __NR_socketpair == kX86.socketpair &&
              __NR_clone == kX86.clone && __NR_unshare == kX86.unshare && __NR_ioctl == kX86.ioctl);
#elif defined(__aarch64__)
static_assert(__NR_socket == kArm.socket && __NR_socketpair == kArm.socketpair &&
              __NR_clone == kArm.clone && __NR_unshare == kArm.unshare && __NR_ioctl == kArm.ioctl);
#else
#error "the room's filter is written for x86-64 and aarch64"
#endif

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

std::span<const DeniedCall> DeniedCalls() { return kDenied; }

std::vector<sock_filter> RoomFilter(Machine machine) {
  const Numbers& numbers = machine == Machine::x86_64 ? kX86 : kArm;
  Program program;
  program.Load(offsetof(seccomp_data, arch));
  program.ReturnUnlessEqual(numbers.architecture, kKill);
  program.Load(offsetof(seccomp_data, nr));
  // -1: a tracer inside has skipped the call and set its answer.
  program.ReturnIfEqual(0xffffffffU, kAllow);
  if (machine == Machine::x86_64) program.ReturnIfAnyBit(kX32Bit, kKill);
  for (const DeniedCall& call : kDenied) {
    const int number = call.NumberOn(machine);
    if (number != kNone) {
      program.ReturnIfEqual(static_cast<std::uint32_t>(number), Refuse(call.error));
    }
  }
  program.ReturnIfAbove(kLastJudgedCall, Refuse(ENOSYS));
  program.IfEqual(numbers.socket, [&] { JudgeSocket(program); });
  program.IfEqual(numbers.socketpair, [&] {
    program.LoadArgument(0);
    program.ReturnIfEqual(AF_UNIX, kAllow);
    program.Return(Refuse(EAFNOSUPPORT));
  });
  program.IfEqual(numbers.clone, [&] {
    program.LoadArgument(0);
    program.ReturnIfAnyBit(kNewNamespaces, Refuse(EPERM));
    program.Return(kAllow);
  });
  program.IfEqual(numbers.unshare, [&] {
    program.LoadArgument(0);
    program.ReturnIfAnyBit(kNewNamespaces | CLONE_NEWTIME, Refuse(EPERM));
    program.Return(kAllow);
  });
  program.IfEqual(numbers.ioctl, [&] {
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
