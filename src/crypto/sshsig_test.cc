#include "crypto/sshsig.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/file.h"
#include "crypto/fake_keys.h"
#include "crypto/ssh_wire.h"

namespace interlock::crypto {
namespace {

const std::string kVectors = std::string(ILK_SHARED_DIR) + "/vectors/sshsig/";

std::string Read(const std::string& path) {
  auto text = ReadFile(path);
  return text ? *std::move(text) : "";
}

struct Case {
  const char* name;
  SshKeyType type;
  SignatureForm form;
  std::uint8_t flags;
};
void PrintTo(const Case& each, std::ostream* out) { *out << each.name; }
constexpr Case kCases[] = {
    {"ed25519", SshKeyType::ed25519, SignatureForm::plain, 0},
    {"ecdsa", SshKeyType::ecdsa_p256, SignatureForm::plain, 0},
    {"rsa", SshKeyType::rsa, SignatureForm::plain, 0},
    {"ed25519_sk", SshKeyType::sk_ed25519, SignatureForm::security_key, 1},
    {"ecdsa_sk", SshKeyType::sk_ecdsa_p256, SignatureForm::security_key, 1},
    {"ecdsa_sk_webauthn", SshKeyType::sk_ecdsa_p256, SignatureForm::webauthn, 1},
};

class OpensshVector : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    signature = Read(kVectors + GetParam().name + ".sig");
    message = Read(kVectors + "signed-data");
    if (signature.empty() || message.empty()) GTEST_SKIP() << "no OpenSSH vectors in " << kVectors;
  }
  std::string signature;
  std::string message;
};
INSTANTIATE_TEST_SUITE_P(Table, OpensshVector, testing::ValuesIn(kCases),
                         [](const auto& each) { return std::string(each.param.name); });

TEST_P(OpensshVector, Verifies) {
  const auto info = VerifySshsig(signature, message, "unittest");
  ASSERT_TRUE(info) << info.error().message;
  const auto key = ParseSshKeyLine(Read(kVectors + GetParam().name + ".pub"));
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(info->key, *key);
  EXPECT_EQ(info->key.type, GetParam().type);
  EXPECT_EQ(info->form, GetParam().form);
  EXPECT_EQ(info->flags, GetParam().flags);
  EXPECT_EQ(info->ns, "unittest");
}

TEST_P(OpensshVector, DoesNotVerifyForAnotherMessageOrNamespace) {
  EXPECT_EQ(VerifySshsig(signature, message + "x", "unittest").error().code, Code::verification);
  EXPECT_EQ(VerifySshsig(signature, message, "unittesT").error().code, Code::verification);
  EXPECT_FALSE(VerifySshsig(signature, message, ""));
}

TEST_P(OpensshVector, NoFlippedByteOfTheBlobVerifies) {
  std::string armored = signature;
  std::string base64;
  for (std::size_t at = armored.find('\n') + 1; armored[at] != '-'; ++at) {
    if (armored[at] != '\n') base64.push_back(armored[at]);
  }
  const auto blob = FromBase64(base64);
  ASSERT_TRUE(blob);
  ASSERT_TRUE(VerifySshsig(*blob, message, "unittest"));
  for (std::size_t at = 0; at < blob->size(); ++at) {
    for (const int mask : {0x01, 0x80}) {
      std::string tampered = *blob;
      tampered[at] = static_cast<char>(tampered[at] ^ mask);
      const auto info = VerifySshsig(tampered, message, "unittest");
      EXPECT_FALSE(info) << "byte " << at << " mask " << mask;
    }
  }
  for (std::size_t length = 0; length < blob->size(); ++length) {
    EXPECT_FALSE(VerifySshsig(blob->substr(0, length), message, "unittest")) << length;
  }
  EXPECT_FALSE(VerifySshsig(*blob + '\0', message, "unittest"));
}

