// One suite for every implementation of store/store.h.

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <thread>

#include "base/file.h"
#include "base/ids.h"
#include "store/sqlite/sqlite_store.h"
#include "store/store.h"
#include "tests/fakes/memory_store.h"

namespace interlock::store {
namespace {

using std::chrono::milliseconds;

TimePoint At(int millis) { return TimePoint(milliseconds(millis)); }

struct Implementation {
  const char* name;
  std::function<std::unique_ptr<Store>(const std::filesystem::path&)> open;
};

class StoreContract : public testing::TestWithParam<Implementation> {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / ("ilk-store-" + RandomToken());
    ASSERT_TRUE(MakePrivateDirectory(directory_));
    store_ = GetParam().open(directory_);
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

  static HoldRecord Hold(const std::string& id, const std::string& fingerprint = "f") {
    HoldRecord hold;
    hold.id = id;
    hold.session = "s-1";
    hold.state = "pending";
    hold.fingerprint = fingerprint;
    hold.digest = "d";
    hold.action = std::string(
        "\x00\xff"
        "sealed",
        8);
    hold.statement = std::string("{\0}", 3);
    hold.details = R"({"required":1})";
    hold.rule = "for-good";
    hold.reason = "because";
    hold.created = At(1000);
    hold.expires = At(9000);
    hold.changed = At(1000);
    return hold;
  }
  static HoldChange To(const std::string& state) { return {.state = state, .at = At(2000)}; }
  static ApprovalRecord Approval(const std::string& person) {
    return {"h-1", person, "SHA256:x", "-----BEGIN SSH SIGNATURE-----", At(1500)};
  }

  std::filesystem::path directory_;
  std::unique_ptr<Store> store_;
};

TEST_P(StoreContract, WhatWasInsertedIsReadBackToTheByte) {
  const auto inserted = store_->Insert(Hold("h-1"));
  ASSERT_TRUE(inserted);
  EXPECT_TRUE(inserted->is_new);
  EXPECT_EQ(store_->Get("h-1").value(), Hold("h-1"));
  EXPECT_EQ(store_->Get("h-2").error().code, Code::not_found);
}

TEST_P(StoreContract, AnIdenticalRequestJoinsTheOpenHold) {
  ASSERT_TRUE(store_->Insert(Hold("h-1")));
  const auto again = store_->Insert(Hold("h-2"));
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->is_new);
  EXPECT_EQ(again->hold.id, "h-1");
  EXPECT_EQ(store_->Get("h-2").error().code, Code::not_found);
  HoldRecord elsewhere = Hold("h-3");
  elsewhere.session = "s-2";
  EXPECT_TRUE(store_->Insert(elsewhere)->is_new);
  EXPECT_TRUE(store_->Insert(Hold("h-4", "other"))->is_new);
}

TEST_P(StoreContract, AClosedHoldIsNotJoined) {
  ASSERT_TRUE(store_->Insert(Hold("h-1")));
  ASSERT_TRUE(store_->Transition("h-1", "pending", To("executed")));
  EXPECT_TRUE(store_->Insert(Hold("h-2"))->is_new);
}

TEST_P(StoreContract, ATakenIdIsAConflict) {
  ASSERT_TRUE(store_->Insert(Hold("h-1")));
  EXPECT_EQ(store_->Insert(Hold("h-1", "other")).error().code, Code::conflict);
  EXPECT_EQ(store_->Get("h-1")->fingerprint, "f");
}

TEST_P(StoreContract, ARejectionIsFoundAgain) {
  ASSERT_TRUE(store_->Insert(Hold("h-1")));
  EXPECT_FALSE(store_->FindByFingerprint("s-1", "f", "rejected")->has_value());
  ASSERT_TRUE(store_->Transition("h-1", "pending", To("rejected")));
  ASSERT_TRUE(store_->Insert(Hold("h-2")));
  ASSERT_TRUE(store_->Transition("h-2", "pending", To("rejected")));
  const auto found = store_->FindByFingerprint("s-1", "f", "rejected").value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, "h-2");
  EXPECT_FALSE(store_->FindByFingerprint("s-2", "f", "rejected")->has_value());
}

