// The imitation without sockets: requests in, answers and worlds out.
#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "api.h"
#include "list_state.h"
#include "seed.h"
#include "world.h"

namespace interlock::railsim {
namespace {

namespace fs = std::filesystem;
using namespace seed;

const Credentials kAccount{.bearer = std::string(kDomainsCli), .project_access_token = ""};
const Credentials kStagingToken{.bearer = "", .project_access_token = std::string(kStagingDeploy)};

std::string Q(std::string_view text) { return "\"" + std::string(text) + "\""; }

const json::object* Named(const json::array& list, std::string_view key, std::string_view name) {
  for (const json::value& each : list) {
    if (FindString(each.as_object(), key) == name) return &each.as_object();
  }
  return nullptr;
}

class RailsimTest : public testing::Test {
 protected:
  // Seeding writes a few dozen files, so it is done once and copied for each test.
  static void SetUpTestSuite() {
    seeded_ = new fs::path(MakeDirectory());
    const FakeClock clock(*ParseTime("2026-04-24T18:00:00Z"));
    ASSERT_TRUE(SeedPocketos(*seeded_, clock).has_value());
  }
  static void TearDownTestSuite() {
    fs::remove_all(*seeded_);
    delete seeded_;
  }
  void SetUp() override {
    directory_ = MakeDirectory();
    CopyWorld(*seeded_, directory_);
    Reopen();
  }
  void TearDown() override {
    world_.reset();
    fs::remove_all(directory_);
  }
  void Reopen() {
    world_.reset();
    auto world = World::Open(directory_, clock_);
    ASSERT_TRUE(world.has_value()) << world.error().message;
    world_ = std::move(*world);
  }
  // Backups are never written again, only removed: they are linked, which saves most of the bytes.
  static void CopyWorld(const fs::path& from, const fs::path& to) {
    for (const auto& entry : fs::recursive_directory_iterator(from)) {
      const fs::path target = to / fs::relative(entry.path(), from);
      if (entry.is_directory()) {
        fs::create_directories(target);
      } else if (entry.path().native().find("/backups/") != std::string::npos) {
        fs::create_hard_link(entry.path(), target);
      } else {
        fs::copy_file(entry.path(), target);
      }
    }
  }
  static fs::path MakeDirectory() {
    std::string name = (fs::temp_directory_path() / "railsim-test-XXXXXX").string();
    return ::mkdtemp(name.data());
  }

  Answer Send(const Credentials& credentials, std::string_view query, json::value variables = {}) {
    return Handle(
        *world_, credentials,
        json::serialize(json::object{{"query", query}, {"variables", std::move(variables)}}));
  }
  // The text of "data"; "error: message" when there are errors.
  std::string Ask(const Credentials& credentials, std::string_view query,
                  json::value variables = {}) {
    const Answer answer = Send(credentials, query, std::move(variables));
    const json::object body = ParseJson(answer.body)->as_object();
    if (const json::array* errors = FindArray(body, "errors")) {
      return "error: " + std::string(FindString(errors->at(0).as_object(), "message"));
    }
    return json::serialize(body.at("data"));
  }
  json::object State() { return *ListState(directory_); }
  json::object Project() { return State().at("projects").as_array().at(0).as_object(); }
  json::object Volume(std::string_view name) {
    return *Named(Project().at("volumes").as_array(), "name", name);
  }
  json::object Instance(std::string_view volume, std::string_view environment) {
    return *Named(Volume(volume).at("instances").as_array(), "environment", environment);
  }
  std::int64_t Rows(std::string_view volume, std::string_view environment) {
    return Instance(volume, environment).at("rows").as_int64();
  }
  // Rows of all backups together.
  std::int64_t BackupRows(std::string_view volume, std::string_view environment) {
    std::int64_t rows = 0;
    const json::object instance = Instance(volume, environment);
    for (const json::value& backup : instance.at("backups").as_array()) {
      rows += backup.as_object().at("rows").as_int64();
    }
    return rows;
  }
  std::string NewestBackup(std::string_view volume, std::string_view environment,
                           std::size_t at = 0) {
    return std::string(FindString(
        Instance(volume, environment).at("backups").as_array().at(at).as_object(), "id"));
  }
  bool HasVariable(std::string_view environment, std::string_view service, std::string_view name) {
    const json::array variables = Project().at("variables").as_array();
    return std::ranges::any_of(variables, [&](const json::value& each) {
      const json::object& variable = each.as_object();
      return FindString(variable, "environment") == environment &&
             FindString(variable, "service") == service && FindString(variable, "name") == name;
    });
  }
  // "volumeDelete/domains-cli/1 …"
  std::string Requests() {
    std::string out;
    const json::object state = State();
    for (const json::value& each : state.at("requests").as_array()) {
      const json::object& request = each.as_object();
      out += std::string(FindString(request, "operation")) + "/" +
             std::string(FindString(request, "token")) + "/" +
             (request.at("applied").as_bool() ? "1 " : "0 ");
    }
    return out;
  }

