#include "credential/vault.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/file.h"
#include "base/ids.h"

namespace interlock::credential {
namespace {

constexpr std::string_view kValue = "7c1f9f0e-real-value-5a2b";

class VaultTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / ("ilk-vault-" + RandomToken());
    ASSERT_TRUE(MakePrivateDirectory(directory_));
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  static VaultEntry Entry(const std::string& name = "staging") {
    VaultEntry entry;
    entry.name = name;
    entry.provider = "railway";
    entry.environment = "staging";
    entry.kind = "project";
    entry.variable = "RAILWAY_TOKEN";
    return entry;
  }
  static Secret Value(std::string_view value = kValue) { return Secret(std::string(value)); }
  static CredentialRef Ref(const std::string& name, int version) {
    return {name, version, "authorization", "Bearer "};
  }
  std::unique_ptr<Vault> Open() { return Vault::Open(directory_).value(); }
  Error OpenError() {
    auto vault = Vault::Open(directory_);
    EXPECT_FALSE(vault);
    return vault ? Error{} : vault.error();
  }
  std::string File() const { return ReadFile(directory_ / "vault").value(); }
  void Replace(std::string_view from, std::string_view to) {
    std::string text = File();
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    ASSERT_TRUE(WriteFileDurably(directory_ / "vault", text));
  }

