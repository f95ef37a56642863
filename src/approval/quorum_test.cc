#include "approval/quorum.h"

#include <gtest/gtest.h>

#include "approval/fake_statement.h"
#include "base/bytes.h"
#include "crypto/fake_keys.h"

namespace interlock::approval {
namespace {

constexpr std::string_view kOrigin = "https://console.test:7443";
constexpr std::string_view kRelyingParty = "console.test";

crypto::AllowedSigner Enrol(std::string name, crypto::SshPublicKey key) {
  crypto::AllowedSigner signer;
  signer.principals = {std::move(name)};
  signer.key = std::move(key);
  return signer;
}

class Quorum : public testing::Test {
 protected:
  Quorum() {
    requirement.kinds = {KeyKind::file, KeyKind::security_key, KeyKind::passkey};
    requirement.origins = {std::string(kOrigin)};
    requirement.policy_digest = statement.policy_digest;
    requirement.action_digest = Digest(statement.action);
    signers = {Enrol("alice", alice.file_key()), Enrol("alice", alice.security_key()),
               Enrol("bob", bob.passkey(kRelyingParty))};
  }

  std::string PaeBytes() const { return Pae(StatementJson(statement)); }

  Check Try(std::string_view signature) const {
    return CheckApproval(statement, {PaeBytes(), signature, ""}, signers, requirement, already,
                         now);
  }

  std::string BobSigns(std::string_view origin = kOrigin, crypto::FakeTouch touch = {},
                       std::string_view more = R"(,"crossOrigin":false)") const {
    const std::string challenge = crypto::SshsigSignedData(PaeBytes(), kNamespace, "sha256");
    const auto assertion = bob.Assert(challenge, kRelyingParty, origin, touch, more);
    return crypto::SshsigFromWebauthn(bob.passkey(kRelyingParty), assertion, kNamespace, "sha256")
        .value_or("");
  }