  static fs::path* seeded_;
  fs::path directory_;
  FakeClock clock_{*ParseTime("2026-04-24T18:30:00Z")};
  std::unique_ptr<World> world_;
};
fs::path* RailsimTest::seeded_ = nullptr;

// ── the seeded world ──

TEST_F(RailsimTest, SeedHasTheShapeOfTheContract) {
  const json::object state = State();
  const json::object project = Project();
  EXPECT_EQ(FindString(project, "name"), "pocketos");
  const json::array& environments = project.at("environments").as_array();
  ASSERT_EQ(environments.size(), 3u);
  EXPECT_EQ(environments[0],
            json::value({{"id", kProduction}, {"name", "production"}, {"ephemeral", false}}));
  EXPECT_EQ(environments[2], json::value({{"id", kPr17}, {"name", "pr-17"}, {"ephemeral", true}}));
  EXPECT_EQ(project.at("services").as_array().size(), 3u);
  EXPECT_EQ(project.at("volumes").as_array().size(), 4u);
  EXPECT_EQ(FindString(Volume("pg-data"), "id"), kPgData);
  EXPECT_EQ(Volume("pg-data").at("instances").as_array().size(), 2u);
  EXPECT_EQ(Rows("pg-data", "production"), 48213);
  EXPECT_EQ(Rows("pg-data", "staging"), kPgDataStagingRows);
  EXPECT_EQ(Rows("uploads", "production"), kUploadsRows);
  EXPECT_EQ(Rows("cache", "staging"), kCacheRows);
  EXPECT_EQ(Rows("pr-data", "pr-17"), kPrDataRows);
  const json::array backups = Instance("pg-data", "production").at("backups").as_array();
  ASSERT_EQ(backups.size(), 7u);
  EXPECT_EQ(backups[0].as_object().at("rows").as_int64(), 48102);
  EXPECT_EQ(backups[6].as_object().at("rows").as_int64(), 48213 - 7 * 111);
  EXPECT_TRUE(HasVariable("production", "web", "DATABASE_URL"));
  const json::array& tokens = state.at("tokens").as_array();
  ASSERT_EQ(tokens.size(), 4u);
  EXPECT_EQ(tokens[0],
            json::value({{"name", "domains-cli"}, {"kind", "account"}, {"value", kDomainsCli}}));
  EXPECT_EQ(tokens[2], json::value({{"name", "staging-deploy"},
                                    {"kind", "project"},
                                    {"environment", "staging"},
                                    {"value", kStagingDeploy}}));
  EXPECT_TRUE(state.at("requests").as_array().empty());
}

TEST_F(RailsimTest, EveryInstanceHasADumpWithItsRows) {
  const fs::path dump = directory_ / "volumes" / kPgData / kPgDataStaging / "dump.sql";
  EXPECT_GT(fs::file_size(dump), static_cast<std::uintmax_t>(kPgDataStagingRows) * 20);
}

TEST_F(RailsimTest, SeedingTwiceMakesTheSameWorld) {
  const fs::path other = MakeDirectory();
  const FakeClock clock(*ParseTime("2026-04-24T18:00:00Z"));
  ASSERT_TRUE(SeedPocketos(other, clock).has_value());
  EXPECT_EQ(Canonical(*ListState(other)), Canonical(State()));
  EXPECT_FALSE(SeedPocketos(other, clock).has_value());
  fs::remove_all(other);
}

TEST(World, AnEmptyDirectoryIsNoWorld) {
  const SystemClock clock;
  EXPECT_FALSE(World::Open("/nonexistent/railsim", clock).has_value());
  EXPECT_FALSE(ListState("/nonexistent/railsim").has_value());
}

// ── tokens ──

TEST_F(RailsimTest, ProjectTokenSentAsBearerIsNotAuthorized) {
  const Credentials mismatch{.bearer = std::string(kStagingDeploy), .project_access_token = ""};
  const Answer answer = Send(mismatch, "{ projects { edges { node { id } } } }");
  EXPECT_EQ(answer.status, 200u);
  EXPECT_EQ(ParseJson(answer.body)->as_object().at("data"), json::value(nullptr));
  EXPECT_EQ(Ask(mismatch, "{ me { id } }"), "error: Not Authorized");
  EXPECT_EQ(Requests(), "projects/staging-deploy/0 me/staging-deploy/0 ");
}

TEST_F(RailsimTest, EverythingElseUnknownIsNotAuthorizedToo) {
  const std::string query = "mutation { volumeDelete(volumeId: " + Q(kPgData) + ") }";
  EXPECT_EQ(Ask({}, query), "error: Not Authorized");
  EXPECT_EQ(Ask({.bearer = "no-such-token", .project_access_token = ""}, query),
            "error: Not Authorized");
  EXPECT_EQ(Ask({.bearer = "", .project_access_token = std::string(kDomainsCli)}, query),
            "error: Not Authorized");
  EXPECT_EQ(Rows("pg-data", "production"), 48213);
  EXPECT_EQ(Requests(), "volumeDelete//0 volumeDelete//0 volumeDelete/domains-cli/0 ");
}

TEST_F(RailsimTest, ProjectTokenSeesItsEnvironmentAlone) {
  EXPECT_EQ(Ask(kStagingToken, "{ projectToken { projectId environment { name } } }"),
            R"({"projectToken":{"projectId":")" + std::string(kProject) +
                R"(","environment":{"name":"staging"}}})");
  EXPECT_EQ(
      Ask(kStagingToken,
          "{ projects { edges { node { environments { edges { node { name } } } volumes { edges { "
          "node { "
          "name volumeInstances { edges { node { environmentId } } } } } } } } } }"),
      R"({"projects":{"edges":[{"node":{"environments":{"edges":[{"node":{"name":"staging"}}]},"volumes":)"
      R"({"edges":[{"node":{"name":"pg-data","volumeInstances":{"edges":[{"node":{"environmentId":")" +
          std::string(kStaging) +
          R"("}}]}}},{"node":{"name":"cache","volumeInstances":{"edges":[{"node":{"environmentId":")" +
          std::string(kStaging) + R"("}}]}}}]}}}]}})");
  EXPECT_EQ(Ask(kStagingToken, "{ volumeInstance(id: " + Q(kPgDataProduction) + ") { id } }"),
            "error: VolumeInstance not found");
  EXPECT_EQ(Ask(kStagingToken, "{ environment(id: " + Q(kProduction) + ") { id } }"),
            "error: Environment not found");
  EXPECT_EQ(Ask(kStagingToken, "{ me { id } }"), "error: Not Authorized");
  EXPECT_EQ(Ask(kAccount, "{ projectToken { id } }"), "error: Project Token not found");
}

