// The real program, spoken to with curl over TLS.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "seed.h"

namespace interlock::railsim {
namespace {

namespace fs = std::filesystem;
using namespace seed;

struct Ran {
  int status = -1;
  std::string out;
};

// Runs a shell command and collects its standard output.
Ran Shell(const std::string& command) {
  Ran ran;
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return ran;
  std::array<char, 4096> chunk;
  while (const std::size_t got = std::fread(chunk.data(), 1, chunk.size(), pipe)) {
    ran.out.append(chunk.data(), got);
  }
  const int status = ::pclose(pipe);
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  return ran;
}

class ServerTest : public testing::Test {
 protected:
  void SetUp() override {
    if (Shell("command -v curl && command -v openssl").status != 0) {
      GTEST_SKIP() << "needs curl and openssl";
    }
    std::string name = (fs::temp_directory_path() / "railsim-server-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
    ASSERT_EQ(
        Shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout " +
              Path("key.pem") + " -out " + Path("cert.pem") +
              " -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 2>/dev/null")
            .status,
        0);
  }
  void TearDown() override {
    Stop(SIGTERM);
    if (!directory_.empty()) fs::remove_all(directory_);
  }
  std::string Path(const char* name) const { return (directory_ / name).string(); }

  // Starts the program on a port of the system's choice and reads the line that says which.
  void Start(const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{RAILSIM_BINARY,  "--listen",   "127.0.0.1:0",    "--state",
                                   Path("state"),   "--tls-cert", Path("cert.pem"), "--tls-key",
                                   Path("key.pem"), "--seed",     "pocketos"};
    words.insert(words.end(), more.begin(), more.end());
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    int out[2];
    ASSERT_EQ(::pipe(out), 0);
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(out[1], 1);
      ::close(out[0]);
      ::close(out[1]);
      ::execv(RAILSIM_BINARY, arguments.data());
      ::_exit(127);
    }
    ::close(out[1]);
    FILE* lines = ::fdopen(out[0], "r");
    char line[512] = "";
    ASSERT_NE(std::fgets(line, sizeof line, lines), nullptr);
    std::fclose(lines);
    const auto hello = ParseJson(std::string(line, std::string_view(line).find('\n')));
    ASSERT_TRUE(hello.has_value()) << line;
    EXPECT_EQ(FindString(hello->as_object(), "mode"), "legacy");
    EXPECT_EQ(hello->as_object().at("pid").as_int64(), child_);
    address_ = FindString(hello->as_object(), "listening");
  }
  int Stop(int signal) {
    if (child_ <= 0) return -1;
    ::kill(child_, signal);
    int status = 0;
    ::waitpid(child_, &status, 0);
    child_ = -1;
    return status;
  }
  Ran Curl(const std::string& more) {
    return Shell("curl -sS --max-time 60 --http1.1 --cacert " + Path("cert.pem") + " " + more +
                 " 2>/dev/null");
  }
  std::string Url(const char* path) const { return "https://" + address_ + path; }
  Ran Delete(std::string_view header) {
    return Curl("-H '" + std::string(header) + "' -H 'content-type: application/json' " +
                Url("/graphql/v2") +
                " --data '{\"query\":\"mutation { volumeDelete(volumeId: \\\"" +
                std::string(kPgData) + "\\\") }\"}'");
  }
  std::string ListedState() {
    const Ran ran = Shell(std::string(RAILSIM_BINARY) + " --list-state --state " + Path("state"));
    EXPECT_EQ(ran.status, 0);
    return ran.out;
  }