TEST_P(StoreContract, ListFiltersAndKeepsTheOrderOfCreation) {
  ASSERT_TRUE(store_->Insert(Hold("h-b", "1")));
  ASSERT_TRUE(store_->Insert(Hold("h-a", "2")));
  ASSERT_TRUE(store_->Insert(Hold("h-c", "3")));
  ASSERT_TRUE(store_->Transition("h-a", "pending", To("approved")));
  const auto ids = [&](const HoldFilter& filter) {
    std::string out;
    const std::vector<HoldRecord> holds = store_->List(filter).value();
    for (const HoldRecord& hold : holds) out += hold.id + " ";
    return out;
  };
  EXPECT_EQ(ids({}), "h-b h-a h-c ");
  EXPECT_EQ(ids({.states = {"pending"}}), "h-b h-c ");
  EXPECT_EQ(ids({.states = {"approved", "pending"}}), "h-b h-a h-c ");
  EXPECT_EQ(ids({.states = {"' OR 1=1"}}), "");
  EXPECT_EQ(ids({.session = "s-2"}), "");
  EXPECT_EQ(ids({.limit = 2}), "h-b h-a ");
  EXPECT_EQ(store_->Count("pending").value(), 2u);
  EXPECT_EQ(store_->Count("executed").value(), 0u);
}

TEST_P(StoreContract, ATransitionWritesWhatItNamesAndNothingElse) {
  ASSERT_TRUE(store_->Insert(Hold("h-1")));
  HoldChange change = To("executed");
  change.outcome = R"({"status":200})";
  const auto changed = store_->Transition("h-1", "pending", change);
  ASSERT_TRUE(changed);
  HoldRecord wanted = Hold("h-1");
  wanted.state = "executed";
  wanted.open = false;
  wanted.changed = At(2000);
  wanted.outcome = R"({"status":200})";
  EXPECT_EQ(*changed, wanted);
  EXPECT_EQ(store_->Get("h-1").value(), wanted);
}

TEST_P(StoreContract, ATransitionFromAnotherStateIsAConflict) {
  ASSERT_TRUE(store_->Insert(Hold("h-1")));
  EXPECT_EQ(store_->Transition("h-1", "approved", To("executing")).error().code, Code::conflict);
  EXPECT_EQ(store_->Transition("h-9", "approved", To("executing")).error().code, Code::not_found);
  EXPECT_EQ(store_->Get("h-1")->state, "pending");
}

TEST_P(StoreContract, OfManyTransitionsExactlyOneWins) {
  ASSERT_TRUE(store_->Insert(Hold("h-1")));
  std::atomic<int> winners = 0;
  std::atomic<int> losers = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      const auto won = store_->Transition("h-1", "pending", To("executing-" + std::to_string(i)));
      if (won)
        ++winners;
      else if (won.error().code == Code::conflict)
        ++losers;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(winners, 1);
  EXPECT_EQ(losers, 7);
}

TEST_P(StoreContract, OfManyInsertsOfOneQuestionOneIsNew) {
  std::atomic<int> fresh = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      const auto inserted = store_->Insert(Hold("h-" + std::to_string(i)));
      if (inserted && inserted->is_new) ++fresh;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(fresh, 1);
  EXPECT_EQ(store_->List({})->size(), 1u);
}

TEST_P(StoreContract, ANonceIsUsedOnceAndTogetherWithItsTransition) {
  ASSERT_TRUE(store_->Insert(Hold("h-1", "1")));
  ASSERT_TRUE(store_->Insert(Hold("h-2", "2")));
  HoldChange change = To("executing");
  change.nonce = "n";
  change.step = StepRecord{"intent", At(2000), "{}"};
  ASSERT_TRUE(store_->Transition("h-1", "pending", change));
  EXPECT_EQ(store_->Transition("h-2", "pending", change).error().code, Code::conflict);
  EXPECT_EQ(store_->Get("h-2")->state, "pending");
  EXPECT_TRUE(store_->Steps("h-2")->empty());
  EXPECT_EQ(store_->UseNonce("n", At(1)).error().code, Code::conflict);
  EXPECT_TRUE(store_->UseNonce("m", At(1)));
  EXPECT_EQ(store_->UseNonce("m", At(1)).error().code, Code::conflict);
}

