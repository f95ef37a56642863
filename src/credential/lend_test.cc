#include "credential/lend.h"

#include <gtest/gtest.h>

namespace interlock::credential {
namespace {

VaultEntry Entry(const std::string& name, const std::string& environment,
                 const std::string& kind = "project") {
  VaultEntry entry;
  entry.name = name;
  entry.version = 3;
  entry.provider = "railway";
  entry.environment = environment;
  entry.kind = kind;
  return entry;
}

Scope In(const std::string& environment) {
  Scope scope;
  EnvironmentSeen seen;
  seen.name = seen.mapped = environment;
  scope.environments = {seen};
  return scope;
}

const std::vector<KindPlace> kPlaces = {{"account", "authorization", "Bearer "},
                                        {"project", "project-access-token", ""}};

TEST(ExecutorFor, TheLentOneIsPreferredWhereItReaches) {
  const std::vector<VaultEntry> lent = {Entry("staging", "staging")};
  const std::vector<VaultEntry> vault = {Entry("live", "production"), lent[0]};
  EXPECT_EQ(ExecutorFor("railway", In("staging"), lent, vault, kPlaces)->ref.entry, "staging");
  EXPECT_EQ(ExecutorFor("railway", In("production"), lent, vault, kPlaces)->ref.entry, "live");
  EXPECT_FALSE(ExecutorFor("railway", In("other"), lent, vault, kPlaces));
  EXPECT_FALSE(ExecutorFor("github", In("staging"), lent, vault, kPlaces));
}

TEST(ExecutorFor, WhatIsForLookingOrMintingExecutesNothing) {
  VaultEntry scope = Entry("scope", "production", "account");
  scope.for_scope = true;
  VaultEntry admin = Entry("admin", "production", "account");
  admin.for_mint = true;
  const std::vector<VaultEntry> vault = {scope, admin};
  EXPECT_FALSE(ExecutorFor("railway", In("production"), {}, vault, kPlaces));
}

TEST(ExecutorFor, AWideOneIsSaidToBe) {
  VaultEntry wide = Entry("everything", "production", "account");
  wide.wide = true;
  const std::vector<VaultEntry> vault = {wide};
  const auto executor = ExecutorFor("railway", In("production"), {}, vault, kPlaces);
  ASSERT_TRUE(executor);
  EXPECT_TRUE(executor->wide);
}

TEST(BeyondLend, OutsideItsEnvironmentOrEffectsAUseIsNamed) {
  const VaultEntry entry = Entry("staging", "staging");
  EXPECT_EQ(BeyondLend(entry, Effect::reversible, Relation::lent), "");
  EXPECT_NE(BeyondLend(entry, Effect::read, Relation::other), "");
  EXPECT_NE(BeyondLend(entry, Effect::read, Relation::unresolved), "");
  EXPECT_NE(BeyondLend(entry, Effect::irreversible, Relation::lent), "");
}

TEST(RefusedLend, NamesTheLendForWhatProvidersSayToBadCredentials) {
  const CredentialRef ref{"staging", 3, "authorization", "Bearer "};
  for (const int status : {401, 403})
    EXPECT_NE(RefusedLend(ref, status).find("lend staging (version 3)"), std::string::npos);
  for (const int status : {200, 400, 404, 500}) EXPECT_EQ(RefusedLend(ref, status), "");
}

}  // namespace
}  // namespace interlock::credential