  std::filesystem::path directory_;
  TimePoint now_{std::chrono::milliseconds(1777021923250)};
};

TEST_F(VaultTest, ValuesSurviveAReopening) {
  EXPECT_EQ(Open()->Add(Entry(), Value(), now_).value(), 1);
  const auto vault = Open();
  ASSERT_EQ(vault->List().size(), 1u);
  VaultEntry wanted = Entry();
  wanted.version = 1;
  wanted.added = now_;
  EXPECT_EQ(vault->List()[0], wanted);
  EXPECT_EQ(vault->Get("staging").value(), wanted);
  EXPECT_EQ((*vault->Reveal(Ref("staging", 1)))->Reveal(), kValue);
  EXPECT_EQ(vault->Secrets().size(), 1u);
}

TEST_F(VaultTest, NothingReadableIsOnTheDisk) {
  ASSERT_TRUE(Open()->Add(Entry(), Value(), now_));
  for (const auto& file : std::filesystem::directory_iterator(directory_)) {
    EXPECT_EQ(ReadFile(file.path())->find(kValue), std::string::npos) << file.path();
    struct stat info{};
    ASSERT_EQ(::stat(file.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777u, 0600u) << file.path();
  }
}

TEST_F(VaultTest, ANewValueIsANewVersionAndTheOldOneIsGone) {
  const auto vault = Open();
  ASSERT_TRUE(vault->Add(Entry(), Value(), now_));
  EXPECT_EQ(vault->Add(Entry(), Value("another-value"), now_).value(), 2);
  EXPECT_EQ(vault->Reveal(Ref("staging", 1)).error().code, Code::conflict);
  EXPECT_EQ((*vault->Reveal(Ref("staging", 2)))->Reveal(), "another-value");
  EXPECT_EQ(vault->List().size(), 1u);
}

TEST_F(VaultTest, AVersionIsNeverUsedAgainAfterARemoval) {
  ASSERT_TRUE(Open()->Add(Entry(), Value(), now_));
  ASSERT_TRUE(Open()->Remove("staging"));
  const auto vault = Open();
  EXPECT_EQ(vault->Reveal(Ref("staging", 1)).error().code, Code::not_found);
  EXPECT_EQ(vault->Remove("staging").error().code, Code::not_found);
  EXPECT_EQ(vault->Add(Entry(), Value("another-value"), now_).value(), 2);
  EXPECT_FALSE(vault->Reveal(Ref("staging", 1)));
}

TEST_F(VaultTest, BadNamesAndValuesAreRefusedWithoutShowingThem) {
  auto vault = Open();
  for (const char* name : {"", "a b", "a/b", "\u202e", "a\n"})
    EXPECT_EQ(vault->Add(Entry(name), Value(), now_).error().code, Code::invalid_input) << name;
  for (const std::string& value :
       {std::string("short"), std::string("line\nbreak-value"), std::string(9000, 'x'),
        std::string("nul\0value-x", 11), std::string("umlaut-\u00e4-value")}) {
    const auto result = vault->Add(Entry(), Value(value), now_);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::invalid_input);
    EXPECT_EQ(result.error().message.find(value), std::string::npos);
  }
  EXPECT_TRUE(vault->List().empty());
  vault.reset();
  EXPECT_TRUE(Open()->List().empty());
}

TEST_F(VaultTest, AWrongKeyIsNamedAndNothingIsTouched) {
  ASSERT_TRUE(Open()->Add(Entry(), Value(), now_));
  const std::string before = File();
  ASSERT_TRUE(WriteFileDurably(directory_ / "vault.key", std::string(32, 'k')));
  const Error error = OpenError();
  EXPECT_EQ(error.code, Code::verification);
  EXPECT_NE(error.message.find("vault.key"), std::string::npos);
  EXPECT_EQ(File(), before);
}

TEST_F(VaultTest, AMissingKeyIsNotReplacedByANewOne) {
  ASSERT_TRUE(Open()->Add(Entry(), Value(), now_));
  std::filesystem::remove(directory_ / "vault.key");
  EXPECT_EQ(OpenError().code, Code::not_found);
  EXPECT_FALSE(std::filesystem::exists(directory_ / "vault.key"));
}

TEST_F(VaultTest, ATruncatedFileIsRefused) {
  ASSERT_TRUE(Open()->Add(Entry(), Value(), now_));
  const std::string whole = File();
  // The last byte is a line feed that nothing depends on.
  for (std::size_t size = 0; size + 1 < whole.size(); size += size < 64 ? 1 : 7) {
    std::ofstream(directory_ / "vault", std::ios::trunc | std::ios::binary)
        << whole.substr(0, size);
    ASSERT_FALSE(Vault::Open(directory_)) << size;
    ASSERT_EQ(File(), whole.substr(0, size));
  }
}

TEST_F(VaultTest, AChangedDescriptionIsNoticed) {
  ASSERT_TRUE(Open()->Add(Entry(), Value(), now_));
  const std::string whole = File();
  const std::pair<std::string_view, std::string_view> kChanges[] = {
      {"\"environment\":\"staging\"", "\"environment\":\"production\""},
      {"\"read\",\"reversible\"", "\"read\",\"irreversible\""},
      {"\"wide\":false", "\"wide\":true"},
      {"\"name\":\"staging\"", "\"name\":\"other\""},
      {"\"version\":1", "\"version\":2"},
      {"\"kind\":\"project\"", "\"kind\":\"account\""},
      {"\"wide\":false", "\"wide\":false,\"more\":1"},
  };
  for (const auto& [from, to] : kChanges) {
    ASSERT_TRUE(WriteFileDurably(directory_ / "vault", whole));
    Replace(from, to);
    EXPECT_EQ(OpenError().code, Code::verification) << to;
  }
}

TEST_F(VaultTest, FilesThatOthersCanReachAreRefused) {
  ASSERT_TRUE(Open()->Add(Entry(), Value(), now_));
  for (const char* name : {"vault", "vault.key"}) {
    for (const mode_t mode : {0640u, 0604u, 0620u, 0666u}) {
      ASSERT_EQ(::chmod((directory_ / name).c_str(), mode), 0);
      const Error error = OpenError();
      EXPECT_EQ(error.code, Code::denied) << name << mode;
      EXPECT_NE(error.message.find("chmod 600"), std::string::npos);
    }
    ASSERT_EQ(::chmod((directory_ / name).c_str(), 0600), 0);
  }
  std::filesystem::rename(directory_ / "vault.key", directory_ / "elsewhere");
  std::filesystem::create_symlink(directory_ / "elsewhere", directory_ / "vault.key");
  EXPECT_FALSE(Vault::Open(directory_));
}

TEST_F(VaultTest, ASecondOpenerIsToldWhoHasIt) {
  auto first = Open();
  ASSERT_TRUE(first->Add(Entry("one"), Value(), now_));
  const Error refused = OpenError();
  EXPECT_EQ(refused.code, Code::conflict);
  EXPECT_NE(refused.message.find("process " + std::to_string(::getpid())), std::string::npos)
      << refused.message;
  first.reset();
  EXPECT_EQ(Open()->List().size(), 1u);
}

TEST_F(VaultTest, AFileThatWasReplacedIsNotOverwritten) {
  const auto vault = Open();
  ASSERT_TRUE(vault->Add(Entry("one"), Value(), now_));
  Replace("\"versions\"", "\"versionz\"");
  const auto lost = vault->Add(Entry("two"), Value(), now_);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Code::conflict);
  EXPECT_EQ(vault->List().size(), 1u);
}

