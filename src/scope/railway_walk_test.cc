#include "scope/railway_walk.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "scope/example_world.h"

namespace interlock::scope {
namespace {

using example::Page;
using example::Project;
using example::ProjectIs;
using example::WalkOver;
using example::WorldOf;

std::string ErrorOf(const Result<World>& world) {
  return world ? std::string() : world.error().message;
}

TEST(RailwayWalk, AnAccountTokenGoesThroughProjectsPageByPage) {
  RailwayWalk walk(ViewKind::account);
  const auto first = walk.NextRequest();
  ASSERT_TRUE(first);
  const auto request = ParseJson(*first);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->at("variables").at("after"), nullptr);
  EXPECT_FALSE(walk.NextRequest()) << "one question at a time";
  ASSERT_TRUE(walk.OnResponse(Page({Project({}), true, "c1"})));
  EXPECT_FALSE(walk.Done());
  const auto second = ParseJson(*walk.NextRequest());
  EXPECT_EQ(second->at("variables").at("after").as_string(), "c1");
  ProjectIs other{.id = "p-2", .name = "other", .primary = "null"};
  other.environments = {example::Environment("e2", "production", false)};
  other.services = other.volumes = {};
  ASSERT_TRUE(walk.OnResponse(Page({Project(other), false, "c2"})));
  EXPECT_TRUE(walk.Done());
  EXPECT_FALSE(walk.NextRequest());
  const auto world = walk.Finish(example::kSeenAt);
  ASSERT_TRUE(world);
  EXPECT_TRUE(world->complete());
  EXPECT_EQ(world->parts().projects.size(), 2u);
  EXPECT_EQ(world->InstancesOf("v-pg").size(), 2u);
  EXPECT_EQ(world->FindEnvironment("e-pr17")->ephemeral, true);
  EXPECT_EQ(world->FindInstance("i-cache")->service, "");
  EXPECT_EQ(world->FindProject("p-1")->primary_environment, "e-prod");
}

TEST(RailwayWalk, AProjectTokenAsksForItsOwnEnvironment) {
  RailwayWalk walk(ViewKind::project_token);
  const auto answers = example::ProjectTokenAnswers();
  EXPECT_NE(walk.NextRequest()->find("projectToken"), std::string::npos);
  ASSERT_TRUE(walk.OnResponse(answers[0]));
  const auto request = ParseJson(*walk.NextRequest());
  EXPECT_EQ(request->at("variables").at("id").as_string(), "e-stag");
  ASSERT_TRUE(walk.OnResponse(answers[1]));
  const auto world = walk.Finish(example::kSeenAt);
  ASSERT_TRUE(world) << world.error().message;
  EXPECT_FALSE(world->complete());
  EXPECT_EQ(world->FindService("s-pg")->name, "postgres");
}

// Answers after which nothing may be known.
struct Refusal {
  const char* name;
  std::string answer;
  const char* because;
};

std::vector<Refusal> Refusals() {
  ProjectIs twice;
  twice.environments.nodes += "," + example::Environment("e-prod", "production", false);
  ProjectIs elsewhere;
  elsewhere.volumes = {example::Volume(
      "v", "x",
      {example::Instance({.id = "i", .environment_id = "e-prod", .environment_name = "staging"})})};
  ProjectIs ephemeral;
  ephemeral.volumes = {example::Volume("v", "x",
                                       {example::Instance({.id = "i",
                                                           .environment_id = "e-prod",
                                                           .environment_name = "production",
                                                           .ephemeral = true})})};
  ProjectIs negative;
  negative.volumes = {example::Volume("v", "x",
                                      {example::Instance({.id = "i",
                                                          .environment_id = "e-prod",
                                                          .environment_name = "production",
                                                          .used_mb = -1})})};
  return {
      {"not_json", "<html>", ""},
      {"empty", "", ""},
      {"a_list", "[]", "is not an object"},
      {"no_data", "{}", "has no data"},
      {"null_data", R"({"data":null})", "has no data"},
      {"an_error_alone", R"({"errors":[{"message":"Not Authorized"}],"data":null})",
       "Not Authorized"},
      {"an_error_beside_data",
       R"({"errors":[{"message":"part failed"}],)" + Page({Project({})}).substr(1), "part failed"},
      {"an_empty_list_of_errors", R"({"errors":[],)" + Page({Project({})}).substr(1),
       "provider answered"},
      {"another_shape", R"({"data":{"projects":[]}})", "data.projects is not an object"},
      {"a_null_project",
       R"({"data":{"projects":{"pageInfo":{"hasNextPage":false,"endCursor":null},"edges":[{"node":null}]}}})",
       "node is not an object"},
      {"no_page_info", R"({"data":{"projects":{"edges":[]}}})", "pageInfo"},
      {"a_page_without_cursor", Page({Project({}), true, ""}), "leads to the next one"},
      {"a_duplicate_key", R"({"data":{"projects":null,"projects":null}})", ""},
      {"an_id_twice", Page({Project(twice)}), "listed twice"},
      {"a_project_twice", Page({Project({}) + "," + Project({})}), "listed twice"},
      {"an_instance_whose_environment_has_another_name", Page({Project(elsewhere)}),
       "what the project's list says"},
      {"an_instance_that_calls_its_environment_ephemeral", Page({Project(ephemeral)}),
       "what the project's list says"},
      {"a_negative_size", Page({Project(negative)}), "is not a number"},
      {"an_empty_id", Page({Project({.id = ""})}), "is not an id"},
      {"an_id_that_is_too_long", Page({Project({.id = std::string(257, 'x')})}), "is not an id"},
      {"more_than_eight_mebibytes", std::string((8u << 20) + 1, ' '), "8 MiB"},
  };
}

class RefusedAnswer : public testing::TestWithParam<Refusal> {};
TEST_P(RefusedAnswer, EndsTheWalkWithAReason) {
  const auto world = WalkOver(ViewKind::account, {GetParam().answer});
  ASSERT_FALSE(world);
  EXPECT_NE(ErrorOf(world).find(GetParam().because), std::string::npos) << ErrorOf(world);
}
INSTANTIATE_TEST_SUITE_P(Table, RefusedAnswer, testing::ValuesIn(Refusals()),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(RailwayWalk, AFailedWalkStaysFailed) {
  RailwayWalk walk(ViewKind::account);
  ASSERT_TRUE(walk.NextRequest());
  EXPECT_FALSE(walk.OnResponse("{}"));
  EXPECT_FALSE(walk.NextRequest());
  EXPECT_FALSE(walk.OnResponse(Page({Project({})})));
  EXPECT_FALSE(walk.Finish(example::kSeenAt));
}

TEST(RailwayWalk, AnswersThatNobodyAskedForAreRefused) {
  RailwayWalk walk(ViewKind::account);
  EXPECT_FALSE(walk.OnResponse(Page({Project({})})));
}

TEST(RailwayWalk, AnUnfinishedWalkGivesNoWorld) {
  EXPECT_FALSE(WalkOver(ViewKind::account, {Page({Project({}), true, "c1"})}));
  EXPECT_FALSE(WalkOver(ViewKind::project_token, {example::ProjectTokenAnswers()[0]}));
}

TEST(RailwayWalk, ThePageThatLeadsToItselfIsRefused) {
  EXPECT_FALSE(WalkOver(ViewKind::account, {Page({"", true, "c1"}), Page({"", true, "c1"})}));
}

TEST(RailwayWalk, EmptyPagesForEverAreRefused) {
  RailwayWalk walk(ViewKind::account);
  Result<void> read;
  std::size_t pages = 0;
  while (read && pages < 10'000) {
    ASSERT_TRUE(walk.NextRequest());
    read = walk.OnResponse(Page({"", true, "c" + std::to_string(pages++)}));
  }
  EXPECT_LT(pages, 1000u);
}

TEST(RailwayWalk, ATokenForAnotherEnvironmentIsRefused) {
  auto answers = example::ProjectTokenAnswers();
  answers[1].replace(answers[1].find("e-stag"), 6, "e-prod");
  EXPECT_FALSE(WalkOver(ViewKind::project_token, answers));
}

// What makes a project one that is shown in part.
TEST(RailwayWalk, ANestedListWithMorePagesLeavesTheProjectIncomplete) {
  for (int which = 0; which < 3; ++which) {
    ProjectIs project;
    (which == 0   ? project.environments
     : which == 1 ? project.services
                  : project.volumes)
        .more = true;
    const auto world = WorldOf(project);
    ASSERT_TRUE(world);
    EXPECT_FALSE(world->complete());
  }
  ProjectIs project;
  project.volumes = {
      example::Volume("v", "x", {example::Instance({"i", "e-prod", "production"}), true})};
  EXPECT_FALSE(WorldOf(project)->complete());
}

TEST(RailwayWalk, AnEnvironmentOutsideTheListLeavesTheProjectIncomplete) {
  ProjectIs project;
  project.primary = "null";
  project.environments = {example::Environment("e-stag", "staging", false) + "," +
                          example::Environment("e-pr17", "pr-17", true)};
  const auto world = WorldOf(project);
  ASSERT_TRUE(world) << world.error().message;
  EXPECT_FALSE(world->complete());
  EXPECT_NE(world->FindEnvironment("e-prod"), nullptr);
}

TEST(RailwayWalk, AHiddenPrimaryEnvironmentLeavesTheProjectIncomplete) {
  ProjectIs project;
  project.primary = "\"e-hidden\"";
  EXPECT_FALSE(WorldOf(project)->complete());
}

TEST(RailwayWalk, AnEnvironmentWithoutAccessLeavesTheProjectIncomplete) {
  ProjectIs project;
  project.environments.nodes += "," + example::Environment("e-x", "customers", false, false);
  const auto world = WorldOf(project);
  EXPECT_FALSE(world->complete());
  EXPECT_NE(world->FindProject("p-1")->incomplete_because.find("customers"), std::string::npos);
}

}  // namespace
}  // namespace interlock::scope
