#include "scope/resolve.h"

#include <gtest/gtest.h>

#include "scope/example_world.h"
#include "scope/relation.h"

namespace interlock::scope {
namespace {

using example::ProjectIs;

// As configured in the documentation: production, staging, and pr-* as scratch.
Mapped MapUsual(std::string_view name) {
  if (name == "staging") return {"staging", false};
  if (name.starts_with("pr-")) return {"scratch", true};
  return {"production", false};
}

ResourceId Railway(std::string type, std::string id) {
  return {"railway", std::move(type), std::move(id)};
}

std::vector<std::string> MappedIn(const Scope& scope) {
  std::vector<std::string> out;
  for (const EnvironmentSeen& seen : scope.environments) out.push_back(seen.mapped);
  return out;
}

std::string Lines(const std::vector<Observation>& observations) {
  std::string out;
  for (const Observation& observation : observations) out += observation.what + "\n";
  return out;
}

struct Case {
  const char* name;
  ResourceId target;
  std::vector<std::string> environments;  // mapped names, in the order of the provider's names
  const char* unresolved_because;         // "" when resolved
  Relation relation;                      // with staging lent
};

std::vector<Case> Cases() {
  constexpr Relation kLent = Relation::lent;
  constexpr Relation kOther = Relation::other;
  constexpr Relation kUnresolved = Relation::unresolved;
  return {
      {"a_volume_lives_where_all_its_instances_live",
       Railway("volume", "v-pg"),
       {"production", "staging"},
       "",
       kOther},
      {"a_volume_of_staging_alone", Railway("volume", "v-cache"), {"staging"}, "", kLent},
      {"a_volume_of_a_pull_request", Railway("volume", "v-pr"), {"scratch"}, "", kOther},
      {"an_instance_lives_in_one_environment",
       Railway("volumeInstance", "i-pg-stag"),
       {"staging"},
       "",
       kLent},
      {"an_instance_in_production",
       Railway("volumeInstance", "i-pg-prod"),
       {"production"},
       "",
       kOther},
      {"a_volume_in_a_named_environment",
       Railway("volumeInstanceOf", "v-pg@e-stag"),
       {"staging"},
       "",
       kLent},
      {"a_volume_that_is_not_in_the_named_environment",
       Railway("volumeInstanceOf", "v-up@e-stag"),
       {},
       "shows no such volume in that environment",
       kUnresolved},
      {"an_environment_is_itself", Railway("environment", "e-stag"), {"staging"}, "", kLent},
      {"a_service_can_run_everywhere",
       Railway("service", "s-web"),
       {"scratch", "production", "staging"},
       "",
       kOther},
      {"a_service_in_a_named_environment",
       Railway("serviceInstance", "s-web@e-stag"),
       {"staging"},
       "",
       kLent},
      {"a_service_in_an_unknown_environment",
       Railway("serviceInstance", "s-web@e-none"),
       {},
       "shows no such environment",
       kUnresolved},
      {"an_unknown_service_in_a_known_environment",
       Railway("serviceInstance", "s-none@e-stag"),
       {},
       "shows no such service",
       kUnresolved},
      {"a_project_has_all_its_environments",
       Railway("project", "p-1"),
       {"scratch", "production", "staging"},
       "",
       kOther},
      {"a_backup_lives_with_its_instance",
       Railway("backup", "i-pg-prod@b-1"),
       {"production"},
       "",
       kOther},
      {"a_backup_of_an_unknown_instance",
       Railway("backup", "i-none@b-1"),
       {},
       "shows no such volume instance",
       kUnresolved},
      {"a_deployment_that_was_not_asked_about",
       Railway("deployment", "d-1"),
       {},
       "was not asked",
       kUnresolved},
      {"an_unknown_volume", Railway("volume", "v-none"), {}, "shows no such volume", kUnresolved},
      {"an_unknown_environment",
       Railway("environment", "e-none"),
       {},
       "shows no such environment",
       kUnresolved},
      {"an_unknown_project",
       Railway("project", "p-none"),
       {},
       "shows no such project",
       kUnresolved},
      {"an_instance_id_given_as_a_volume",
       Railway("volume", "i-pg-stag"),
       {},
       "shows no such volume",
       kUnresolved},
      {"a_type_that_is_not_known",
       Railway("customer", "c-1"),
       {},
       "where a customer like this lives is not known",
       kUnresolved},
      {"a_pair_with_one_part",
       Railway("serviceInstance", "s-web@"),
       {},
       "is not known",
       kUnresolved},
      {"a_pair_with_three_parts",
       Railway("serviceInstance", "s-web@e-stag@e-prod"),
       {},
       "is not known",
       kUnresolved},
      {"an_empty_id", Railway("environment", ""), {}, "shows no such environment", kUnresolved},
      {"another_provider",
       {"fly", "volume", "v-cache"},
       {},
       "not a resource of Railway",
       kUnresolved},
  };
}

class ResolveTest : public testing::TestWithParam<Case> {};
TEST_P(ResolveTest, InACompleteView) {
  const Case& c = GetParam();
  const auto world = example::WorldOf({});
  ASSERT_TRUE(world);
  const Scope scope = Resolve(*world, {c.target}, MapUsual, EphemeralIn(*world));
  EXPECT_EQ(MappedIn(scope), c.environments);
  EXPECT_EQ(scope.unresolved.empty(), std::string_view(c.unresolved_because).empty());
  EXPECT_NE(scope.unresolved_reason.find(c.unresolved_because), std::string::npos)
      << scope.unresolved_reason;
  EXPECT_EQ(RelationOf(scope, "staging"), c.relation);
  EXPECT_FALSE(scope.where.empty());
  EXPECT_EQ(scope.names.size(), 1u);
}
INSTANTIATE_TEST_SUITE_P(Table, ResolveTest, testing::ValuesIn(Cases()),
                         [](const auto& param) { return std::string(param.param.name); });

struct Partial {
  const char* name;
  ResourceId target;
  bool resolved;
};

std::vector<Partial> Partials() {
  return {
      {"its_environment", Railway("environment", "e-stag"), true},
      {"an_instance_that_it_shows", Railway("volumeInstance", "i-pg-stag"), true},
      {"a_volume_in_its_environment", Railway("volumeInstanceOf", "v-pg@e-stag"), true},
      {"a_service_in_its_environment", Railway("serviceInstance", "s-pg@e-stag"), true},
      {"a_backup_of_an_instance_that_it_shows", Railway("backup", "i-pg-stag@b"), true},
      {"a_volume", Railway("volume", "v-pg"), false},
      {"a_service", Railway("service", "s-pg"), false},
      {"the_project", Railway("project", "p-1"), false},
      {"another_environment", Railway("environment", "e-prod"), false},
  };
}

// The trap of the incident: through a project token of staging the volume looks like staging's own.
class PartialView : public testing::TestWithParam<Partial> {};
TEST_P(PartialView, ProvesNothingAboutWhatCouldLiveElsewhere) {
  const auto world = example::WalkOver(ViewKind::project_token, example::ProjectTokenAnswers());
  ASSERT_TRUE(world) << world.error().message;
  const Scope scope = Resolve(*world, {GetParam().target}, MapUsual, {});
  EXPECT_EQ(scope.unresolved.empty(), GetParam().resolved) << scope.unresolved_reason;
  EXPECT_EQ(RelationOf(scope, "staging"),
            GetParam().resolved ? Relation::lent : Relation::unresolved);
}
INSTANTIATE_TEST_SUITE_P(ShowsOf, PartialView, testing::ValuesIn(Partials()),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(Resolve, AVolumeOfAProjectThatIsShownInPartIsUnresolved) {
  ProjectIs project;
  project.environments.more = true;
  const auto world = example::WorldOf(project);
  const Scope scope = Resolve(*world, {Railway("volume", "v-cache")}, MapUsual, {});
  EXPECT_EQ(RelationOf(scope, "staging"), Relation::unresolved);
  EXPECT_NE(scope.unresolved_reason.find("project \"rental\" can't be seen in full"),
            std::string::npos);
}

TEST(Resolve, AVolumeWithoutAnInstanceIsUnresolved) {
  ProjectIs project;
  project.volumes = {example::Volume("v-empty", "empty", {})};
  const Scope scope =
      Resolve(*example::WorldOf(project), {Railway("volume", "v-empty")}, MapUsual, {});
  EXPECT_EQ(RelationOf(scope, "staging"), Relation::unresolved);
}

TEST(Resolve, AnInstanceThatWaitsToBeDeletedStillCounts) {
  ProjectIs project;
  project.volumes = {example::Volume(
      "v", "x",
      {example::Instance({.id = "i1", .environment_id = "e-stag", .environment_name = "staging"}) +
       "," +
       example::Instance({.id = "i2",
                          .environment_id = "e-prod",
                          .environment_name = "production",
                          .pending = true})})};
  const Scope scope = Resolve(*example::WorldOf(project), {Railway("volume", "v")}, MapUsual, {});
  EXPECT_EQ(MappedIn(scope), (std::vector<std::string>{"production", "staging"}));
  EXPECT_NE(Lines(scope.where).find("waiting to be deleted"), std::string::npos);
}

TEST(Resolve, AServiceOfAnotherProjectIsNotInTheNamedEnvironment) {
  ProjectIs other{.id = "p-2", .name = "other", .primary = "null"};
  other.environments = {example::Environment("e2", "staging", false)};
  other.services = {example::Service("s2", "web")};
  other.volumes = {};
  const auto world = example::WalkOver(
      ViewKind::account, {example::Page({example::Project({}) + "," + example::Project(other)})});
  ASSERT_TRUE(world) << world.error().message;
  const Scope scope = Resolve(*world, {Railway("serviceInstance", "s-web@e2")}, MapUsual, {});
  EXPECT_EQ(RelationOf(scope, "staging"), Relation::unresolved);
}

TEST(Resolve, OneUnresolvedTargetMakesTheWholeActionUnresolved) {
  const auto world = example::WorldOf({});
  const Scope scope = Resolve(
      *world, {Railway("environment", "e-stag"), Railway("volume", "v-none")}, MapUsual, {});
  EXPECT_EQ(RelationOf(scope, "staging"), Relation::unresolved);
  EXPECT_EQ(MappedIn(scope), std::vector<std::string>{"staging"});
  EXPECT_EQ(scope.unresolved, std::vector<ResourceId>{Railway("volume", "v-none")});
}

TEST(Resolve, TheSameTargetTwiceIsOne) {
  const auto world = example::WorldOf({});
  EXPECT_EQ(Resolve(*world, {Railway("volume", "v-pg"), Railway("volume", "v-pg")}, MapUsual, {}),
            Resolve(*world, {Railway("volume", "v-pg")}, MapUsual, {}));
}

TEST(Resolve, NoTargetsAreNoScope) {
  EXPECT_EQ(Resolve(*example::WorldOf({}), {}, MapUsual, {}), Scope{});
}

// ---- Disposable
// ----------------------------------------------------------------------------------

EnvironmentSeen OnlyEnvironment(const ProjectIs& project, const PinnedEphemeral& pinned,
                                const std::string& id = "e-pr17") {
  const auto world = example::WorldOf(project);
  EXPECT_TRUE(world) << world.error().message;
  const Scope scope = Resolve(*world, {Railway("environment", id)}, MapUsual, pinned);
  EXPECT_EQ(scope.environments.size(), 1u);
  return scope.environments.empty() ? EnvironmentSeen{} : scope.environments[0];
}

ProjectIs WithEnvironment(const std::string& id, const std::string& name, bool ephemeral) {
  ProjectIs project;
  project.environments = {example::Environment("e-prod", "production", false) + "," +
                          example::Environment(id, name, ephemeral)};
  project.volumes = {};
  return project;
}

TEST(Disposable, DeclaredAndFlaggedAndPinned) {
  const EnvironmentSeen seen = OnlyEnvironment({}, {"e-pr17"});
  EXPECT_EQ(seen, (EnvironmentSeen{"e-pr17", "pr-17", "scratch", true, true}));
}

TEST(Disposable, NotWhenItAppearedAfterTheSessionStarted) {
  const EnvironmentSeen seen = OnlyEnvironment({}, {"e-pr16"});
  EXPECT_FALSE(seen.disposable);
  EXPECT_EQ(seen.mapped, "scratch");
}

TEST(Disposable, ANameAloneIsNotEnoughAndCountsAsProduction) {
  const EnvironmentSeen seen =
      OnlyEnvironment(WithEnvironment("e-pr17", "pr-17", false), {"e-pr17"});
  EXPECT_FALSE(seen.disposable);
  EXPECT_EQ(seen.mapped, "production");
}

TEST(Disposable, StagingRenamedToLookLikeAPullRequestIsNot) {
  const EnvironmentSeen seen =
      OnlyEnvironment(WithEnvironment("e-stag", "pr-99", false), {"e-pr17"}, "e-stag");
  EXPECT_FALSE(seen.disposable);
  EXPECT_EQ(seen.mapped, "production");
}

TEST(Disposable, ThePullRequestRenamedToAnUnknownNameIsProduction) {
  const EnvironmentSeen seen =
      OnlyEnvironment(WithEnvironment("e-pr17", "preview", true), {"e-pr17"});
  EXPECT_FALSE(seen.disposable);
  EXPECT_EQ(seen.mapped, "production");
}

TEST(Disposable, TheFlagWithoutTheDeclarationIsNot) {
  EXPECT_FALSE(OnlyEnvironment(WithEnvironment("e-x", "staging", true), {"e-x"}, "e-x").disposable);
}

TEST(Disposable, ThePrimaryEnvironmentNeverIs) {
  ProjectIs project = WithEnvironment("e-pr17", "pr-17", true);
  project.primary = "\"e-pr17\"";
  const EnvironmentSeen seen = OnlyEnvironment(project, {"e-pr17"});
  EXPECT_FALSE(seen.disposable);
  EXPECT_EQ(seen.mapped, "production");
}

TEST(Disposable, AMapperThatAnswersNothingMeansProduction) {
  const auto world = example::WorldOf({});
  const Scope scope = Resolve(*world, {Railway("environment", "e-pr17")},
                              [](std::string_view) { return Mapped{"", true}; }, {"e-pr17"});
  EXPECT_EQ(scope.environments[0].mapped, "production");
  EXPECT_FALSE(scope.environments[0].disposable);
}

// ---- What is told
// --------------------------------------------------------------------------------

TEST(Resolve, TellsWhereAVolumeLivesAndWhatGoesWithIt) {
  const auto world = example::WorldOf({});
  Details details;
  details.backups["i-pg-prod"] = std::vector<Backup>(7, {"b", "daily", "2026-04-24T00:00:00Z"});
  details.backups["i-pg-stag"] = {};
  const Scope scope = Resolve(*world, {Railway("volume", "v-pg")}, MapUsual, {}, &details);
  EXPECT_EQ(Lines(scope.where),
            "volume \"pg-data\" in production (service postgres), mounted at /data\n"
            "volume \"pg-data\" in staging (service postgres), mounted at /data\n");
  EXPECT_EQ(Lines(scope.loss),
            "volume \"pg-data\" in production (service postgres) · 4.1 GB\n"
            "7 backups stored inside volume \"pg-data\" in production (service postgres): none "
            "would survive\n"
            "volume \"pg-data\" in staging (service postgres) · 812 MB\n");
  EXPECT_EQ(scope.names, std::vector<std::string>{"pg-data"});
  EXPECT_EQ(scope.where[0].known_by, "Railway, seen " + FormatTime(example::kSeenAt));
}

TEST(Resolve, SaysThatBackupsWereNotCounted) {
  const Scope scope =
      Resolve(*example::WorldOf({}), {Railway("volumeInstance", "i-cache")}, MapUsual, {});
  EXPECT_EQ(
      Lines(scope.loss),
      "volume \"cache\" in staging (attached to no service) · 12 MB\n"
      "the backups stored inside volume \"cache\" in staging (attached to no service), which were "
      "not counted: none would survive\n");
}

TEST(Resolve, NamesABackup) {
  const auto world = example::WorldOf({});
  Details details;
  details.backups["i-up"] = {{"b-1", "before-migration", "2026-04-24T00:00:00Z"}};
  const Scope scope = Resolve(*world, {Railway("backup", "i-up@b-1")}, MapUsual, {}, &details);
  EXPECT_EQ(scope.names, std::vector<std::string>{"before-migration"});
  EXPECT_EQ(Lines(scope.loss), "backup \"before-migration\" of 2026-04-24T00:00:00Z\n");
}

TEST(Resolve, FindsWhereADeploymentRuns) {
  const auto world = example::WorldOf({});
  Details details;
  details.deployments["d-1"] = "e-stag";
  details.deployments["d-2"] = "e-none";
  EXPECT_EQ(RelationOf(Resolve(*world, {Railway("deployment", "d-1")}, MapUsual, {}, &details),
                       "staging"),
            Relation::lent);
  EXPECT_EQ(RelationOf(Resolve(*world, {Railway("deployment", "d-2")}, MapUsual, {}, &details),
                       "staging"),
            Relation::unresolved);
}

TEST(Resolve, EscapesTheNamesThatOthersChose) {
  ProjectIs project;
  project.environments.nodes = example::Environment("e-prod", "production", false) + "," +
                               example::Environment("e-stag", "staging\xE2\x80\xAE", false);
  project.volumes = {};
  const Scope scope =
      Resolve(*example::WorldOf(project), {Railway("environment", "e-stag")}, MapUsual, {});
  EXPECT_EQ(Lines(scope.where).find("\xE2\x80\xAE"), std::string::npos);
  EXPECT_EQ(scope.environments[0].mapped, "production");
}

}  // namespace
}  // namespace interlock::scope
