// A statement about the deletion of a shared volume, for tests.
#pragma once

#include "approval/statement.h"

namespace interlock::approval {

inline TimePoint FakeTime(std::string_view text) {
  const auto time = ParseTime(text);
  ILK_CHECK(time.has_value());
  return *time;
}

inline Statement FakeStatement() {
  Operation operation;
  operation.name = "railway.volumeDelete";
  operation.effect = Effect::irreversible;
  operation.targets = {{"railway", "volume", "3d2c42fb-0001"}};
  operation.because = "deletes a volume and the backups inside it";
  operation.arguments = {{"volumeId", "3d2c42fb-0001"}};

  Statement out;
  out.hold = "h-7f3a19c2";
  out.action.provider = "railway";
  out.action.operations = {operation};
  Summarize(out.action);
  out.action.request.scheme = "https";
  out.action.request.host = "backboard.railway.com";
  out.action.request.method = "POST";
  out.action.request.target = "/graphql/v2";
  out.action.request.headers = {{"content-type", "application/json"}};
  out.action.request.body = R"({"query":"mutation { volumeDelete(volumeId: \"3d2c42fb-0001\") }"})";
  out.action.request.credential = CredentialRef{"staging-deploy", 3, "authorization", "Bearer "};
  out.scope.environments = {{"e1", "production", "production", false, false},
                            {"e2", "staging", "staging", false, false}};
  out.scope.names = {"pg-data"};
  out.scope.where = {{"production · service postgres · 4.1 GB", "seen at Railway 09:12:03"},
                     {"staging · service postgres · 4.1 GB", "seen at Railway 09:12:03"}};
  out.scope.loss = {{"the volume in both environments, its 7 backups (they live inside it)",
                     "seen at Railway 09:12:03"}};
  out.decision = {Verdict::hold, "for-good", "irreversible actions need 1 approver"};
  out.recovery.summary = "no recovery point outside the volume";
  out.recovery.evidence = {
      {"B1", Finding::failed, "every backup lives inside the volume", "seen at Railway 09:12:03"}};
  out.session = {"s-41", "alice", "Claude Code", "~/src/rental-api", "staging"};
  out.belief = "it is not staging only: the id is attached in production as well";
  out.nonce = "b3JpZ2luYWwtbm9uY2U";
  out.created = FakeTime("2026-04-24T09:12:04.250Z");
  out.expires = FakeTime("2026-04-24T09:42:04.250Z");
  out.policy_digest = std::string(64, 'a');
  out.checkpoint = "interlock.test/ledger\n212\nqINS1GRFHWHwdkUeqLEoP4yEMkTBBzxBkGwGQlVlVcs=\n";
  return out;
}

}  // namespace interlock::approval