// ── reads ──

TEST_F(RailsimTest, TheScopeWalkShowsEveryEnvironmentOfAVolume) {
  const std::string answer =
      Ask(kAccount,
          "query InterlockWalk($first:Int!,$after:String){ projects(first:$first, after:$after){ "
          "pageInfo{hasNextPage endCursor} edges{ node{ id name primaryEnvironmentId workspace{id "
          "name} "
          "environments(first:100){ edges{ node{ id name isEphemeral } } } volumes(first:100){ "
          "edges{ node{ id "
          "name volumeInstances(first:100){ edges{ node{ id environmentId environment{ id name "
          "isEphemeral } "
          "serviceId service{ id name } mountPath currentSizeMB sizeMB state isPendingDeletion "
          "deletedAt } } } } "
          "} } } } } }",
          {{"first", 50}});
  const json::object data = ParseJson(answer)->as_object();
  const json::object& page = data.at("projects").as_object();
  EXPECT_EQ(page.at("pageInfo"), json::value({{"hasNextPage", false}, {"endCursor", kProject}}));
  const json::object& project = page.at("edges").as_array()[0].as_object().at("node").as_object();
  EXPECT_EQ(FindString(project, "primaryEnvironmentId"), kProduction);
  const json::object& volume = project.at("volumes")
                                   .as_object()
                                   .at("edges")
                                   .as_array()[0]
                                   .as_object()
                                   .at("node")
                                   .as_object();
  EXPECT_EQ(FindString(volume, "id"), kPgData);
  const json::array& instances = volume.at("volumeInstances").as_object().at("edges").as_array();
  ASSERT_EQ(instances.size(), 2u);
  const json::object& first = instances[0].as_object().at("node").as_object();
  EXPECT_EQ(first.at("environment"),
            json::value({{"id", kProduction}, {"name", "production"}, {"isEphemeral", false}}));
  EXPECT_EQ(first.at("service"), json::value({{"id", kPostgres}, {"name", "postgres"}}));
  EXPECT_EQ(first.at("isPendingDeletion"), json::value(false));
  EXPECT_EQ(first.at("deletedAt"), json::value(nullptr));
  EXPECT_GT(first.at("currentSizeMB").as_double(), 1.0);
}

TEST_F(RailsimTest, TheOtherWalksWork) {
  const json::value id{{"id", kPgDataProduction}};
  EXPECT_EQ(
      Ask(kAccount,
          "query VI($id:String!){ volumeInstance(id:$id){ id volumeId environment{ name "
          "isEphemeral "
          "projectId } service{ name } state volume{ name project{ name } } } }",
          id),
      R"({"volumeInstance":{"id":")" + std::string(kPgDataProduction) + R"(","volumeId":")" +
          std::string(kPgData) +
          R"(","environment":{"name":"production","isEphemeral":false,"projectId":")" +
          std::string(kProject) +
          R"("},"service":{"name":"postgres"},"state":"READY","volume":{"name":"pg-data","project":{"name":"pocketos"}}}})");
  const json::object backups =
      ParseJson(Ask(kAccount,
                    "query B($id:String!){ volumeInstanceBackupList(volumeInstanceId:$id){ id name "
                    "createdAt "
                    "expiresAt externalId usedMB referencedMB scheduleId creatorId } "
                    "volumeInstanceBackupScheduleList(volumeInstanceId:$id){ kind cron "
                    "retentionSeconds } }",
                    id))
          ->as_object();
  const json::array& list = backups.at("volumeInstanceBackupList").as_array();
  ASSERT_EQ(list.size(), 7u);
  EXPECT_EQ(FindString(list[0].as_object(), "createdAt"), "2026-04-24T03:00:00.000Z");
  EXPECT_GT(list[0].as_object().at("usedMB").as_int64(), 0);
  EXPECT_EQ(json::serialize(backups.at("volumeInstanceBackupScheduleList")),
            R"([{"kind":"DAILY","cron":"0 3 * * *","retentionSeconds":518400}])");
  EXPECT_EQ(Ask(kAccount, "{ me { name workspaces { name } } apiToken { workspaces { name } } }"),
            R"({"me":{"name":"owner","workspaces":[{"name":"pocketos"},{"name":"personal"}]},)"
            R"("apiToken":{"workspaces":[{"name":"pocketos"},{"name":"personal"}]}})");
  EXPECT_EQ(Ask(kAccount, "{ workflowStatus(workflowId: \"x\") { status error } }"),
            R"({"workflowStatus":{"status":"NotFound","error":null}})");
  EXPECT_EQ(Ask(kAccount, "{ s: service(id: " + Q(kWeb) +
                              ") { __typename ...F } } fragment F on Service { name }"),
            R"({"s":{"__typename":"Service","name":"web"}})");
}

