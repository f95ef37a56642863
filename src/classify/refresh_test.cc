#include "classify/refresh.h"

#include <gtest/gtest.h>

namespace interlock::classify {
namespace {

RefreshRule Rule() {
  return {"refresh_token",
          {{"grant_type", {"refresh_token"}}},
          {"client_id"},
          {"access_token", "refresh_token"}};
}
constexpr std::string_view kJson = "application/json";
constexpr std::string_view kForm = "application/x-www-form-urlencoded";

TEST(ReadRefresh, FindsTheTokenAndWritesTheRequestAnew) {
  const auto json = ReadRefresh(
      Rule(), kJson, R"({ "grant_type":"refresh_token", "refresh_token":"r1","client_id":"c" })");
  ASSERT_TRUE(json);
  EXPECT_EQ(json->token, "r1");
  EXPECT_EQ(json->body, R"({"grant_type":"refresh_token","refresh_token":"r1","client_id":"c"})");
  EXPECT_EQ(json->rest, R"({"grant_type":"refresh_token","client_id":"c"})");
  const auto form =
      ReadRefresh(Rule(), "application/x-www-form-urlencoded;charset=UTF-8",
                  "client%5Fid=c%2Bd&refresh_token=1%2F%2Fr1&grant_type=refresh_token");
  ASSERT_TRUE(form);
  EXPECT_EQ(form->token, "1//r1");
  EXPECT_EQ(form->body, "client_id=c%2Bd&refresh_token=1%2F%2Fr1&grant_type=refresh_token");
  EXPECT_EQ(form->rest, "client_id=c%2Bd&grant_type=refresh_token");
}

TEST(ReadRefresh, RefusesWhatIsNoRenewal) {
  const std::pair<std::string_view, const char*> kRefused[] = {
      {kJson, R"({"grant_type":"authorization_code","code":"x"})"},
      {kJson, R"({"grant_type":"authorization_code","refresh_token":"r1"})"},
      {kJson, R"({"refresh_token":"r1"})"},
      {kJson, R"({"grant_type":"refresh_token"})"},
      {kJson, R"({"grant_type":"refresh_token","refresh_token":""})"},
      {kJson, R"({"grant_type":"refresh_token","refresh_token":["r1"]})"},
      {kJson, R"({"grant_type":"refresh_token","refresh_token":"r1","refresh_token":"r2"})"},
      {kJson, R"({"grant_type":"refresh_token","refresh_token":"r1","code":"x"})"},
      {kJson, "[]"},
      {kJson, ""},
      {kForm, "grant_type=refresh_token&refresh_token=r1&refresh_token=r2"},
      {kForm, "grant_type=refresh_token&refresh_token=r1&refresh%5Ftoken=r2"},
      {kForm, "grant_type=refresh_token&refresh_token"},
      {kForm, "grant_type=refresh_token&refresh_token=%zz"},
      {kForm, "grant_type=refresh_token;refresh_token=r1"},
      {"text/plain", R"({"grant_type":"refresh_token","refresh_token":"r1"})"},
      {"", R"({"grant_type":"refresh_token","refresh_token":"r1"})"},
  };
  for (const auto& [type, body] : kRefused) EXPECT_FALSE(ReadRefresh(Rule(), type, body)) << body;
  EXPECT_FALSE(ReadRefresh(Rule(), kJson, std::string(kRefreshBytesMax + 1, ' ')));
}

TEST(ReadRefreshed, NamesTheNewTokens) {
  EXPECT_EQ(ReadRefreshed(Rule(), R"({"access_token":"a","refresh_token":"r","expires_in":1})"),
            (std::vector<std::string>{"a", "r"}));
  EXPECT_EQ(ReadRefreshed(Rule(), R"({"access_token":"a"})"), (std::vector<std::string>{"a"}));
  for (const char* answer : {"", "[]", "{}", R"({"access_token":7})", "not json",
                             R"({"access_token":"a","access_token":"b"})"})
    EXPECT_TRUE(ReadRefreshed(Rule(), answer).empty()) << answer;
}

}  // namespace
}  // namespace interlock::classify
