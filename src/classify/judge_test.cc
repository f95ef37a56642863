#include "classify/judge.h"

#include <gtest/gtest.h>

#include <string>

#include "classify/pack_for_test.h"

namespace interlock::classify {
namespace {

// One rule with the conditions under test; the answer says which case spoke.
constexpr std::string_view kRules = R"(pack: p
apis:
  - hosts: [h.example]
    lists: { risky: ["*SECRET*", DROP] }
    graphql:
      paths: [/g]
      mutations:
        plain: { effect: reversible, because: base, targets: { id: thing } }
        pair: { effect: reversible, because: base, targets: { "a@in.b": pair } }
        maybe: { effect: reversible, because: base, targets: { "id?": thing } }
        keys: { effect: reversible, because: base, targets: { "patch.things.{key}?": thing } }
        narrow:
          effect: irreversible
          because: base
          targets: { id: whole }
          cases:
            - { when: [{ path: at, is: text }], targets: { at: part }, because: part, instead: one part }
            - { when: [{ path: soft, is: set }], effect: reversible, because: soft, instead: kept }
            - { when: [{ path: hard, is: set }], effect: unknown, because: hard }
        known: { effect: read, because: base, arguments: [id, in.a, in.list.b, free.**] }
)";

Operation AskRule(std::string_view name, std::string_view arguments) {
  static const Packs* const kPacks = new Packs(PacksOf(kRules));
  const auto value = ParseJson(arguments);
  EXPECT_TRUE(value) << value.error().message;
  const Api* api = kPacks->Find("h.example");
  return Judge(api->graphql->mutations.find(name)->second, "p", value->as_object());
}

std::string TargetsOf(const Operation& operation) {
  std::string out;
  for (const ResourceId& target : operation.targets)
    out += (out.empty() ? "" : " ") + ToString(target);
  return out;
}

struct TargetCase {
  const char* claim;
  const char* rule;
  const char* arguments;
  const char* targets;
};

class JudgeTargets : public testing::TestWithParam<TargetCase> {};

TEST_P(JudgeTargets, Are) {
  EXPECT_EQ(TargetsOf(AskRule(GetParam().rule, GetParam().arguments)), GetParam().targets);
}

INSTANTIATE_TEST_SUITE_P(
    Table, JudgeTargets,
    testing::Values(
        TargetCase{"ATextIsOne", "plain", R"({"id":"x"})", "p:thing/x"},
        TargetCase{"AListIsSeveral", "plain", R"({"id":["x","y","x"]})", "p:thing/x p:thing/y"},
        TargetCase{"MissingIsNobody", "plain", "{}", "p:thing/?"},
        TargetCase{"NullIsNobody", "plain", R"({"id":null})", "p:thing/?"},
        TargetCase{"ANumberIsNobody", "plain", R"({"id":7})", "p:thing/?"},
        TargetCase{"AnEmptyTextIsNobody", "plain", R"({"id":""})", "p:thing/?"},
        TargetCase{"AnEmptyListIsNobody", "plain", R"({"id":[]})", "p:thing/?"},
        TargetCase{"OneBadIdOfAListIsNobodyBesideTheOthers", "plain", R"({"id":["x",7]})",
                   "p:thing/? p:thing/x"},
        TargetCase{"AJoinedIdIsNobody", "plain", R"({"id":"x@y"})", "p:thing/?"},
        TargetCase{"ControlCharactersAreNobody", "plain", R"({"id":"x\n"})", "p:thing/?"},
        TargetCase{"PairsAreJoined", "pair", R"({"a":"x","in":{"b":"y"}})", "p:pair/x@y"},
        TargetCase{"HalfAPairIsNobody", "pair", R"({"a":"x","in":{}})", "p:pair/?"},
        TargetCase{"ATextInsteadOfAnObjectIsNobody", "pair", R"({"a":"x","in":"b"})", "p:pair/?"},
        TargetCase{"OptionalAndAbsentIsNone", "maybe", R"({"id":null})", ""},
        TargetCase{"OptionalAndWrongIsNobody", "maybe", R"({"id":7})", "p:thing/?"},
        TargetCase{"KeysAreTargets", "keys", R"({"patch":{"things":{"x":1,"y":2}}})",
                   "p:thing/x p:thing/y"},
        TargetCase{"NarrowingReplaces", "narrow", R"({"id":"x","at":"y"})", "p:part/y"},
        TargetCase{"NarrowingByAnEmptyTextDoesNot", "narrow", R"({"id":"x","at":""})",
                   "p:whole/x"}),
    [](const auto& param) { return std::string(param.param.claim); });

TEST(Judge, ManyTargetsEndInNobody) {
  json::array ids;
  for (int i = 0; i < 5000; ++i) ids.emplace_back(std::to_string(i));
  const Operation operation = AskRule("plain", Canonical(json::object{{"id", ids}}));
  EXPECT_LE(operation.targets.size(), 201u);
  EXPECT_EQ(operation.targets.front().id, kNoId);
}

TEST(Judge, ACaseWeakensOnlyWithItsReason) {
  EXPECT_EQ(AskRule("narrow", R"({"id":"x"})").effect, Effect::irreversible);
  EXPECT_EQ(AskRule("narrow", R"({"id":"x","soft":true})").effect, Effect::reversible);
  EXPECT_EQ(AskRule("narrow", R"({"id":"x","soft":false})").effect, Effect::irreversible);
  const Operation both = AskRule("narrow", R"({"id":"x","soft":true,"hard":true})");
  EXPECT_EQ(both.effect, Effect::unknown);
  EXPECT_EQ(both.because, "hard");
  EXPECT_EQ(AskRule("narrow", R"({"id":"x","at":"y"})").because, "part");
}

struct ArgumentCase {
  const char* claim;
  const char* arguments;
  const char* strange;  // "" when all are known
};

class JudgeArguments : public testing::TestWithParam<ArgumentCase> {};

TEST_P(JudgeArguments, BesideTheKnownOnesAreUnknown) {
  const Operation operation = AskRule("known", GetParam().arguments);
  const std::string strange = GetParam().strange;
  EXPECT_EQ(operation.effect, strange.empty() ? Effect::read : Effect::unknown);
  if (!strange.empty()) {
    EXPECT_NE(operation.because.find(" " + strange + " "), std::string::npos) << operation.because;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, JudgeArguments,
    testing::Values(ArgumentCase{"Known", R"({"id":"x","in":{"a":1,"list":[{"b":2}]}})", ""},
                    ArgumentCase{"Nothing", "{}", ""},
                    ArgumentCase{"FreeBelowAnOpenOne", R"({"free":{"x":{"y":[1]}}})", ""},
                    ArgumentCase{"AtTheTop", R"({"force":true})", "force"},
                    ArgumentCase{"Below", R"({"in":{"z":1}})", "in.z"},
                    ArgumentCase{"InAList", R"({"in":{"list":[{"b":1},{"c":1}]}})", "in.list.c"},
                    ArgumentCase{"ATextInsteadOfAnObject", R"({"in":"{}"})", "in"},
                    ArgumentCase{"AnObjectInsteadOfAText", R"({"id":{"x":1}})", "id.x"}),
    [](const auto& param) { return std::string(param.param.claim); });

struct ConditionCase {
  const char* claim;
  Condition::Test test;
  const char* holds;   // JSON lists of values of `a` for which the condition holds …
  const char* doesnt;  // … and for which it doesn't
};

class ConditionTest : public testing::TestWithParam<ConditionCase> {};

TEST_P(ConditionTest, Holds) {
  Condition condition{{"a"}, GetParam().test, {"X*"}, {{"m", "*", "v"}}};
  const auto check = [&](const char* list, bool expected) {
    const auto values = ParseJson(list);
    ASSERT_TRUE(values);
    for (const json::value& value : values->as_array()) {
      EXPECT_EQ(Holds(condition, {{"a", value}}), expected) << Canonical(value);
    }
  };
  check(GetParam().holds, true);
  check(GetParam().doesnt, false);
  EXPECT_EQ(Holds(condition, {}), GetParam().test == Condition::Test::absent);
}

using Test = Condition::Test;
INSTANTIATE_TEST_SUITE_P(
    Table, ConditionTest,
    testing::Values(
        ConditionCase{"Present", Test::present, R"([null,"x",0])", "[]"},
        ConditionCase{"Absent", Test::absent, "[null]", R"(["",false,0])"},
        ConditionCase{"Given", Test::given, R"(["",false,0])", "[null]"},
        ConditionCase{"Cleared", Test::cleared, "[null]", R"(["",false])"},
        ConditionCase{"Set", Test::set, R"([true,"false",0,{}])", "[null,false]"},
        ConditionCase{"Disabled", Test::disabled, "[false]", R"([null,true,"false"])"},
        ConditionCase{"Text", Test::text, R"(["x"])", R"(["",null,["x"],1])"},
        ConditionCase{"Opaque", Test::opaque, R"(["","{}"])", "[{},null,[]]"},
        ConditionCase{"Empty", Test::empty, R"([[],{},""])", R"([[0],null,0,"x"])"},
        ConditionCase{"Nonempty", Test::nonempty, R"([[0],{"a":1},"x"])", R"([[],null,0,""])"},
        ConditionCase{"OneOf", Test::one_of, R"(["x*","X*"])", R"(["xy",null])"},
        ConditionCase{"Matches", Test::matches, R"(["xy","X"])", R"(["yx",null,["x"]])"},
        ConditionCase{"HoldsKey", Test::holds_key, R"([{"xy":1},[{"a":{"X":0}}]])",
                      R"(["x",{"a":"x"},[]])"},
        ConditionCase{"HoldsNull", Test::holds_null, R"([null,[null],{"a":{"b":[1,null]}}])",
                      R"([{},"null",0])"},
        ConditionCase{"NoNull", Test::no_null, R"([{},"null",0])", "[null,[null]]"},
        ConditionCase{"Only", Test::only, R"([{"m":{"k":{"v":"x"}}},{"m":{"k":{"v":null}}}])",
                      R"([{},{"m":{}},{"m":{"k":{"v":["x"]}}},{"m":{"k":{"v":1,"w":2}}},"x",[]])"}),
    [](const auto& param) { return std::string(param.param.claim); });

}  // namespace
}  // namespace interlock::classify
