// Agent profiles: what the reader refuses, and what the profiles that come with Interlock give a
// room. Goldens: tests/golden/agent_*.json and the table of docs/agents.md; after a deliberate
// change run this test with ILK_UPDATE_GOLDEN=1 and review the difference.
#include "sandbox/profile.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "sandbox/plan_json.h"
#include "sandbox/private_home.h"

namespace interlock::sandbox {
namespace {

namespace fs = std::filesystem;

const std::string kSource = ILK_SOURCE_DIR;
const bool kUpdate = std::getenv("ILK_UPDATE_GOLDEN") != nullptr;

std::vector<Profile> Shipped() {
  auto profiles = LoadProfiles({kSource + "/packs/agents"});
  EXPECT_TRUE(profiles) << profiles.error().message;
  return profiles ? *profiles : std::vector<Profile>{};
}

const Profile& Named(const std::vector<Profile>& profiles, std::string_view name) {
  return *std::ranges::find(profiles, name, &Profile::name);
}

std::string FileText(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// --- the reader ---

struct Refusal {
  const char* name;
  const char* body;  // after "agent: x" and "title: X"
  const char* where;
  const char* why;
};

constexpr Refusal kRefusals[] = {
    {"ssh_keys_cannot_be_shown", "show: [.ssh]", "3:8", "credentials"},
    {"a_file_in_ssh_cannot_be_copied", "copy: [.ssh/config]", "3:8", "credentials"},
    {"a_directory_that_contains_ssh_cannot_be_kept", "keep: [.config]", "3:8", "credentials"},
    {"aws", "copy: [.aws/config]", "3:8", "credentials"},
    {"gh", "copy: [.config/gh/hosts.yml]", "3:8", "credentials"},
    {"railway", "copy: [.railway/config.json]", "3:8", "credentials"},
    {"kube", "show: [.kube]", "3:8", "credentials"},
    {"gnupg", "show: [.gnupg]", "3:8", "credentials"},
    {"docker", "copy: [.docker/config.json]", "3:8", "credentials"},
    {"npmrc", "copy: [.npmrc]", "3:8", "credentials"},
    {"cargo_with_its_credentials", "show: [.cargo]", "3:8", "credentials"},
    {"local_share_with_the_keyrings", "show: [.local/share]", "3:8", "credentials"},
    {"the_desktops_bus", "show: [.dbus]", "3:8", "credentials"},
    {"x11", "copy: [.Xauthority]", "3:8", "credentials"},
    {"interlocks_state", "show: [.local/state/interlock]", "3:8", "Interlock's own"},
    {"what_other_rooms_keep", "keep: [.local/share/interlock/rooms]", "3:8", "Interlock's own"},
    {"an_absolute_path", "show: [/var/run/docker.sock]", "3:8", "relative"},
    {"a_tilde", "show: [~/x]", "3:8", "relative"},
    {"a_parent", "show: [a/../../etc]", "3:8", "plain path"},
    {"a_leading_parent", "copy: [../other]", "3:8", "plain path"},
    {"the_home_itself", "show: [.]", "3:8", "plain path"},
    {"an_empty_part", "show: [a//b]", "3:8", "plain path"},
    {"a_slash_at_the_end", "show: [a/]", "3:8", "plain path"},
    {"a_newline", "show: [\"a\\nb\"]", "3:8", "plain path"},
    {"an_empty_path", "show: ['']", "3:8", "1 to"},
    {"a_login_is_no_copy", "copy: [.claude/.credentials.json]", "3:8", "logins"},
    {"an_auth_file_is_no_copy", "copy: [.codex/auth.json]", "3:8", "logins"},
    {"a_private_key_is_no_copy", "copy: [x/server.pem]", "3:8", "logins"},
    {"an_environment_file_is_no_copy", "copy: [.gemini/.env]", "3:8", "logins"},
    {"a_reduced_login_is_no_copy", "copy: [{file: a/auth.json, members: [x]}]", "3:15", "logins"},
    {"kept_inside_kept", "keep: [a, a/b]", "1:1", "lies in"},
    {"copied_into_what_is_shown", "show: [a]\ncopy: [a/b]", "1:1", "overlap"},
    {"shown_inside_what_is_kept", "show: [a/b]\nkeep: [a]", "1:1", "overlap"},
    {"an_unknown_key", "shows: [a]", "3:1", "unknown key 'shows'"},
    {"an_unknown_key_of_a_login", "logins: [{file: a, tokens: [t], hosts: [a.b], x: y}]", "3:47",
     "unknown key 'x'"},
    {"an_item_twice", "show: [a, a]", "3:11", "twice"},
    {"a_text_for_a_list", "show: a", "3:7", "list"},
    {"an_empty_list", "show: []", "3:7", "list"},
    {"a_loader_variable", "variables: {LD_PRELOAD: x}", "3:13", "never set"},
    {"a_shells_start_file", "pass: [BASH_ENV]", "3:8", "never set"},
    {"the_ssh_agent", "pass: [SSH_AUTH_SOCK]", "3:8", "never set"},
    {"the_desktops_bus_by_variable", "pass: [DBUS_SESSION_BUS_ADDRESS]", "3:8", "never set"},
    {"the_path", "variables: {PATH: /x}", "3:13", "room's own"},
    {"interlocks_variables", "variables: {INTERLOCK_SESSION: x}", "3:13", "room's own"},
    {"a_key_is_not_passed_as_it_is", "pass: [ANTHROPIC_API_KEY]", "3:8", "keys"},
    {"a_token_is_not_passed_as_it_is", "pass: [GITHUB_TOKEN]", "3:8", "keys"},
    {"a_profile_holds_no_secret", "variables: {X_SECRET: abc}", "3:13", "credential"},
    {"a_key_without_provider", "keys: {K_API_KEY: {kind: x}}", "3:19", "provider"},
    {"a_key_in_a_file_without_member", "keys: {K: {provider: p, kind: k, file: a}}", "3:11",
     "belong together"},
    {"a_key_in_a_private_place", "keys: {K: {provider: p, kind: k, file: .aws/a, member: m}}",
     "3:40", "credentials"},
    {"a_login_without_hosts", "logins: [{file: a, tokens: [t]}]", "3:10", "needs"},
    {"a_login_for_every_host", "logins: [{file: a, tokens: [t], hosts: ['*.com']}]", "3:41",
     "one host"},
    {"a_file_of_the_system", "files: {/etc/passwd: x}", "3:9", "directory of the agent's own"},
    {"a_file_that_leaves_its_directory", "files: {/etc/x/../passwd: x}", "3:9",
     "directory of the agent's own"},
    {"a_file_beside_etc", "files: {/usr/x/y: x}", "3:9", "directory of the agent's own"},
    {"a_program_with_a_directory", "programs: [bin/x]", "3:12", "without its directory"},
    {"an_alias", "show: [&a b, *a]", "3:8", "anchors"},
    {"the_same_key_twice", "show: [a]\nshow: [b]", "4:1", "twice"},
};

class RefusalTest : public testing::TestWithParam<Refusal> {};

TEST_P(RefusalTest, IsRefusedAtItsPlace) {
  const auto profile =
      ReadProfile(std::string("agent: x\ntitle: X\n") + GetParam().body + "\n", "x.yaml");
  ASSERT_FALSE(profile);
  const std::string& message = profile.error().message;
  EXPECT_NE(message.find("x.yaml:" + std::string(GetParam().where)), std::string::npos) << message;
  EXPECT_NE(message.find(GetParam().why), std::string::npos) << message;
}

INSTANTIATE_TEST_SUITE_P(Table, RefusalTest, testing::ValuesIn(kRefusals),
                         [](const auto& instance) { return std::string(instance.param.name); });

TEST(ReadProfile, ABarrenProfileIsEnough) {
  const auto profile = ReadProfile("agent: x\ntitle: X\n", "x.yaml");
  ASSERT_TRUE(profile) << profile.error().message;
  EXPECT_EQ(profile->name, "x");
}

TEST(ReadProfile, WithoutANameOrWithTooMuchItIsRefused) {
  EXPECT_FALSE(ReadProfile("title: X\n", "x.yaml"));
  EXPECT_FALSE(ReadProfile("agent: x\n", "x.yaml"));
  EXPECT_FALSE(ReadProfile("", "x.yaml"));
  EXPECT_FALSE(ReadProfile("- a\n", "x.yaml"));
  EXPECT_EQ(ReadProfile(std::string(kProfileBytesMax + 1, '#'), "x.yaml").error().code,
            Code::limit);
  std::string many = "agent: x\ntitle: X\nshow: [";
  for (std::size_t i = 0; i <= kProfileEntriesMax; ++i) many += "a" + std::to_string(i) + ", ";
  EXPECT_FALSE(ReadProfile(many + "z]\n", "x.yaml"));
}

// --- loading ---

class Directory {
 public:
  Directory() {
    char pattern[] = "/tmp/ilk-profile-XXXXXX";
    if (mkdtemp(pattern) != nullptr) path_ = fs::canonical(pattern);
  }
  ~Directory() { fs::remove_all(path_); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  std::string Path(const std::string& name = "") const {
    return name.empty() ? path_.native() : (path_ / name).native();
  }
  void Write(const std::string& name, const std::string& text) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
  }

 private:
  fs::path path_;
};

TEST(LoadProfiles, ALaterDirectoryReplacesAProfileOfTheSameName) {
  Directory first, second;
  first.Write("shell.yaml", "agent: shell\ntitle: First\n");
  second.Write("shell.yaml", "agent: shell\ntitle: Second\n");
  second.Write("notes.txt", "not a profile");
  const auto profiles = LoadProfiles({first.Path(), second.Path(), "/nonexistent"});
  ASSERT_TRUE(profiles) << profiles.error().message;
  ASSERT_EQ(profiles->size(), 1u);
  EXPECT_EQ(profiles->front().title, "Second");
}

TEST(LoadProfiles, ByNamesOnlyWhatMentionsThemIsReadAndShell) {
  Directory directory;
  directory.Write("shell.yaml", "agent: shell\ntitle: Shell\n");
  directory.Write("mine.yaml", "agent: mine\ntitle: Mine\nprograms: [tool]\n");
  directory.Write("broken.yaml", "agent: [");
  const std::vector<std::string> names = {"tool"};
  const auto profiles = LoadProfiles({directory.Path()}, &names);
  ASSERT_TRUE(profiles) << profiles.error().message;
  ASSERT_EQ(profiles->size(), 2u);
  EXPECT_EQ(ProfileFor(names, *profiles).name, "mine");
  EXPECT_FALSE(LoadProfiles({directory.Path()}));
}

TEST(LoadProfiles, ByNamesAReplacementThatNoLongerMentionsThemStillReplaces) {
  Directory first, second;
  first.Write("shell.yaml", "agent: shell\ntitle: Shell\n");
  first.Write("mine.yaml", "agent: mine\ntitle: Mine\nprograms: [tool]\n");
  second.Write("mine.yaml", "agent: mine\ntitle: Mine\n");
  const std::vector<std::string> names = {"tool"};
  const auto profiles = LoadProfiles({first.Path(), second.Path()}, &names);
  ASSERT_TRUE(profiles) << profiles.error().message;
  EXPECT_EQ(ProfileFor(names, *profiles).name, kPlainProfile);
}

TEST(LoadProfiles, AFileThatIsNamedOtherwiseOrAMissingShellIsRefused) {
  Directory directory;
  EXPECT_EQ(LoadProfiles({directory.Path()}).error().code, Code::not_found);
  directory.Write("shell.yaml", "agent: other\ntitle: X\n");
  EXPECT_EQ(LoadProfiles({directory.Path()}).error().code, Code::invalid_input);
}

TEST(ProfileFor, TheFirstKnownNameDecidesAndShellIsForTheRest) {
  const auto profiles = Shipped();
  EXPECT_EQ(ProfileFor({"claude"}, profiles).name, "claude-code");
  EXPECT_EQ(ProfileFor({"mine", "cli.js", "@openai/codex"}, profiles).name, "codex");
  EXPECT_EQ(ProfileFor({"npx", "@google/gemini-cli"}, profiles).name, "gemini-cli");
  EXPECT_EQ(ProfileFor({"opencode-ai"}, profiles).name, "opencode");
  EXPECT_EQ(ProfileFor({"copilot", "claude"}, profiles).name, "copilot-cli");
  EXPECT_EQ(ProfileFor({"cursor-agent"}, profiles).name, "cursor-cli");
  EXPECT_EQ(ProfileFor({"make"}, profiles).name, "shell");
  EXPECT_EQ(ProfileFor({}, profiles).name, "shell");
}

TEST(Shipped, EveryAgentShowsWhatTheShellShowsAndTheyGoTogether) {
  const auto profiles = Shipped();
  const Profile& shell = Named(profiles, "shell");
  EXPECT_EQ(profiles.size(), 7u);
  for (const Profile& profile : profiles) {
    const auto complete = Complete(profile, profiles);
    ASSERT_TRUE(complete) << complete.error().message;
    for (const std::string& path : shell.show) {
      EXPECT_NE(std::ranges::find(complete->show, path), complete->show.end()) << profile.name;
    }
  }
}

TEST(Shipped, NoTwoProfilesClaimTheSameProgram) {
  std::vector<std::string> names;
  for (const Profile& profile : Shipped()) {
    names.insert(names.end(), profile.programs.begin(), profile.programs.end());
    names.insert(names.end(), profile.packages.begin(), profile.packages.end());
  }
  std::ranges::sort(names);
  EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
}

// --- a home ---

HomeView Read(const Profile& profile, const std::string& home,
              const std::vector<Variable>& environment = {}, const ContentGuard& guard = {}) {
  return ReadHome(profile, home, "/work/app", environment, guard);
}

const HomeFile* Copied(const HomeView& view, std::string_view path) {
  const auto found = std::ranges::find(view.copies, path, &HomeFile::path);
  return found == view.copies.end() ? nullptr : &*found;
}

bool LeftOut(const HomeView& view, std::string_view path, std::string_view why) {
  return std::ranges::any_of(view.left_out, [&](const std::string& line) {
    return line.starts_with("~/" + std::string(path) + ": ") && line.find(why) != std::string::npos;
  });
}

Profile Copying(std::vector<Copy> copies) {
  Profile profile;
  profile.name = "x";
  profile.copy = std::move(copies);
  return profile;
}

TEST(ReadHome, FilesAndDirectoriesAreCopiedWithTheOwnersRights) {
  Directory home;
  home.Write(".x/settings.json", "{}");
  home.Write(".x/commands/a/b.md", "text");
  chmod(home.Path(".x/commands/a/b.md").c_str(), 0777);
  const HomeView view =
      Read(Copying({{".x/settings.json", {}}, {".x/commands", {}}, {".none", {}}}), home.Path());
  ASSERT_NE(Copied(view, ".x/settings.json"), nullptr);
  EXPECT_EQ(Copied(view, ".x/settings.json")->mode, 0600u);
  ASSERT_NE(Copied(view, ".x/commands/a/b.md"), nullptr);
  EXPECT_EQ(Copied(view, ".x/commands/a/b.md")->mode, 0700u);
  EXPECT_TRUE(view.left_out.empty());
}

TEST(ReadHome, LinksAreNotFollowedWhereverTheyStand) {
  Directory home, other;
  other.Write("secret", "s3cret");
  other.Write("dir/file", "s3cret");
  home.Write(".x/real", "fine");
  fs::create_symlink(other.Path("secret"), home.Path(".x/file"));
  fs::create_directory_symlink(other.Path("dir"), home.Path(".x/dir"));
  fs::create_directory_symlink(other.Path("dir"), home.Path(".y"));
  const HomeView view = Read(Copying({{".x", {}}, {".y/file", {}}, {".y", {}}}), home.Path());
  EXPECT_EQ(view.copies.size(), 1u);
  EXPECT_TRUE(LeftOut(view, ".x/file", "link")) << view.left_out.size();
  EXPECT_TRUE(LeftOut(view, ".x/dir", "link"));
  EXPECT_TRUE(LeftOut(view, ".y/file", "link"));
  EXPECT_TRUE(LeftOut(view, ".y", "link"));
}

TEST(ReadHome, CredentialFilesInACopiedDirectoryStayOutside) {
  Directory home;
  for (const char* name : {"auth.json", ".env", ".env.local", "id_rsa", "a.pem", "good.md"})
    home.Write(std::string(".x/") + name, "t");
  const HomeView view = Read(Copying({{".x", {}}}), home.Path());
  ASSERT_EQ(view.copies.size(), 1u);
  EXPECT_EQ(view.copies[0].path, ".x/good.md");
  EXPECT_EQ(view.left_out.size(), 5u);
}

TEST(ReadHome, WhatTheGuardStopsIsLeftOutWithItsReason) {
  Directory home;
  home.Write(".x/a", "bad");
  home.Write(".x/b", "good");
  home.Write(".y", "bad");
  const HomeView view =
      Read(Copying({{".x", {}}, {".y", {}}}), home.Path(), {},
           [](std::string_view text) { return text == "bad" ? std::string("line 1") : ""; });
  ASSERT_EQ(view.copies.size(), 1u);
  EXPECT_TRUE(LeftOut(view, ".x/a", "line 1"));
  EXPECT_TRUE(LeftOut(view, ".y", "line 1"));
}

TEST(ReadHome, WhatIsOverALimitIsLeftOutWhole) {
  Directory home;
  home.Write(".big", std::string(kCopyFileBytesMax + 1, 'x'));
  home.Write(".x/small", "x");
  home.Write(".x/zbig", std::string(kCopyFileBytesMax + 1, 'x'));
  for (std::size_t i = 0; i <= kCopyFilesMax; ++i) home.Write(".many/" + std::to_string(i), "");
  std::string deep = ".deep";
  for (int i = 0; i < kCopyDepthMax + 2; ++i) deep += "/d";
  home.Write(deep + "/file", "x");
  for (char c = 'a'; c < 'a' + 10; ++c)
    home.Write(std::string(".all/") + c, std::string(kCopyFileBytesMax, 'x'));
  const HomeView view = Read(
      Copying({{".big", {}}, {".x", {}}, {".many", {}}, {".deep", {}}, {".all", {}}}), home.Path());
  EXPECT_TRUE(view.copies.empty());
  for (const char* path : {".big", ".x", ".many", ".deep", ".all"})
    EXPECT_TRUE(LeftOut(view, path, "")) << path;
}

TEST(ReadHome, OfAJsonFileOnlyTheNamedMembersEnter) {
  Directory home;
  home.Write(".x.json", R"({"a":1,"env":{"KEY":"s3cret"},"projects":{"/work/app":{"trust":true,
      "mcp":"s3cret"},"/other":{"trust":true}},"b":{"c":{"d":2,"e":"s3cret"}}})");
  home.Write(".broken.json", "{\"a\": 1, // comment\n}");
  home.Write(".list.json", "[1]");
  const HomeView view =
      Read(Copying({{".x.json", {"a", "projects.{workspace}.trust", "b.c.d", "none.at.all"}},
                    {".broken.json", {"a"}},
                    {".list.json", {"a"}}}),
           home.Path());
  ASSERT_NE(Copied(view, ".x.json"), nullptr);
  EXPECT_EQ(Copied(view, ".x.json")->content,
            R"({"a":1,"projects":{"/work/app":{"trust":true}},"b":{"c":{"d":2}}})");
  EXPECT_TRUE(LeftOut(view, ".broken.json", "not a JSON object"));
  EXPECT_TRUE(LeftOut(view, ".list.json", "not a JSON object"));
}

