#include "sandbox/git_access.h"

#include <gtest/gtest.h>

#include <map>

namespace interlock::sandbox {
namespace {

std::multimap<std::string, std::string> SettingsOf(const std::vector<GitHost>& hosts) {
  const auto variables = GitVariables(hosts);
  EXPECT_TRUE(variables);
  std::map<std::string, std::string> by_name;
  for (const Variable& variable : *variables) by_name[variable.name] = variable.value;
  std::multimap<std::string, std::string> settings;
  const int count = hosts.empty() ? 0 : std::stoi(by_name.at("GIT_CONFIG_COUNT"));
  for (int i = 0; i < count; ++i)
    settings.emplace(by_name.at("GIT_CONFIG_KEY_" + std::to_string(i)),
                     by_name.at("GIT_CONFIG_VALUE_" + std::to_string(i)));
  EXPECT_EQ(by_name.size(), hosts.empty() ? 0u : 2u * static_cast<unsigned>(count) + 1);
  return settings;
}

TEST(GitVariables, RemotesBySshAreRewritten) {
  const auto settings = SettingsOf({{"git.example.com", "x-access-token", ""}});
  std::vector<std::string> rewritten;
  for (const auto& [key, value] : settings) {
    EXPECT_EQ(key, "url.https://git.example.com/.insteadOf");
    rewritten.push_back(value);
  }
  EXPECT_EQ(rewritten,
            (std::vector<std::string>{"git@git.example.com:", "ssh://git@git.example.com/",
                                      "ssh://git.example.com/", "ssh://git@git.example.com:22/",
                                      "git://git.example.com/"}));
}

TEST(GitVariables, ALentCredentialIsNamedByItsVariable) {
  const auto settings = SettingsOf({{"git.example.com", "x-access-token", "GH_TOKEN"}});
  const auto [begin, end] = settings.equal_range("credential.https://git.example.com.helper");
  ASSERT_EQ(std::distance(begin, end), 2);
  EXPECT_EQ(begin->second, "");
  EXPECT_EQ(std::next(begin)->second,
            "!f() { test \"$1\" = get && "
            "printf 'username=x-access-token\\npassword=%s\\n' \"$GH_TOKEN\"; }; f");
}

TEST(GitVariables, WithoutHostsNothingIsSaid) { EXPECT_TRUE(SettingsOf({}).empty()); }

TEST(GitVariables, WhatWouldBeMoreThanANameIsRefused) {
  const GitHost kRefused[] = {
      {"", "git", ""},
      {"a b", "git", ""},
      {"a/../b", "git", ""},
      {"git.example.com", "x'; id; '", "V"},
      {"git.example.com", "git", "V; id"},
      {"git.example.com", "git", "V}"},
      {"git.example.com\n", "git", "V"},
  };
  for (const GitHost& host : kRefused) EXPECT_FALSE(GitVariables({host})) << host.host;
}

}  // namespace
}  // namespace interlock::sandbox
