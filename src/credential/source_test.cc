#include "credential/source.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "base/ids.h"

namespace interlock::credential {
namespace {

using namespace std::chrono_literals;

const TimePoint kNow = ParseTime("2026-11-24T12:00:00Z").value();

struct Case {
  const char* name;
  const char* text;
  const char* field;
  const char* value;
  const char* expires;  // "" none
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

constexpr Case kCases[] = {
    {"a_line", "ghp_0123456789abcdef\n", "", "ghp_0123456789abcdef", ""},
    {"a_line_with_crlf", "ghp_0123456789abcdef\r\n", "", "ghp_0123456789abcdef", ""},
    {"aws_credential_process",
     R"({"Version":1,"AccessKeyId":"AKIAEXAMPLE","SecretAccessKey":"sEcReT","SessionToken":"tok","Expiration":"2026-11-24T13:00:00+00:00"})",
     "", "AKIAEXAMPLE:sEcReT:tok", "2026-11-24T13:00:00.000Z"},
    {"aws_without_a_session",
     R"({"Version":1,"AccessKeyId":"AKIAEXAMPLE","SecretAccessKey":"sEcReT"})", "",
     "AKIAEXAMPLE:sEcReT", ""},
    {"aws_sts",
     R"({"Credentials":{"AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":"s","SessionToken":"t","Expiration":"2026-11-24T15:30:00+02:00"},"AssumedRoleUser":{}})",
     "", "ASIAEXAMPLE:s:t", "2026-11-24T13:30:00.000Z"},
    {"gcloud_print_access_token",
     R"({"token":"ya29.abcdefgh","expired":false,"expiry":{"datetime":"2026-11-24 12:59:59","year":2026}})",
     "", "ya29.abcdefgh", "2026-11-24T12:59:59.000Z"},
    {"gcloud_config_helper",
     R"({"configuration":{},"credential":{"access_token":"ya29.abcdefgh","token_expiry":"2026-11-24T12:30:00Z"}})",
     "", "ya29.abcdefgh", "2026-11-24T12:30:00.000Z"},
    {"kubectl_exec_credential",
     R"({"kind":"ExecCredential","status":{"token":"k8s-token-abc","expirationTimestamp":"2026-11-24T12:15:00Z"}})",
     "", "k8s-token-abc", "2026-11-24T12:15:00.000Z"},
    {"vault_token", R"({"auth":{"client_token":"hvs.abcdefgh","lease_duration":1800}})", "",
     "hvs.abcdefgh", "2026-11-24T12:30:00.000Z"},
    {"vault_token_without_an_end", R"({"auth":{"client_token":"hvs.abcdefgh","lease_duration":0}})",
     "", "hvs.abcdefgh", ""},
    {"vault_secret", R"({"lease_duration":60,"data":{"data":{"api":"from-the-vault"}}})",
     "data.data.api", "from-the-vault", "2026-11-24T12:01:00.000Z"},
    {"az",
     R"({"accessToken":"eyJ0.abc.def","expiresOn":"2026-11-24 13:00:00.000000","expires_on":1795525200})",
     "", "eyJ0.abc.def", "2026-11-24T13:00:00.000Z"},
    {"oauth", R"({"access_token":"oauth-token","token_type":"Bearer","expires_in":3600})", "",
     "oauth-token", "2026-11-24T13:00:00.000Z"},
    {"op_item",
     R"({"id":"credential","type":"CONCEALED","label":"credential","value":"op-secret-1"})", "",
     "op-secret-1", ""},
    {"ours", R"({"value":"our-secret","expires":"2026-11-24T12:00:01Z"})", "", "our-secret",
     "2026-11-24T12:00:01.000Z"},
};

class Understood : public testing::TestWithParam<Case> {};
TEST_P(Understood, ValueAndExpiryAreRead) {
  const auto read = ReadSourceOutput(GetParam().text, GetParam().field, kNow);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->value.Reveal(), GetParam().value);
  EXPECT_EQ(read->expires ? FormatTime(*read->expires) : "", GetParam().expires);
}
INSTANTIATE_TEST_SUITE_P(Table, Understood, testing::ValuesIn(kCases),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(ReadSourceOutput, WhatIsNoCredentialIsRefusedWithoutShowingIt) {
  const std::pair<const char*, const char*> kWrong[] = {
      {"", ""},
      {"\n", ""},
      {"short", ""},
      {"two lines\nof something", ""},
      {"{\"value\":\"secret-secret\"", ""},
      {"{\"password\":\"secret-secret\"}", ""},
      {"{\"value\":\"secret-secret\"}", "data.value"},
      {"{\"value\":17}", ""},
      {"{\"value\":\"secret-secret\",\"expires\":\"tomorrow\"}", ""},
      {"{\"value\":\"secret-secret\",\"expires_in\":-1}", ""},
      {"{\"value\":\"secret-secret\",\"expires_in\":0}", ""},
      {"{\"value\":\"secret-secret\",\"expires\":\"2026-11-24T12:00:00Z\"}", ""},
      {"{\"value\":\"secret-secret\",\"value\":\"other-secret\"}", ""},
      {"plain-secret-secret", "value"},
      {"caf\xc3\xa9-secret-secret", ""},
  };
  for (const auto& [text, field] : kWrong) {
    const auto read = ReadSourceOutput(text, field, kNow);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().message.find("secret-secret"), std::string::npos) << text;
  }
}

TEST(AskAgainAt, IsAWhileBeforeTheExpiry) {
  EXPECT_EQ(AskAgainAt(SourceKind::command, kNow + 1h, kNow), kNow + 55min);
  EXPECT_EQ(AskAgainAt(SourceKind::command, kNow + 10min, kNow), kNow + 9min);
  EXPECT_EQ(AskAgainAt(SourceKind::command, kNow + 40s, kNow), kNow + 20s);
  EXPECT_EQ(AskAgainAt(SourceKind::command, std::nullopt, kNow), kNow + 1h);
  EXPECT_EQ(AskAgainAt(SourceKind::file, std::nullopt, kNow), kNow);
}

TEST(AskSource, ACommandIsRunAwayFromOurEnvironment) {
  ::setenv("ILK_SOURCE_TEST", "leaked-into-it", 1);
  const Source source{
      SourceKind::command,
      "printf '{\"value\":\"token-got-%s-%s\",\"expires_in\":60}' \"$PWD\" \"$ILK_SOURCE_TEST\"",
      "",
      {}};
  const auto asked = AskSource(source, kNow, nullptr);
  ::unsetenv("ILK_SOURCE_TEST");
  ASSERT_TRUE(asked) << asked.error().message;
  EXPECT_EQ(asked->value.Reveal(), "token-got-/-");
  EXPECT_EQ(asked->expires, kNow + 60s);
}

TEST(AskSource, ACommandThatFailsSaysHowAndNotWhat) {
  const auto failed =
      AskSource({SourceKind::command, "echo secret-secret; exit 3", "", {}}, kNow, nullptr);
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message.find("status 3"), std::string::npos);
  EXPECT_EQ(failed.error().message.find("secret-secret"), std::string::npos);
}

TEST(AskSource, AVariableIsRead) {
  ::setenv("ILK_SOURCE_TEST", "from-the-environment", 1);
  const Source source{SourceKind::environment, "ILK_SOURCE_TEST", "", {}};
  EXPECT_EQ(AskSource(source, kNow, nullptr)->value.Reveal(), "from-the-environment");
  ::unsetenv("ILK_SOURCE_TEST");
  EXPECT_EQ(AskSource(source, kNow, nullptr).error().code, Code::not_found);
}

TEST(AskSource, AFileThatOthersCouldChangeIsRefused) {
  const auto directory = std::filesystem::temp_directory_path() / ("ilk-source-" + RandomToken());
  ASSERT_TRUE(MakePrivateDirectory(directory));
  const auto path = directory / "token";
  ASSERT_TRUE(WriteFileDurably(path, "from-the-file\n", 0600));
  const Source source{SourceKind::file, path.native(), "", {}};
  EXPECT_EQ(AskSource(source, kNow, nullptr)->value.Reveal(), "from-the-file");
  ASSERT_EQ(::chmod(path.c_str(), 0620), 0);
  EXPECT_EQ(AskSource(source, kNow, nullptr).error().code, Code::denied);
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  std::filesystem::create_symlink(path, directory / "link");
  EXPECT_FALSE(AskSource({SourceKind::file, (directory / "link").native(), "", {}}, kNow, nullptr));
  EXPECT_FALSE(AskSource({SourceKind::file, directory.native(), "", {}}, kNow, nullptr));
  ASSERT_TRUE(WriteFileDurably(path, std::string(70'000, 'x'), 0600));
  EXPECT_EQ(AskSource(source, kNow, nullptr).error().code, Code::limit);
  std::filesystem::remove_all(directory);
  EXPECT_EQ(AskSource(source, kNow, nullptr).error().code, Code::not_found);
}

TEST(CheckSource, WhatCanNotBeAskedIsRefused) {
  const Source kWrong[] = {{SourceKind::command, "", "", {}},
                           {SourceKind::environment, "A-B", "", {}},
                           {SourceKind::environment, "1A", "", {}},
                           {SourceKind::file, "relative/path", "", {}},
                           {SourceKind::mint, "", "", {}},
                           {SourceKind::command, std::string(5000, 'x'), "", {}},
                           {SourceKind::command, std::string("a\0b", 3), "", {}}};
  for (const Source& source : kWrong) EXPECT_FALSE(CheckSource(source)) << source.text;
  const Source good{SourceKind::mint, "admin", "", {{"project", "p"}}};
  EXPECT_TRUE(CheckSource(good));
  EXPECT_EQ(SourceFromJson(ToJson(good)), good);
}

}  // namespace
}  // namespace interlock::credential