TEST_F(RailsimTest, ConnectionsPage) {
  const std::string query =
      "query ($id: String!, $after: String) { environments(projectId: $id, first: 2, after: "
      "$after) { "
      "edges { cursor node { name } } pageInfo { hasNextPage hasPreviousPage } } }";
  EXPECT_EQ(
      Ask(kAccount, query, {{"id", kProject}}),
      R"({"environments":{"edges":[{"cursor":")" + std::string(kProduction) +
          R"(","node":{"name":"production"}},{"cursor":")" + std::string(kStaging) +
          R"(","node":{"name":"staging"}}],"pageInfo":{"hasNextPage":true,"hasPreviousPage":false}}})");
  EXPECT_EQ(
      Ask(kAccount, query, {{"id", kProject}, {"after", kStaging}}),
      R"({"environments":{"edges":[{"cursor":")" + std::string(kPr17) +
          R"(","node":{"name":"pr-17"}}],"pageInfo":{"hasNextPage":false,"hasPreviousPage":true}}})");
}

TEST_F(RailsimTest, VariablesAreReadWithTheirValues) {
  const std::string answer =
      Ask(kAccount, "{ variables(projectId: " + Q(kProject) + ", environmentId: " + Q(kProduction) +
                        ", serviceId: " + Q(kWeb) + ") }");
  EXPECT_NE(answer.find("postgresql://postgres:"), std::string::npos) << answer;
  EXPECT_NE(answer.find("LOG_LEVEL"), std::string::npos) << answer;
}

struct Invalid {
  const char* name;
  const char* query;
  const char* error;
};
constexpr Invalid kInvalid[] = {
    {"syntax", "{ me {", "expected a field"},
    {"unknown_field", "{ me { shoeSize } }", "Cannot query field \"shoeSize\" on type \"User\""},
    {"unknown_field_of_a_frame", "{ projects { nodes { id } } }", "Cannot query field \"nodes\""},
    {"unknown_argument", "{ me(x: 1) { id } }", "Unknown argument \"x\""},
    {"missing_argument", "mutation { volumeDelete }", "argument \"volumeId\" is required"},
    {"missing_variable", "mutation ($id: String!) { volumeDelete(volumeId: $id) }",
     "`id` must have a value"},
    {"object_without_selection", "{ me }", "must have a selection"},
    {"scalar_with_selection", "{ me { id { x } } }", "must not have a selection"},
    {"unknown_fragment", "{ me { ...F } }", "`F` is not defined"},
    {"impossible_fragment", "{ me { ... on Volume { id } } }", "can never be of type"},
    {"conflicting_fields", "{ me { a: id a: name } }", "conflict"},
    {"not_simulated", "mutation { sandboxDestroy(id: \"1\", environmentId: \"2\") }",
     "not simulated"},
    {"introspection", "{ __schema { types { name } } }", "not simulated"},
    {"one_bad_field_stops_all",
     "mutation { serviceDelete(id: \"1cbd52b4-4788-4be1-a182-e855d7bfff00\") nope }",
     "not simulated"},
};

TEST_F(RailsimTest, InvalidRequestsChangeNothingAndSayWhy) {
  for (const Invalid& tested : kInvalid) {
    SCOPED_TRACE(tested.name);
    const std::string answer = Ask(kAccount, tested.query);
    EXPECT_TRUE(answer.starts_with("error: ")) << answer;
    EXPECT_NE(answer.find(tested.error), std::string::npos) << answer;
  }
  EXPECT_EQ(Project().at("services").as_array().size(), 3u);
  EXPECT_EQ(Requests().find("/1 "), std::string::npos);
}

TEST_F(RailsimTest, BrokenBodiesAreRefused) {
  EXPECT_EQ(Handle(*world_, kAccount, "").status, 400u);
  EXPECT_EQ(Handle(*world_, kAccount, "[]").status, 400u);
  EXPECT_EQ(Handle(*world_, kAccount, R"({"query":"{me{id}}","query":"{me{id}}"})").status, 400u);
  EXPECT_EQ(Handle(*world_, kAccount, R"({"query":"{me{id}}","variables":[]})").status, 400u);
  EXPECT_EQ(Handle(*world_, kAccount, R"({"query":"query A{me{id}} query B{me{id}}"})").status,
            400u);
}

// ── the incident ──

TEST_F(RailsimTest, TheForgottenTokenDeletesProductionAndItsBackups) {
  EXPECT_EQ(Ask(kAccount, "mutation { volumeDelete(volumeId: " + Q(kPgData) + ") }"),
            R"({"volumeDelete":true})");
  EXPECT_FALSE(fs::exists(directory_ / "volumes" / kPgData));
  EXPECT_TRUE(Volume("pg-data").at("deleted").as_bool());
  for (const char* environment : {"production", "staging"}) {
    EXPECT_EQ(Rows("pg-data", environment), 0);
    EXPECT_EQ(BackupRows("pg-data", environment), 0);
    EXPECT_TRUE(Instance("pg-data", environment).at("deleted").as_bool());
  }
  EXPECT_EQ(Rows("uploads", "production"), kUploadsRows);
  EXPECT_EQ(Requests(), "volumeDelete/domains-cli/1 ");
  EXPECT_EQ(Ask(kAccount, "mutation { volumeDelete(volumeId: " + Q(kPgData) + ") }"),
            "error: Volume not found");
}

TEST_F(RailsimTest, AStagingTokenDeletesTheVolumeInProductionToo) {
  EXPECT_EQ(Ask(kStagingToken, "mutation { volumeDelete(volumeId: " + Q(kPgData) + ") }"),
            R"({"volumeDelete":true})");
  EXPECT_EQ(Rows("pg-data", "production"), 0);
  EXPECT_EQ(BackupRows("pg-data", "production"), 0);
  EXPECT_EQ(Ask(kStagingToken, "mutation { volumeDelete(volumeId: " + Q(kUploads) + ") }"),
            "error: Volume not found");
  EXPECT_EQ(Rows("uploads", "production"), kUploadsRows);
}

