// How a room begins and ends: statuses, signals, the terminal, what is refused before anything
// runs, and that nothing inside outlives its launcher.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "sandbox/room_for_test.h"

namespace interlock::sandbox {
namespace {

class LifeTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!Obstacle().empty()) GTEST_SKIP() << Obstacle();
  }
  Ran Shell(const std::string& script, const Hooks& hooks = {}) {
    return RunInRoom(host_, host_.For({"sh", "-c", script}), hooks);
  }
  Request Python(const std::string& program) {
    return host_.For({"python3", "-c", "import os, signal, sys\n" + program});
  }
  TestHost host_{As::caller};
};

TEST_F(LifeTest, TheStatusIsTheCommands) {
  for (const int status : {0, 1, 7, 126, 255}) {
    EXPECT_EQ(Shell("exit " + std::to_string(status)).status, status);
  }
}

TEST_F(LifeTest, DeathBySignalIs128AndTheSignal) {
  EXPECT_EQ(Shell("kill -KILL $$").status, 128 + SIGKILL);
  EXPECT_EQ(Shell("kill -TERM $$").status, 128 + SIGTERM);
  EXPECT_EQ(Shell("kill -SEGV $$").status, 128 + SIGSEGV);
}

TEST_F(LifeTest, AMissingCommandIsNamedWithARemedy) {
  const Ran ran = RunInRoom(host_, host_.For({"no-such-program"}));
  EXPECT_EQ(ran.status, -1);
  EXPECT_NE(ran.output.find("cannot start the command"), std::string::npos) << ran.output;
  EXPECT_NE(ran.output.find("No such file"), std::string::npos) << ran.output;
}

TEST_F(LifeTest, AnUnmodifiedScriptRuns) {
  std::ofstream(host_.Path("workspace/run.sh")) << "echo from the workspace: $1\n";
  std::filesystem::permissions(host_.Path("workspace/run.sh"), std::filesystem::perms::all);
  EXPECT_EQ(RunInRoom(host_, host_.For({"./run.sh", "x"})).output, "from the workspace: x\n");
}

TEST_F(LifeTest, WhatIsWrittenInTheWorkspaceIsThereAfterwards) {
  EXPECT_EQ(Shell("mkdir -p a/b && echo kept > a/b/c").status, 0);
  std::string word;
  std::ifstream(host_.Path("workspace/a/b/c")) >> word;
  EXPECT_EQ(word, "kept");
}

TEST_F(LifeTest, TheHostsHomeIsUntouched) {
  EXPECT_EQ(Shell("echo x > ~/secret; rm -rf ~/..").status, 1);
  std::string word;
  std::ifstream(host_.Path("home/secret")) >> word;
  EXPECT_EQ(word, "REALSECRET");
}

TEST_F(LifeTest, BackgroundProcessesEndWithTheCommand) {
  // The output ends only when nobody holds it any more; `cat` waits for a writer that never comes.
  const Ran ran = Shell("mkfifo f; setsid cat f & (cat f &) & echo done");
  EXPECT_EQ(ran.output, "done\n");
  EXPECT_EQ(ran.status, 0);
}

TEST_F(LifeTest, NothingSurvivesTheLauncher) {
  const Running running =
      StartLauncher(host_, host_.For({"sh", "-c", "mkfifo f; setsid cat f & echo ready; cat f"}));
  EXPECT_EQ(ReadLine(running.output.get()), "ready");
  kill(running.launcher, SIGKILL);
  EXPECT_EQ(ReadAll(running.output.get()), "");
  EXPECT_EQ(StatusOf(running.launcher), 128 + SIGKILL);
}

TEST_F(LifeTest, DroppingTheChildEndsTheRoom) {
  const Running running = StartLauncher(
      host_, host_.For({"cat"}),
      {.before = {}, .planned = [this] {
         auto plan = MakePlan(host_.For({"cat"}));
         {
           const auto child = Start(*plan);
         }
         (void)!write(STDOUT_FILENO, waitpid(-1, nullptr, 0) < 0 ? "gone\n" : "left\n", 5);
         _exit(0);
       }});
  EXPECT_EQ(ReadAll(running.output.get()), "gone\n");
  EXPECT_EQ(StatusOf(running.launcher), 0);
}

TEST_F(LifeTest, SignalsToTheLauncherReachTheCommand) {
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGWINCH}) {
    const std::string text = std::to_string(number);
    const Running running =
        StartLauncher(host_, Python("def end(n, f): os.write(1, b'got %d\\n' % n); os._exit(9)\n"
                                    "signal.signal(" +
                                    text +
                                    ", end); print('ready', flush=True)\n"
                                    "while True: signal.pause()"));
    EXPECT_EQ(ReadLine(running.output.get()), "ready");
    kill(running.launcher, number);
    EXPECT_EQ(ReadAll(running.output.get()), "got " + text + "\n");
    EXPECT_EQ(StatusOf(running.launcher), 9);
  }
}

