#include "crypto/allowed_signers.h"

#include <gtest/gtest.h>

#include "crypto/fake_keys.h"

namespace interlock::crypto {
namespace {

const std::string kKey =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIlizSIN3DQV78VPNjVvvwjgf+P5HqbPYCYu3BOMdjAE";

TEST(AllowedSigners, ALineIsReadInAllItsParts) {
  const auto signer = ParseAllowedSigner(
      "alice,alice@laptop namespaces=\"approval@interlock,git*\",VALID-after=20260101Z,"
      "valid-before=\"202701011200Z\" " +
      kKey + " work laptop");
  ASSERT_TRUE(signer) << signer.error().message;
  EXPECT_EQ(signer->principals, (std::vector<std::string>{"alice", "alice@laptop"}));
  EXPECT_EQ(signer->namespaces, (std::vector<std::string>{"approval@interlock", "git*"}));
  EXPECT_EQ(FormatTime(*signer->valid_after), "2026-01-01T00:00:00.000Z");
  EXPECT_EQ(FormatTime(*signer->valid_before), "2027-01-01T12:00:00.000Z");
  EXPECT_EQ(signer->comment, "work laptop");
  EXPECT_EQ(signer->key.type, SshKeyType::ed25519);
  EXPECT_EQ(ParseAllowedSigner(FormatAllowedSigner(*signer)), *signer);
}

TEST(AllowedSigners, AFingerprintIsWrittenAsSshKeygenWritesIt) {
  const auto signer = ParseAllowedSigner("alice " + kKey);
  ASSERT_TRUE(signer);
  EXPECT_EQ(signer->key.fingerprint.substr(0, 7), "SHA256:");
  EXPECT_EQ(signer->key.fingerprint.size(), 7u + 43u);
}

TEST(AllowedSigners, WhatDoesNotNameOnePersonIsRefused) {
  const std::string bad[] = {
      "* " + kKey,
      "*@example.org " + kKey,
      "!bob,alice " + kKey,
      "alice,,bob " + kKey,
      kKey,
      "alice",
      "alice " + kKey.substr(0, 40),
      "alice ssh-rsa " + kKey.substr(12),
      "alice cert-authority " + kKey,
      "alice cert-authority,namespaces=\"x\" " + kKey,
      "alice namespaces=\"\" " + kKey,
      "alice namespaces=\"a,!b\" " + kKey,
      "alice namespaces=\"a " + kKey,
      "alice valid-before=20270101 " + kKey,
      "alice valid-before=20271301Z " + kKey,
      "alice valid-before=20270101Z,valid-before=20280101Z " + kKey,
      "alice verify-required=1 " + kKey,
      "alice " + kKey + " a\rb",
      "alice " + kKey + std::string(" a\0b", 4),
  };
  for (const std::string& line : bad) {
    const auto signer = ParseAllowedSigner(line);
    EXPECT_FALSE(signer) << line;
  }
}

TEST(AllowedSigners, AFileReportsEveryBadLine) {
  const auto file =
      ParseAllowedSigners("# people\n\nalice " + kKey + "\n* " + kKey + "\n  bob x y\n");
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().message.find("line 4:"), std::string::npos) << file.error().message;
  EXPECT_NE(file.error().message.find("line 5:"), std::string::npos) << file.error().message;
}

TEST(AllowedSigners, AFileRoundTrips) {
  const auto file = ParseAllowedSigners("alice " + kKey + " c\nbob valid-before=20270101Z " + kKey);
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->size(), 2u);
  EXPECT_EQ(ParseAllowedSigners(FormatAllowedSigners(*file)), *file);
  EXPECT_EQ(FindByKey(*file, file->front().key).size(), 2u);
}

TEST(AllowedSigners, ACommentCannotStartALineOfItsOwn) {
  AllowedSigner signer = *ParseAllowedSigner("alice " + kKey);
  signer.comment = "x\nmallory " + kKey;
  const auto file = ParseAllowedSigners(FormatAllowedSigners({signer}));
  ASSERT_TRUE(file);
  EXPECT_EQ(file->size(), 1u);
}

TEST(AllowedSigners, ValidityIncludesItsStartAndExcludesItsEnd) {
  AllowedSigner signer =
      *ParseAllowedSigner("alice valid-after=20260101Z,valid-before=20270101Z " + kKey);
  EXPECT_TRUE(IsValidAt(signer, *signer.valid_after));
  EXPECT_FALSE(IsValidAt(signer, *signer.valid_after - std::chrono::milliseconds(1)));
  EXPECT_TRUE(IsValidAt(signer, *signer.valid_before - std::chrono::milliseconds(1)));
  EXPECT_FALSE(IsValidAt(signer, *signer.valid_before));
}

TEST(AllowedSigners, NamespacesAreMatched) {
  AllowedSigner signer = *ParseAllowedSigner("alice " + kKey);
  EXPECT_TRUE(AllowsNamespace(signer, "anything"));
  signer.namespaces = {"git", "approval@*"};
  EXPECT_TRUE(AllowsNamespace(signer, "approval@interlock"));
  EXPECT_FALSE(AllowsNamespace(signer, "file"));
}

TEST(SshKey, WeakAndOddRsaKeysAreRefused) {
  // e, n as an ssh-rsa line; only the sizes matter here.
  EXPECT_FALSE(ParseSshKeyLine("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDf"));
  EXPECT_FALSE(ParseSshKeyLine("ssh-dss AAAAB3NzaC1kc3MAAAAA"));
  EXPECT_FALSE(ParseSshKeyLine(""));
  EXPECT_FALSE(ParseSshKeyLine("ssh-ed25519"));
}

TEST(SshKey, APasskeyIsWrittenAsASecurityKeyOfItsRelyingParty) {
  const FakeKey fake;
  const SshPublicKey key = fake.passkey("localhost");
  const auto again = ParseSshKeyLine(FormatSshKeyLine(key));
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, key);
  EXPECT_EQ(again->application, "localhost");
  EXPECT_EQ(PasskeyFromSpki(fake.spki(), "localhost"), key);
  EXPECT_FALSE(PasskeyFromSpki(fake.spki() + "x", "localhost"));
  EXPECT_FALSE(PasskeyFromSpki("", "localhost"));
  EXPECT_FALSE(PasskeyAsSshKey("short", std::string(32, 'y'), "localhost"));
  EXPECT_FALSE(PasskeyAsSshKey(std::string(32, 'x'), std::string(32, 'y'), ""));
}

}  // namespace
}  // namespace interlock::crypto