  Statement statement = FakeStatement();
  Requirement requirement;
  crypto::AllowedSigners signers;
  std::vector<Approval> already;
  TimePoint now = FakeTime("2026-04-24T09:20:00.000Z");
  const crypto::FakeKey alice;
  const crypto::FakeKey bob;
  const crypto::FakeKey mallory;
};

TEST_F(Quorum, EveryKindOfKeyApproves) {
  const Check file = Try(alice.SignAsFile(PaeBytes(), kNamespace));
  ASSERT_TRUE(file.approval) << file.reason;
  EXPECT_EQ(file.approval->approver, "alice");
  EXPECT_EQ(file.approval->kind, KeyKind::file);
  EXPECT_EQ(file.approval->at, now);
  EXPECT_FALSE(file.refusal);

  const Check token = Try(alice.SignAsSecurityKey(PaeBytes(), kNamespace, {0x01, 12}));
  ASSERT_TRUE(token.approval) << token.reason;
  EXPECT_EQ(token.approval->kind, KeyKind::security_key);
  EXPECT_EQ(token.approval->counter, 12u);

  const Check passkey = Try(BobSigns());
  ASSERT_TRUE(passkey.approval) << passkey.reason;
  EXPECT_EQ(passkey.approval->approver, "bob");
  EXPECT_EQ(passkey.approval->kind, KeyKind::passkey);
}

TEST_F(Quorum, SignaturesOfOthersAreRefused) {
  EXPECT_EQ(Try(mallory.SignAsFile(PaeBytes(), kNamespace)).refusal, Refusal::unknown_key);
  EXPECT_EQ(Try("").refusal, Refusal::unreadable_signature);
  EXPECT_EQ(Try("-----BEGIN SSH SIGNATURE-----\n").refusal, Refusal::unreadable_signature);
  const std::string signature = alice.SignAsFile(PaeBytes(), kNamespace);
  EXPECT_EQ(
      CheckApproval(statement, {PaeBytes(), signature, "bob"}, signers, requirement, already, now)
          .refusal,
      Refusal::not_this_person);
  EXPECT_TRUE(
      CheckApproval(statement, {PaeBytes(), signature, "Alice"}, signers, requirement, already, now)
          .approval);
}

TEST_F(Quorum, AnotherNamespaceOrMessageIsRefused) {
  EXPECT_EQ(Try(alice.SignAsFile(PaeBytes(), "file")).refusal, Refusal::wrong_namespace);
  EXPECT_EQ(Try(alice.SignAsFile(PaeBytes() + " ", kNamespace)).refusal, Refusal::bad_signature);
  EXPECT_EQ(Try(alice.SignAsFile(StatementJson(statement), kNamespace)).refusal,
            Refusal::bad_signature)
      << "the statement alone is not what is signed";
}

TEST_F(Quorum, ASignatureForAnotherStatementDoesNotCarryOver) {
  const std::string signature = alice.SignAsFile(PaeBytes(), kNamespace);
  const std::string pae = PaeBytes();
  statement.nonce += "x";
  EXPECT_EQ(Try(signature).refusal, Refusal::bad_signature);
  EXPECT_EQ(
      CheckApproval(statement, {pae, signature, ""}, signers, requirement, already, now).refusal,
      Refusal::statement_mismatch);
}

TEST_F(Quorum, TheStoredRequestHasToBeTheOneInTheStatement) {
  requirement.action_digest = std::string(64, '0');
  EXPECT_EQ(Try(alice.SignAsFile(PaeBytes(), kNamespace)).refusal, Refusal::statement_mismatch);
}

TEST_F(Quorum, AChangedPolicyNeedsANewStatement) {
  requirement.policy_digest = std::string(64, 'b');
  EXPECT_EQ(Try(alice.SignAsFile(PaeBytes(), kNamespace)).refusal, Refusal::policy_changed);
}

TEST_F(Quorum, ExpiryIsExactToTheMillisecond) {
  const std::string signature = alice.SignAsFile(PaeBytes(), kNamespace);
  now = statement.expires - std::chrono::milliseconds(1);
  EXPECT_TRUE(Try(signature).approval);
  now = statement.expires;
  EXPECT_EQ(Try(signature).refusal, Refusal::expired);
}

TEST_F(Quorum, AKeyCountsOnlyWhileItIsValidAndForApprovals) {
  const std::string signature = alice.SignAsFile(PaeBytes(), kNamespace);
  signers[0].valid_before = now;
  EXPECT_EQ(Try(signature).refusal, Refusal::key_not_valid);
  signers[0].valid_before = std::nullopt;
  signers[0].valid_after = now + std::chrono::milliseconds(1);
  EXPECT_EQ(Try(signature).refusal, Refusal::key_not_valid);
  signers[0].valid_after = std::nullopt;
  signers[0].namespaces = {"git"};
  EXPECT_EQ(Try(signature).refusal, Refusal::key_not_valid);
  signers[0].namespaces = {"git", "approval@interlock"};
  EXPECT_TRUE(Try(signature).approval);
}

TEST_F(Quorum, AKeyUnderTwoNamesCountsForNobody) {
  const std::string signature = alice.SignAsFile(PaeBytes(), kNamespace);
  signers.push_back(Enrol("carol", alice.file_key()));
  EXPECT_EQ(Try(signature).refusal, Refusal::several_persons);
  signers.pop_back();
  signers[0].principals = {"alice", "carol"};
  EXPECT_EQ(Try(signature).refusal, Refusal::several_persons);
}

TEST_F(Quorum, OnePersonWithTwoKeysIsOnePerson) {
  statement.approvals_required = 2;
  const Check first = Try(alice.SignAsFile(PaeBytes(), kNamespace));
  ASSERT_TRUE(first.approval);
  already = {*first.approval};
  EXPECT_FALSE(QuorumReached(statement, already));
  EXPECT_EQ(Try(alice.SignAsSecurityKey(PaeBytes(), kNamespace)).refusal, Refusal::already_counted);
  signers[1].principals = {"ALICE"};
  EXPECT_EQ(Try(alice.SignAsSecurityKey(PaeBytes(), kNamespace)).refusal, Refusal::already_counted);
  const Check second = Try(BobSigns());
  ASSERT_TRUE(second.approval) << second.reason;
  already.push_back(*second.approval);
  EXPECT_TRUE(QuorumReached(statement, already));
}

TEST_F(Quorum, TheSameApprovalTwiceIsOnePerson) {
  statement.approvals_required = 2;
  const Check first = Try(alice.SignAsFile(PaeBytes(), kNamespace));
  already = {*first.approval, *first.approval};
  EXPECT_EQ(CountPersons(already), 1);
  EXPECT_FALSE(QuorumReached(statement, already));
  statement.approvals_required = 0;
  EXPECT_FALSE(QuorumReached(statement, already)) << "a quorum of nobody is never reached";
}

TEST_F(Quorum, ThePolicysKindsAreEnforced) {
  requirement.kinds = {KeyKind::passkey, KeyKind::security_key};
  EXPECT_EQ(Try(alice.SignAsFile(PaeBytes(), kNamespace)).refusal, Refusal::wrong_kind);
  EXPECT_TRUE(Try(BobSigns()).approval);
  requirement.kinds = {KeyKind::file};
  EXPECT_EQ(Try(BobSigns()).refusal, Refusal::wrong_kind);
  requirement.kinds = {};
  EXPECT_EQ(Try(alice.SignAsFile(PaeBytes(), kNamespace)).refusal, Refusal::wrong_kind);
}

TEST_F(Quorum, DevicesHaveToBeTouchedAndPasskeysUnlocked) {
  EXPECT_EQ(Try(alice.SignAsSecurityKey(PaeBytes(), kNamespace, {0x00, 1})).refusal,
            Refusal::not_present);
  EXPECT_TRUE(Try(alice.SignAsSecurityKey(PaeBytes(), kNamespace, {0x01, 1})).approval);
  EXPECT_EQ(Try(BobSigns(kOrigin, {0x00, 1})).refusal, Refusal::not_present);
  EXPECT_EQ(Try(BobSigns(kOrigin, {0x04, 1})).refusal, Refusal::not_present);
  EXPECT_EQ(Try(BobSigns(kOrigin, {0x01, 1})).refusal, Refusal::not_verified);
  EXPECT_TRUE(Try(BobSigns(kOrigin, {0x05, 1})).approval);
}

TEST_F(Quorum, OtherPagesAreRefused) {
  EXPECT_EQ(Try(BobSigns("https://evil.example")).refusal, Refusal::foreign_origin);
  EXPECT_EQ(Try(BobSigns("https://console.test")).refusal, Refusal::foreign_origin) << "other port";
  EXPECT_EQ(Try(BobSigns("http://console.test:7443")).refusal, Refusal::foreign_origin);
  EXPECT_EQ(Try(BobSigns(kOrigin, {}, R"(,"crossOrigin":true)")).refusal, Refusal::foreign_origin);
  EXPECT_EQ(Try(BobSigns(kOrigin, {}, R"(,"topOrigin":"https://evil.example")")).refusal,
            Refusal::foreign_origin);
  requirement.origins = {"https://other.test"};
  EXPECT_EQ(Try(BobSigns("https://other.test")).refusal, Refusal::foreign_origin)
      << "allowed page, but the passkey is another relying party's";
  requirement.origins = {"https://a.console.test"};
  EXPECT_TRUE(Try(BobSigns("https://a.console.test")).approval) << "a page below the relying party";
  requirement.origins = {"https://evilconsole.test"};
  EXPECT_EQ(Try(BobSigns("https://evilconsole.test")).refusal, Refusal::foreign_origin);
}

TEST_F(Quorum, APasskeysKeyMayNotSignLikeAToken) {
  signers = {Enrol("bob", bob.security_key())};
  // The same key pair, enrolled as a token, answers with a WebAuthn signature for "ssh:".
  const std::string challenge = crypto::SshsigSignedData(PaeBytes(), kNamespace, "sha256");
  const auto assertion = bob.Assert(challenge, "ssh:", kOrigin);
  const auto signature =
      crypto::SshsigFromWebauthn(bob.security_key(), assertion, kNamespace, "sha256");
  ASSERT_TRUE(signature) << signature.error().message;
  EXPECT_EQ(Try(*signature).refusal, Refusal::wrong_kind);
}

TEST_F(Quorum, NoChangedByteOfASignatureApproves) {
  const std::string signature = alice.SignAsSecurityKey(PaeBytes(), kNamespace);
  ASSERT_TRUE(Try(signature).approval);
  for (std::size_t at = 0; at < signature.size(); ++at) {
    std::string tampered = signature;
    tampered[at] = tampered[at] == 'A' ? 'B' : 'A';
    if (tampered == signature) continue;
    EXPECT_FALSE(Try(tampered).approval) << at;
  }
}

TEST_F(Quorum, EligibleAreThosePeopleWhoCouldApproveNow) {
  EXPECT_EQ(EligibleApprovers(signers, requirement.kinds, now),
            (std::vector<std::string>{"alice", "bob"}));
  const KeyKind passkeys[] = {KeyKind::passkey};
  EXPECT_EQ(EligibleApprovers(signers, passkeys, now), std::vector<std::string>{"bob"});
  signers[2].valid_before = now;
  EXPECT_TRUE(EligibleApprovers(signers, passkeys, now).empty());
}

TEST(KeyKinds, AreCalledAsInTheConfiguration) {
  for (const KeyKind kind : {KeyKind::file, KeyKind::security_key, KeyKind::passkey}) {
    EXPECT_EQ(ParseKeyKind(ToString(kind)), kind);
  }
  EXPECT_FALSE(ParseKeyKind("security_key"));
}

}  // namespace
}  // namespace interlock::approval