TEST_F(VaultTest, AFailedWriteLeavesTheVaultAsItWas) {
  const auto vault = Open();
  ASSERT_TRUE(vault->Add(Entry(), Value(), now_));
  // A directory in the file's place makes the write fail for every user, root too.
  std::filesystem::rename(directory_ / "vault", directory_ / "kept");
  std::filesystem::create_directory(directory_ / "vault");
  EXPECT_FALSE(vault->Add(Entry(), Value("another-value"), now_));
  EXPECT_FALSE(vault->Remove("staging"));
  EXPECT_EQ((*vault->Reveal(Ref("staging", 1)))->Reveal(), kValue);
  std::filesystem::remove(directory_ / "vault");
  std::filesystem::rename(directory_ / "kept", directory_ / "vault");
  EXPECT_EQ(vault->List().size(), 1u);
}

TEST_F(VaultTest, ItsIndexKnowsEveryValueInUseAndNoOther) {
  auto vault = Open();
  EXPECT_TRUE(vault->Index()->empty());
  ASSERT_TRUE(vault->Add(Entry(), Value(), now_));
  vault.reset();
  vault = Open();
  const auto index = vault->Index();
  const std::string text = "x" + std::string(kValue);
  ASSERT_EQ(index->Find(text).size(), 1u);
  EXPECT_EQ(index->Find(text)[0].label, "vault entry staging");
  EXPECT_EQ(vault->Index()->Find(text).size(), 1u);
  ASSERT_TRUE(vault->Remove("staging"));
  EXPECT_TRUE(vault->Index()->Find(text).empty());
}

TEST_F(VaultTest, BodiesAreSealedForTheirPlace) {
  const std::string sealed = Open()->Seal("body", "hold h-1 action");
  const std::string derived(Open()->Derive("phantoms").Reveal());
  const auto vault = Open();
  EXPECT_EQ(vault->Unseal(sealed, "hold h-1 action").value(), "body");
  EXPECT_FALSE(vault->Unseal(sealed, "hold h-2 action"));
  EXPECT_EQ(vault->Derive("phantoms").Reveal(), derived);
  EXPECT_NE(vault->Derive("other").Reveal(), derived);
}