  fs::path directory_;
  pid_t child_ = -1;
  std::string address_;
};

const std::string kBearer = "Authorization: Bearer " + std::string(kDomainsCli);

TEST_F(ServerTest, SpeaksHttpsAndActsAtOnce) {
  Start();
  EXPECT_EQ(Curl(Url("/health")).out, R"({"status":"ok"})");
  EXPECT_NE(ListedState().find(R"("rows":48213,"deleted":false)"), std::string::npos);
  // The mismatch of the incident, then the token that was found.
  EXPECT_NE(
      Delete("Authorization: Bearer " + std::string(kStagingDeploy)).out.find("Not Authorized"),
      std::string::npos);
  EXPECT_NE(ListedState().find(R"("rows":48213)"), std::string::npos);
  EXPECT_EQ(Delete(kBearer).out, R"({"data":{"volumeDelete":true}})");
  EXPECT_EQ(ListedState().find(R"("rows":48213)"), std::string::npos);
}

TEST_F(ServerTest, OneConnectionServesSeveralRequestsAndRefusesTheRest) {
  Start();
  const Ran ran = Curl(
      Url("/health") + " " + Url("/nowhere") + " " + Url("/graphql/v2") +
      " -w '%{http_code}/%{num_connects}/%{http_version} ' -o /dev/null -o /dev/null -o /dev/null");
  EXPECT_EQ(ran.out, "200/1/1.1 404/0/1.1 405/0/1.1 ");
  EXPECT_EQ(Curl(Url("/graphql/v2") + " --data nonsense -w '%{http_code}' -o /dev/null").out,
            "400");
  ASSERT_EQ(Shell("head -c 1200000 /dev/zero > " + Path("large")).status, 0);
  EXPECT_EQ(Curl(Url("/graphql/v2") + " --data-binary @" + Path("large") +
                 " -w '%{http_code}' -o /dev/null")
                .out,
            "413");
  EXPECT_EQ(
      Curl(Url("/health") +
           " -H \"x: $(head -c 20000 /dev/zero | tr '\\0' a)\" -w '%{http_code}' -o /dev/null")
          .out,
      "431");
}

TEST_F(ServerTest, TheWorldSurvivesAKill) {
  Start();
  EXPECT_EQ(Delete(kBearer).out, R"({"data":{"volumeDelete":true}})");
  Stop(SIGKILL);
  EXPECT_NE(
      ListedState().find(R"("operation":"volumeDelete","token":"domains-cli","applied":true)"),
      std::string::npos);
  Start();
  EXPECT_NE(Delete(kBearer).out.find("Volume not found"), std::string::npos);
}

TEST_F(ServerTest, TermEndsItCleanly) {
  Start();
  const int status = Stop(SIGTERM);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST_F(ServerTest, AFaultStrikesAfterTheMutationWasApplied) {
  Start({"--fault", "reset-after-request", "--fault-on", "volumeDelete"});
  EXPECT_EQ(Curl(Url("/health")).status, 0);
  const Ran ran = Delete(kBearer);
  EXPECT_NE(ran.status, 0);
  EXPECT_EQ(ran.out, "");
  EXPECT_NE(
      ListedState().find(R"("operation":"volumeDelete","token":"domains-cli","applied":true)"),
      std::string::npos);
}

TEST_F(ServerTest, ALengthCanLie) {
  Start({"--fault", "lie-length"});
  const Ran ran = Delete(kBearer);
  EXPECT_EQ(ran.status, 18);  // CURLE_PARTIAL_FILE
  EXPECT_EQ(ran.out, R"({"data":{"volumeDelete":true}})");
}

TEST_F(ServerTest, AHangNeverAnswers) {
  Start({"--fault=hang"});
  FILE* curl =
      ::popen(("exec curl -sS --cacert " + Path("cert.pem") + " -H '" + kBearer + "' " +
               Url("/graphql/v2") + " --data '{\"query\":\"mutation { userDelete }\"}' 2>/dev/null")
                  .c_str(),
              "r");
  ASSERT_NE(curl, nullptr);
  // The request is on record, so what follows could only be its answer.
  bool recorded = false;
  for (int i = 0; i < 1000 && !recorded; ++i) {
    recorded = ListedState().find("userDelete") != std::string::npos;
  }
  EXPECT_TRUE(recorded);
  Stop(SIGKILL);
  char ignored[64];
  EXPECT_EQ(std::fread(ignored, 1, sizeof ignored, curl), 0u);
  EXPECT_NE(::pclose(curl), 0);
}

TEST_F(ServerTest, WrongWordsAreUsageErrors) {
  const std::string binary = RAILSIM_BINARY;
  EXPECT_EQ(Shell(binary + " --nonsense x 2>/dev/null").status, 2);
  EXPECT_EQ(Shell(binary + " 2>/dev/null").status, 2);
  EXPECT_EQ(Shell(binary + " --state x --mode hardened --listen 127.0.0.1:0 2>&1").out,
            "railsim: hardened mode comes with src/provider (railsim --help)\n");
  EXPECT_EQ(Shell(binary + " --list-state --state " + Path("none") + " 2>/dev/null").status, 1);
  EXPECT_EQ(Shell(binary + " --help >/dev/null").status, 0);
}

}  // namespace
}  // namespace interlock::railsim