TEST_P(StoreContract, AStepIsRecordedOnce) {
  ASSERT_TRUE(store_->Insert(Hold("h-1")));
  ASSERT_TRUE(store_->RecordStep("h-1", {"sent", At(1), "a"}));
  ASSERT_TRUE(store_->RecordStep("h-1", {"answered", At(2), ""}));
  EXPECT_EQ(store_->RecordStep("h-1", {"sent", At(3), "b"}).error().code, Code::conflict);
  EXPECT_EQ(store_->RecordStep("h-9", {"sent", At(3), "b"}).error().code, Code::not_found);
  const std::vector<StepRecord> wanted = {{"sent", At(1), "a"}, {"answered", At(2), ""}};
  EXPECT_EQ(store_->Steps("h-1").value(), wanted);
  HoldChange change = To("executing");
  change.step = StepRecord{"sent", At(4), ""};
  change.nonce = "unused";
  EXPECT_EQ(store_->Transition("h-1", "pending", change).error().code, Code::conflict);
  EXPECT_EQ(store_->Get("h-1")->state, "pending");
  EXPECT_TRUE(store_->UseNonce("unused", At(5)));
}

TEST_P(StoreContract, SupersedingIsAllOrNothing) {
  ASSERT_TRUE(store_->Insert(Hold("h-1")));
  ASSERT_TRUE(store_->Insert(Hold("h-2", "other")));
  HoldChange change = To("superseded");
  change.superseded_by = "h-2";
  EXPECT_EQ(store_->Supersede("h-1", "pending", change, Hold("h-2", "new")).error().code,
            Code::conflict);
  EXPECT_EQ(store_->Get("h-1").value(), Hold("h-1"));
  change.superseded_by = "h-3";
  ASSERT_TRUE(store_->Supersede("h-1", "pending", change, Hold("h-3")));
  EXPECT_EQ(store_->Get("h-1")->superseded_by, "h-3");
  EXPECT_EQ(store_->Get("h-3")->state, "pending");
}

TEST_P(StoreContract, ReopeningBesideAnIdenticalOpenHoldIsAConflict) {
  ASSERT_TRUE(store_->Insert(Hold("h-1")));
  ASSERT_TRUE(store_->Transition("h-1", "pending", To("unknown")));
  ASSERT_TRUE(store_->Insert(Hold("h-2")));
  HoldChange change = To("pending");
  change.open = true;
  EXPECT_EQ(store_->Transition("h-1", "unknown", change).error().code, Code::conflict);
}

TEST_P(StoreContract, ExpiryTakesTheVeryInstantAndOnlyTheNamedStates) {
  HoldRecord later = Hold("h-2", "2");
  later.expires = At(9001);
  ASSERT_TRUE(store_->Insert(Hold("h-1", "1")));
  ASSERT_TRUE(store_->Insert(later));
  ASSERT_TRUE(store_->Insert(Hold("h-3", "3")));
  ASSERT_TRUE(store_->Transition("h-3", "pending", To("executing")));
  constexpr std::string_view kFrom[] = {"pending", "approved"};
  EXPECT_TRUE(store_->ExpireDue(At(8999), kFrom, "expired")->empty());
  EXPECT_EQ(store_->ExpireDue(At(9000), kFrom, "expired").value(), std::vector<std::string>{"h-1"});
  EXPECT_EQ(store_->Get("h-1")->state, "expired");
  EXPECT_FALSE(store_->Get("h-1")->open);
  EXPECT_EQ(store_->Get("h-1")->changed, At(9000));
  EXPECT_EQ(store_->Get("h-3")->state, "executing");
  EXPECT_TRUE(store_->ExpireDue(At(9000), kFrom, "expired")->empty());
}

