#include "gateway/lend_watch.h"

#include <gtest/gtest.h>

namespace interlock::gateway {
namespace {

struct Case {
  const char* name;
  const char* body;
  bool refused;
};

constexpr Case kCases[] = {
    {"railways_words", R"({"errors":[{"message":"Not Authorized","path":["a"]}],"data":null})",
     true},
    {"by_code", R"({"errors":[{"message":"x","extensions":{"code":"UNAUTHENTICATED"}}]})", true},
    {"a_field_alone", R"({"errors":[{"message":"unauthorized"}],"data":{"a":null}})", true},
    {"something_was_done", R"({"errors":[{"message":"Not Authorized"}],"data":{"a":1}})", false},
    {"another_error", R"({"errors":[{"message":"Not Authorized"},{"message":"x"}]})", false},
    {"no_error", R"({"data":{"errors":[]},"errors":[]})", false},
    {"no_json", R"("errors")", false},
    {"nothing", "", false},
};

TEST(LendWatch, ARefusalIsToldFromOtherErrors) {
  for (const Case& c : kCases) EXPECT_EQ(IsGraphqlRefusal(c.body), c.refused) << c.name;
  const LendWatch watch{"staging", {401}, false, {}};
  EXPECT_TRUE(watch.RefusedBy(401));
  EXPECT_FALSE(watch.RefusedBy(403));
  EXPECT_FALSE(LendWatch{}.watches());
}

}  // namespace
}  // namespace interlock::gateway