TEST_F(LifeTest, AnUnhandledSignalEndsTheCommand) {
  const Running running =
      StartLauncher(host_, Python("print('ready', flush=True)\nwhile True: signal.pause()"));
  EXPECT_EQ(ReadLine(running.output.get()), "ready");
  kill(running.launcher, SIGTERM);
  EXPECT_EQ(StatusOf(running.launcher), 128 + SIGTERM);
}

TEST_F(LifeTest, ASignalToItsOwnGroupStaysInside) {
  // Without a group of its own this would end the launcher, and the test with it.
  const Ran ran =
      RunInRoom(host_, Python("signal.signal(signal.SIGALRM, signal.SIG_IGN)\n"
                              "os.kill(0, signal.SIGALRM); print('alive'); sys.exit(5)"));
  EXPECT_EQ(ran.output, "alive\n");
  EXPECT_EQ(ran.status, 5);
}

TEST_F(LifeTest, TheCommandDiesOfAClosedPipeThoughTheLauncherIgnoresIt) {
  const Ran ran =
      Shell("yes | head -n 1", {.before = [] { signal(SIGPIPE, SIG_IGN); }, .planned = {}});
  EXPECT_EQ(ran.output, "y\n");
}

TEST_F(LifeTest, OpenDescriptorsOfTheLauncherStayOutside) {
  const Ran ran = Shell("ls /proc/self/fd | tr '\\n' ' '", {.before =
                                                                [] {
                                                                  for (int fd = 10; fd < 20; ++fd)
                                                                    dup2(open("/", O_RDONLY), fd);
                                                                },
                                                            .planned = {}});
  EXPECT_EQ(ran.output, "0 1 2 3 ") << "3 is the listing's own";
}

TEST_F(LifeTest, ADirectoryAsInputIsRefused) {
  const Ran ran = Shell("true", {.before = [] { dup2(open("/", O_RDONLY), 0); }, .planned = {}});
  EXPECT_EQ(ran.status, -1);
  EXPECT_NE(ran.output.find("descriptor 0 is a directory"), std::string::npos) << ran.output;
}

TEST_F(LifeTest, ALauncherWithThreadsIsRefused) {
  const Ran ran =
      Shell("true", {.before = [] { std::thread([] { pause(); }).detach(); }, .planned = {}});
  EXPECT_EQ(ran.status, -1);
  EXPECT_NE(ran.output.find("one thread"), std::string::npos) << ran.output;
}

TEST_F(LifeTest, AWorkspaceSwappedForALinkIsRefused) {
  const Ran ran =
      Shell("ls", {.before = {}, .planned = [this] {
                     std::filesystem::rename(host_.Path("workspace"), host_.Path("elsewhere"));
                     std::filesystem::create_directory_symlink(host_.Path("state"),
                                                               host_.Path("workspace"));
                   }});
  EXPECT_EQ(ran.status, -1);
  EXPECT_NE(ran.output.find("workspace"), std::string::npos) << ran.output;
}

TEST_F(LifeTest, ALauncherThatGuardsItsMemoryCanMakeARoom) {
  for (const As as : {As::caller, As::normal_user}) {
    if (as == As::normal_user && geteuid() != 0) continue;
    const TestHost host(as);
    const Ran ran = RunInRoom(host, host.For({"echo", "ok"}),
                              {.before = [] { prctl(PR_SET_DUMPABLE, 0); }, .planned = {}});
    EXPECT_EQ(ran.output, "ok\n");
  }
}

TEST_F(LifeTest, StateInsideAVisibleTreeIsHidden) {
  const TestHost shown(As::caller);
  Request request =
      host_.For({"sh", "-c", "ls -A " + shown.Path("home") + "; ls -A " + shown.Path("")});
  request.read_only = {shown.Path("home")};
  EXPECT_EQ(RunInRoom(host_, request).output, "secret\nhome\n");
  request.read_only = {shown.Path("")};
  request.hidden.push_back(shown.Path("home"));
  EXPECT_EQ(RunInRoom(host_, request).status, -1) << "a shown path may not hold a hidden one";
}