TEST_F(VaultTest, ATransientEntryIsUsableAndNeverInTheFileOrAList) {
  const auto vault = Open();
  ASSERT_TRUE(vault->Add(Entry(), Value(), now_));
  const std::string before = File();
  const auto added = vault->AddTransient(Entry("s-1.1"), Value("callers-key-0123456789"), now_);
  ASSERT_TRUE(added);
  EXPECT_EQ(added->version, 1);
  EXPECT_EQ((*vault->Reveal(Ref("s-1.1", 1)))->Reveal(), "callers-key-0123456789");
  EXPECT_EQ(vault->Get("s-1.1")->name, "s-1.1");
  EXPECT_EQ(vault->Index()->Find("x callers-key-0123456789").size(), 1u);
  EXPECT_EQ(vault->Secrets().size(), 2u);
  EXPECT_EQ(vault->List().size(), 1u);
  EXPECT_EQ(File(), before);
  ASSERT_TRUE(vault->Add(Entry("other"), Value(), now_));
  EXPECT_EQ(File().find("s-1.1"), std::string::npos);
  EXPECT_FALSE(vault->Add(Entry("s-1.1"), Value(), now_));
}

TEST_F(VaultTest, ATransientEntryIsGoneWithItsSession) {
  const auto vault = Open();
  ASSERT_TRUE(vault->AddTransient(Entry("s-1.1"), Value("callers-key-0123456789"), now_));
  ASSERT_TRUE(vault->AddTransient(Entry("s-12.1"), Value("another-key-0123456789"), now_));
  vault->RemoveTransient("s-1.");
  EXPECT_EQ(vault->Reveal(Ref("s-1.1", 1)).error().code, Code::not_found);
  EXPECT_TRUE(vault->Index()->Find("callers-key-0123456789").empty());
  EXPECT_TRUE(vault->Reveal(Ref("s-12.1", 1)));
}

TEST_F(VaultTest, ATransientEntryIsCheckedLikeAnyOther) {
  const auto vault = Open();
  EXPECT_FALSE(vault->AddTransient(Entry("s-1.1"), Value("short-value-015"), now_));
  EXPECT_FALSE(vault->AddTransient(Entry("s-1.1"), Value("with\na-line-break-in-it"), now_));
  EXPECT_FALSE(vault->AddTransient(Entry("no name"), Value("callers-key-0123456789"), now_));
  ASSERT_TRUE(vault->AddTransient(Entry("s-1.1"), Value("callers-key-0123456789"), now_));
  EXPECT_EQ(vault->AddTransient(Entry("s-1.1"), Value("callers-key-0123456789"), now_).error().code,
            Code::conflict);
}

// --- sources and times ---

class VaultTimeTest : public VaultTest {
 protected:
  std::unique_ptr<Vault> OpenAt(FakeClock& clock) {
    VaultOptions options;
    options.clock = &clock;
    options.steady = [this] { return steady_; };
    return Vault::Open(directory_, options).value();
  }
  static Source Command() { return {SourceKind::command, "print-it", "", {}}; }
  static Sourced Given(std::string_view value, std::optional<TimePoint> expires = std::nullopt) {
    return {Secret(std::string(value)), expires};
  }
  void Pass(std::chrono::milliseconds time) { clock_.Advance(time), steady_ += time; }
  // Somebody sets the wall clock; no time goes by.
  void SetClock(std::chrono::milliseconds by) { clock_.Advance(by); }
  FakeClock clock_{TimePoint(std::chrono::milliseconds(1777021923250))};
  SteadyPoint steady_;
};

using namespace std::chrono_literals;

TEST_F(VaultTimeTest, ALendEndsWhenItsTimeIsOverAndSaysWhich) {
  auto vault = OpenAt(clock_);
  VaultEntry entry = Entry();
  entry.until = clock_.Now() + 1h;
  ASSERT_TRUE(vault->Add(entry, Value(), clock_.Now()));
  EXPECT_TRUE(vault->Reveal(Ref("staging", 1)));
  EXPECT_EQ(vault->Current(vault->List()).size(), 1u);
  Pass(1h);
  const auto over = vault->Reveal(Ref("staging", 1));
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, Code::denied);
  EXPECT_NE(over.error().message.find("the lend staging ended at 2026-04-24T10:12:03.250Z"),
            std::string::npos)
      << over.error().message;
  EXPECT_TRUE(vault->Current(vault->List()).empty());
  EXPECT_EQ(vault->StateOf("staging"), ValueState::unusable);
  vault.reset();
  EXPECT_FALSE(OpenAt(clock_)->Reveal(Ref("staging", 1))) << "a restart gives it no more time";
}

