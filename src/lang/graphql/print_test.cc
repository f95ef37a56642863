#include "lang/graphql/print.h"

#include <gtest/gtest.h>

#include <fstream>
#include <ostream>
#include <random>
#include <string>

#include "base/json.h"
#include "lang/graphql/fields.h"
#include "lang/graphql/parser.h"
#include "lang/graphql/structure_for_test.h"

namespace interlock::graphql {
namespace {

// Parses, prints each operation, and holds the printed text to the promise of print.h.
void ExpectRoundTrip(std::string_view text) {
  const auto document = Parse(text);
  ASSERT_TRUE(document.has_value()) << document.error().message << "\n" << text;
  for (const Operation& operation : document->operations) {
    const std::string printed = Print(*document, operation);
    const auto again = Parse(printed);
    ASSERT_TRUE(again.has_value()) << again.error().message << "\n" << printed;
    ASSERT_EQ(again->operations.size(), 1u);
    EXPECT_EQ(Structure::Of(*again, again->operations[0]), Structure::Of(*document, operation));
    EXPECT_EQ(Print(*again, again->operations[0]), printed);
    EXPECT_EQ(printed.find('\n'), std::string::npos);
  }
}

struct Case {
  const char* name;
  const char* text;
  const char* printed;
};
void PrintTo(const Case& tested, std::ostream* out) { *out << tested.name; }
class PrintTest : public testing::TestWithParam<Case> {};
TEST_P(PrintTest, GivesTheNormalForm) {
  const auto document = Parse(GetParam().text);
  ASSERT_TRUE(document.has_value()) << document.error().message;
  EXPECT_EQ(Print(*document, document->operations[0]), GetParam().printed);
  ExpectRoundTrip(GetParam().text);
}
constexpr Case kCases[] = {
    {"shorthand", "query { a, b # c\n}", "{a b}"},
    {"everything",
     "mutation M ( $a : [ Int ! ] ! = [ 1 2 ] @d ) @e(x:1) { r : f ( a : $a ) @g { "
     "... on T { h } ... @i { j } ...F } } fragment F on T @k { l }",
     "mutation M($a:[Int!]!=[1,2]@d)@e(x:1){r:f(a:$a)@g{...on T{h} ...@i{j} ...F}}"
     "fragment F on T@k{l}"},
    {"strings", R"({ f(a: "\u0041\n\"", b: """
        two
          lines""", c: "\u0001\u007f") })",
     R"({f(a:"A\n\"",b:"two\n  lines",c:"\u0001\u007f")})"},
    {"values", "{ f(a: -1.50E+3, b: {k: null l: [$v, RED, true, {}]}) }",
     "{f(a:-1.50E+3,b:{k:null,l:[$v,RED,true,{}]})}"},
    {"other_operations_and_unused_fragments_go",
     "query A { ...F } query B { ...G } fragment G on T { g } fragment F on T { f }",
     "query A{...F}fragment F on T{f}"},
    {"fragments_come_sorted_once",
     "{ ...B ...A } fragment B on T { ...C } fragment C on T { c } "
     "fragment A on T { ...C }",
     "{...B ...A}fragment A on T{...C}fragment B on T{...C}fragment C on T{c}"},
    {"cycles_are_printed_once", "{ ...A } fragment A on T { ...A }", "{...A}fragment A on T{...A}"},
    {"anonymous_with_a_directive", "query @live { a }", "query@live{a}"},
};
INSTANTIATE_TEST_SUITE_P(Table, PrintTest, testing::ValuesIn(kCases),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(Print, RoundTripsEveryMutationOfTheRailwayCli) {
  std::ifstream in(ILK_SHARED_DIR "/reference/samples/railway_cli_mutations.graphql.txt");
  if (!in) GTEST_SKIP() << "the published samples are not beside the project";
  std::string line;
  std::string document;
  int count = 0;
  const auto flush = [&] {
    if (document.starts_with("## ")) {
      ExpectRoundTrip(document);
      ++count;
    }
    document.clear();
  };
  while (std::getline(in, line)) {
    if (line.starts_with("##")) {
      flush();
    }
    document += line + "\n";
  }
  flush();
  EXPECT_GT(count, 50);
}

TEST(Print, RoundTripsEveryOperationOfTheCorpus) {
  std::ifstream in(ILK_SHARED_DIR "/corpus/graphql.jsonl");
  if (!in) GTEST_SKIP() << "the labelled corpus is not beside the project";
  std::string line;
  int count = 0;
  while (std::getline(in, line)) {
    if (line.empty()) continue;
    const auto value = ParseJson(line);
    ASSERT_TRUE(value.has_value()) << value.error().message;
    const json::object* input = FindObject(value->as_object(), "input");
    ASSERT_NE(input, nullptr);
    ExpectRoundTrip(FindString(*input, "operation"));
    const auto document = Parse(FindString(*input, "operation"));
    const auto operation = SelectOperation(*document, FindString(*input, "operationName"));
    ASSERT_TRUE(operation.has_value()) << operation.error().message << line;
    const auto fields = RootFields(*document, **operation, {});
    ASSERT_TRUE(fields.has_value()) << fields.error().message << line;
    EXPECT_FALSE(fields->empty());
    ++count;
  }
  EXPECT_GT(count, 900);
}

// Random documents out of a small grammar of our own; the seed is fixed and printed on failure.
class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  std::string Document() {
    std::string text = Pick({"query", "mutation", "subscription"}) + " " + Name();
    if (Chance(2)) text += "($" + Name() + "v: [" + Name() + "!]! = " + Value(0, true) + ")";
    text += Directives() + Selections(0);
    for (const char* fragment : {"FA", "FB", "FC"}) {
      text += Pick({"\n", ",", " # note\n"}) + "fragment " + fragment + " on " + Name() +
              Directives() + Selections(2);
    }
    return text;
  }

 private:
  std::size_t Below(std::size_t bound) { return random_() % bound; }
  bool Chance(std::size_t one_in) { return Below(one_in) == 0; }
  std::string Pick(std::initializer_list<const char*> from) {
    return from.begin()[Below(from.size())];
  }
  std::string Name() { return Pick({"a", "_b", "on", "type", "query", "C3", "fragment", "true_"}); }
  std::string Directives() {
    if (!Chance(3)) return "";
    return " @" + Name() + (Chance(2) ? "(x: " + Value(0, true) + ")" : "");
  }
  std::string Value(int depth, bool constant) {
    switch (Below(depth > 3 ? 7 : 9)) {
      case 0:
        return constant ? "null" : "$v";
      case 1:
        return Pick({"0", "-12", "18446744073709551616"});
      case 2:
        return Pick({"1.5", "0e5", "-1.25E+10"});
      case 3:
        return Pick({"true", "false", "null"});
      case 4:
        return Pick({"RED", "on", "nullable"});
      case 5:
        return Pick({"\"\"", "\"\\u{1F600} \\\" \\\\\"", "\"\\uD83D\\uDE00\"", "\"\xC3\xA9\""});
      case 6:
        return Pick({"\"\"\"\n  a\n    b\n\"\"\"", "\"\"\"\\\"\"\" \\n\"\"\"", "\"\"\"\"\"\""});
      case 7:
        return "[" + Value(depth + 1, constant) + " " + Value(depth + 1, constant) + "]";
      default:
        return "{k: " + Value(depth + 1, constant) + ", l: " + Value(depth + 1, constant) + "}";
    }
  }
  std::string Selections(int depth) {
    std::string text = " {";
    for (std::size_t count = 1 + Below(3); count > 0; --count) {
      text += Pick({" ", "\n", ", "});
      switch (Below(depth > 4 ? 2 : 4)) {
        case 0:
          text += "... " + Pick({"FA", "FB", "FC", "Missing"}) + Directives();
          break;
        case 1:
          text += Name();
          break;
        case 2:
          text += "... on " + Name() + Directives() + Selections(depth + 1);
          break;
        default:
          text += Name() + ": " + Name() + "(x: " + Value(0, false) + ")" + Directives() +
                  Selections(depth + 1);
      }
    }
    return text + " }";
  }
  std::mt19937 random_;
};

TEST(Print, RoundTripsGeneratedDocuments) {
  for (unsigned seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    ExpectRoundTrip(Generator(seed).Document());
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace interlock::graphql
