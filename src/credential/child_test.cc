#include "credential/child.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace interlock::credential {
namespace {

ChildRequest Shell(const std::string& script) {
  ChildRequest request;
  request.words = {"/bin/sh", "-c", script};
  request.environment = {"PATH=/usr/bin:/bin"};
  return request;
}

TEST(RunChild, GivesWhatWasPrintedAndHowItEnded) {
  const auto answer = RunChild(Shell("echo out; echo err >&2; exit 7"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->output.Reveal(), "out\n");
  EXPECT_EQ(answer->status, 7);
  EXPECT_EQ(RunChild(Shell("kill -TERM $$"))->status, 128 + 15);
}

TEST(RunChild, ReadsItsInputAndNothingElse) {
  ChildRequest request = Shell("cat");
  request.input = "a line\n";
  EXPECT_EQ(RunChild(request)->output.Reveal(), "a line\n");
  EXPECT_EQ(RunChild(Shell("cat"))->output.Reveal(), "");
}

TEST(RunChild, PassesNeitherEnvironmentNorDescriptorsOn) {
  ::setenv("ILK_CHILD_TEST", "seen", 1);
  EXPECT_EQ(RunChild(Shell("echo \"[$ILK_CHILD_TEST]\""))->output.Reveal(), "[]\n");
  ::unsetenv("ILK_CHILD_TEST");
  EXPECT_EQ(RunChild(Shell("ls /proc/$$/fd | tr '\\n' ' '; pwd"))->output.Reveal(), "0 1 2 /\n");
}

TEST(RunChild, OneThatHangsIsEndedWithAllItsChildren) {
  ChildRequest request = Shell("sleep 1000 & sleep 1000; echo late");
  request.time_max = std::chrono::milliseconds(50);
  const auto answer = RunChild(request);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::unavailable);
}

TEST(RunChild, AGrandchildThatKeepsThePipeOpenIsNotWaitedFor) {
  const auto answer = RunChild(Shell("sleep 1000 & echo done"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->output.Reveal(), "done\n");
}

TEST(RunChild, TooMuchOutputIsRefused) {
  ChildRequest request = Shell("yes");
  request.output_bytes_max = 1000;
  EXPECT_EQ(RunChild(request).error().code, Code::limit);
}

TEST(RunChild, AStopIsHeard) {
  const std::atomic<bool> stop{true};
  ChildRequest request = Shell("sleep 1000");
  request.stop = &stop;
  EXPECT_FALSE(RunChild(request));
}

TEST(RunChild, AProgramThatIsNotThereIsNamed) {
  ChildRequest request;
  request.words = {"/nonexistent/program"};
  const auto answer = RunChild(request);
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message.find("/nonexistent/program"), std::string::npos);
}

}  // namespace
}  // namespace interlock::credential