TEST_F(VaultTimeTest, SettingTheClockBackGivesALendNoMoreTime) {
  const auto vault = OpenAt(clock_);
  VaultEntry entry = Entry();
  entry.until = clock_.Now() + 1h;
  ASSERT_TRUE(vault->Add(entry, Value(), clock_.Now()));
  SetClock(-48h);
  EXPECT_TRUE(vault->Reveal(Ref("staging", 1)));
  Pass(1h);
  EXPECT_FALSE(vault->Reveal(Ref("staging", 1)));
}

TEST_F(VaultTimeTest, AValueIsNotUsedBeyondItsExpiryWhateverItsSourceSays) {
  const auto vault = OpenAt(clock_);
  ASSERT_EQ(vault->Add(Entry(), Command(), clock_.Now()).value(), 1);
  const VaultEntry entry = vault->Get("staging").value();
  EXPECT_EQ(entry.source, SourceKind::command);
  EXPECT_EQ(vault->StateOf("staging"), ValueState::wanting);
  EXPECT_EQ(vault->Reveal(Ref("staging", 1)).error().code, Code::unavailable);
  ASSERT_TRUE(vault->Put(entry, Given("first-value-0001", clock_.Now() + 1h)));
  EXPECT_EQ(vault->StateOf("staging"), ValueState::ready);
  EXPECT_EQ((*vault->Reveal(Ref("staging", 1)))->Reveal(), "first-value-0001");
  Pass(56min);
  EXPECT_EQ(vault->StateOf("staging"), ValueState::due);
  vault->NoteTrouble(entry, "status 3");
  EXPECT_TRUE(vault->Reveal(Ref("staging", 1))) << "it is still good";
  Pass(4min);
  EXPECT_EQ(vault->StateOf("staging"), ValueState::wanting);
  const auto expired = vault->Reveal(Ref("staging", 1));
  ASSERT_FALSE(expired);
  EXPECT_NE(expired.error().message.find("staging expired at"), std::string::npos);
  EXPECT_NE(expired.error().message.find("status 3"), std::string::npos);
  ASSERT_TRUE(vault->Put(entry, Given("second-value-002")));
  EXPECT_EQ((*vault->Reveal(Ref("staging", 1)))->Reveal(), "second-value-002");
}

TEST_F(VaultTimeTest, WithoutAnExpiryAValueIsGoodWhileItsSourceGivesIt) {
  const auto vault = OpenAt(clock_);
  ASSERT_TRUE(vault->Add(Entry(), Command(), clock_.Now()));
  const VaultEntry entry = vault->Get("staging").value();
  ASSERT_TRUE(vault->Put(entry, Given("first-value-0001")));
  Pass(61min);
  EXPECT_EQ(vault->StateOf("staging"), ValueState::due);
  EXPECT_TRUE(vault->Reveal(Ref("staging", 1)));
  vault->NoteTrouble(entry, "it is gone");
  EXPECT_FALSE(vault->Reveal(Ref("staging", 1)));
  EXPECT_EQ(vault->StateOf("staging"), ValueState::wanting);
  EXPECT_EQ(vault->Index()->Find("first-value-0001").size(), 1u) << "it is still known";
}

