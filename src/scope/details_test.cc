#include "scope/details.h"

#include <gtest/gtest.h>

#include "scope/example_world.h"

namespace interlock::scope {
namespace {

ResourceId Railway(std::string type, std::string id) {
  return {"railway", std::move(type), std::move(id)};
}

struct Case {
  const char* name;
  ResourceId target;
  std::vector<std::string> instances;
};

std::vector<Case> Cases() {
  return {
      {"a_volume_asks_for_all_its_instances",
       Railway("volume", "v-pg"),
       {"i-pg-prod", "i-pg-stag"}},
      {"an_instance_for_itself", Railway("volumeInstance", "i-up"), {"i-up"}},
      {"a_volume_in_one_environment_for_that_instance",
       Railway("volumeInstanceOf", "v-pg@e-stag"),
       {"i-pg-stag"}},
      {"an_environment_for_all_in_it", Railway("environment", "e-prod"), {"i-pg-prod", "i-up"}},
      {"a_project_for_everything",
       Railway("project", "p-1"),
       {"i-cache", "i-pg-prod", "i-pg-stag", "i-pr", "i-up"}},
      {"a_backup_for_its_instance", Railway("backup", "i-up@b-1"), {"i-up"}},
      {"a_service_for_none", Railway("service", "s-pg"), {}},
      {"an_unknown_id_for_none", Railway("volume", "v-none"), {}},
      {"another_provider_for_none", {"fly", "volume", "v-pg"}, {}},
  };
}

class Wanted : public testing::TestWithParam<Case> {};
TEST_P(Wanted, ForAHold) {
  const auto world = example::WorldOf({});
  ASSERT_TRUE(world);
  EXPECT_EQ(WantedFor(*world, {GetParam().target}, Purpose::hold).instances, GetParam().instances);
  EXPECT_TRUE(WantedFor(*world, {GetParam().target}, Purpose::decision).empty());
}
INSTANTIATE_TEST_SUITE_P(Table, Wanted, testing::ValuesIn(Cases()),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(Details, OneRequestAsksForAll) {
  const DetailsWanted wanted{{"i-1", "i-2"}, {"d-1"}};
  const auto body = DetailsQuery(wanted);
  ASSERT_TRUE(body);
  const auto request = ParseJson(*body);
  EXPECT_EQ(request->at("variables").at("b1").as_string(), "i-2");
  EXPECT_EQ(request->at("variables").at("d0").as_string(), "d-1");

  const auto details = ReadDetails(wanted, R"({"data":{
    "b0":[{"id":"x","name":null,"createdAt":"2026-04-23T00:00:00Z"},{"id":"y","name":"daily","createdAt":"2026-04-24T00:00:00Z"}],
    "b1":[], "d0":{"id":"d-1","environmentId":"e-stag"}}})");
  ASSERT_TRUE(details) << details.error().message;
  EXPECT_EQ(details->backups.at("i-1").size(), 2u);
  EXPECT_EQ(details->backups.at("i-1")[1].name, "daily");
  EXPECT_TRUE(details->backups.at("i-2").empty());
  EXPECT_EQ(details->deployments.at("d-1"), "e-stag");
}

TEST(Details, IdsNeverBecomePartOfTheDocument) {
  const auto body = DetailsQuery({{"i\") { id } evil: volumeDelete(volumeId: \"v"}, {}});
  const auto request = ParseJson(*body);
  EXPECT_EQ(std::string(request->at("query").as_string()).find("evil"), std::string::npos);
}

TEST(Details, WhatIsMissingOrOdderIsRefused) {
  const DetailsWanted wanted{{"i-1"}, {"d-1"}};
  for (const char* body : {
           R"({"data":{"b0":[]}})",
           R"({"data":{"b0":null,"d0":{"id":"d-1","environmentId":"e"}}})",
           R"({"data":{"b0":[],"d0":{"id":"d-2","environmentId":"e"}}})",
           R"({"data":{"b0":[],"d0":{"id":"d-1","environmentId":""}}})",
           R"({"data":{"b0":[1],"d0":{"id":"d-1","environmentId":"e"}}})",
           R"({"data":{"b0":[],"d0":{"id":"d-1","environmentId":"e"}},"errors":[{}]})",
       })
    EXPECT_FALSE(ReadDetails(wanted, body)) << body;
}

TEST(Details, AnAnswerForManyThingsIsBounded) {
  EXPECT_TRUE(DetailsQuery({std::vector<std::string>(kDetailsMax, "i"), {}}));
  EXPECT_FALSE(DetailsQuery({std::vector<std::string>(kDetailsMax, "i"), {"d"}}));
}

}  // namespace
}  // namespace interlock::scope
