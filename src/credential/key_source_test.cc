#include "credential/key_source.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <map>

#include "base/file.h"
#include "base/ids.h"

namespace interlock::credential {
namespace {

constexpr KeyCosts kCheap{1, 8192 * 8};

// A keyring that remembers, and can be away.
class FakeKeyring final : public Keyring {
 public:
  bool IsThere() const override { return is_there; }
  Result<std::optional<Secret>> Find(std::string_view item) override {
    if (is_locked) return Fail(Code::unavailable, "the keyring: nobody unlocked it");
    const auto it = items.find(item);
    if (it == items.end()) return std::optional<Secret>();
    return std::optional<Secret>(Secret(std::string(it->second)));
  }
  Result<void> Keep(std::string_view item, const Secret& value) override {
    if (is_locked) return Fail(Code::unavailable, "the keyring: nobody unlocked it");
    if (!forgets_at_once) items[std::string(item)] = value.Reveal();
    return {};
  }
  Result<void> Forget(std::string_view item) override {
    items.erase(std::string(item));
    return {};
  }
  std::map<std::string, std::string, std::less<>> items;
  bool is_there = true;
  bool is_locked = false;
  bool forgets_at_once = false;
};

class KeySourceTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / ("ilk-key-" + RandomToken());
    ASSERT_TRUE(MakePrivateDirectory(directory_));
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  KeyAccess With(const Secret& passphrase) { return {&keyring_, &passphrase, kCheap}; }
  KeyAccess WithKeyring() { return {&keyring_, nullptr, kCheap}; }
  std::string Kept() { return ReadFile(directory_ / "vault.kept").value_or(""); }
  bool HasFile() { return std::filesystem::exists(directory_ / "vault.key"); }

  std::filesystem::path directory_;
  FakeKeyring keyring_;
  const Secret right_{std::string("correct horse")};
  const Secret wrong_{std::string("incorrect horse")};
};

TEST_F(KeySourceTest, TheKeyringIsTakenWhereThereIsOneElseTheFile) {
  ASSERT_TRUE(MakeKey(directory_, std::nullopt, WithKeyring()));
  EXPECT_EQ(PlaceOfKey(directory_)->value(), KeyPlace::keyring);
  EXPECT_FALSE(HasFile());
  std::filesystem::remove(directory_ / "vault.kept");
  keyring_.is_there = false;
  ASSERT_TRUE(MakeKey(directory_, std::nullopt, WithKeyring()));
  EXPECT_EQ(PlaceOfKey(directory_)->value(), KeyPlace::file);
}

TEST_F(KeySourceTest, AKeyringThatDoesNotKeepIsNotTrustedWithIt) {
  for (bool* fault : {&keyring_.is_locked, &keyring_.forgets_at_once}) {
    *fault = true;
    ASSERT_TRUE(MakeKey(directory_, std::nullopt, WithKeyring()));
    EXPECT_EQ(PlaceOfKey(directory_)->value(), KeyPlace::file);
    EXPECT_FALSE(MakeKey(directory_, KeyPlace::keyring, WithKeyring()));
    std::filesystem::remove(directory_ / "vault.key");
    *fault = false;
  }
}

TEST_F(KeySourceTest, EveryPlaceGivesTheSameKeyBackAndItCanBeMovedToEveryOther) {
  const std::string key(MakeKey(directory_, KeyPlace::file, WithKeyring())->Reveal());
  const KeyPlace kRoute[] = {KeyPlace::passphrase, KeyPlace::keyring,    KeyPlace::file,
                             KeyPlace::keyring,    KeyPlace::passphrase, KeyPlace::passphrase,
                             KeyPlace::file};
  for (const KeyPlace to : kRoute) {
    ASSERT_TRUE(MoveKey(directory_, to, With(right_), With(right_))) << ToString(to);
    EXPECT_EQ(PlaceOfKey(directory_)->value(), to);
    EXPECT_EQ(LoadKey(directory_, With(right_))->Reveal(), key);
    EXPECT_EQ(HasFile(), to == KeyPlace::file);
    EXPECT_EQ(keyring_.items.size(), to == KeyPlace::keyring ? 1u : 0u) << ToString(to);
  }
}

TEST_F(KeySourceTest, AWrongPassphraseSaysSoAndChangesNothing) {
  ASSERT_TRUE(MakeKey(directory_, KeyPlace::passphrase, With(right_)));
  const std::string before = Kept();
  const auto refused = LoadKey(directory_, With(wrong_));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::verification);
  EXPECT_NE(refused.error().message.find("passphrase is wrong"), std::string::npos);
  EXPECT_FALSE(MoveKey(directory_, KeyPlace::file, With(wrong_), WithKeyring()));
  EXPECT_EQ(LoadKey(directory_, WithKeyring()).error().code, Code::denied);
  EXPECT_EQ(Kept(), before);
  EXPECT_FALSE(HasFile());
  EXPECT_TRUE(LoadKey(directory_, With(right_)));
}

