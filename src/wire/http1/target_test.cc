#include "wire/http1/target.h"

#include <gtest/gtest.h>

namespace interlock::http1 {
namespace {

using namespace std::string_view_literals;

std::string RefusalOf(const std::optional<wire::Malformed>& refusal) {
  return refusal ? std::string(refusal->name) : "accepted";
}

struct Claim {
  std::string_view path;
  std::string_view outcome;
};

TEST(CheckPath, OneSpellingPerPath) {
  constexpr Claim kClaims[] = {
      {"/", "accepted"},
      {"/graphql/v2", "accepted"},
      {"/a//b/", "accepted"},
      {"/v1/projects/p:undelete", "accepted"},
      {"/compare/a...b", "accepted"},
      {"/.well-known/x", "accepted"},
      {"/a%20b", "accepted"},
      {"/100%25", "accepted"},
      {"/b%C3%BCcher", "accepted"},
      {"/@scope/name", "accepted"},
      {"", "path-not-absolute"},
      {"a", "path-not-absolute"},
      {"/a/./b", "dot-segment"},
      {"/a/../b", "dot-segment"},
      {"/a/..", "dot-segment"},
      {"/.", "dot-segment"},
      {"/a/%2e%2e/b", "dot-segment"},
      {"/a/%2E./b", "dot-segment"},
      {"/a/.%2e", "dot-segment"},
      {"/a/%252e%252e/b", "double-encoding"},
      {"/a/%25%32%65", "encoded-unreserved"},
      {"/a%2fb", "encoded-slash"},
      {"/a%2Fb", "encoded-slash"},
      {"/a%252fb", "double-encoding"},
      {"/a\\b", "backslash-in-path"},
      {"/a%5cb", "backslash-in-path"},
      {"/a%00b", "nul-in-path"},
      {"/a\0b"sv, "nul-in-path"},
      {"/a%0d%0ab", "control-in-path"},
      {"/a%7fb", "control-in-path"},
      {"/a b", "control-in-path"},
      {"/a;jsessionid=1", "path-parameter"},
      {"/a/..;/b", "path-parameter"},
      {"/a%3bx", "path-parameter"},
      {"/a#b", "fragment-in-target"},
      {"/a?b", "query-in-path"},
      {"/\xc3\xbc", "non-ascii-in-path"},
      {"/%c0%ae%c0%ae/", "bad-utf8-in-path"},
      {"/%ff", "bad-utf8-in-path"},
      {"/%", "bad-escape"},
      {"/%2", "bad-escape"},
      {"/%zz", "bad-escape"},
      {"/%u002e", "bad-escape"},
      {"/v1/%64elete", "encoded-unreserved"},
      {"/file%2Etxt", "encoded-unreserved"},
      {"/a./b", "trailing-dot-segment"},
      {"/a/...", "trailing-dot-segment"},
      {"/a%20/b", "trailing-dot-segment"},
  };
  for (const Claim& claim : kClaims) {
    EXPECT_EQ(RefusalOf(CheckPath(claim.path)), claim.outcome) << claim.path;
  }
}

TEST(CheckTarget, TheQueryIsSoundAndOverridesNothing) {
  constexpr Claim kClaims[] = {
      {"/a?b=c&d=%26", "accepted"},
      {"/a?", "accepted"},
      {"/a/../b?c", "dot-segment"},
      {"/a?_method=DELETE", "method-override"},
      {"/a?x=1&_METHOD=DELETE", "method-override"},
      {"/a?%5fmethod=DELETE", "method-override"},
      {"/a?X-HTTP-Method-Override=DELETE", "method-override"},
      {"/a?$httpMethod=DELETE", "method-override"},
      {"/a?b=%", "bad-query"},
      {"/a?b=%00", "bad-query"},
      {"/a?b=%ff", "bad-query"},
  };
  for (const Claim& claim : kClaims) {
    EXPECT_EQ(RefusalOf(CheckTarget(claim.path)), claim.outcome) << claim.path;
  }
}

TEST(ParseQuery, KeepsOrderAndDuplicates) {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(*ParseQuery(""), Pairs{});
  EXPECT_EQ(*ParseQuery("a=1&b=%20x+y&a=2&&c&=d&e==f"),
            (Pairs{{"a", "1"}, {"b", " x y"}, {"a", "2"}, {"c", ""}, {"", "d"}, {"e", "=f"}}));
  EXPECT_EQ(ParseQuery("a=%2").error().code, Code::invalid_input);
  EXPECT_EQ(ParseQuery("%00=a").error().code, Code::invalid_input);
  std::string many;
  for (int i = 0; i < 1001; ++i) many += "a&";
  EXPECT_EQ(ParseQuery(many).error().code, Code::limit);
}

}  // namespace
}  // namespace interlock::http1
