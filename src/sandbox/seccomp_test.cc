// Both machines' filters, run in a simulator of the kernel's: what this machine can't run is
// checked all the same.
#include "sandbox/seccomp.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>

namespace interlock::sandbox {
namespace {

constexpr std::uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr std::uint32_t kKill = SECCOMP_RET_KILL_PROCESS;
constexpr std::uint32_t Refused(int error) {
  return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error);
}

// The instructions of classic BPF that seccomp(2) permits and the filter uses; nothing on any
// other, on a jump out of the program and on a load that seccomp would refuse.
std::optional<std::uint32_t> Simulate(const std::vector<sock_filter>& program,
                                      const seccomp_data& data) {
  std::uint32_t accumulator = 0;
  for (std::size_t at = 0; at < program.size(); ++at) {
    const sock_filter& step = program[at];
    const auto jump = [&](bool taken) { at += taken ? step.jt : step.jf; };
    switch (step.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (step.k % 4 != 0 || step.k + 4 > sizeof data) return {};
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + step.k, 4);
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        accumulator &= step.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        jump(accumulator == step.k);
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        jump(accumulator > step.k);
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        jump((accumulator & step.k) != 0);
        break;
      case BPF_RET | BPF_K:
        return step.k;
      default:
        return {};
    }
  }
  return {};
}

struct Case {
  const char* claim;
  int x86_64;
  int aarch64;
  std::uint64_t arguments[3];
  std::uint32_t verdict;
};

constexpr std::uint64_t kGarbage = 0xdeadbeef00000000;
constexpr int kSocket[] = {41, 198}, kClone[] = {56, 220}, kUnshare[] = {272, 97},
              kIoctl[] = {16, 29}, kPair[] = {53, 199};

#define SOCKET(claim, family, type, protocol, verdict) \
  {claim, kSocket[0], kSocket[1], {family, type, protocol}, verdict}

constexpr Case kCases[] = {
    {"reading is allowed", 0, 63, {}, kAllow},
    {"ptrace of one's own children is allowed", 101, 117, {}, kAllow},
    {"the last judged call is allowed", 469, 469, {}, kAllow},
    {"the next one is absent", 470, 470, {}, Refused(ENOSYS)},
    {"a number from far away is absent", 0x3fffffff, 0x7fffffff, {}, Refused(ENOSYS)},
    {"a call that a tracer skipped keeps its answer", -1, -1, {}, kAllow},
    SOCKET("a local socket", AF_UNIX, SOCK_STREAM, 0, kAllow),
    SOCKET("TCP", AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0, kAllow),
    SOCKET("TCP by name", AF_INET6, SOCK_STREAM, IPPROTO_TCP, kAllow),
    SOCKET("UDP", AF_INET, SOCK_DGRAM, IPPROTO_UDP, kAllow),
    SOCKET("raw", AF_INET, SOCK_RAW, 1, Refused(EPERM)),
    SOCKET("raw with flags", AF_INET6, SOCK_RAW | SOCK_NONBLOCK, 58, Refused(EPERM)),
    SOCKET("packets the old way", AF_INET, SOCK_PACKET, 0, Refused(EPERM)),
    SOCKET("ICMP datagrams", AF_INET, SOCK_DGRAM, 1, Refused(EPROTONOSUPPORT)),
    SOCKET("multipath TCP", AF_INET, SOCK_STREAM, 262, Refused(EPROTONOSUPPORT)),
    SOCKET("SCTP", AF_INET6, SOCK_STREAM, 132, Refused(EPROTONOSUPPORT)),
    SOCKET("routes", AF_NETLINK, SOCK_RAW, 0, kAllow),
    SOCKET("the packet filter", AF_NETLINK, SOCK_RAW, 12, Refused(EPROTONOSUPPORT)),
    SOCKET("the wire", AF_PACKET, SOCK_RAW, 0, Refused(EAFNOSUPPORT)),
    SOCKET("the hypervisor", 40, SOCK_STREAM, 0, Refused(EAFNOSUPPORT)),
    SOCKET("the kernel's cryptography", AF_ALG, SOCK_SEQPACKET, 0, Refused(EAFNOSUPPORT)),
    SOCKET("an unknown family", 77, SOCK_STREAM, 0, Refused(EAFNOSUPPORT)),
    SOCKET("a family behind garbage", kGarbage | 40, SOCK_STREAM, 0, Refused(EAFNOSUPPORT)),
    SOCKET("a type behind garbage", AF_INET, kGarbage | SOCK_RAW, 1, Refused(EPERM)),
    {"a pair of local sockets", kPair[0], kPair[1], {AF_UNIX}, kAllow},
    {"a pair of another family", kPair[0], kPair[1], {AF_TIPC}, Refused(EAFNOSUPPORT)},
    {"a thread", kClone[0], kClone[1], {CLONE_VM | CLONE_THREAD | CLONE_SIGHAND}, kAllow},
    {"a process in a new user namespace", kClone[0], kClone[1], {CLONE_NEWUSER}, Refused(EPERM)},
    {"the same behind garbage", kClone[0], kClone[1], {kGarbage | CLONE_NEWNET}, Refused(EPERM)},
    {"files of one's own", kUnshare[0], kUnshare[1], {CLONE_FILES}, kAllow},
    {"a mount namespace", kUnshare[0], kUnshare[1], {CLONE_NEWNS}, Refused(EPERM)},
    {"a time namespace", kUnshare[0], kUnshare[1], {CLONE_NEWTIME}, Refused(EPERM)},
    {"the size of the terminal", kIoctl[0], kIoctl[1], {0, TIOCGWINSZ}, kAllow},
    {"typing into the terminal", kIoctl[0], kIoctl[1], {0, TIOCSTI}, Refused(EPERM)},
    {"the same behind garbage", kIoctl[0], kIoctl[1], {0, kGarbage | TIOCSTI}, Refused(EPERM)},
    {"pasting into a console", kIoctl[0], kIoctl[1], {0, TIOCLINUX}, Refused(EPERM)},
    {"a line discipline", kIoctl[0], kIoctl[1], {0, TIOCSETD}, Refused(EPERM)},
};

