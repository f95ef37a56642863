#include "credential/credential_file.h"

#include <gtest/gtest.h>

namespace interlock::credential {
namespace {

TEST(IsCredentialFile, KnowsThemByName) {
  for (const char* path : {".env", "api/.env.local", "prod.env", ".npmrc", "a/.netrc", "id_rsa",
                           "deploy/server.pem", "terraform.tfvars", "credentials.json", ".ENV"}) {
    EXPECT_TRUE(IsCredentialFile(path)) << path;
  }
  for (const char* path : {"main.cc", "scripts/domains.ts", "environment.md", "id_rsa.pub",
                           ".envrc", "package.json", "env", "keys.go"}) {
    EXPECT_FALSE(IsCredentialFile(path)) << path;
  }
}

struct Case {
  const char* name;
  const char* text;
  std::vector<std::string> secrets;
};
const Case kCases[] = {
    {"an_assignment_that_names_a_secret", "API_TOKEN=hunter22\nPORT=8080\n", {"hunter22"}},
    {"quotes_and_export", "export DB_PASSWORD=\"pa ss\"\nX_SECRET='ab cd'\n", {"pa ss", "ab cd"}},
    {"a_password_in_a_url",
     "DATABASE_URL=postgres://app:s3cr3t@db.internal:5432/app\n",
     {"s3cr3t"}},
    {"a_password_with_an_at_sign", "U=https://u:p@ss@h/x\n", {"p@ss"}},
    {"a_known_shape_under_any_name",
     "X=ghp_abcdefghijklmnopqrstuvwxyz0123456789\n",
     {"ghp_abcdefghijklmnopqrstuvwxyz0123456789"}},
    {"comments_after_the_value_stay", "API_KEY=abcdef # old\n", {"abcdef"}},
    {"npm_and_carriage_returns", "//registry.example/:_authToken=abcd-efgh\r\n", {"abcd-efgh"}},
    {"references_and_flags_are_no_secrets",
     "AUTH_ENABLED=true\nTOKEN=${OTHER}\nSECRET=\nPWD_X=no\n",
     {}},
    {"no_newline_at_the_end", "TOKEN=abcdef", {"abcdef"}},
    {"nothing", "", {}},
};

TEST(ReadCredentialFile, FindsWhatIsSecret) {
  for (const Case& test : kCases) {
    const std::string text = test.text;
    const CredentialFile file = ReadCredentialFile(".env", text);
    std::vector<std::string> found;
    for (const SecretSpan& span : file.spans) found.push_back(text.substr(span.offset, span.size));
    EXPECT_EQ(found, test.secrets) << test.name;
    EXPECT_FALSE(file.hidden) << test.name;
  }
}

TEST(ReadCredentialFile, WhatCannotBeRewrittenIsHidden) {
  EXPECT_TRUE(ReadCredentialFile("x.pem", "-----BEGIN PRIVATE KEY-----\nMII\n").hidden);
  EXPECT_TRUE(ReadCredentialFile("x.p12", std::string("a\0b", 3)).hidden);
  EXPECT_TRUE(ReadCredentialFile(".env", "TOKEN=\xff\xfe").hidden);
  EXPECT_TRUE(ReadCredentialFile("a/.netrc", "machine h login u password p\n").hidden);
  std::string many;
  for (int i = 0; i < 600; ++i) many += "TOKEN=abcdef\n";
  EXPECT_TRUE(ReadCredentialFile(".env", many).hidden);
}

}  // namespace
}  // namespace interlock::credential
