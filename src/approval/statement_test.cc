#include "approval/statement.h"

#include <gtest/gtest.h>

#include <functional>

#include "approval/fake_statement.h"
#include "crypto/hash.h"

namespace interlock::approval {
namespace {

// DSSE protocol.md, "Pre-Authentication Encoding".
TEST(Pae, PublishedVector) {
  EXPECT_EQ(DssePae("http://example.com/HelloWorld", "hello world"),
            "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
}

TEST(Pae, OnlyItsOwnBytesComeBack) {
  const std::string body = StatementJson(FakeStatement());
  const std::string pae = Pae(body);
  EXPECT_EQ(pae.substr(0, 39), "DSSEv1 28 application/vnd.in-toto+json ");
  EXPECT_EQ(StatementJsonFromPae(pae), body);
  EXPECT_EQ(StatementJsonFromPae(Pae("")), "");
  for (const std::string& bad :
       {std::string(""), std::string("DSSEv1 28 x"), pae + "x", pae.substr(0, pae.size() - 1),
        " " + pae, DssePae("application/json", body)}) {
    EXPECT_FALSE(StatementJsonFromPae(bad));
  }
}

TEST(Statement, IsAnInTotoStatementAboutTheActionsDigest) {
  const Statement statement = FakeStatement();
  const std::string text = StatementJson(statement);
  const auto value = ParseJson(text);
  ASSERT_TRUE(value);
  const json::object& object = value->as_object();
  EXPECT_EQ(FindString(object, "_type"), "https://in-toto.io/Statement/v1");
  EXPECT_EQ(FindString(object, "predicateType"), kPredicateType);
  const json::object& subject = object.at("subject").as_array().at(0).as_object();
  EXPECT_EQ(FindString(subject, "name"), "interlock-action");
  EXPECT_EQ(FindString(subject.at("digest").as_object(), "sha256"), Digest(statement.action));
  EXPECT_EQ(crypto::Sha256Hex(Canonical(object.at("predicate").as_object().at("action"))),
            Digest(statement.action))
      << "the action can be checked with sha256sum";
  EXPECT_EQ(Canonical(*value), text) << "RFC 8785";
}

TEST(Statement, ComesBackWhole) {
  const Statement statement = FakeStatement();
  const auto again = ParseStatement(StatementJson(statement));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, statement);
}

TEST(Statement, BytesThatAreNotTextComeBackWhole) {
  Statement statement = FakeStatement();
  statement.action.request.body = std::string("\xff\x00\xfe binary", 10);
  statement.session.workspace = "/src/caf\xe9";
  statement.scope.names = {"\x80"};
  statement.scope.unresolved = {{"railway", "volume", "a/b:c"}};
  statement.scope.unresolved_reason = "the token sees one environment only";
  const std::string text = StatementJson(statement);
  EXPECT_NE(text.find(R"("workspace":{"base64":")"), std::string::npos);
  const auto again = ParseStatement(text);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, statement);
}

struct Tampering {
  const char* name;
  std::function<void(std::string&)> change;
};

void Replace(std::string& text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
}

TEST(Statement, EveryOtherSpellingIsRefused) {
  const Tampering tamperings[] = {
      {"a member more", [](auto& t) { Replace(t, R"("nonce":)", R"("more":"x","nonce":)"); }},
      {"a member twice", [](auto& t) { Replace(t, R"("nonce":)", R"("nonce":"x","nonce":)"); }},
      {"a member less", [](auto& t) { Replace(t, R"("nonce":"b3JpZ2luYWwtbm9uY2U",)", ""); }},
      {"a blank", [](auto& t) { Replace(t, R"("nonce":)", R"("nonce": )"); }},
      {"an escape", [](auto& t) { Replace(t, R"("alice")", R"("\u0061lice")"); }},
      {"another digest", [](auto& t) { Replace(t, R"("sha256":")", R"("sha256":"0)"); }},
      {"another target", [](auto& t) { Replace(t, "3d2c42fb-0001", "3d2c42fb-0002"); }},
      {"a second subject", [](auto& t) { Replace(t, R"("subject":[)", R"("subject":[{},)"); }},
      {"another type", [](auto& t) { Replace(t, "approval/v1", "approval/v2"); }},
      {"another effect", [](auto& t) { Replace(t, "irreversible", "read"); }},
      {"a quorum of none", [](auto& t) { Replace(t, R"(Required":"1")", R"(Required":"0")"); }},
      {"a number", [](auto& t) { Replace(t, R"(Required":"1")", R"(Required":1)"); }},
      {"a leading zero", [](auto& t) { Replace(t, R"(Required":"1")", R"(Required":"01")"); }},
      {"another time format", [](auto& t) { Replace(t, "09:42:04.250Z", "09:42:04.25Z"); }},
      {"an unknown verdict",
       [](auto& t) { Replace(t, R"(verdict":"none)", R"(verdict":"maybe)"); }},
      {"text after it", [](auto& t) { t += "\n"; }},
      {"nothing", [](auto& t) { t.clear(); }},
      {"no object", [](auto& t) { t = "[]"; }},
  };
  for (const Tampering& tampering : tamperings) {
    std::string text = StatementJson(FakeStatement());
    tampering.change(text);
    EXPECT_FALSE(ParseStatement(text)) << tampering.name;
  }
}

TEST(Statement, EveryFieldIsInTheBytes) {
  const std::function<void(Statement&)> changes[] = {
      [](Statement& s) { s.hold += "x"; },
      [](Statement& s) { s.action.request.body += " "; },
      [](Statement& s) { s.action.request.credential->version = 4; },
      [](Statement& s) { s.scope.environments.pop_back(); },
      [](Statement& s) { s.scope.environments[0].disposable = true; },
      [](Statement& s) { s.scope.names[0] += "x"; },
      [](Statement& s) { s.scope.where[0].known_by += "x"; },
      [](Statement& s) { s.scope.loss.clear(); },
      [](Statement& s) { s.scope.unresolved_reason = "x"; },
      [](Statement& s) { s.decision.rule = "x"; },
      [](Statement& s) { s.decision.verdict = Verdict::allow; },
      [](Statement& s) { s.recovery.verdict = RecoveryVerdict::verified; },
      [](Statement& s) { s.recovery.evidence[0].finding = Finding::held; },
      [](Statement& s) { s.session.workspace += "x"; },
      [](Statement& s) { s.belief = ""; },
      [](Statement& s) { s.nonce += "x"; },
      [](Statement& s) { s.created += std::chrono::milliseconds(1); },
      [](Statement& s) { s.expires += std::chrono::milliseconds(1); },
      [](Statement& s) { s.policy_digest[0] = 'b'; },
      [](Statement& s) { s.checkpoint += "x"; },
      [](Statement& s) { s.approvals_required = 2; },
  };
  const std::string original = StatementJson(FakeStatement());
  std::size_t number = 0;
  for (const auto& change : changes) {
    Statement statement = FakeStatement();
    change(statement);
    EXPECT_NE(StatementJson(statement), original) << number;
    ++number;
  }
}

TEST(Statement, ScopeAndRecoveryReadBackAlone) {
  const Statement statement = FakeStatement();
  EXPECT_EQ(ScopeFromJson(ToJson(statement.scope)), statement.scope);
  EXPECT_EQ(RecoveryFromJson(ToJson(statement.recovery)), statement.recovery);
  EXPECT_FALSE(ScopeFromJson({}));
  EXPECT_FALSE(RecoveryFromJson({{"verdict", "none"}}));
}

}  // namespace
}  // namespace interlock::approval
