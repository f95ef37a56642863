#include "lang/graphql/fields.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <utility>

#include "lang/graphql/parser.h"

namespace interlock::graphql {
namespace {

Document Parsed(std::string_view text) {
  auto document = Parse(text);
  if (!document) {
    ADD_FAILURE() << document.error().message;
    document = Parse("{ broken }");
  }
  return std::move(*document);
}

// "key=name{arguments}?!;" per root field: ? conditional, ! excluded. "error: …" when it fails.
std::string Roots(std::string_view text, std::string_view variables = "{}",
                  std::string_view operation_name = "") {
  const Document document = Parsed(text);
  const auto operation = SelectOperation(document, operation_name);
  if (!operation) return "error: " + operation.error().message;
  const auto given = ParseJson(variables);
  const auto fields = RootFields(document, **operation, given->as_object());
  if (!fields) return "error: " + fields.error().message;
  std::string out;
  for (const RootField& field : *fields) {
    out += field.response_key + "=" + field.name + Canonical(field.arguments);
    if (field.conditional) out += '?';
    if (field.excluded) out += '!';
    out += ';';
  }
  return out;
}

struct Case {
  const char* name;
  const char* text;
  const char* variables;
  const char* roots;
};
void PrintTo(const Case& tested, std::ostream* out) { *out << tested.name; }
class RootFieldsTest : public testing::TestWithParam<Case> {};
TEST_P(RootFieldsTest, Are) {
  EXPECT_EQ(Roots(GetParam().text, GetParam().variables), GetParam().roots);
}
constexpr Case kCases[] = {
    {"one_field", "mutation { volumeDelete(volumeId: \"3d2c\") }", "{}",
     R"(volumeDelete=volumeDelete{"volumeId":"3d2c"};)"},
    {"aliases_keep_their_order", "mutation { b: del(id: 1) a: del(id: 2) }", "{}",
     R"(b=del{"id":1};a=del{"id":2};)"},
    {"one_key_twice_is_reported_twice", "mutation { a: del(id: 1) a: del(id: 1) }", "{}",
     R"(a=del{"id":1};a=del{"id":1};)"},
    {"variable", "mutation ($id: ID!) { del(id: $id) }", R"({"id":"v"})", R"(del=del{"id":"v"};)"},
    {"default", "mutation ($id: ID = \"d\") { del(id: $id) }", "{}", R"(del=del{"id":"d"};)"},
    {"null_beats_the_default", "mutation ($id: ID = \"d\") { del(id: $id) }", R"({"id":null})",
     R"(del=del{"id":null};)"},
    {"missing_variable_leaves_the_argument_out", "mutation ($id: ID) { del(id: $id, x: 1) }", "{}",
     R"(del=del{"x":1};)"},
    {"missing_variable_in_a_list_is_null", "mutation ($id: ID) { del(ids: [1, $id]) }", "{}",
     R"(del=del{"ids":[1,null]};)"},
    {"missing_variable_in_an_object_leaves_the_entry_out",
     "mutation ($id: ID) { del(in: {a: $id, b: 2}) }", "{}", R"(del=del{"in":{"b":2}};)"},
    {"variable_inside_nested_values", "mutation ($v: V) { f(in: {a: [{b: $v}]}) }",
     R"({"v":{"isDeleted":true}})", R"(f=f{"in":{"a":[{"b":{"isDeleted":true}}]}};)"},
    {"undeclared_variable", "mutation { del(id: $id) }", R"({"id":1})",
     "error: the variable `id` is used but the operation does not declare it"},
    {"unused_values_are_ignored", "mutation { del }", R"({"id":1})", "del=del{};"},
    {"scalars", "{ f(a: 1, b: -2.5, c: true, d: null, e: RED, g: \"s\") }", "{}",
     R"(f=f{"a":1,"b":-2.5,"c":true,"d":null,"e":"RED","g":"s"};)"},
    {"large_numbers", "{ f(a: 18446744073709551615) }", "{}", "f=f{\"a\":18446744073709551615};"},
    {"number_out_of_range", "{ f(a: 1e999) }", "{}", "error: the number 1e999 is out of range"},
    {"fragments_are_expanded",
     "mutation { ...F b } fragment F on Mutation { a ...G } "
     "fragment G on Mutation { g: del(id: 7) }",
     "{}", R"(a=a{};g=del{"id":7};b=b{};)"},
    {"inline_fragments_are_expanded", "mutation { ... on Mutation { a } ... { b } }", "{}",
     "a=a{};b=b{};"},
    {"same_fragment_twice_is_no_cycle", "{ ...F ...F } fragment F on Query { a }", "{}",
     "a=a{};a=a{};"},
    {"cycle", "{ ...F } fragment F on Query { a ...G } fragment G on Query { ...F }", "{}",
     "error: the fragment `F` contains itself (a cycle)"},
    {"unknown_fragment", "{ ...F }", "{}", "error: the fragment `F` is not defined"},
    {"skip_by_variable_is_conditional", "mutation ($s: Boolean!) { a @skip(if: $s) }",
     R"({"s":true})", "a=a{}?;"},
    {"constant_skip_excludes", "mutation { a @skip(if: true) b @skip(if: false) }", "{}",
     "a=a{}!;b=b{};"},
    {"constant_include_excludes", "mutation { a @include(if: false) b @include(if: true) }", "{}",
     "a=a{}!;b=b{};"},
    {"condition_around_the_field",
     "mutation ($s: Boolean) { ...F @include(if: $s) ... @skip(if: "
     "true) { b } } fragment F on Mutation { a }",
     "{}", "a=a{}?;b=b{}!;"},
    {"skip_without_its_argument_is_conditional", "mutation { a @skip }", "{}", "a=a{}?;"},
    {"nested_fields_are_not_roots", "{ a { b { c } } }", "{}", "a=a{};"},
};
INSTANTIATE_TEST_SUITE_P(Table, RootFieldsTest, testing::ValuesIn(kCases),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(RootFields, EnumLiteralsAreMarked) {
  const Document document = Parsed(R"({ f(a: RED, b: "RED", c: {x: [BLUE, "BLUE"], y: null}) })");
  const auto fields = RootFields(document, document.operations[0], {});
  ASSERT_TRUE(fields.has_value());
  EXPECT_EQ((*fields)[0].enums, (std::vector<std::string>{"/a", "/c/x/0"}));
}

TEST(RootFields, DirectivesOtherThanConditionsAreReported) {
  const Document document = Parsed("{ a @skip(if: false) b @live }");
  const auto fields = RootFields(document, document.operations[0], {});
  ASSERT_TRUE(fields.has_value());
  EXPECT_FALSE((*fields)[0].has_directives);
  EXPECT_TRUE((*fields)[1].has_directives);
}

// Each fragment spreads the next one twice: 2^40 fields.
TEST(RootFields, FragmentBombEndsInALimit) {
  std::string text = "{ ...F0 }";
  for (int i = 0; i < 40; ++i) {
    const std::string next = "...F" + std::to_string(i + 1);
    text += " fragment F" + std::to_string(i) + " on Query { " + next + " " + next + " }";
  }
  text += " fragment F40 on Query { a }";
  const Document document = Parsed(text);
  EXPECT_EQ(RootFields(document, document.operations[0], {}).error().code, Code::limit);
  const auto visited =
      VisitFields(document, document.operations[0], [](auto, const Selection&) { return true; });
  EXPECT_EQ(visited.error().code, Code::limit);
}

TEST(RootFields, LongChainOfFragmentsEndsInALimit) {
  std::string text = "{ ...F0 }";
  for (int i = 0; i < 5000; ++i) {
    text += " fragment F" + std::to_string(i) + " on Query { ...F" + std::to_string(i + 1) + " }";
  }
  text += " fragment F5000 on Query { a }";
  const Document document = Parsed(text);
  EXPECT_EQ(RootFields(document, document.operations[0], {}).error().code, Code::limit);
}

TEST(RootFields, OneLargeVariableInManyPlacesEndsInALimit) {
  std::string text = "query ($v: V) { ";
  for (int i = 0; i < 1000; ++i) text += "f(x: $v) ";
  const Document document = Parsed(text + "}");
  const json::object variables{{"v", std::string(100'000, 'x')}};
  EXPECT_EQ(RootFields(document, document.operations[0], variables).error().code, Code::limit);
}

TEST(SelectOperation, FollowsSection61) {
  EXPECT_EQ(Roots("query A { a } mutation B { b }", "{}", "B"), "b=b{};");
  EXPECT_EQ(Roots("query A { a }", "{}", ""), "a=a{};");
  EXPECT_EQ(Roots("query A { a } query B { b }", "{}", ""),
            "error: the document has several operations and the request names none of them");
  EXPECT_EQ(Roots("query A { a }", "{}", "C"), "error: the document has no operation `C`");
  EXPECT_EQ(Roots("{ a }", "{}", "A"), "error: the document has no operation `A`");
  EXPECT_EQ(Roots("fragment F on T { a }"), "error: the document has no operation");
}

TEST(CheckVariables, NonNullVariablesNeedAValue) {
  const Document document = Parsed("query ($a: ID!, $b: ID! = 1, $c: ID) { f }");
  const auto check = [&](const char* text) {
    return CheckVariables(document, document.operations[0], ParseJson(text)->as_object())
        .has_value();
  };
  EXPECT_TRUE(check(R"({"a":1})"));
  EXPECT_FALSE(check("{}"));
  EXPECT_FALSE(check(R"({"a":null})"));
  EXPECT_FALSE(check(R"({"a":1,"b":null})"));
}

TEST(VisitFields, SeesEveryFieldWithItsPath) {
  const Document document =
      Parsed("{ x: a { b ...F } ... on Query { c { d } } } fragment F on A { e { ... { f } } }");
  std::vector<std::string> seen;
  const auto note = [&](std::span<const std::string_view> path, const Selection&) {
    std::string joined;
    for (const std::string_view part : path) joined += "/" + std::string(part);
    seen.push_back(joined);
    return true;
  };
  ASSERT_TRUE(VisitFields(document, document.operations[0], note).has_value());
  EXPECT_EQ(seen, (std::vector<std::string>{"/a", "/a/b", "/a/e", "/a/e/f", "/c", "/c/d"}));
  seen.clear();
  const auto fields = RootFields(document, document.operations[0], {});
  ASSERT_TRUE(VisitFieldsBelow(document, *(*fields)[0].selection, note).has_value());
  EXPECT_EQ(seen, (std::vector<std::string>{"/b", "/e", "/e/f"}));
}

TEST(VisitFields, StopsWhenTold) {
  const Document document = Parsed("{ a b c }");
  int count = 0;
  ASSERT_TRUE(VisitFields(document, document.operations[0], [&](auto, const Selection&) {
                return ++count < 2;
              }).has_value());
  EXPECT_EQ(count, 2);
}

TEST(VisitFields, CycleBelowTheRootIsAnError) {
  const Document document = Parsed("{ a { ...F } } fragment F on A { b { ...F } }");
  EXPECT_FALSE(VisitFields(document, document.operations[0], [](auto, const Selection&) {
                 return true;
               }).has_value());
}

}  // namespace
}  // namespace interlock::graphql