TEST(ReadHome, APlaceThatLeadsToSecretsOrTheHostIsNotShown) {
  Directory home, disk;
  for (const char* name : {".ssh", ".tools", "sub"}) fs::create_directories(home.Path(name));
  fs::create_directories(disk.Path("nvm"));
  fs::create_directory_symlink(home.Path(".ssh"), home.Path(".a"));
  fs::create_directory_symlink(home.Path(), home.Path("sub/.b"));
  fs::create_directory_symlink("/", home.Path(".c"));
  fs::create_directory_symlink("/proc/self", home.Path(".d"));
  fs::create_directory_symlink("/run", home.Path(".e"));
  fs::create_directory_symlink(disk.Path("nvm"), home.Path(".nvm"));
  Profile profile;
  profile.show = {".a", "sub/.b", ".c", ".d", ".e", ".nvm", ".tools", ".none"};
  const HomeView view = Read(profile, home.Path());
  EXPECT_EQ(view.show, (std::vector<std::string>{disk.Path("nvm"), home.Path(".tools")}));
  EXPECT_EQ(view.links, (std::vector<Link>{{home.Path(".nvm"), disk.Path("nvm")}}));
  EXPECT_EQ(view.left_out.size(), 5u);
}

TEST(ReadHome, WithoutAHomeThereIsNothingButVariables) {
  Profile profile = Copying({{".x", {}}});
  profile.keys = {{"K_API_KEY", "p", "k", "", ""}};
  for (const char* home : {"", "/", "relative", "/nonexistent"}) {
    const HomeView view = Read(profile, home, {{"K_API_KEY", "0123456789abcdef", Origin::caller}});
    EXPECT_TRUE(view.copies.empty() && view.show.empty()) << home;
    EXPECT_EQ(view.keys.size(), 1u) << home;
  }
}