TEST(Sshsig, WebauthnFieldsAreReturned) {
  const std::string signature = Read(kVectors + "ecdsa_sk_webauthn.sig");
  if (signature.empty()) GTEST_SKIP() << "no OpenSSH vectors in " << kVectors;
  const auto info = ParseSshsig(signature);
  ASSERT_TRUE(info && info->webauthn);
  EXPECT_EQ(info->webauthn->origin, "https://www.mindrot.org");
  EXPECT_FALSE(info->webauthn->cross_origin);
  EXPECT_EQ(info->key.application, "mindrot.org");
  EXPECT_TRUE(info->UserPresent());
  EXPECT_FALSE(info->UserVerified());
}

TEST(Sshsig, AnUnknownKeyTypeIsNamed) {
  const std::string signature = Read(kVectors + "mldsa44-ed25519.sig");
  if (signature.empty()) GTEST_SKIP() << "no OpenSSH vectors in " << kVectors;
  const auto info = VerifySshsig(signature, Read(kVectors + "signed-data"), "unittest");
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().code, Code::invalid_input);
  EXPECT_NE(info.error().message.find("unsupported key type \"ssh-mldsa44-ed25519@openssh.com\""),
            std::string::npos)
      << info.error().message;
}

TEST(Sshsig, ArmorIsReadStrictly) {
  const FakeKey key;
  const std::string good = key.SignAsFile("m", "n@x");
  ASSERT_TRUE(VerifySshsig(good, "m", "n@x"));
  std::string crlf;
  for (const char c : good) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
  EXPECT_TRUE(VerifySshsig(crlf, "m", "n@x"));
  EXPECT_TRUE(VerifySshsig(good.substr(0, good.size() - 1), "m", "n@x")) << "no last line break";
  const std::string bad[] = {"",
                             "\n" + good,
                             " " + good,
                             good + "x",
                             good + good,
                             "-----BEGIN SSH",
                             good.substr(0, good.size() / 2),
                             "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n"};
  for (const std::string& text : bad) EXPECT_FALSE(VerifySshsig(text, "m", "n@x")) << text;
}

TEST(Sshsig, ASecondSpellingOfANumberIsRefused) {
  const FakeKey key;
  const std::string blob_head = "SSHSIG" + SshUint32(1) + SshString(key.file_key().blob) +
                                SshString("n") + SshString("") + SshString("sha512");
  const auto with = [&](const std::string& r, const std::string& s) {
    return ParseSshsig(blob_head + SshString(SshString("ecdsa-sha2-nistp256") +
                                             SshString(SshString(r) + SshString(s))));
  };
  EXPECT_TRUE(with("\x01", "\x02"));
  EXPECT_FALSE(with(std::string("\0\x01", 2), "\x02")) << "padded";
  EXPECT_FALSE(with("\x81", "\x02")) << "negative";
  EXPECT_FALSE(with("", "\x02")) << "zero";
  EXPECT_FALSE(with(std::string(1, '\0'), "\x02")) << "zero with a byte";
  EXPECT_FALSE(with(std::string(33, '\x01'), "\x02")) << "longer than the curve";
}

TEST(Sshsig, TheReservedFieldAndOtherVersionsAreRefused) {
  const FakeKey key;
  const auto blob = [&](std::uint32_t version, std::string_view reserved, std::string_view hash,
                        std::string_view ns) {
    return "SSHSIG" + SshUint32(version) + SshString(key.file_key().blob) + SshString(ns) +
           SshString(reserved) + SshString(hash) +
           SshString(SshString("ecdsa-sha2-nistp256") +
                     SshString(SshString("\x01") + SshString("\x02")));
  };
  EXPECT_TRUE(ParseSshsig(blob(1, "", "sha512", "n")));
  EXPECT_TRUE(ParseSshsig(blob(1, "", "sha256", "n")));
  EXPECT_FALSE(ParseSshsig(blob(2, "", "sha512", "n")));
  EXPECT_FALSE(ParseSshsig(blob(1, "r", "sha512", "n")));
  EXPECT_FALSE(ParseSshsig(blob(1, "", "sha1", "n")));
  EXPECT_FALSE(ParseSshsig(blob(1, "", "sha512", "")));
}

