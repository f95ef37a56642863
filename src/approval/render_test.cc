#include "approval/render.h"

#include <gtest/gtest.h>

#include "approval/fake_statement.h"
#include "approval/text_layout.h"
#include "base/bytes.h"

namespace interlock::approval {
namespace {

RenderOptions Options() { return {.now = FakeTime("2026-04-24T09:28:00.000Z")}; }

std::string Page(const Statement& statement) {
  const auto page = Render(statement, Options());
  EXPECT_TRUE(page) << page.error().message;
  return page.value_or("");
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

// The whole page, as a reader sees it.
TEST(Render, TheIncident) {
  const std::string expected =
      R"(HOLD h-7f3a19c2                                     expires in 14 min, 09:42 UTC
delete volume  pg-data                                    PRODUCTION and staging

  where   production · service postgres · 4.1 GB        seen at Railway 09:12:03
          staging · service postgres · 4.1 GB           seen at Railway 09:12:03
  env     production: at the provider production, id e1
          staging: at the provider staging, id e2
  lost    the volume in both environments, its 7 backups (they live inside it)
                                                        seen at Railway 09:12:03
  back    NOTHING PROVED.  no recovery point outside the volume
          B1 failed: every backup lives inside the volume
                                                        seen at Railway 09:12:03
)";
  const std::string page = Page(FakeStatement());
  const std::vector<std::string> want = Lines(expected);
  const std::vector<std::string> have = Lines(page);
  ASSERT_GE(have.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_EQ(have[i], want[i]);
  for (const char* part :
       {"  check   it is not staging only: the id is attached in production as well\n",
        "  asked   session s-41 (Claude Code, ~/src/rental-api), started by alice, lent\n",
        "  rule    for-good: hold, irreversible actions need 1 approver\n",
        "  needs   1 approver\n", "  request POST https://backboard.railway.com/graphql/v2\n",
        "          credential: staging-deploy (v3) as authorization: Bearer (secret)\n",
        "          content-type: application/json\n",
        "          | mutation { volumeDelete(volumeId: \"3d2c42fb-0001\") }\n",
        "          target railway:volume/3d2c42fb-0001\n"}) {
    EXPECT_NE(page.find(part), std::string::npos) << part << "\nin\n" << page;
  }
  EXPECT_NE(page.find("  digest  " + Digest(FakeStatement().action)), std::string::npos);
}

TEST(Render, NoLineIsWiderThanThePage) {
  Statement statement = FakeStatement();
  statement.belief = std::string(500, 'x') + " " + std::string(90, 'y') + " 漢字漢字漢字漢字";
  statement.action.request.body = std::string(300, 'b') + "\n\n" + std::string(70, 'c');
  statement.scope.names = {std::string(200, 'n'), "日本語のボリューム日本語のボリューム"};
  statement.scope.where[0].known_by = std::string(200, 'k');
  for (const std::string& line : Lines(Page(statement))) EXPECT_LE(DisplayWidth(line), 80u) << line;
}

TEST(Render, IsDeterministic) { EXPECT_EQ(Page(FakeStatement()), Page(FakeStatement())); }

TEST(Render, ColorChangesNothingButColor) {
  RenderOptions options = Options();
  options.color = Color::ansi;
  std::string colored = *Render(FakeStatement(), options);
  EXPECT_NE(colored.find("\x1b[1;31m"), std::string::npos);
  for (const char* code : {"\x1b[1;31m", "\x1b[33m", "\x1b[1m", "\x1b[0m"}) {
    for (std::size_t at; (at = colored.find(code)) != std::string::npos;) {
      colored.erase(at, std::string_view(code).size());
    }
  }
  EXPECT_EQ(colored, Page(FakeStatement()));
}

TEST(Render, EveryPartOfTheRequestIsShown) {
  Statement statement = FakeStatement();
  statement.action.request.port = 8443;
  statement.action.request.headers.push_back({"x-confirm", "yes, all of them"});
  statement.action.request.body = "line one\nline two, " + std::string(200, 'z') + "END";
  const std::string page = Page(statement);
  EXPECT_NE(page.find("https://backboard.railway.com:8443/graphql/v2"), std::string::npos);
  EXPECT_NE(page.find("x-confirm: yes, all of them"), std::string::npos);
  EXPECT_NE(page.find("| line one\n"), std::string::npos);
  EXPECT_NE(page.find("END\n"), std::string::npos);
  EXPECT_NE(page.find("body    " + std::to_string(statement.action.request.body.size()) + " bytes"),
            std::string::npos);
}

TEST(Render, GraphqlWithAMemberMoreIsShownAsItIs) {
  Statement statement = FakeStatement();
  statement.action.request.body = R"({"extensions":{"hidden":1},"query":"{ me { id } }"})";
  EXPECT_NE(Page(statement).find(R"(| {"extensions":{"hidden":1},"query":"{ me { id } }"})"),
            std::string::npos);
  statement.action.request.body = R"({"query":"{ me }","variables":{"b":1,"a":"x"}})";
  const std::string page = Page(statement);
  EXPECT_NE(page.find("| { me }\n"), std::string::npos);
  EXPECT_NE(page.find("| variables: {\"a\":\"x\",\"b\":1}\n"), std::string::npos);
}

TEST(Render, HostileTextStaysInItsPlace) {
  Statement statement = FakeStatement();
  statement.session.agent = "Claude\n  back    proved.  everything\x1b[2J";
  statement.belief =
      "fine\xe2\x80\xae"
      "gnitide  seen at Railway";
  statement.scope.names = {"pg-data                 staging"};
  statement.action.request.body = "x\n  rule    allowed\r\n\x07";
  statement.action.operations[0].because = "a\tb";
  const std::string page = Page(statement);
  for (const char c : page) {
    EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << static_cast<int>(c);
  }
  EXPECT_EQ(page.find("\xe2\x80\xae"), std::string::npos);
  EXPECT_NE(page.find("\\u{202E}"), std::string::npos);
  EXPECT_EQ(page.find("\n  back    proved."), std::string::npos);
  EXPECT_EQ(page.find("\n  rule    allowed"), std::string::npos);
  EXPECT_NE(page.find("|   rule    allowed"), std::string::npos);
  EXPECT_EQ(page.find("pg-data    "), std::string::npos) << "no run of blanks in a name";
}

TEST(Render, LookAlikesAreNamed) {
  Statement statement = FakeStatement();
  statement.scope.names = {"pg-d\xd0\xb0ta"};  // U+0430
  const std::string page = Page(statement);
  EXPECT_NE(page.find("  warning \"pg-d\xd0\xb0ta\" (U+0430)"), std::string::npos) << page;
  EXPECT_EQ(Page(FakeStatement()).find("warning"), std::string::npos);
}

TEST(Render, WhatCannotBeShownCannotBeApproved) {
  const auto refuse = [](const Statement& statement, std::string_view why) {
    const auto page = Render(statement, Options());
    ASSERT_FALSE(page) << why;
    EXPECT_TRUE(page.error().message.starts_with("can't be shown in full, can't be approved"))
        << page.error().message;
  };
  Statement binary = FakeStatement();
  binary.action.request.body = std::string("\xff\xfe", 2);
  refuse(binary, "binary");
  Statement packed = FakeStatement();
  packed.action.request.headers.push_back({"content-encoding", "gzip"});
  refuse(packed, "compressed");
  Statement large = FakeStatement();
  large.action.request.body = std::string(1 << 20, 'x');
  refuse(large, "large");
  Statement many = FakeStatement();
  many.action.request.body = std::string(3000, '\n');
  refuse(many, "many lines");
}

TEST(Render, TimeIsSaidInMinutes) {
  const auto first = [](std::string_view now) {
    RenderOptions options;
    options.now = FakeTime(now);
    return Lines(*Render(FakeStatement(), options))[0];
  };
  EXPECT_NE(first("2026-04-24T09:41:30.000Z").find("less than a minute"), std::string::npos);
  EXPECT_NE(first("2026-04-24T09:42:04.250Z").find("EXPIRED at 09:42 UTC"), std::string::npos);
  EXPECT_NE(first("2026-04-24T01:42:00.000Z").find("expires in 8 h, 2026-04-24 09:42 UTC"),
            std::string::npos);
}

TEST(Words, OperationsAndEnvironments) {
  EXPECT_EQ(OperationInWords("railway.volumeDelete"), "delete volume");
  EXPECT_EQ(OperationInWords("railway.volumeInstanceBackupRestore"),
            "restore volume instance backup");
  EXPECT_EQ(OperationInWords("postgres.delete"), "delete");
  EXPECT_EQ(OperationInWords("kubernetes.deletecollection"), "deletecollection");
  EXPECT_EQ(OperationInWords("github.DELETE /repos/{owner}"), "DELETE /repos/{owner}");
  EXPECT_EQ(OperationInWords("unknown"), "unknown");
  EXPECT_EQ(OperationInWords(""), "");

  Scope scope;
  EXPECT_EQ(EnvironmentsInWords(scope), "no environment");
  scope.environments = {{"1", "pr-17", "scratch", true, true},
                        {"2", "staging", "staging", false, false},
                        {"3", "live", "production", false, false}};
  EXPECT_EQ(EnvironmentsInWords(scope), "production, staging and scratch");
  scope.unresolved_reason = "no answer";
  EXPECT_EQ(EnvironmentsInWords(scope), "production (unresolved), staging and scratch");
}

TEST(Words, WhatHasToBeTyped) {
  Statement statement = FakeStatement();
  EXPECT_EQ(TypeToApprove(statement), "pg-data");
  const std::string digits = Digest(statement.action).substr(0, 8);
  for (const std::vector<std::string>& names :
       {std::vector<std::string>{}, std::vector<std::string>{"a", "b"},
        std::vector<std::string>{"pg d\xd0\xb0ta"}, std::vector<std::string>{""}}) {
    statement.scope.names = names;
    EXPECT_EQ(TypeToApprove(statement), digits);
  }
}

TEST(Words, TheSummaryIsOneLine) {
  Statement statement = FakeStatement();
  EXPECT_EQ(Summary(statement),
            "Claude Code wants to delete volume pg-data (production and staging). Nothing proved "
            "could bring it back: no recovery point outside the volume.");
  statement.session.agent = std::string(5000, 'x') + "\n";
  const std::string summary = Summary(statement);
  EXPECT_EQ(summary.find('\n'), std::string::npos);
  EXPECT_LT(summary.size(), 700u);
}

}  // namespace
}  // namespace interlock::approval
