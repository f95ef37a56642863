#include "gateway/grants.h"

#include <gtest/gtest.h>

namespace interlock::gateway {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr GrantTime kStart{TimePoint(std::chrono::milliseconds(1'700'000'000'000)), {}};

GrantTime After(std::chrono::milliseconds time) {
  return {kStart.wall + time, kStart.steady + time};
}

GrantTerms Terms(std::string host, unsigned port, GrantProtocol protocol) {
  return {"s-1", std::move(host), port, protocol, minutes(30), ""};
}

bool NothingElse(const GrantTerms&) { return false; }

class OpenGrants : public testing::Test {
 protected:
  void Open(std::string id, GrantTerms terms) {
    ASSERT_TRUE(grants.Open(std::move(id), std::move(terms), kStart.wall + minutes(30), kStart));
  }
  std::shared_ptr<GrantPass> EnterTcp(GrantTime now = kStart) {
    return grants.Enter(GrantProtocol::unseen_tcp, "a.example", 22, now);
  }
  Grants grants;
};

TEST_F(OpenGrants, NothingIsOpenAtFirst) {
  EXPECT_TRUE(grants.empty());
  EXPECT_EQ(EnterTcp(), nullptr);
}

TEST_F(OpenGrants, ItEndsByEitherClock) {
  Open("h-1", Terms("a.example", 22, GrantProtocol::unseen_tcp));
  EXPECT_NE(EnterTcp(After(minutes(30) - seconds(1))), nullptr);
  EXPECT_EQ(EnterTcp(After(minutes(30))), nullptr);
  EXPECT_EQ(EnterTcp({kStart.wall + minutes(31), kStart.steady}), nullptr);
  // Somebody set the wall clock back.
  EXPECT_EQ(EnterTcp({kStart.wall - minutes(60), kStart.steady + minutes(31)}), nullptr);
  EXPECT_TRUE(grants.IsDue({kStart.wall - minutes(60), kStart.steady + minutes(31)}, NothingElse));
}

TEST_F(OpenGrants, AnEndCutsWhatPassesOnceAndTellsWhatPassed) {
  Open("h-1", Terms("a.example", 22, GrantProtocol::unseen_tcp));
  const auto pass = EnterTcp();
  int cut = 0;
  pass->OnEnd([&cut] { ++cut; });
  pass->CountTo(3);
  pass->CountFrom(5);
  EXPECT_FALSE(pass->ended());
  const auto ended = grants.End("h-1");
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].passed, 1u);
  EXPECT_EQ(ended[0].bytes_to, 3u);
  EXPECT_EQ(ended[0].bytes_from, 5u);
  EXPECT_EQ(cut, 1);
  EXPECT_TRUE(pass->ended());
  EXPECT_EQ(EnterTcp(), nullptr);
  EXPECT_TRUE(grants.End("h-1").empty());
  EXPECT_EQ(cut, 1);
}

TEST_F(OpenGrants, WhatComesTooLateIsCutAtOnce) {
  Open("h-1", Terms("a.example", 22, GrantProtocol::unseen_tcp));
  const auto pass = EnterTcp();
  grants.End("h-1");
  int cut = 0;
  pass->OnEnd([&cut] { ++cut; });
  EXPECT_EQ(cut, 1);
}

TEST_F(OpenGrants, WhatHasLeftIsNotCut) {
  Open("h-1", Terms("a.example", 22, GrantProtocol::unseen_tcp));
  int cut = 0;
  EnterTcp()->OnEnd([&cut] { ++cut; });
  EXPECT_EQ(grants.Seen().at(0).connections, 0u);
  grants.EndAll();
  EXPECT_EQ(cut, 0);
}

TEST_F(OpenGrants, ConnectionsOfTcpAreLimitedAtOneTimeAndInAll) {
  Open("h-1", Terms("a.example", 22, GrantProtocol::unseen_tcp));
  std::vector<std::shared_ptr<GrantPass>> passes;
  for (std::size_t i = 0; i < Grants::kConnectionsMax; ++i) passes.push_back(EnterTcp());
  EXPECT_NE(passes.back(), nullptr);
  EXPECT_EQ(EnterTcp(), nullptr);
  passes.pop_back();
  EXPECT_NE(EnterTcp(), nullptr);
  passes.clear();
  std::uint64_t passed = grants.Seen().at(0).passed;
  while (EnterTcp() != nullptr) ++passed;
  EXPECT_EQ(passed, Grants::kTcpPassedMax);
}

TEST_F(OpenGrants, AFullGrantLeavesTheNextOneToBeUsed) {
  Open("h-1", Terms("a.example", 22, GrantProtocol::unseen_tcp));
  Open("h-2", Terms("a.example", 22, GrantProtocol::unseen_tcp));
  std::vector<std::shared_ptr<GrantPass>> passes;
  for (std::size_t i = 0; i <= Grants::kConnectionsMax; ++i) passes.push_back(EnterTcp());
  ASSERT_NE(passes.back(), nullptr);
  EXPECT_EQ(passes.back()->id(), "h-2");
}

TEST_F(OpenGrants, WhatMayNoLongerStayOpenIsDue) {
  Open("h-1", Terms("a.example", 22, GrantProtocol::unseen_tcp));
  Open("h-2", Terms("b.example", 0, GrantProtocol::judged_http));
  const auto no_longer = [](const GrantTerms& terms) { return terms.host == "a.example"; };
  EXPECT_TRUE(grants.IsDue(kStart, no_longer));
  EXPECT_EQ(grants.EndDue(kStart, no_longer).size(), 1u);
  EXPECT_EQ(EnterTcp(), nullptr);
  EXPECT_NE(grants.Enter(GrantProtocol::judged_http, "b.example", 443, kStart), nullptr);
}

TEST_F(OpenGrants, ASessionHasAtMost32AndNoneOnceItIsOver) {
  for (std::size_t i = 0; i < Grants::kOpenMax; ++i)
    Open("h-" + std::to_string(i), Terms("a.example", 22, GrantProtocol::unseen_tcp));
  const auto terms = Terms("b.example", 22, GrantProtocol::unseen_tcp);
  EXPECT_EQ(grants.Open("h-x", terms, kStart.wall + minutes(1), kStart).error().code, Code::limit);
  EXPECT_EQ(grants.EndAll().size(), Grants::kOpenMax);
  EXPECT_EQ(grants.Open("h-x", terms, kStart.wall + minutes(1), kStart).error().code,
            Code::conflict);
}

}  // namespace
}  // namespace interlock::gateway