constexpr char kAccess[] = "access-0123456789abcdef";
constexpr char kKey[] = "sk-0123456789abcdefghij";

TEST(Logins, TokensGoToTheGatewayAndIntoTheReducedFileAndKeysDoNot) {
  Directory home;
  home.Write(".codex/auth.json",
             std::string(R"({"OPENAI_API_KEY":")") + kKey + R"(","tokens":{"access_token":")" +
                 kAccess + R"(","refresh_token":"short","other":"s3cret-s3cret-s3cret"},)" +
                 R"("last_refresh":"now","auth_mode":"chatgpt"})");
  const HomeView view = Read(Named(Shipped(), "codex"), home.Path());
  ASSERT_EQ(view.logins.size(), 1u);
  EXPECT_EQ(view.logins[0].token, kAccess);
  EXPECT_EQ(view.logins[0].hosts.front(), "chatgpt.com");
  ASSERT_EQ(view.keys.size(), 1u);
  EXPECT_EQ(view.keys[0].value, kKey);
  const auto before = LoginFilesWith(view, {});
  ASSERT_EQ(before.size(), 1u);
  EXPECT_EQ(before[0].content.find(kKey), std::string::npos);
  EXPECT_EQ(before[0].content.find("s3cret"), std::string::npos);
  EXPECT_EQ(before[0].content.find("short"), std::string::npos);
  EXPECT_NE(before[0].content.find(kAccess), std::string::npos);
  const auto after = LoginFilesWith(view, {{"OPENAI_API_KEY", "phantom"}});
  EXPECT_NE(after[0].content.find(R"("OPENAI_API_KEY":"phantom")"), std::string::npos);
  EXPECT_EQ(after[0].mode, 0600u);
}