TEST_F(VaultTimeTest, ARefreshedValueKeepsItsVersionAndBothAreRecognised) {
  const auto vault = OpenAt(clock_);
  ASSERT_TRUE(vault->Add(Entry(), Command(), clock_.Now()));
  const VaultEntry entry = vault->Get("staging").value();
  ASSERT_TRUE(vault->Put(entry, Given("first-value-0001")));
  ASSERT_TRUE(vault->Put(entry, Given("second-value-002")));
  EXPECT_EQ(vault->Index()->Find("first-value-0001 second-value-002").size(), 2u);
  EXPECT_EQ(vault->Secrets().size(), 2u);
  // Whoever asked for an older definition comes too late.
  ASSERT_EQ(vault->Add(Entry(), Command(), clock_.Now()).value(), 2);
  EXPECT_EQ(vault->Put(entry, Given("third-value-0003")).error().code, Code::conflict);
  EXPECT_FALSE(vault->Reveal(Ref("staging", 2)));
}

TEST_F(VaultTimeTest, ASourceIsSealedAndSurvivesAReopening) {
  const Source source{SourceKind::command, "get --password hunter2hunter2", "data.x", {}};
  ASSERT_TRUE(OpenAt(clock_)->Add(Entry(), source, clock_.Now()));
  EXPECT_EQ(File().find("hunter2"), std::string::npos);
  const auto vault = OpenAt(clock_);
  EXPECT_EQ(vault->SourceOf("staging").value(), source);
  EXPECT_EQ(vault->StateOf("staging"), ValueState::wanting) << "no value is kept";
  EXPECT_FALSE(vault->SourceOf("other"));
}

TEST_F(VaultTimeTest, TheTermsOfALendCanNotBeChangedInTheFile) {
  VaultEntry entry = Entry();
  entry.until = clock_.Now() + 1h;
  entry.for_mint = true;
  ASSERT_TRUE(OpenAt(clock_)->Add(entry, Value(), clock_.Now()));
  const std::string whole = File();
  const std::pair<std::string, std::string> kChanges[] = {
      {"\"until\":\"2026-", "\"until\":\"2027-"},
      {"\"for_mint\":true", "\"for_mint\":false"},
      {"\"wide\":false", "\"source\":\"command\",\"wide\":false"},
  };
  for (const auto& [from, to] : kChanges) {
    ASSERT_TRUE(WriteFileDurably(directory_ / "vault", whole));
    Replace(from, to);
    EXPECT_EQ(OpenError().code, Code::verification) << to;
  }
}

TEST_F(VaultTimeTest, CurrentGivesTheNewestVersionOfTheSameUseAlone) {
  const auto vault = OpenAt(clock_);
  ASSERT_TRUE(vault->Add(Entry(), Value(), clock_.Now()));
  const std::vector<VaultEntry> lent = vault->List();
  ASSERT_EQ(vault->Add(Entry(), Value("another-value-01"), clock_.Now()).value(), 2);
  ASSERT_EQ(vault->Current(lent).size(), 1u);
  EXPECT_EQ(vault->Current(lent)[0].version, 2);
  VaultEntry other = Entry();
  other.environment = "production";
  ASSERT_TRUE(vault->Add(other, Value(), clock_.Now()));
  EXPECT_TRUE(vault->Current(lent).empty());
}

TEST_F(VaultTest, APassphraseOpensItAndAWrongOneChangesNothing) {
  const Secret right(std::string("correct horse"));
  const Secret wrong(std::string("incorrect horse"));
  const KeyCosts cheap{1, 8192 * 8};
  const auto open_with = [&](const Secret* passphrase) {
    VaultOptions options;
    options.access = {nullptr, passphrase, cheap};
    return Vault::Open(directory_, options);
  };
  ASSERT_TRUE(MakeKey(directory_, KeyPlace::passphrase, {nullptr, &right, cheap}));
  ASSERT_TRUE(open_with(&right).value()->Add(Entry(), Value(), now_));
  const std::string before = File();
  EXPECT_EQ(open_with(&wrong).error().code, Code::verification);
  EXPECT_EQ(open_with(nullptr).error().code, Code::denied);
  EXPECT_EQ(File(), before);
  EXPECT_EQ(open_with(&right).value()->List().size(), 1u);
}

}  // namespace
}  // namespace interlock::credential