TEST_F(KeySourceTest, ChangingThePassphraseEndsTheOldOne) {
  ASSERT_TRUE(MakeKey(directory_, KeyPlace::passphrase, With(right_)));
  ASSERT_TRUE(MoveKey(directory_, KeyPlace::passphrase, With(right_), With(wrong_)));
  EXPECT_FALSE(LoadKey(directory_, With(right_)));
  EXPECT_TRUE(LoadKey(directory_, With(wrong_)));
}

TEST_F(KeySourceTest, APassphraseThatIsNoneIsRefused) {
  for (const std::size_t size : {0u, 7u, 1025u}) {
    const Secret bad(std::string(size, 'x'));
    EXPECT_EQ(MakeKey(directory_, KeyPlace::passphrase, With(bad)).error().code,
              Code::invalid_input);
  }
  EXPECT_FALSE(MakeKey(directory_, KeyPlace::passphrase, WithKeyring()));
  EXPECT_FALSE(PlaceOfKey(directory_)->has_value());
}

TEST_F(KeySourceTest, AKeyringThatIsAwayOrHasLostItIsNamed) {
  ASSERT_TRUE(MakeKey(directory_, KeyPlace::keyring, WithKeyring()));
  keyring_.is_there = false;
  EXPECT_EQ(LoadKey(directory_, WithKeyring()).error().code, Code::unavailable);
  keyring_.is_there = true;
  keyring_.items.clear();
  EXPECT_EQ(LoadKey(directory_, WithKeyring()).error().code, Code::not_found);
  EXPECT_EQ(LoadKey(directory_, KeyAccess{}).error().code, Code::unavailable);
}

TEST_F(KeySourceTest, TheBareKeyThatACrashLeftBehindIsTakenAway) {
  const Secret key = *MakeKey(directory_, KeyPlace::passphrase, With(right_));
  ASSERT_TRUE(WriteFileDurably(directory_ / "vault.key", key.Reveal(), 0600));
  EXPECT_EQ(LoadKey(directory_, With(right_))->Reveal(), key.Reveal());
  EXPECT_FALSE(HasFile());
  // Somebody else's is not ours to throw away.
  ASSERT_TRUE(WriteFileDurably(directory_ / "vault.key", std::string(32, 'k'), 0600));
  EXPECT_EQ(LoadKey(directory_, With(right_)).error().code, Code::verification);
  EXPECT_TRUE(HasFile());
}

TEST_F(KeySourceTest, WhatIsDamagedIsRefused) {
  ASSERT_TRUE(MakeKey(directory_, KeyPlace::passphrase, With(right_)));
  const std::string whole = Kept();
  const auto put = [&](std::string_view text) {
    ASSERT_TRUE(WriteFileDurably(directory_ / "vault.kept", text, 0600));
  };
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    put(whole.substr(0, size));
    EXPECT_EQ(LoadKey(directory_, With(right_)).error().code, Code::verification) << size;
  }
  const std::pair<std::string, std::string> kChanges[] = {
      {"\"operations\":1", "\"operations\":1000000"},
      {"\"operations\":1", "\"operations\":-1"},
      {"\"memory_bytes\":65536", "\"memory_bytes\":1099511627776"},
      {"\"kept\":\"passphrase\"", "\"kept\":\"file\""},
      {"\"kept\":\"passphrase\"", "\"kept\":\"elsewhere\""},
      {"interlock vault key 1", "interlock vault key 2"},
  };
  for (const auto& [from, to] : kChanges) {
    std::string changed = whole;
    changed.replace(changed.find(from), from.size(), to);
    put(changed);
    EXPECT_EQ(LoadKey(directory_, With(right_)).error().code, Code::verification) << to;
  }
  put(whole);
  ASSERT_EQ(::chmod((directory_ / "vault.kept").c_str(), 0644), 0);
  EXPECT_EQ(LoadKey(directory_, With(right_)).error().code, Code::denied);
}

}  // namespace
}  // namespace interlock::credential