TEST(Logins, AVariableWinsOverTheFileAndOddOnesAreNotSent) {
  Directory home;
  home.Write(".codex/auth.json", R"({"OPENAI_API_KEY":"sk-of-the-file-0123456"})");
  const Profile codex = Named(Shipped(), "codex");
  HomeView view = Read(codex, home.Path(), {{"OPENAI_API_KEY", kKey, Origin::caller}});
  ASSERT_EQ(view.keys.size(), 1u);
  EXPECT_EQ(view.keys[0].value, kKey);
  EXPECT_TRUE(view.logins.empty());
  view = Read(codex, home.Path("none"), {{"OPENAI_API_KEY", "tiny", Origin::caller}});
  EXPECT_TRUE(view.keys.empty());
  EXPECT_EQ(view.left_out.size(), 1u);
}

TEST(Logins, ALoginBehindALinkOrBrokenIsLeftOut) {
  Directory home, other;
  other.Write("auth.json", R"({"tokens":{"access_token":"access-0123456789abcdef"}})");
  fs::create_directories(home.Path(".codex"));
  fs::create_symlink(other.Path("auth.json"), home.Path(".codex/auth.json"));
  const Profile codex = Named(Shipped(), "codex");
  HomeView view = Read(codex, home.Path());
  EXPECT_TRUE(view.logins.empty());
  EXPECT_TRUE(LeftOut(view, ".codex/auth.json", "link"));
  fs::remove(home.Path(".codex/auth.json"));
  home.Write(".codex/auth.json", R"({"tokens":1,"tokens":2})");
  view = Read(codex, home.Path());
  EXPECT_TRUE(view.logins.empty() && LoginFilesWith(view, {}).empty());
}

