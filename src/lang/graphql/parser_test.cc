#include "lang/graphql/parser.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace interlock::graphql {
namespace {

struct Case {
  const char* name;
  const char* text;
};

void PrintTo(const Case& tested, std::ostream* out) { *out << tested.name; }
std::string CaseName(const testing::TestParamInfo<Case>& info) { return info.param.name; }

// ── what parses ──

class Accepts : public testing::TestWithParam<Case> {};
TEST_P(Accepts, Document) {
  const auto document = Parse(GetParam().text);
  EXPECT_TRUE(document.has_value()) << document.error().message;
}
constexpr Case kAccepted[] = {
    {"shorthand_query", "{ me }"},
    {"named_query", "query Q { me { id } }"},
    {"anonymous_mutation", "mutation { volumeDelete(volumeId: \"3d2c\") }"},
    {"subscription", "subscription S { deploymentLogs }"},
    {"commas_are_white_space", "{,a,,b(x:1,,y:2),}"},
    {"comments_between_tokens", "# one\n{ # two\r a # three\r\n}"},
    {"comment_at_the_very_end", "{ a } # end"},
    {"keywords_are_names", "{ query mutation fragment on: on type true null }"},
    {"alias_and_arguments", "{ a: field(x: 1) }"},
    {"variables_with_defaults",
     "query ($a: [Int!]! = [1, 2], $b: In = {k: {l: [true]}}) { f(x: $a, y: $b) }"},
    {"directive_on_a_variable", "query ($a: Int @d(x: 1)) { f }"},
    {"directives_everywhere",
     "query Q @a { f @b(x: $v) ...F @c ... @d { g } } fragment F on T @e { h }"},
    {"inline_fragment_without_condition", "{ ... { a } }"},
    {"inline_fragment_with_condition", "{ ... on Query { a } }"},
    {"spread_without_space", "{...F} fragment F on Query{a}"},
    {"empty_list_and_object", "{ f(a: [], b: {}) }"},
    {"all_kinds_of_value",
     "{ f(a: 1, b: -0, c: 1.5e-3, d: \"s\", e: true, f: null, g: RED, h: $v) }"},
    {"several_named_operations", "query A { a } query B { b }"},
    {"string_with_every_escape", R"({ f(a: "\" \\ \/ \b \f \n \r \t \u00e9 \u{1F600}") })"},
    {"same_argument_name_in_two_fields", "{ a(x: 1) b(x: 1) }"},
    {"same_key_in_nested_objects", "{ a(x: {k: {k: 1}}) }"},
    {"repeated_directive_is_the_schemas_business", "{ a @d @d }"},
    {"byte_order_mark_inside_a_string", "{ a(x: \"\xEF\xBB\xBF\") }"},
    {"unicode_in_strings_and_comments", "# \xC3\xA9\n{ a(x: \"\xF0\x9F\x98\x80\") }"},
    {"enum_like_true", "{ a(x: trueish) }"},
};
INSTANTIATE_TEST_SUITE_P(Table, Accepts, testing::ValuesIn(kAccepted), CaseName);

// ── what is refused, and with which words ──