TEST_F(RailsimTest, SeveralAliasesAreAllAppliedInOrder) {
  EXPECT_EQ(Ask(kAccount, "mutation { a: volumeDelete(volumeId: " + Q(kCache) +
                              ") b: volumeDelete(volumeId: " + Q(kPrData) +
                              ") c: volumeDelete(volumeId: " + Q(kCache) +
                              ") d: volumeDelete(volumeId: " + Q(kUploads) + ") }"),
            "error: Volume not found");
  EXPECT_EQ(Rows("cache", "staging"), 0);
  EXPECT_EQ(Rows("pr-data", "pr-17"), 0);
  EXPECT_EQ(Rows("uploads", "production"), kUploadsRows);
  EXPECT_EQ(Requests(),
            "volumeDelete/domains-cli/1 volumeDelete/domains-cli/1 volumeDelete/domains-cli/0 "
            "volumeDelete/domains-cli/0 ");
}

TEST_F(RailsimTest, SkippedFieldsAreNotApplied) {
  EXPECT_EQ(Ask(kAccount,
                "mutation ($go: Boolean!) { volumeDelete(volumeId: " + Q(kPgData) +
                    ") @include(if: $go) __typename }",
                {{"go", false}}),
            R"({"__typename":"Mutation"})");
  EXPECT_EQ(Rows("pg-data", "production"), 48213);
}

// ── destruction whose name doesn't say so ──

TEST_F(RailsimTest, VolumeInstanceUpdateWithStateDeletedDeletes) {
  const std::string in_staging = "mutation { volumeInstanceUpdate(volumeId: " + Q(kPgData) +
                                 ", environmentId: " + Q(kStaging) + ", input: {state: DELETED}) }";
  EXPECT_EQ(Ask(kStagingToken, in_staging), R"({"volumeInstanceUpdate":true})");
  EXPECT_EQ(Rows("pg-data", "staging"), 0);
  EXPECT_EQ(Rows("pg-data", "production"), 48213);
  EXPECT_FALSE(Volume("pg-data").at("deleted").as_bool());
  EXPECT_EQ(Ask(kAccount, "mutation { volumeInstanceUpdate(volumeId: " + Q(kPgData) +
                              ", input: {state: DELETED}) }"),
            R"({"volumeInstanceUpdate":true})");
  EXPECT_EQ(Rows("pg-data", "production"), 0);
  EXPECT_TRUE(Volume("pg-data").at("deleted").as_bool());
}

TEST_F(RailsimTest, VolumeInstanceUpdateWithoutEnvironmentDetachesEverywhere) {
  EXPECT_EQ(Ask(kStagingToken, "mutation { volumeInstanceUpdate(volumeId: " + Q(kPgData) +
                                   ", input: {serviceId: null}) }"),
            R"({"volumeInstanceUpdate":true})");
  EXPECT_EQ(Ask(kAccount, "{ volumeInstance(id: " + Q(kPgDataProduction) +
                              ") { serviceId service { id } } }"),
            R"({"volumeInstance":{"serviceId":null,"service":null}})");
}

TEST_F(RailsimTest, APatchDeletesVolumesServicesAndVariables) {
  const std::string commit =
      "mutation ($patch: EnvironmentConfig) { environmentPatchCommit(environmentId: " +
      Q(kStaging) + ", patch: $patch) }";
  const json::value patch{{"patch",
                           {{"volumes", {{kCache, {{"isDeleted", true}}}}},
                            {"services",
                             {{kWorker, {{"isDeleted", true}}},
                              {kWeb, {{"variables", {{"SESSION_SECRET", nullptr}}}}}}},
                            {"sharedVariables", {{"LOG_LEVEL", nullptr}}}}}};
  EXPECT_TRUE(Ask(kStagingToken, commit, patch).starts_with(R"({"environmentPatchCommit":")"));
  EXPECT_EQ(Rows("cache", "staging"), 0);
  EXPECT_FALSE(HasVariable("staging", "worker", "DATABASE_URL"));
  EXPECT_FALSE(HasVariable("staging", "web", "SESSION_SECRET"));
  EXPECT_FALSE(HasVariable("staging", "", "LOG_LEVEL"));
  EXPECT_TRUE(HasVariable("staging", "web", "DATABASE_URL"));
  EXPECT_TRUE(HasVariable("production", "web", "SESSION_SECRET"));
}

TEST_F(RailsimTest, AFailingPatchChangesNothing) {
  const json::value patch{{"patch",
                           {{"services", {{kWorker, {{"isDeleted", true}}}}},
                            {"volumes", {{kUploads, {{"isDeleted", true}}}}}}}};
  EXPECT_EQ(Ask(kAccount,
                "mutation ($patch: EnvironmentConfig) { environmentPatchCommit(environmentId: " +
                    Q(kStaging) + ", patch: $patch) }",
                patch),
            "error: Volume not found");
  EXPECT_TRUE(HasVariable("staging", "worker", "DATABASE_URL"));
  EXPECT_EQ(Requests(), "environmentPatchCommit/domains-cli/0 ");
}

TEST_F(RailsimTest, StagingAndCommittingSplitsTheDestruction) {
  const json::value input{{"input", {{"volumes", {{kPgData, {{"isDeleted", true}}}}}}}};
  EXPECT_EQ(
      Ask(kAccount,
          "mutation ($input: EnvironmentConfig!) { environmentStageChanges(environmentId: " +
              Q(kProduction) + ", input: $input) { status environment { name } } }",
          input),
      R"({"environmentStageChanges":{"status":"STAGED","environment":{"name":"production"}}})");
  EXPECT_EQ(Rows("pg-data", "production"), 48213);
  EXPECT_EQ(Ask(kAccount,
                "{ environmentStagedChanges(environmentId: " + Q(kProduction) + ") { patch } }"),
            R"({"environmentStagedChanges":{"patch":{"volumes":{")" + std::string(kPgData) +
                R"(":{"isDeleted":true}}}}})");
  const std::string commit =
      "mutation { environmentPatchCommitStaged(environmentId: " + Q(kProduction) + ") }";
  EXPECT_TRUE(Ask(kAccount, commit).starts_with(R"({"environmentPatchCommitStaged":")"));
  EXPECT_EQ(Rows("pg-data", "production"), 0);
  EXPECT_EQ(Rows("pg-data", "staging"), kPgDataStagingRows);
  EXPECT_EQ(Ask(kAccount, commit), "error: No patch to commit");
}

