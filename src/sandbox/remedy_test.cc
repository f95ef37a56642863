// Each way a machine can refuse a room gets one remedy. Those that this machine can't show are
// recorded here from documentation (sysctl(8), Ubuntu's and Docker's manuals) and were not run:
// Ubuntu's AppArmor restriction, Docker, kernels before 5.12, kernels without nf_tables.
#include "sandbox/remedy.h"

#include <gtest/gtest.h>

namespace interlock::sandbox {
namespace {

struct Case {
  const char* machine;
  Step step;
  int error;
  Circumstances circumstances;
  const char* remedy;  // what the sentence must contain
};

const Case kCases[] = {
    {"Debian with namespaces off",
     Step::namespaces,
     EPERM,
     {.clone_is_off = true, .kernel_major = 6, .kernel_minor = 1},
     "sudo sysctl -w kernel.unprivileged_userns_clone=1"},
    {"a hardened server with none permitted",
     Step::namespaces,
     ENOSPC,
     {.no_namespaces_left = true, .kernel_major = 6, .kernel_minor = 1},
     "sudo sysctl -w user.max_user_namespaces=10000"},
    {"a room within a room",
     Step::namespaces,
     EPERM,
     {.no_namespaces_left = true, .kernel_major = 6, .kernel_minor = 18},
     "user.max_user_namespaces"},
    {"Ubuntu 24.04, refused at once",
     Step::namespaces,
     EACCES,
     {.apparmor_restricts = true, .kernel_major = 6, .kernel_minor = 8},
     "apparmor_parser -r /etc/apparmor.d/interlock"},
    {"Ubuntu 24.04, refused inside",
     Step::network,
     EPERM,
     {.apparmor_restricts = true, .kernel_major = 6, .kernel_minor = 8},
     "apparmor_parser -r /etc/apparmor.d/interlock"},
    {"Ubuntu 24.04, a program that is missing",
     Step::command,
     ENOENT,
     {.apparmor_restricts = true, .kernel_major = 6, .kernel_minor = 8},
     "install the program system-wide"},
    {"Docker's seccomp profile",
     Step::namespaces,
     EPERM,
     {.in_container = true, .kernel_major = 6, .kernel_minor = 1},
     "--security-opt seccomp=unconfined"},
    {"Docker's masked /proc",
     Step::proc,
     EPERM,
     {.in_container = true, .kernel_major = 6, .kernel_minor = 1},
     "--security-opt systempaths=unconfined"},
    {"an unknown filter",
     Step::namespaces,
     EPERM,
     {.kernel_major = 6, .kernel_minor = 1},
     "run Interlock outside of it"},
    {"no nf_tables",
     Step::capture,
     EPROTONOSUPPORT,
     {.kernel_major = 6, .kernel_minor = 1},
     "modprobe nft_tproxy"},
    {"nf_tables without tproxy",
     Step::capture,
     ENOENT,
     {.kernel_major = 5, .kernel_minor = 15},
     "nothing is started"},
    {"a kernel of 2020",
     Step::mount,
     ENOSYS,
     {.kernel_major = 5, .kernel_minor = 10},
     "Linux 5.12 or later"},
    {"the same, found out earlier",
     Step::namespaces,
     EINVAL,
     {.kernel_major = 5, .kernel_minor = 4},
     "Linux 5.12 or later"},
    {"a kernel without namespaces",
     Step::namespaces,
     EINVAL,
     {.kernel_major = 6, .kernel_minor = 1},
     "CONFIG_USER_NS"},
    {"too many processes", Step::namespaces, EAGAIN, {}, "ulimit -u"},
    {"no filters", Step::lockdown, EINVAL, {}, "CONFIG_SECCOMP_FILTER"},
};

TEST(Remedy, NamesWhatToDoForEachKindOfMachine) {
  for (const Case& c : kCases) {
    const std::string said = RemedyFor({c.step, c.error, "try"}, c.circumstances);
    EXPECT_NE(said.find(c.remedy), std::string::npos) << c.machine << ": " << said;
    EXPECT_EQ(said.find('\n'), std::string::npos) << c.machine;
  }
}

TEST(Remedy, IsNeverEmpty) {
  for (int step = 0; step <= static_cast<int>(Step::command); ++step) {
    for (int error = 0; error < 134; ++error) {
      EXPECT_FALSE(RemedyFor({static_cast<Step>(step), error, ""}, {}).empty()) << step << error;
    }
  }
}

TEST(Remedy, StandsBehindWhatFailedAndWhy) {
  const Error error = Explain({Step::capture, EOPNOTSUPP, "capture connections"}, {});
  EXPECT_EQ(error.code, Code::unavailable);
  EXPECT_TRUE(error.message.starts_with(
      "cannot make the room: capture connections: Operation not supported. "))
      << error.message;
}

TEST(Remedy, OfAProgramThatIsMissingIsNotFound) {
  EXPECT_EQ(Explain({Step::command, ENOENT, "run x"}, {}).code, Code::not_found);
}

}  // namespace
}  // namespace interlock::sandbox