// --- the plans of the shipped profiles ---

std::string Pretty(const json::value& value, const std::string& indent = "") {
  const std::string deeper = indent + "  ";
  std::string out;
  if (const auto* object = value.if_object(); object && !object->empty()) {
    for (const auto& [key, item] : *object) {
      out += (out.empty() ? "{\n" : ",\n") + deeper + json::serialize(json::value(key)) + ": " +
             (item.is_array() ? Pretty(item, deeper) : json::serialize(item));
    }
    return out + "\n" + indent + "}";
  }
  if (const auto* array = value.if_array(); array && !array->empty()) {
    for (const json::value& item : *array) {
      out += (out.empty() ? "[\n" : ",\n") + deeper + json::serialize(item);
    }
    return out + "\n" + indent + "]";
  }
  return json::serialize(value);
}

std::string Moved(std::string text, const std::string& from, const std::string& to) {
  if (text.starts_with(from)) text.replace(0, from.size(), to);
  return text;
}

constexpr char kToken[] = "t0ken-t0ken-t0ken-t0ken";

// A home in which everything that the profile names exists.
void Furnish(const Directory& home, const Profile& profile) {
  for (const std::string& path : profile.show) fs::create_directories(home.Path(path));
  for (const Copy& copy : profile.copy) {
    json::object content;
    for (const std::string& member : copy.members) {
      if (member.find('.') == std::string::npos) content[member] = "x";
    }
    home.Write(copy.path, json::serialize(content));
  }
  for (const Login& login : profile.logins) {
    json::object content;
    for (const std::string& member : login.tokens) {
      const std::size_t dot = member.find('.');
      if (dot == std::string::npos)
        content[member] = kToken;
      else
        content[member.substr(0, dot)].emplace_object()[member.substr(dot + 1)] = kToken;
    }
    home.Write(login.file, json::serialize(content));
  }
}

