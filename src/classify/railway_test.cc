// The Railway pack against the published schema and the labelled corpus.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <set>
#include <string>

#include "classify/graphql_request.h"
#include "classify/pack_for_test.h"

namespace interlock::classify {
namespace {

std::ifstream OpenShared(const std::string& name) {
  return std::ifstream(std::string(ILK_SHARED_DIR) + "/" + name);
}

TEST(RailwayPack, KnowsEveryMutation) {
  std::ifstream in = OpenShared("reference/railway_mutations.tsv");
  if (!in) GTEST_SKIP() << "reference/railway_mutations.tsv is not there";
  std::string line;
  std::getline(in, line);
  std::set<std::string> names;
  while (std::getline(in, line)) names.insert(line.substr(0, line.find('\t')));
  EXPECT_EQ(names.size(), 230u);
  for (const std::string& name : names) {
    EXPECT_TRUE(Railway().graphql->mutations.contains(name)) << name;
  }
  EXPECT_EQ(Railway().graphql->mutations.size(), names.size());
}

TEST(RailwayPack, KnowsEveryQuery) {
  std::ifstream in = OpenShared("reference/railway_schema.graphql");
  if (!in) GTEST_SKIP() << "reference/railway_schema.graphql is not there";
  std::string line;
  while (std::getline(in, line) && line != "type Query {") {
  }
  std::size_t count = 0;
  while (std::getline(in, line) && line != "}") {
    const bool is_field = line.size() > 2 && line.starts_with("  ") && std::islower(line[2]);
    if (!is_field || line.starts_with("  )")) continue;
    const std::string name = line.substr(2, line.find_first_of("(:", 2) - 2);
    if (name.find_first_of(" \"") != std::string::npos) continue;
    EXPECT_TRUE(Railway().graphql->queries.contains(name)) << name;
    ++count;
  }
  EXPECT_EQ(count, Railway().graphql->queries.size());
}

TEST(RailwayPack, NoMutationIsAReadButPreviewsAndStatistics) {
  const std::set<std::string> reads = {"egressGatewayHAMigrationPreview",
                                       "environmentPreviewChangeSet", "cliAuthEventTrack",
                                       "cliEventTrack", "setupAgentEventTrack"};
  for (const auto& [name, rule] : Railway().graphql->mutations) {
    EXPECT_EQ(rule.effect == Effect::read, reads.contains(name)) << name;
    EXPECT_TRUE(rule.arguments.has_value()) << name;
  }
}

struct Hidden {
  const char* claim;
  const char* document;
};

class HiddenDestruction : public testing::TestWithParam<Hidden> {};

TEST_P(HiddenDestruction, IsHeld) {
  const auto reading = JudgeGraphql(Railway(), {GetParam().document, "", {}});
  ASSERT_TRUE(reading) << reading.error().reason;
  EXPECT_GE(reading->operations.front().effect, Effect::irreversible);
}

INSTANTIATE_TEST_SUITE_P(
    Table, HiddenDestruction,
    testing::Values(
        Hidden{
            "PatchDeletesAVolume",
            R"(mutation { environmentPatchCommit(environmentId: "e", patch: {volumes: {v: {isDeleted: true}}}) })"},
        Hidden{
            "PatchDeletesAVariable",
            R"(mutation { environmentPatchCommit(environmentId: "e", patch: {services: {s: {variables: {K: null}}}}) })"},
        Hidden{
            "PatchOfUnknownShape",
            R"(mutation { environmentPatchCommit(environmentId: "e", patch: {services: {s: {source: {image: "x"}}}}) })"},
        Hidden{
            "StageADeletion",
            R"(mutation { environmentStageChanges(environmentId: "e", input: {buckets: {b: {isDeleted: true}}}) { id } })"},
        Hidden{"CommitWhatWasStaged",
               R"(mutation { environmentPatchCommitStaged(environmentId: "e") })"},
        Hidden{"ApplyAChangeSet",
               R"(mutation { environmentApplyChangeSet(environmentId: "e", input: {}) { id } })"},
        Hidden{"WriteTheState",
               R"(mutation { volumeInstanceUpdate(volumeId: "v", input: {state: DELETED}) })"},
        Hidden{
            "Detach",
            R"(mutation { volumeInstanceUpdate(volumeId: "v", environmentId: "e", input: {serviceId: null}) })"},
        Hidden{
            "MoveTheMount",
            R"(mutation { volumeInstanceUpdate(volumeId: "v", environmentId: "e", input: {mountPath: "/x"}) })"},
        Hidden{
            "ReplaceVariables",
            R"(mutation { variableCollectionUpsert(input: {projectId: "p", environmentId: "e", replace: true, variables: {}}) })"},
        Hidden{
            "OverwriteAConnection",
            R"(mutation { variableUpsert(input: {projectId: "p", environmentId: "e", name: "database_url", value: "x"}) })"},
        Hidden{
            "RestoreOver",
            R"(mutation { volumeInstanceBackupRestore(volumeInstanceId: "i", volumeInstanceBackupId: "b", wipeServiceIds: ["s"]) { workflowId } })"},
        Hidden{
            "BackupsOff",
            R"(mutation { volumeInstanceBackupScheduleUpdate(volumeInstanceId: "i", kinds: []) })"},
        Hidden{
            "RevertATemplate",
            R"(mutation { templateRevert(input: {environmentId: "e", projectId: "p", rootServiceId: "s", templateCode: "c"}) { workflowId } })"},
        Hidden{
            "ArchivingOff",
            R"(mutation { disablePitrForHaCluster(input: {environmentId: "e", projectId: "p", rootServiceId: "s"}) { workflowId } })"},
        Hidden{"SkipTheGrace", R"(mutation { projectScheduleDeleteForce(id: "p") })"},
        Hidden{"Transfer",
               R"(mutation { projectTransfer(projectId: "p", input: {workspaceId: "w"}) })"},
        Hidden{"TransferInitiate",
               R"(mutation { projectTransferInitiate(input: {projectId: "p", memberId: "m"}) })"},
        Hidden{
            "TransferConfirm",
            R"(mutation { projectTransferConfirm(input: {projectId: "p", ownershipTransferId: "o"}) })"},
        Hidden{
            "Exec",
            R"(mutation { sandboxExec(command: "x", environmentId: "e", id: "s") { exitCode } })"},
        Hidden{
            "Shell",
            R"(mutation { generateShellToken(input: {environmentId: "e", instanceId: "i", scope: "x"}) })"},
        Hidden{"SshKey",
               R"(mutation { sshPublicKeyCreate(input: {name: "k", publicKey: "x"}) { id } })"},
        Hidden{
            "StartCommand",
            R"(mutation { serviceInstanceUpdate(serviceId: "s", environmentId: "e", input: {startCommand: "x"}) })"},
        Hidden{
            "PreDeployCommand",
            R"(mutation { serviceInstanceUpdate(serviceId: "s", environmentId: "e", input: {preDeployCommand: ["x"]}) })"},
        Hidden{"ApproveADeployment", R"(mutation { deploymentApprove(id: "d") })"},
        Hidden{"BaseEnvironment",
               R"(mutation { projectUpdate(id: "p", input: {baseEnvironmentId: "e"}) { id } })"},
        Hidden{"MakePublic",
               R"(mutation { projectUpdate(id: "p", input: {isPublic: true}) { id } })"},
        Hidden{"SizeZero",
               R"(mutation { volumeUpdate(volumeId: "v", input: {sizeMB: 0}) { id } })"}),
    [](const auto& param) { return std::string(param.param.claim); });

struct Tally {
  int cases = 0;
  int held = 0;
  double rate() const { return cases == 0 ? 0 : 100.0 * held / cases; }
};

// The label is about the operation: required variables that the corpus leaves open stay open.
Effect EffectOfCase(const json::object& input) {
  Action action;
  auto reading = JudgeGraphql(Railway(),
                              {std::string(FindString(input, "operation")),
                               std::string(FindString(input, "operationName")),
                               {}},
                              MissingVariables::accepted);
  EXPECT_TRUE(reading) << reading.error().reason;
  if (!reading) return Effect::unknown;
  action.operations = std::move(reading->operations);
  Summarize(action);
  return action.effect;
}

TEST(RailwayPack, AgreesWithTheCorpus) {
  std::ifstream in = OpenShared("corpus/graphql.jsonl");
  if (!in) GTEST_SKIP() << "corpus/graphql.jsonl is not there";
  Tally all, high;
  int cases = 0;
  std::string line;
  while (std::getline(in, line)) {
    const auto parsed = ParseJson(line);
    ASSERT_TRUE(parsed) << parsed.error().message;
    const json::object& object = parsed->as_object();
    const json::object& input = *FindObject(object, "input");
    if (FindString(input, "schema") != "railway") continue;
    ++cases;
    const Effect effect = EffectOfCase(input);
    const std::string_view label = FindString(object, "label");
    const std::string id(FindString(object, "id"));
    if (label == "irreversible" || label == "unknown") {
      EXPECT_GE(effect, Effect::irreversible) << id;
    }
    if (label == "read") {
      EXPECT_EQ(effect, Effect::read) << id;
    }
    if (label != "reversible") continue;
    const int held = effect >= Effect::irreversible ? 1 : 0;
    all.cases += 1;
    all.held += held;
    if (FindString(object, "confidence") != "high") continue;
    high.cases += 1;
    high.held += held;
    if (held) std::printf("held though reversible: %s\n", id.c_str());
  }
  std::printf(
      "railway: %d cases; reversible/high held %d of %d (%.1f %%), reversible held %d of %d (%.1f "
      "%%)\n",
      cases, high.held, high.cases, high.rate(), all.held, all.cases, all.rate());
  EXPECT_EQ(cases, 447);
  EXPECT_LE(high.rate(), 8.0);
}

}  // namespace
}  // namespace interlock::classify