TEST_P(StoreContract, APersonSignsOnceAndOnlyWhatWaits) {
  ASSERT_TRUE(store_->Insert(Hold("h-1")));
  EXPECT_EQ(store_->AddApproval(Approval("ann"), "pending").value(),
            std::vector<ApprovalRecord>{Approval("ann")});
  ApprovalRecord again = Approval("ann");
  again.key = "SHA256:second-key";
  EXPECT_EQ(store_->AddApproval(again, "pending").error().code, Code::conflict);
  EXPECT_EQ(store_->AddApproval(Approval("bob"), "pending")->size(), 2u);
  ASSERT_TRUE(store_->Transition("h-1", "pending", To("rejected")));
  EXPECT_EQ(store_->AddApproval(Approval("eve"), "pending").error().code, Code::conflict);
  EXPECT_EQ(store_->Approvals("h-1")->size(), 2u);
  ApprovalRecord nowhere = Approval("ann");
  nowhere.hold = "h-9";
  EXPECT_EQ(store_->AddApproval(nowhere, "pending").error().code, Code::not_found);
}

TEST_P(StoreContract, SessionsAreFoundByIdAndToken) {
  const SessionRecord one{"s-1", "u", "claude", "/w", "staging", "t1", At(5), std::nullopt};
  const SessionRecord two{"s-2", "u", "codex", "/w", "staging", "t2", At(4), std::nullopt};
  ASSERT_TRUE(store_->StartSession(one));
  ASSERT_TRUE(store_->StartSession(two));
  EXPECT_EQ(store_->StartSession(one).error().code, Code::conflict);
  SessionRecord thief = one;
  thief.id = "s-3";
  EXPECT_EQ(store_->StartSession(thief).error().code, Code::conflict);
  EXPECT_EQ(store_->GetSession("s-1").value(), one);
  EXPECT_EQ(store_->GetSession("s-9").error().code, Code::not_found);
  EXPECT_EQ(store_->FindSessionByToken("t2").value(), two);
  EXPECT_FALSE(store_->FindSessionByToken("t3")->has_value());
  EXPECT_EQ(store_->RunningSessions().value(), (std::vector<SessionRecord>{two, one}));
  ASSERT_TRUE(store_->EndSession("s-1", At(9)));
  ASSERT_TRUE(store_->EndSession("s-1", At(10)));
  EXPECT_EQ(store_->GetSession("s-1")->ended, At(9));
  EXPECT_EQ(store_->EndSession("s-9", At(9)).error().code, Code::not_found);
  EXPECT_EQ(store_->RunningSessions().value(), std::vector<SessionRecord>{two});
}

TEST_P(StoreContract, AHaltStaysUntilItIsCleared) {
  const HaltRecord first{kHaltAll, At(1), "three deletions", "breaker"};
  ASSERT_TRUE(store_->SetHalt(first));
  ASSERT_TRUE(store_->SetHalt({kHaltAll, At(2), "again", "ann"}));
  ASSERT_TRUE(store_->SetHalt({"s-1", At(3), "", "ann"}));
  EXPECT_EQ(store_->Halts()->size(), 2u);
  EXPECT_EQ(store_->Halts()->front(), first);
  ASSERT_TRUE(store_->ClearHalt(kHaltAll));
  ASSERT_TRUE(store_->ClearHalt(kHaltAll));
  EXPECT_EQ(store_->Halts()->size(), 1u);
}

TEST_P(StoreContract, MetaIsTheLastValueWritten) {
  EXPECT_FALSE(store_->GetMeta("k")->has_value());
  ASSERT_TRUE(store_->PutMeta("k", "1"));
  ASSERT_TRUE(store_->PutMeta("k", std::string_view("\0b", 2)));
  EXPECT_EQ(store_->GetMeta("k").value(), std::string("\0b", 2));
  ASSERT_TRUE(store_->PutMeta("k", ""));
  EXPECT_EQ(store_->GetMeta("k").value(), "");
}

INSTANTIATE_TEST_SUITE_P(
    Implementations, StoreContract,
    testing::Values(Implementation{"memory",
                                   [](const std::filesystem::path&) -> std::unique_ptr<Store> {
                                     return std::make_unique<fakes::MemoryStore>();
                                   }},
                    Implementation{"sqlite",
                                   [](const std::filesystem::path& directory) {
                                     return sqlite::OpenStore(directory / "interlock.db").value();
                                   }}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace interlock::store