class ShippedTest : public testing::TestWithParam<const char*> {};

TEST_P(ShippedTest, ItsRoomIsAsRecordedAndHoldsNoSecretInPrint) {
  const auto profiles = Shipped();
  const Profile profile = Complete(Named(profiles, GetParam()), profiles).value();
  Directory home;
  Furnish(home, profile);
  std::vector<Variable> environment = {{"PATH", "/usr/bin", Origin::caller}};
  for (const KeyPlace& key : profile.keys)
    environment.push_back({key.variable, kToken, Origin::caller});
  for (const std::string& name : profile.pass)
    environment.push_back({name, "passed", Origin::caller});
  const HomeView view = Read(profile, home.Path(), environment);
  EXPECT_TRUE(view.left_out.empty()) << view.left_out.front();

  Request request;
  request.agent = profile.name;
  request.argv = {profile.programs.empty() ? "sh" : profile.programs.front()};
  request.workspace = request.cwd = "/work/app";
  request.home = "/home/ada";
  request.caller_environment = environment;
  request.pass = profile.pass;
  for (const auto& [name, value] : profile.variables)
    request.agent_variables.push_back({name, value, Origin::room});
  for (const KeyPlace& key : profile.keys) request.variables.push_back({key.variable, "phantom"});
  for (const std::string& path : view.show)
    request.read_only.push_back(Moved(path, home.Path(), "/home/ada"));
  request.home_files = view.copies;
  for (HomeFile& file : LoginFilesWith(view, {})) request.home_files.push_back(std::move(file));
  for (const std::string& path : profile.keep)
    request.kept.push_back({path, "/home/ada/.local/share/interlock/rooms/x/" + path});
  for (const auto& [file, content] : profile.files) request.files.push_back({file, content});
  Host host;
  host.uid = host.gid = 1000;
  host.kernel_major = 6;
  host.kernel_minor = 18;
  host.root = {"/", {{"usr", Entry::Kind::directory, ""}}};
  host.etc = {{"/etc", {{"passwd", Entry::Kind::file, ""}}}};
  const auto plan = PlanFor(request, host);
  ASSERT_TRUE(plan) << plan.error().message;

  // What the profile brings; the rest of the room is in plan_normal_user.json.
  json::object printed = ToJson(*plan);
  const std::string all = json::serialize(printed);
  EXPECT_EQ(all.find("t0ken"), std::string::npos);
  EXPECT_EQ(all.find("phantom"), std::string::npos);
  json::array mounts;
  for (const json::value& mount : printed["mounts"].as_array()) {
    const std::string_view target = FindString(mount.as_object(), "target");
    const bool ours =
        target.starts_with("/home/") ||
        std::ranges::any_of(profile.files, [&](const auto& file) { return file.first == target; });
    if (ours) mounts.push_back(mount);
  }
  const json::object shown{{"agent", printed["agent"]},
                           {"environment", printed["environment"]},
                           {"mounts", std::move(mounts)}};
  const std::string path = kSource + "/tests/golden/agent_" + GetParam() + ".json";
  const std::string text = Pretty(shown) + "\n";
  if (kUpdate) std::ofstream(path) << text;
  EXPECT_EQ(text, FileText(path)) << "after a deliberate change, run with ILK_UPDATE_GOLDEN=1";
}