struct Refusal {
  const char* name;
  std::string text;
  const char* error;  // a part of the message
};
void PrintTo(const Refusal& tested, std::ostream* out) { *out << tested.name; }
class Refuses : public testing::TestWithParam<Refusal> {};
TEST_P(Refuses, WithItsReason) {
  const auto document = Parse(GetParam().text);
  ASSERT_FALSE(document.has_value());
  EXPECT_NE(document.error().message.find(GetParam().error), std::string::npos)
      << document.error().message;
}
const Refusal kRefused[] = {
    {"empty_text", "", "1:1: expected an operation, found the end"},
    {"comments_alone", "# nothing", "expected an operation"},
    {"empty_selection_set", "{ }", "1:3: expected a field or `...`, found `}`"},
    {"empty_arguments", "{ a() }", "1:5: expected a name, found `)`"},
    {"empty_variables", "query () { a }", "expected `$`"},
    {"unclosed_selection_set", "{ a", "found the end of the document"},
    {"text_behind_the_operation", "{ a } }", "expected an operation or a fragment"},
    {"position_counts_lines", "{\n  a\r\n  ]\n}", "3:3: expected a field"},
    {"two_dots", "{ ..F }", "no token begins with this character"},
    {"fragment_named_on", "{ a } fragment on on T { a }", "expected a fragment's name"},
    {"fragment_without_condition", "{ a } fragment F { a }", "expected `on`"},
    {"lone_dollar", "{ a(x: $) }", "expected a variable's name"},
    {"variable_in_a_default", "query ($a: Int = $b) { f }", "a variable may not stand"},
    {"variable_in_a_variables_directive", "query ($a: Int @d(x: $b)) { f }", "may not stand"},
    {"duplicate_argument", "{ a(x: 1, x: 2) }", "1:11: argument `x` is given twice"},
    {"duplicate_object_entry", "{ a(x: {k: 1, l: 2, k: 3}) }", "object entry `k` is given twice"},
    {"duplicate_variable", "query ($a: Int, $a: Int) { f }", "variable `a` is given twice"},
    {"duplicate_operation", "query A { a } query A { b }", "operation `A` is given twice"},
    {"duplicate_fragment", "{ a } fragment F on T { a } fragment F on T { b }",
     "fragment `F` is given twice"},
    {"duplicate_argument_of_a_directive", "{ a @d(x: 1, x: 1) }", "argument `x` is given twice"},
    {"anonymous_beside_named", "{ a } query B { b }", "without a name beside"},
    {"two_anonymous", "{ a } { b }", "without a name beside"},
    {"type_definition", "type T { a: Int }", "type-system definition is refused"},
    {"type_definition_behind_a_query", "{ a } extend type T { a: Int }", "type-system definition"},
    {"described_definition", "\"doc\" type T { a: Int }", "type-system definition"},
    {"schema_definition", "schema { query: Q }", "type-system definition"},
    {"byte_order_mark", "\xEF\xBB\xBF{ a }", "1:1: a byte-order mark is refused"},
    {"invalid_utf8", "{ a(x: \"\xC3\x28\") }", "not well-formed UTF-8"},
    {"encoded_surrogate", "{ a(x: \"\xED\xA0\x80\") }", "not well-formed UTF-8"},
    {"control_character_in_a_string", "{ a(x: \"\x01\") }", "a control character is refused"},
    {"control_character_in_a_comment", "{ a } # \x07", "a control character is refused"},
    {"control_character_in_a_block_string", "{ a(x: \"\"\"\x02\"\"\") }", "a control character"},
    {"nul_byte", std::string("{ a \0 }", 7), "a control character is refused"},
    {"leading_zero", "{ a(x: 01) }", "leading zero"},
    {"negative_leading_zero", "{ a(x: -01) }", "leading zero"},
    {"minus_alone", "{ a(x: -) }", "a minus sign without a digit"},
    {"dot_without_digit", "{ a(x: 1.) }", "a decimal point without a digit"},
    {"exponent_without_digit", "{ a(x: 1e+) }", "an exponent without a digit"},
    {"number_runs_into_a_name", "{ a(x: 123abc) }", "runs into a name"},
    {"number_with_two_dots", "{ a(x: 1.2.3) }", "runs into a name or a dot"},
    {"hexadecimal", "{ a(x: 0xF) }", "runs into a name"},
    {"plus_sign", "{ a(x: +1) }", "no token begins"},
    {"unclosed_string", "{ a(x: \"abc", "a string that is not closed"},
    {"string_over_two_lines", "{ a(x: \"ab\nc\") }", "a string that its line does not end"},
    {"escaped_line_end", "{ a(x: \"ab\\\nc\") }", "a string that is not closed"},
    {"unclosed_block_string", "{ a(x: \"\"\"abc\"\") }", "a block string that is not closed"},
    {"unknown_escape", R"({ a(x: "\x41") })", "escape that means nothing"},
    {"short_unicode_escape", R"({ a(x: "\u41") })", "escape that means nothing"},
    {"lone_high_surrogate", R"({ a(x: "\uD83D") })", "escape that means nothing"},
    {"lone_low_surrogate", R"({ a(x: "\uDE00") })", "escape that means nothing"},
    {"surrogates_in_the_wrong_order", R"({ a(x: "\uDE00\uD83D") })", "escape that means nothing"},
    {"surrogate_and_a_plain_character", R"({ a(x: "\uD83DA") })", "escape that means nothing"},
    {"surrogate_in_braces", R"({ a(x: "\u{D83D}") })", "escape that means nothing"},
    {"pair_of_braced_surrogates", R"({ a(x: "\u{D83D}\u{DE00}") })", "escape that means nothing"},
    {"code_point_too_large", R"({ a(x: "\u{110000}") })", "escape that means nothing"},
    {"empty_braces", R"({ a(x: "\u{}") })", "escape that means nothing"},
    {"unclosed_braces", R"({ a(x: "\u{41") })", "escape that means nothing"},
    {"non_ascii_name", "{ \xC3\xA9 }", "no token begins with this character"},
};
INSTANTIATE_TEST_SUITE_P(Table, Refuses, testing::ValuesIn(kRefused),
                         [](const auto& tested) { return std::string(tested.param.name); });

// ── values ──

std::string StringOf(std::string_view literal) {
  const auto document = Parse("{ a(x: " + std::string(literal) + ") }");
  if (!document) return "error: " + document.error().message;
  const Selection& field = document->selections[document->operations[0].selections];
  return std::string(document->values[document->arguments[field.arguments].value].text);
}

TEST(Strings, EscapesAreResolved) {
  EXPECT_EQ(StringOf(R"("")"), "");
  EXPECT_EQ(StringOf(R"("plain")"), "plain");
  EXPECT_EQ(StringOf(R"("a\"\\\/\b\f\n\r\tz")"), "a\"\\/\b\f\n\r\tz");
  EXPECT_EQ(StringOf(R"("\u0041\u00e9\u20AC")"), "A\xC3\xA9\xE2\x82\xAC");
  EXPECT_EQ(StringOf(R"("\uD83D\uDE00")"), "\xF0\x9F\x98\x80");
  EXPECT_EQ(StringOf(R"("\u{1F600}\u{41}\u{000041}")"),
            "\xF0\x9F\x98\x80"
            "AA");
  EXPECT_EQ(StringOf(R"("\u{10FFFF}")"), "\xF4\x8F\xBF\xBF");
  EXPECT_EQ(StringOf(R"("\u0000")"), std::string(1, '\0'));
}

// The example of section 2.9.4 and its corners.
TEST(Strings, BlockStringsLoseTheirCommonIndentation) {
  EXPECT_EQ(StringOf("\"\"\"\n    Hello,\n      World!\n\n    Yours,\n      GraphQL.\n  \"\"\""),
            "Hello,\n  World!\n\nYours,\n  GraphQL.");
  EXPECT_EQ(StringOf("\"\"\"\"\"\""), "");
  EXPECT_EQ(StringOf("\"\"\"   \n \t\n\"\"\""), "");
  EXPECT_EQ(StringOf("\"\"\"  first keeps\n    second\n      third\"\"\""),
            "  first keeps\nsecond\n  third");
  EXPECT_EQ(StringOf("\"\"\"a\r\n  b\r  c\n  d\"\"\""), "a\nb\nc\nd");
  EXPECT_EQ(StringOf("\"\"\"a \\\"\"\" b\"\"\""), "a \"\"\" b");
  EXPECT_EQ(StringOf("\"\"\"\\n \\u0041 \\\\ \"\"\""), "\\n \\u0041 \\\\ ");
  EXPECT_EQ(StringOf("\"\"\"\n\n  a\n \n\n  b\n\n\"\"\""), "a\n\n\nb");
  EXPECT_EQ(StringOf("\"\"\"\n    a\n  \n    b\n\"\"\""), "a\n\nb");
  EXPECT_EQ(StringOf("\"\"\"\n\ta\n\t\tb\"\"\""), "a\n\tb");
  EXPECT_EQ(StringOf("\"\"\"a \"quoted\" \"\" b\"\"\""), "a \"quoted\" \"\" b");
}

TEST(Document, KeepsItsViewsWhenMoved) {
  auto parsed = Parse(R"({ a(x: "\u0041") })");
  ASSERT_TRUE(parsed.has_value());
  std::vector<Document> elsewhere;
  elsewhere.push_back(std::move(*parsed));
  elsewhere.emplace_back();
  const Document& document = elsewhere.front();
  EXPECT_EQ(document.selections[0].name, "a");
  EXPECT_EQ(document.values[0].text, "A");
  EXPECT_GE(document.selections[0].name.data(), document.source().data());
}

TEST(Document, FragmentsAreFoundByName) {
  const auto document =
      Parse("{ ...B } fragment B on T { b } fragment A on T { a } fragment C on T { c }");
  ASSERT_TRUE(document.has_value());
  ASSERT_NE(document->FindFragment("A"), nullptr);
  EXPECT_EQ(document->selections[document->FindFragment("A")->selections].name, "a");
  EXPECT_EQ(document->FindFragment("D"), nullptr);
}

// ── limits ──

std::string Nested(std::size_t depth, std::string_view open, std::string_view close) {
  std::string text;
  for (std::size_t i = 0; i < depth; ++i) text += open;
  for (std::size_t i = 0; i < depth; ++i) text += close;
  return text;
}

TEST(Limits, SelectionSetsNestSixtyFourDeepAndNoDeeper) {
  const auto at = [](std::size_t depth) { return "{" + Nested(depth - 1, "a{", "b}") + "c}"; };
  EXPECT_TRUE(Parse(at(64)).has_value());
  const auto deeper = Parse(at(65));
  ASSERT_FALSE(deeper.has_value());
  EXPECT_EQ(deeper.error().code, Code::limit);
}

TEST(Limits, ValuesAndTypesNestSixtyFourDeepAndNoDeeper) {
  EXPECT_TRUE(Parse("{a(x:" + Nested(64, "[", "]") + ")}").has_value());
  EXPECT_EQ(Parse("{a(x:" + Nested(65, "[", "]") + ")}").error().code, Code::limit);
  EXPECT_TRUE(Parse("{a(x:" + Nested(63, "{k:", "}").insert(63 * 3, "{}") + ")}").has_value());
  EXPECT_EQ(Parse("{a(x:" + Nested(200000, "[", "]") + ")}").error().code, Code::limit);
  const auto type = [](std::size_t depth) {
    return "query($v:" + Nested(depth, "[", "]").insert(depth, "T") + "){a}";
  };
  EXPECT_TRUE(Parse(type(64)).has_value());
  EXPECT_EQ(Parse(type(65)).error().code, Code::limit);
}

TEST(Limits, TokensAndBytes) {
  std::string many = "{";
  for (int i = 0; i < 100'001; ++i) many += "a ";
  many += "}";
  EXPECT_EQ(Parse(many).error().code, Code::limit);
  EXPECT_EQ(Parse(std::string((1u << 20) + 1, ' ')).error().code, Code::limit);
  EXPECT_EQ(Parse("{ abc }", {.bytes_max = 6}).error().code, Code::limit);
  EXPECT_TRUE(Parse("{ abc }", {.bytes_max = 7, .tokens_max = 4}).has_value());
  EXPECT_EQ(Parse("{ abc }", {.tokens_max = 3}).error().code, Code::limit);
}

TEST(Limits, ManyUniqueNamesAreNoProblemAndADuplicateAmongThemIsFound) {
  std::string arguments;
  for (int i = 0; i < 20'000; ++i) arguments += "a" + std::to_string(i) + ":1 ";
  EXPECT_TRUE(Parse("{f(" + arguments + ")}").has_value());
  const auto twice = Parse("{f(" + arguments + "a7:2)}");
  ASSERT_FALSE(twice.has_value());
  EXPECT_NE(twice.error().message.find("argument `a7` is given twice"), std::string::npos);
}

// However a valid document is cut off, the rest is refused and never crashes.
TEST(Parse, EveryProperPrefixOfOneOperationIsRefused) {
  const std::string text =
      "mutation M($a: [Int!]! = [1], $s: S = \"\\u{41}\") @d(x: {k: -1.5e3}) { r: f(a: $a, b: "
      "\"\"\"x\"\"\") { ...F ... on T @skip(if: true) { g } } }";
  ASSERT_TRUE(Parse(text).has_value());
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    EXPECT_FALSE(Parse(text.substr(0, cut)).has_value()) << cut;
  }
}

}  // namespace
}  // namespace interlock::graphql