TEST(Sshsig, AlgorithmAndKeyHaveToAgree) {
  const FakeKey key;
  const std::string pair = SshString(SshString("\x01") + SshString("\x02"));
  const auto with = [&](std::string_view algorithm) {
    return ParseSshsig("SSHSIG" + SshUint32(1) + SshString(key.file_key().blob) + SshString("n") +
                       SshString("") + SshString("sha512") +
                       SshString(SshString(algorithm) + pair));
  };
  EXPECT_TRUE(with("ecdsa-sha2-nistp256"));
  for (const char* other : {"ssh-ed25519", "ecdsa-sha2-nistp384", "ssh-rsa", "rsa-sha2-512", "",
                            "webauthn-sk-ecdsa-sha2-nistp256@openssh.com"}) {
    EXPECT_FALSE(with(other)) << other;
  }
}

// A passkey that was given the to-be-signed bytes as its challenge.
class Passkey : public testing::Test {
 protected:
  Result<SshsigInfo> Try(const WebauthnAssertion& assertion,
                         std::string_view rp_id = "console.test") {
    auto armored = SshsigFromWebauthn(key.passkey(rp_id), assertion, "n@x", "sha256");
    if (!armored) return std::unexpected(armored.error());
    return VerifySshsig(*armored, "m", "n@x");
  }
  const FakeKey key;
  const std::string challenge = SshsigSignedData("m", "n@x", "sha256");
};

TEST_F(Passkey, AnAssertionBecomesAnSshsig) {
  const auto info = Try(key.Assert(challenge, "console.test", "https://console.test", {0x05, 42}));
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_TRUE(info->UserPresent());
  EXPECT_TRUE(info->UserVerified());
  EXPECT_EQ(info->counter, 42u);
  EXPECT_EQ(info->webauthn->origin, "https://console.test");
}

TEST_F(Passkey, OtherChallengesRelyingPartiesAndTypesDoNotHold) {
  EXPECT_FALSE(Try(key.Assert(challenge + "x", "console.test", "https://console.test")));
  EXPECT_FALSE(Try(key.Assert(challenge, "evil.test", "https://console.test")));
  const FakeKey other;
  EXPECT_FALSE(Try(other.Assert(challenge, "console.test", "https://console.test")));
  auto create = key.Assert(challenge, "console.test", "https://console.test");
  create.client_data_json.replace(create.client_data_json.find(".get"), 4, ".put");
  EXPECT_FALSE(Try(create));
}

TEST_F(Passkey, CrossOriginIsSeenHoweverItIsSaid) {
  const auto cross = [&](std::string_view more) {
    return Try(key.Assert(challenge, "console.test", "https://console.test", {}, more));
  };
  EXPECT_FALSE(cross("")->webauthn->cross_origin);
  EXPECT_TRUE(cross(R"(,"crossOrigin":true)")->webauthn->cross_origin);
  EXPECT_TRUE(cross(R"(,"topOrigin":"https://evil.test")")->webauthn->cross_origin);
  EXPECT_FALSE(cross(R"(,"crossOrigin":"no")")) << "not a boolean";
  EXPECT_FALSE(cross(R"(,"crossOrigin":true,"crossOrigin":false)")) << "said twice";
  EXPECT_FALSE(cross(R"(,"origin":"https://evil.test")")) << "origin said twice";
}

TEST_F(Passkey, ExtensionAndAttestationFlagsAreChecked) {
  EXPECT_FALSE(Try(key.Assert(challenge, "console.test", "https://console.test", {0x45, 1})));
  EXPECT_FALSE(Try(key.Assert(challenge, "console.test", "https://console.test", {0x85, 1})));
}

TEST(SecurityKey, FlagsAndCounterAreSigned) {
  const FakeKey key;
  const auto info = VerifySshsig(key.SignAsSecurityKey("m", "n@x", {0x00, 9}), "m", "n@x");
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->form, SignatureForm::security_key);
  EXPECT_FALSE(info->UserPresent()) << "holds, and is for the caller to refuse";
  EXPECT_EQ(info->counter, 9u);
}

}  // namespace
}  // namespace interlock::crypto