TEST_F(LifeTest, TheAuthorityIsInTheSystemsBundle) {
  if (access("/etc/ssl/certs/ca-certificates.crt", R_OK) != 0)
    GTEST_SKIP() << "no bundle on this host";
  Request request =
      host_.For({"sh", "-c",
                 "tail -n 1 /etc/ssl/certs/ca-certificates.crt; "
                 "grep -c BEGIN /etc/ssl/certs/ca-certificates.crt > n; test $(cat n) -gt 10"});
  request.ca_certificate = "OURS\n";
  const Ran ran = RunInRoom(host_, request);
  EXPECT_EQ(ran.output, "OURS\n");
  EXPECT_EQ(ran.status, 0);
}

TEST_F(LifeTest, ACrashLeavesNoCoreAnywhere) {
  const Ran ran = Shell("ulimit -Hc; kill -SEGV $$");
  // In units of 1024 bytes, rounded down from one byte.
  EXPECT_EQ(ran.output, "0\n");
}

#if defined(__x86_64__)
TEST_F(LifeTest, CallsOfOtherArchitecturesEndTheProcess) {
  // mov eax, 20; int 0x80; ret: getpid of the 32-bit table, which the 64-bit filter does not
  // describe. A kernel without that table answers SIGSEGV itself.
  const Ran ran = RunInRoom(
      host_,
      Python("import ctypes, mmap\n"
             "m = mmap.mmap(-1, 4096, prot=7); m.write(b'\\xb8\\x14\\0\\0\\0\\xcd\\x80\\xc3')\n"
             "ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))()"));
  EXPECT_TRUE(ran.status == 128 + SIGSYS || ran.status == 128 + SIGSEGV) << ran.status;
  const Ran x32 =
      RunInRoom(host_, Python("import ctypes\nctypes.CDLL(None).syscall(0x40000000 + 39)"));
  EXPECT_EQ(x32.status, 128 + SIGSYS);
}
#endif

// A launcher as the leader of a session with a terminal of its own, as a terminal emulator starts
// one.
class TerminalTest : public LifeTest {
 protected:
  void StartOnTerminal(const Request& request) {
    int terminal = -1;
    launcher_ = forkpty(&terminal, nullptr, nullptr, nullptr);
    if (launcher_ == 0) BeLauncher(host_, request, {});
    terminal_ = UniqueFd(terminal);
  }
  void TearDown() override {
    if (launcher_ > 0 && !ended_) {
      kill(launcher_, SIGKILL);
      waitpid(launcher_, nullptr, 0);
    }
  }
  std::string Line() {
    std::string line = ReadLine(terminal_.get());
    while (!line.empty() && line.back() == '\r') line.pop_back();
    return line;
  }
  void Type(const char* keys) {
    (void)!write(terminal_.get(), keys, std::char_traits<char>::length(keys));
  }
  int End() {
    ended_ = true;
    return StatusOf(launcher_);
  }
  pid_t launcher_ = 0;
  UniqueFd terminal_;
  bool ended_ = false;
};

constexpr char kInteractive[] =
    "def end(n, f): os.write(1, b'interrupted\\n'); os._exit(9)\n"
    "signal.signal(signal.SIGINT, end); print('ready', os.tcgetpgrp(0) == os.getpgrp(), "
    "flush=True)\n"
    "while True: signal.pause()";

TEST_F(TerminalTest, ControlCReachesTheCommandAlone) {
  StartOnTerminal(Python(kInteractive));
  EXPECT_EQ(Line(), "ready True");
  Type("\x03");
  EXPECT_EQ(Line(), "^Cinterrupted");
  EXPECT_EQ(End(), 9);
}

TEST_F(TerminalTest, ControlZStopsTheLauncherAndItsResumptionTheCommand) {
  StartOnTerminal(Python(kInteractive));
  EXPECT_EQ(Line(), "ready True");
  Type("\x1a");
  int status = 0;
  ASSERT_EQ(waitpid(launcher_, &status, WUNTRACED), launcher_);
  ASSERT_TRUE(WIFSTOPPED(status));
  kill(launcher_, SIGCONT);
  // Once the launcher passes keys on again; before, the terminal would make a signal for it of
  // them.
  termios settings{};
  do {
    sched_yield();
    ASSERT_EQ(tcgetattr(terminal_.get(), &settings), 0);
  } while ((settings.c_lflag & ISIG) != 0);
  Type("\x03");
  EXPECT_NE(Line().find("interrupted"), std::string::npos);
  EXPECT_EQ(End(), 9);
}

TEST_F(TerminalTest, TheTerminalIsUsable) {
  StartOnTerminal(host_.For(
      {"sh", "-c", "test -t 0 && stty -echo < /dev/tty && echo raw; read x; echo got $x"}));
  EXPECT_EQ(Line(), "raw");
  Type("word\n");
  EXPECT_EQ(Line(), "got word");
  EXPECT_EQ(End(), 0);
}

}  // namespace
}  // namespace interlock::sandbox
