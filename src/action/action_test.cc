#include "action/action.h"

#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>
#include <functional>

namespace interlock {
namespace {

Action Example() {
  Action action;
  action.provider = "railway";
  Operation read{"railway.project", Effect::read, Disclosure::none, {}, "looks", {}};
  Operation destroy{"railway.volumeDelete", Effect::irreversible,
                    Disclosure::none,       {{"railway", "volume", "3d2c"}},
                    "deletes a volume",     {{"volumeId", "3d2c"}, {"n", 3}}};
  action.operations = {read, destroy};
  action.request = {"https",
                    "backboard.railway.com",
                    443,
                    "POST",
                    "/graphql/v2",
                    {{"content-type", "application/json"}},
                    R"({"query":"mutation{volumeDelete(volumeId:\"3d2c\")}"})",
                    CredentialRef{"staging", 2, "project-access-token", ""}};
  Summarize(action);
  return action;
}

TEST(Summarize, TheStrictestOperationNamesTheAction) {
  Action action = Example();
  EXPECT_EQ(action.operation, "railway.volumeDelete");
  EXPECT_EQ(action.effect, Effect::irreversible);
  EXPECT_EQ(action.because, "deletes a volume");
  action.operations.push_back({"railway.odd",
                               Effect::unknown,
                               Disclosure::credential,
                               {{"railway", "volume", "3d2c"}, {"railway", "service", "x"}},
                               "",
                               {}});
  Summarize(action);
  EXPECT_EQ(action.effect, Effect::unknown);
  EXPECT_EQ(action.discloses, Disclosure::credential);
  EXPECT_EQ(action.targets.size(), 2u);
}

TEST(Summarize, NothingUnderstoodIsUnknown) {
  Action action;
  action.effect = Effect::read;
  Summarize(action);
  EXPECT_EQ(action.effect, Effect::unknown);
}

TEST(ActionJson, WhatIsWrittenIsRead) {
  Action action = Example();
  EXPECT_EQ(ActionFromJson(ToJson(action)).value(), action);
  action.request.body = "\xff\x00raw";
  action.request.headers.push_back({"x-odd", "caf\xe9"});
  action.request.credential.reset();
  action.targets = {
      {"", "", ""}, {"p", "a/b", "c"}, {"p", "t", "id/with:both"}, {"p", "t", "\xff"}};
  const auto text = Canonical(ToJson(action));
  const auto back = ActionFromJson(ParseJson(text).value().get_object());
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, action);
  EXPECT_EQ(Digest(*back), Digest(action));
}

TEST(ActionJson, ABodyThatLooksLikeTheMarkerIsStillAText) {
  Action action = Example();
  action.request.body = R"({"base64":"AAAA"})";
  EXPECT_EQ(ActionFromJson(ToJson(action)).value(), action);
}

TEST(ActionJson, MissingWrongAndUnknownMembersAreRefused) {
  const json::object good = ToJson(Example());
  for (const auto& member : good) {
    json::object without = good;
    without.erase(member.key());
    EXPECT_FALSE(ActionFromJson(without)) << member.key();
    json::object wrong = good;
    wrong[member.key()] = true;
    EXPECT_FALSE(ActionFromJson(wrong)) << member.key();
  }
  json::object more = good;
  more["approved"] = true;
  EXPECT_FALSE(ActionFromJson(more));
  json::object port = good;
  port["request"].as_object()["port"] = 65536;
  EXPECT_FALSE(ActionFromJson(port));
}

TEST(Digest, IsTheSameForEqualActionsOnly) {
  const Action action = Example();
  const std::string digest = Digest(action);
  EXPECT_EQ(digest.size(), 64u);
  EXPECT_EQ(digest, Digest(Example()));
  const std::function<void(Action&)> kChanges[] = {
      [](Action& a) { a.provider += "x"; },
      [](Action& a) { a.operation += "x"; },
      [](Action& a) { a.effect = Effect::read; },
      [](Action& a) { a.discloses = Disclosure::credential; },
      [](Action& a) { a.targets[0].id += "x"; },
      [](Action& a) { a.because += "x"; },
      [](Action& a) { a.operations.pop_back(); },
      [](Action& a) { a.operations[1].arguments["n"] = 4; },
      [](Action& a) { std::swap(a.operations[0], a.operations[1]); },
      [](Action& a) { a.request.scheme = "http"; },
      [](Action& a) { a.request.host += "x"; },
      [](Action& a) { a.request.port = 444; },
      [](Action& a) { a.request.method = "PUT"; },
      [](Action& a) { a.request.target += "?"; },
      [](Action& a) { a.request.headers[0].value += "x"; },
      [](Action& a) { a.request.headers.push_back({"a", "b"}); },
      [](Action& a) { a.request.body += " "; },
      [](Action& a) { a.request.credential->version = 3; },
      [](Action& a) { a.request.credential->entry = "production"; },
      [](Action& a) { a.request.credential->header = "authorization"; },
      [](Action& a) { a.request.credential->stand = CredentialStand::basic_password; },
      [](Action& a) {
        a.request.credential->stand = CredentialStand::form;
        a.request.credential->name = "client_secret";
      },
      [](Action& a) { a.request.credential->prefix = "Bearer "; },
      [](Action& a) { a.request.credential.reset(); },
  };
  for (const auto& change : kChanges) {
    Action other = action;
    change(other);
    EXPECT_NE(Digest(other), digest) << &change - kChanges;
  }
}

TEST(ResourceId, HasOneTextForm) {
  const ResourceId resource{"railway", "volume", "a/b:c"};
  EXPECT_EQ(ToString(resource), "railway:volume/a/b:c");
  EXPECT_EQ(ParseResourceId("railway:volume/a/b:c"), resource);
  for (const char* wrong :
       {"", "railway", "railway:", "railway:volume", "railway:volume/", ":v/x", "p:/x"})
    EXPECT_FALSE(ParseResourceId(wrong)) << wrong;
}

TEST(Names, AreTheWordsOfThePolicyFile) {
  for (Effect effect : {Effect::read, Effect::reversible, Effect::irreversible, Effect::unknown})
    EXPECT_EQ(ParseEffect(ToString(effect)), effect);
  EXPECT_FALSE(ParseEffect("harmless"));
  EXPECT_EQ(ToString(Verdict::deny), "deny");
  EXPECT_EQ(ToString(Relation::lent), "lent");
  EXPECT_EQ(ToString(CredentialSeen::foreign), "foreign");
  EXPECT_EQ(ToString(Disclosure::none), "none");
  EXPECT_EQ(ToString(static_cast<Verdict>(9)), "out of range");
}

}  // namespace
}  // namespace interlock
