#include "credential/decoded.h"

#include <gtest/gtest.h>

#include <string>

#include "base/bytes.h"

namespace interlock::credential {
namespace {

bool Reads(std::string_view text, std::string_view wanted) {
  bool found = false;
  VisitReadings(text, [&](std::string_view reading) {
    found = found || reading.find(wanted) != std::string_view::npos;
  });
  return found;
}

constexpr std::string_view kToken = "s3cr3t-t0ken!value";

TEST(VisitReadings, FindsATextInEveryEncoding) {
  const std::string token(kToken);
  const std::string basic = Base64("user:" + token);
  for (const std::string& text :
       {token, std::string("s3cr3t%2Dt0ken%21value"), std::string("%73%33cr3t-t0ken!value"),
        std::string("s3cr3t\\u002dt0ken\\u0021value"), std::string("s3cr3t-t0ken\\x21value"),
        "Basic " + basic, "Basic " + Base64Url("user:" + token), "x/" + Base64("ab" + token),
        std::string("%") + Hex("s") + "3cr3t-t0ken!value", Base64(Base64(token)),
        Base64("s3cr3t%2Dt0ken%21value"), std::string("s3cr3t%252Dt0ken!value")})
    EXPECT_TRUE(Reads(text, kToken)) << text;
}

TEST(VisitReadings, AlignmentInsideARunDoesNotHide) {
  for (const char* before : {"", "a", "ab", "abc", "abcd"})
    EXPECT_TRUE(Reads(std::string(before) + Base64(kToken), "t0ken!value")) << before;
}

TEST(VisitReadings, BrokenEscapesAreKept) {
  for (const char* text : {"%", "%2", "%zz", "\\", "\\u12", "\\q", "a%"}) {
    EXPECT_TRUE(VisitReadings(text, [](std::string_view) {})) << text;
    EXPECT_TRUE(Reads(text, text)) << text;
  }
}

TEST(VisitReadings, StaysWithinItsBudget) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "QUJDREVGR0hJSktM%41\\u0041";
  std::size_t read = 0;
  VisitReadings(text, [&](std::string_view reading) { read += reading.size(); });
  EXPECT_LE(read, text.size() * 33 + (1u << 20));
}

}  // namespace
}  // namespace interlock::credential
