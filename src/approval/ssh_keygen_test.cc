// Against stock OpenSSH, both directions: what ssh-keygen signs is an approval, and what is
// enrolled and signed here verifies with ssh-keygen and the same allowed_signers file.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>

#include "approval/fake_statement.h"
#include "approval/quorum.h"
#include "base/file.h"
#include "base/ids.h"
#include "crypto/fake_keys.h"

extern char** environ;

namespace interlock::approval {
namespace {

namespace fs = std::filesystem;

struct KeyType {
  const char* name;
  const char* type;
  const char* bits;
};
void PrintTo(const KeyType& key, std::ostream* out) { *out << key.name; }
constexpr KeyType kKeyTypes[] = {{"ed25519", "ed25519", "256"},
                                 {"ecdsa256", "ecdsa", "256"},
                                 {"ecdsa384", "ecdsa", "384"},
                                 {"ecdsa521", "ecdsa", "521"},
                                 {"rsa", "rsa", "2048"}};

class SshKeygen : public testing::TestWithParam<KeyType> {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("interlock-test-" + RandomUuid());
    ASSERT_TRUE(MakePrivateDirectory(folder_));
    if (Run({"ssh-keygen", "-q", "-N", "", "-C", "", "-t", GetParam().type, "-b", GetParam().bits,
             "-f", Path("key")}) != 0) {
      GTEST_SKIP() << "ssh-keygen is not installed or can't make a key";
    }
    const auto key = crypto::ParseSshKeyLine(ReadText("key.pub"));
    ASSERT_TRUE(key) << key.error().message;
    crypto::AllowedSigner signer;
    signer.principals = {"alice"};
    signer.namespaces = {std::string(kNamespace)};
    signer.valid_after = FakeTime("2026-01-01T00:00:00.000Z");
    signer.key = *key;
    signers_ = {signer};
    WriteText("allowed_signers", crypto::FormatAllowedSigners(signers_));
    WriteText("statement", Pae(StatementJson(statement_)));
    requirement_ = {{KeyKind::file}, {}, statement_.policy_digest, Digest(statement_.action)};
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Path(const char* name) const { return (folder_ / name).string(); }
  std::string ReadText(const char* name) const { return ReadFile(Path(name)).value_or(""); }
  void WriteText(const char* name, std::string_view text) const {
    std::ofstream(Path(name), std::ios::binary) << text;
  }

  // The exit status; stdin from `input` (a file in the folder), output dropped.
  int Run(std::vector<std::string> words, const char* input = nullptr) const {
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const std::string stdin_path = input ? Path(input) : "/dev/null";
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, stdin_path.c_str(), O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    pid_t child = 0;
    const int spawned =
        posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (spawned != 0) return 127;
    int status = 0;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) return 126;
    return WEXITSTATUS(status);
  }

  std::string Sign(const char* ns = "approval@interlock", const char* hash = "sha512") const {
    fs::remove(Path("statement.sig"));
    EXPECT_EQ(Run({"ssh-keygen", "-Y", "sign", "-f", Path("key"), "-n", ns, "-O",
                   std::string("hashalg=") + hash, Path("statement")}),
              0);
    return ReadText("statement.sig");
  }

  int StockVerify(const char* verify_time = "20260424092000Z") const {
    return Run({"ssh-keygen", "-Y", "verify", "-f", Path("allowed_signers"), "-I", "alice", "-n",
                "approval@interlock", "-s", Path("statement.sig"), "-O",
                std::string("verify-time=") + verify_time},
               "statement");
  }

  Check Ours(const std::string& signature) const {
    return CheckApproval(statement_, {Pae(StatementJson(statement_)), signature, "alice"}, signers_,
                         requirement_, {}, FakeTime("2026-04-24T09:20:00.000Z"));
  }

  fs::path folder_;
  const Statement statement_ = FakeStatement();
  crypto::AllowedSigners signers_;
  Requirement requirement_;
};
INSTANTIATE_TEST_SUITE_P(Keys, SshKeygen, testing::ValuesIn(kKeyTypes),
                         [](const auto& each) { return std::string(each.param.name); });

TEST_P(SshKeygen, ItsSignatureIsAnApproval) {
  for (const char* hash : {"sha512", "sha256"}) {
    const Check check = Ours(Sign("approval@interlock", hash));
    ASSERT_TRUE(check.approval) << check.reason;
    EXPECT_EQ(check.approval->approver, "alice");
    EXPECT_EQ(StockVerify(), 0) << "stock ssh-keygen agrees, with our allowed_signers file";
  }
}

TEST_P(SshKeygen, OtherNamespacesAreRefusedByBoth) {
  EXPECT_EQ(Ours(Sign("file")).refusal, Refusal::wrong_namespace);
  EXPECT_NE(StockVerify(), 0);
}

TEST_P(SshKeygen, AnotherStatementIsRefusedByBoth) {
  const std::string signature = Sign();
  std::string other = Pae(StatementJson(statement_));
  other[other.size() / 2] = static_cast<char>(other[other.size() / 2] ^ 1);
  WriteText("statement", other);
  EXPECT_NE(StockVerify(), 0);
  EXPECT_FALSE(crypto::VerifySshsig(signature, other, kNamespace));
}

TEST_P(SshKeygen, BothHonourTheDatesInTheFile) {
  signers_[0].valid_before = FakeTime("2026-04-01T00:00:00.000Z");
  WriteText("allowed_signers", crypto::FormatAllowedSigners(signers_));
  EXPECT_EQ(Ours(Sign()).refusal, Refusal::key_not_valid);
  EXPECT_NE(StockVerify(), 0);
  EXPECT_EQ(StockVerify("20260301000000Z"), 0);
}

// Devices can't be had in a test; their signatures are made here and checked by stock OpenSSH.
class StockVerifiesDevices : public SshKeygen {};
INSTANTIATE_TEST_SUITE_P(Devices, StockVerifiesDevices, testing::Values(kKeyTypes[0]),
                         [](const auto& each) { return std::string(each.param.name); });

TEST_P(StockVerifiesDevices, TokensAndPasskeys) {
  const crypto::FakeKey device;
  const std::string pae = Pae(StatementJson(statement_));
  const std::string challenge = crypto::SshsigSignedData(pae, kNamespace, "sha256");
  const auto passkey = crypto::SshsigFromWebauthn(
      device.passkey("console.test"),
      device.Assert(challenge, "console.test", "https://console.test"), kNamespace, "sha256");
  ASSERT_TRUE(passkey) << passkey.error().message;

  signers_[0].key = device.security_key();
  WriteText("allowed_signers", crypto::FormatAllowedSigners(signers_));
  WriteText("statement.sig", device.SignAsSecurityKey(pae, kNamespace));
  EXPECT_EQ(StockVerify(), 0);

  signers_[0].key = device.passkey("console.test");
  WriteText("allowed_signers", crypto::FormatAllowedSigners(signers_));
  WriteText("statement.sig", *passkey);
  EXPECT_EQ(StockVerify(), 0);
  WriteText("statement", pae + "x");
  EXPECT_NE(StockVerify(), 0);
}

}  // namespace
}  // namespace interlock::approval