class SeccompFilter : public testing::TestWithParam<Machine> {
 protected:
  bool IsX86() const { return GetParam() == Machine::x86_64; }
  std::uint32_t Architecture() const { return IsX86() ? AUDIT_ARCH_X86_64 : AUDIT_ARCH_AARCH64; }
  std::optional<std::uint32_t> Judge(std::uint32_t architecture, int number,
                                     std::span<const std::uint64_t> arguments = {}) const {
    seccomp_data data{};
    data.nr = number;
    data.arch = architecture;
    std::ranges::copy(arguments, data.args);
    return Simulate(filter_, data);
  }
  const std::vector<sock_filter> filter_ = RoomFilter(GetParam());
};

TEST_P(SeccompFilter, JudgesTheCasesOfTheTable) {
  for (const Case& c : kCases) {
    EXPECT_EQ(Judge(Architecture(), IsX86() ? c.x86_64 : c.aarch64, c.arguments), c.verdict)
        << c.claim;
  }
}

TEST_P(SeccompFilter, RefusesEveryDeniedCallWithItsError) {
  for (const DeniedCall& call : DeniedCalls()) {
    const int number = call.NumberOn(GetParam());
    if (number == DeniedCall::kNone) continue;
    EXPECT_EQ(Judge(Architecture(), number), Refused(call.error)) << call.name;
  }
}

TEST_P(SeccompFilter, AllowsNoNumberByAccident) {
  // What is not in the table is allowed, and only up to the last judged call.
  for (int number = 0; number < 2000; ++number) {
    const bool denied = std::ranges::any_of(
        DeniedCalls(), [&](const DeniedCall& call) { return call.NumberOn(GetParam()) == number; });
    const bool by_arguments =
        number == (IsX86() ? kSocket[0] : kSocket[1]) || number == (IsX86() ? kPair[0] : kPair[1]);
    const auto verdict = Judge(Architecture(), number);
    ASSERT_TRUE(verdict.has_value()) << number;
    if (by_arguments) continue;
    EXPECT_EQ(*verdict == kAllow, !denied && number <= static_cast<int>(kLastJudgedCall)) << number;
  }
}

TEST_P(SeccompFilter, EndsAProcessThatCallsByAnotherTable) {
  EXPECT_EQ(Judge(IsX86() ? AUDIT_ARCH_AARCH64 : AUDIT_ARCH_X86_64, 0), kKill);
  EXPECT_EQ(Judge(AUDIT_ARCH_I386, 20), kKill);
  EXPECT_EQ(Judge(AUDIT_ARCH_ARM, 20), kKill);
  if (IsX86()) {
    EXPECT_EQ(Judge(AUDIT_ARCH_X86_64, 0x40000000 | 39), kKill);
  }
}

TEST_P(SeccompFilter, FitsTheKernelsLimit) {
  EXPECT_LE(filter_.size(), static_cast<std::size_t>(BPF_MAXINSNS));
}

INSTANTIATE_TEST_SUITE_P(Machines, SeccompFilter,
                         testing::Values(Machine::x86_64, Machine::aarch64),
                         [](const auto& tested) {
                           return tested.param == Machine::x86_64 ? "x86_64" : "aarch64";
                         });

#define SAME(which)                                       \
  if (std::string_view(call.name) == #which) {            \
    EXPECT_EQ(call.NumberOn(kThisMachine), __NR_##which); \
  }

TEST(SeccompTable, HasThisMachinesNumbers) {
  for (const DeniedCall& call : DeniedCalls()) {
    SAME(mount);
    SAME(setns);
    SAME(bpf);
    SAME(process_vm_readv);
    SAME(open_by_handle_at);
    SAME(perf_event_open);
    SAME(keyctl);
    SAME(userfaultfd);
    SAME(io_uring_setup);
    SAME(clone3);
    SAME(reboot);
    SAME(kexec_load);
    SAME(sethostname);
    SAME(pivot_root);
    SAME(mount_setattr);
  }
}

}  // namespace
}  // namespace interlock::sandbox