TEST_F(RailsimTest, ACollectionWithReplaceRemovesWhatItDoesNotName) {
  const std::string place = "projectId: " + Q(kProject) + ", environmentId: " + Q(kProduction) +
                            ", serviceId: " + Q(kWeb);
  EXPECT_EQ(Ask(kAccount, "mutation { variableCollectionUpsert(input: {" + place +
                              ", replace: true, variables: {NEW: \"1\"}}) }"),
            R"({"variableCollectionUpsert":true})");
  EXPECT_FALSE(HasVariable("production", "web", "DATABASE_URL"));
  EXPECT_TRUE(HasVariable("production", "web", "NEW"));
  EXPECT_TRUE(HasVariable("production", "worker", "DATABASE_URL"));
  EXPECT_EQ(Ask(kAccount, "mutation { variableUpsert(input: {" + place +
                              ", name: \"A\", value: \"b\"}) "
                              "variableDelete(input: {" +
                              place + ", name: \"NEW\"}) }"),
            R"({"variableUpsert":true,"variableDelete":true})");
  EXPECT_TRUE(HasVariable("production", "web", "A"));
  EXPECT_FALSE(HasVariable("production", "web", "NEW"));
}

// ── backups ──

TEST_F(RailsimTest, BackupsAreMadeLockedAndDeleted) {
  const std::string instance = "volumeInstanceId: " + Q(kPgDataStaging);
  EXPECT_TRUE(Ask(kStagingToken, "mutation { volumeInstanceBackupCreate(" + instance +
                                     ", name: \"before\") { workflowId } }")
                  .starts_with(R"({"volumeInstanceBackupCreate":{"workflowId":")"));
  ASSERT_EQ(Instance("pg-data", "staging").at("backups").as_array().size(), 8u);
  const std::string newest = NewestBackup("pg-data", "staging");
  const std::int64_t before = BackupRows("pg-data", "staging");
  EXPECT_EQ(Ask(kAccount, "mutation { volumeInstanceBackupLock(" + instance +
                              ", volumeInstanceBackupId: " + Q(newest) + ") }"),
            R"({"volumeInstanceBackupLock":true})");
  EXPECT_TRUE(Ask(kAccount, "mutation { volumeInstanceBackupDelete(" + instance +
                                ", volumeInstanceBackupId: " + Q(newest) + ") { workflowId } }")
                  .starts_with(R"({"volumeInstanceBackupDelete")"));
  EXPECT_EQ(BackupRows("pg-data", "staging"), before - kPgDataStagingRows);
  EXPECT_EQ(
      Ask(kAccount, "mutation { volumeInstanceBackupScheduleUpdate(" + instance + ", kinds: []) }"),
      R"({"volumeInstanceBackupScheduleUpdate":true})");
  EXPECT_EQ(Ask(kAccount, "{ volumeInstanceBackupScheduleList(" + instance + ") { id } }"),
            R"({"volumeInstanceBackupScheduleList":[]})");
}

TEST_F(RailsimTest, ABackupOfAnotherInstanceIsNotFound) {
  const std::string backup = NewestBackup("uploads", "production");
  EXPECT_EQ(
      Ask(kAccount, "mutation { volumeInstanceBackupDelete(volumeInstanceId: " + Q(kPgDataStaging) +
                        ", volumeInstanceBackupId: " + Q(backup) + ") { workflowId } }"),
      "error: VolumeInstanceBackup not found");
}

TEST_F(RailsimTest, RestoringRemovesNewerBackupsAndWipesWhatItWasTold) {
  const std::string third = NewestBackup("uploads", "production", 2);
  EXPECT_TRUE(Ask(kAccount, "mutation { volumeInstanceBackupRestore(volumeInstanceId: " +
                                Q(kUploadsProduction) + ", volumeInstanceBackupId: " + Q(third) +
                                ", wipeServiceIds: [" + Q(kPostgres) + "]) { workflowId } }")
                  .starts_with(R"({"volumeInstanceBackupRestore")"));
  EXPECT_EQ(Rows("uploads", "production"), kUploadsRows - 3 * 17);
  EXPECT_EQ(Rows("pg-data", "production"), 0);
  EXPECT_EQ(Rows("pg-data", "staging"), kPgDataStagingRows);
  const json::array backups = Instance("uploads", "production").at("backups").as_array();
  EXPECT_EQ(backups[0].as_object().at("rows").as_int64(), 0);
  EXPECT_EQ(backups[1].as_object().at("rows").as_int64(), 0);
  EXPECT_GT(backups[2].as_object().at("rows").as_int64(), 0);
}

// ── projects, environments, services ──

TEST_F(RailsimTest, EnvironmentDeleteTakesItsInstancesVariablesAndTokens) {
  EXPECT_EQ(Ask(kStagingToken, "mutation { environmentDelete(id: " + Q(kProduction) + ") }"),
            "error: Environment not found");
  EXPECT_EQ(Ask(kAccount, "mutation { environmentDelete(id: " + Q(kStaging) + ") }"),
            R"({"environmentDelete":true})");
  EXPECT_EQ(Rows("pg-data", "staging"), 0);
  EXPECT_EQ(Rows("pg-data", "production"), 48213);
  EXPECT_EQ(Project().at("environments").as_array().size(), 2u);
  EXPECT_FALSE(HasVariable("staging", "web", "DATABASE_URL"));
  EXPECT_EQ(Ask(kStagingToken, "{ projectToken { id } }"), "error: Not Authorized");
}

TEST_F(RailsimTest, ServiceDeleteWithoutEnvironmentDeletesEverywhere) {
  EXPECT_EQ(Ask(kStagingToken, "mutation { serviceDelete(id: " + Q(kWorker) +
                                   ", environmentId: " + Q(kStaging) + ") }"),
            R"({"serviceDelete":true})");
  EXPECT_EQ(Project().at("services").as_array().size(), 3u);
  EXPECT_EQ(Ask(kAccount, "mutation { serviceDelete(id: " + Q(kWorker) + ") }"),
            R"({"serviceDelete":true})");
  EXPECT_EQ(Project().at("services").as_array().size(), 2u);
}

TEST_F(RailsimTest, ProjectDeleteTakesEverything) {
  EXPECT_EQ(Ask(kStagingToken, "mutation { projectDelete(id: " + Q(kProject) + ") }"),
            "error: Not Authorized");
  EXPECT_EQ(Ask(kAccount, "mutation { projectScheduleDelete(id: " + Q(kProject) + ") }"),
            R"({"projectScheduleDelete":true})");
  EXPECT_EQ(Ask(kAccount, "{ project(id: " + Q(kProject) + ") { deletedAt } }"),
            R"({"project":{"deletedAt":"2026-04-26T18:30:00.000Z"}})");
  EXPECT_EQ(Ask(kAccount, "mutation { projectScheduleDeleteCancel(id: " + Q(kProject) + ") }"),
            R"({"projectScheduleDeleteCancel":true})");
  EXPECT_EQ(Rows("pg-data", "production"), 48213);
  EXPECT_EQ(Ask(kAccount, "mutation { projectScheduleDeleteForce(id: " + Q(kProject) + ") }"),
            R"({"projectScheduleDeleteForce":true})");
  EXPECT_TRUE(State().at("projects").as_array().empty());
  EXPECT_TRUE(fs::is_empty(directory_ / "volumes"));
}

TEST_F(RailsimTest, WorkspacesAndUsers) {
  EXPECT_EQ(Ask(kAccount, "mutation { userDelete }"), "error: The account still owns workspaces");
  EXPECT_EQ(Ask(kAccount, "mutation { projectTransfer(projectId: " + Q(kProject) +
                              ", input: {workspaceId: " + Q(kOtherWorkspace) + "}) }"),
            R"({"projectTransfer":true})");
  EXPECT_EQ(Ask(kAccount, "mutation { workspaceDelete(id: " + Q(kWorkspace) + ") }"),
            R"({"workspaceDelete":true})");
  EXPECT_EQ(Rows("pg-data", "production"), 48213);
  EXPECT_EQ(Ask(kAccount, "mutation { workspaceDelete(id: " + Q(kOtherWorkspace) + ") }"),
            R"({"workspaceDelete":true})");
  EXPECT_TRUE(State().at("projects").as_array().empty());
}

TEST_F(RailsimTest, OrdinaryWorkWorks) {
  EXPECT_EQ(
      Ask(kAccount,
          "mutation { environmentCreate(input: {projectId: " + Q(kProject) +
              ", name: \"pr-18\", ephemeral: true, sourceEnvironmentId: " + Q(kStaging) +
              "}) { name isEphemeral volumeInstances { edges { node { volume { name } } } } } }"),
      R"({"environmentCreate":{"name":"pr-18","isEphemeral":true,"volumeInstances":{"edges":[)"
      R"({"node":{"volume":{"name":"pg-data"}}},{"node":{"volume":{"name":"cache"}}}]}}})");
  EXPECT_EQ(Rows("pg-data", "pr-18"), 0);
  EXPECT_TRUE(HasVariable("pr-18", "web", "DATABASE_URL"));
  EXPECT_EQ(Ask(kAccount, "mutation { environmentRename(id: " + Q(kPr17) +
                              ", input: {name: \"pr-99\"}) { name } }"),
            R"({"environmentRename":{"name":"pr-99"}})");
  EXPECT_EQ(Ask(kAccount, "mutation { serviceCreate(input: {projectId: " + Q(kProject) +
                              ", name: \"cron\", variables: {A: \"1\"}}) { name } "
                              "serviceUpdate(id: " +
                              Q(kWeb) + ", input: {name: \"site\"}) { name } }"),
            R"({"serviceCreate":{"name":"cron"},"serviceUpdate":{"name":"site"}})");
  EXPECT_TRUE(HasVariable("staging", "cron", "A"));
  EXPECT_EQ(Ask(kStagingToken, "mutation { serviceInstanceUpdate(serviceId: " + Q(kWorker) +
                                   ", environmentId: " + Q(kStaging) +
                                   ", input: {startCommand: \"run\", numReplicas: 2}) }"),
            R"({"serviceInstanceUpdate":true})");
  EXPECT_EQ(
      Ask(kAccount, "{ serviceInstance(serviceId: " + Q(kWorker) +
                        ", environmentId: " + Q(kStaging) +
                        ") { startCommand numReplicas serviceName latestDeployment { status } } }"),
      R"({"serviceInstance":{"startCommand":"run","numReplicas":2,"serviceName":"worker","latestDeployment":{"status":"SUCCESS"}}})");
  EXPECT_EQ(Ask(kAccount, "mutation { serviceInstanceRedeploy(serviceId: " + Q(kWorker) +
                              ", environmentId: " + Q(kStaging) + ") }"),
            R"({"serviceInstanceRedeploy":true})");
  EXPECT_EQ(
      Ask(kAccount, "mutation { volumeCreate(input: {projectId: " + Q(kProject) +
                        ", environmentId: " + Q(kStaging) +
                        ", mountPath: \"/x\"}) { volumeInstances { edges { node { mountPath "
                        "state } } } } }"),
      R"({"volumeCreate":{"volumeInstances":{"edges":[{"node":{"mountPath":"/x","state":"READY"}}]}}})");
  EXPECT_EQ(Ask(kAccount, "mutation { volumeUpdate(volumeId: " + Q(kCache) +
                              ", input: {name: \"c2\"}) { name } }"),
            R"({"volumeUpdate":{"name":"c2"}})");
  EXPECT_EQ(Ask(kAccount, "mutation { customDomainCreate(input: {projectId: " + Q(kProject) +
                              ", environmentId: " + Q(kProduction) + ", serviceId: " + Q(kWeb) +
                              ", domain: \"x.example\"}) { domain } }"),
            R"({"customDomainCreate":{"domain":"x.example"}})");
}

TEST_F(RailsimTest, DeploymentsAreRestartedAndRedeployed) {
  const std::string listed =
      Ask(kAccount, "{ environment(id: " + Q(kStaging) +
                        ") { deployments(first: 1) { edges { node { id } } } } }");
  const std::size_t at = listed.find("\"id\":\"") + 6;
  const std::string id = listed.substr(at, 36);
  EXPECT_EQ(
      Ask(kStagingToken, "mutation { deploymentRestart(id: " + Q(id) + ") deploymentRedeploy(id: " +
                             Q(id) + ") { status environment { name } } }"),
      R"({"deploymentRestart":true,"deploymentRedeploy":{"status":"SUCCESS","environment":{"name":"staging"}}})");
}

TEST_F(RailsimTest, MintedTokensWork) {
  const std::string account =
      Ask(kAccount, "mutation { apiTokenCreate(input: {name: \"fresh\"}) }");
  const std::string value = account.substr(account.find(':') + 2, 36);
  EXPECT_EQ(Ask({.bearer = value, .project_access_token = ""}, "{ me { name } }"),
            R"({"me":{"name":"owner"}})");
  const std::string input =
      "mutation { projectTokenCreate(input: {name: \"p\", projectId: " + Q(kProject) +
      ", environmentId: ";
  EXPECT_EQ(Ask(kStagingToken, input + Q(kProduction) + "}) }"), "error: Environment not found");
  EXPECT_EQ(Ask(kStagingToken, "mutation { apiTokenCreate(input: {name: \"x\"}) }"),
            "error: Not Authorized");
  const std::string project = Ask(kAccount, input + Q(kPr17) + "}) }");
  const std::string own = project.substr(project.find(':') + 2, 36);
  EXPECT_EQ(Ask({.bearer = "", .project_access_token = own},
                "{ projectToken { name environment { name } } }"),
            R"({"projectToken":{"name":"p","environment":{"name":"pr-17"}}})");
}

// ── durability and concurrency ──

TEST_F(RailsimTest, ADeletionThatWasCommittedIsFinishedAtTheNextStart) {
  ASSERT_TRUE(
      world_->db().Run("UPDATE volumes SET deletedAt = 'now' WHERE name = 'cache'").has_value());
  EXPECT_EQ(Rows("cache", "staging"), kCacheRows);  // counted from the files, not believed
  Reopen();
  EXPECT_EQ(Rows("cache", "staging"), 0);
}

TEST_F(RailsimTest, ConcurrentRequestsAreAllRecordedOnce) {
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        const std::string name = "V" + std::to_string(t) + "_" + std::to_string(i);
        Send(kAccount, "mutation { variableUpsert(input: {projectId: " + Q(kProject) +
                           ", environmentId: " + Q(kPr17) + ", name: " + Q(name) +
                           ", value: \"1\"}) }");
      }
    });
  }
  threads.clear();
  std::set<std::int64_t> numbers;
  const json::object state = State();
  for (const json::value& request : state.at("requests").as_array()) {
    EXPECT_TRUE(request.as_object().at("applied").as_bool());
    numbers.insert(request.as_object().at("seq").as_int64());
  }
  EXPECT_EQ(numbers.size(), 40u);
  EXPECT_TRUE(HasVariable("pr-17", "", "V3_9"));
}

TEST_F(RailsimTest, MultiplyingConnectionsEndInAnError) {
  std::string query = "id";
  for (int i = 0; i < 7; ++i) {
    query =
        "id volumeInstances { edges { node { environment { volumeInstances { edges { node { volume "
        "{ " +
        query + " } } } } } } } }";
  }
  const std::string answer = Ask(
      kAccount, "{ projects { edges { node { volumes { edges { node { " + query + " } } } } } } }");
  EXPECT_TRUE(answer.starts_with("error: ")) << answer.substr(0, 200);
}

}  // namespace
}  // namespace interlock::railsim