INSTANTIATE_TEST_SUITE_P(Agents, ShippedTest,
                         testing::Values("shell", "claude-code", "codex", "gemini-cli", "opencode",
                                         "copilot-cli", "cursor-cli"),
                         [](const auto& instance) {
                           std::string name = instance.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

// --- the documentation ---

std::string Listed(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "`" : ", `") + item + "`";
  return out.empty() ? "–" : out;
}

std::string TableOf(const std::vector<Profile>& profiles) {
  std::string out =
      "| profile | commands | shown | copied | kept | keys as phantoms | own login, to |\n"
      "| --- | --- | --- | --- | --- | --- | --- |\n";
  for (const Profile& profile : profiles) {
    std::vector<std::string> copied, keys, hosts;
    for (const Copy& copy : profile.copy)
      copied.push_back(copy.path + (copy.members.empty() ? "" : " (parts)"));
    for (const KeyPlace& key : profile.keys) keys.push_back(key.variable);
    for (const Login& login : profile.logins) {
      for (const std::string& host : login.hosts) {
        if (std::ranges::find(hosts, host) == hosts.end()) hosts.push_back(host);
      }
    }
    out += "| `" + profile.name + "` | " + Listed(profile.programs) + " | " + Listed(profile.show) +
           " | " + Listed(copied) + " | " + Listed(profile.keep) + " | " + Listed(keys) + " | " +
           Listed(hosts) + " |\n";
  }
  return out;
}

TEST(Documentation, TheTableOfAgentsIsWhatTheProfilesSay) {
  const std::string path = kSource + "/docs/agents.md";
  const std::string begin = "<!-- table of packs/agents -->\n", end = "<!-- end of table -->\n";
  std::string text = FileText(path);
  const std::size_t from = text.find(begin), to = text.find(end);
  ASSERT_TRUE(from != std::string::npos && to != std::string::npos);
  const std::size_t start = from + begin.size();
  const std::string table = TableOf(Shipped());
  if (kUpdate) {
    text.replace(start, to - start, table);
    std::ofstream(path) << text;
    return;
  }
  EXPECT_EQ(text.substr(start, to - start), table)
      << "after a deliberate change, run with ILK_UPDATE_GOLDEN=1";
}

}  // namespace
}  // namespace interlock::sandbox
