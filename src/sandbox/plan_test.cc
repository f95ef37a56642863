// What goes into a room, decided without one. Goldens: tests/golden/plan_*.json; after a deliberate
// change run this test with ILK_UPDATE_GOLDEN=1 and review the difference.
#include "sandbox/plan.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "sandbox/plan_json.h"

namespace interlock::sandbox {
namespace {

Entry Directory(std::string name) { return {std::move(name), Entry::Kind::directory, ""}; }
Entry Plain(std::string name) { return {std::move(name), Entry::Kind::file, ""}; }
Entry Link(std::string name, std::string to) {
  return {std::move(name), Entry::Kind::link, std::move(to)};
}

// A small Debian with a recent kernel, used by a normal user.
Host Debian() {
  Host host;
  host.uid = 1000;
  host.gid = 1000;
  host.kernel_major = 6;
  host.kernel_minor = 18;
  host.root = {"/",
               {Link("bin", "usr/bin"), Directory("boot"), Directory("etc"), Directory("home"),
                Link("lib", "usr/lib"), Link("lib64", "usr/lib64"), Directory("opt"),
                Directory("root"), Directory("run"), Link("sbin", "usr/sbin"), Directory("sys"),
                Directory("tmp"), Directory("usr"), Directory("var")}};
  host.etc = {{"/etc",
               {Directory("alternatives"),
                Plain("hosts"),
                Link("localtime", "/usr/share/zoneinfo/UTC"),
                Link("mtab", "../proc/self/mounts"),
                Plain("passwd"),
                Link("resolv.conf", "/run/systemd/resolve/stub-resolv.conf"),
                Plain("shadow"),
                Directory("ssl"),
                {"socket", Entry::Kind::other, ""}}}};
  host.etc_private = {"/etc/shadow", "/etc/ssl/private"};
  host.ca_bundles = {"/etc/ssl/certs/ca-certificates.crt"};
  host.devices = {"/dev/null", "/dev/tty", "/dev/urandom", "/dev/zero"};
  host.has_usr_local = true;
  return host;
}

Request Work() {
  Request request;
  request.argv = {"claude", "--print", "hello"};
  request.workspace = "/home/ada/src/app";
  request.cwd = "/home/ada/src/app/web";
  request.home = "/home/ada";
  request.caller_environment = {
      {"PATH", "/home/ada/bin:/usr/local/bin:/usr/bin:.:/bin", Origin::caller},
      {"LANG", "en_GB.UTF-8", Origin::caller},
      {"TERM", "xterm-256color", Origin::caller},
      {"RAILWAY_TOKEN", "real", Origin::caller}};
  request.variables = {{"RAILWAY_TOKEN", "phantom"}};
  request.hidden = {"/home/ada/.local/state/interlock", "/etc/interlock"};
  request.protect = {"/usr/bin/interlock", "/usr/share/interlock/packs"};
  request.read_only = {"/home/ada/.local/share/claude"};
  request.files = {{"/etc/claude-code/managed-settings.json", "{}"}};
  request.ca_certificate = "OURS\n";
  return request;
}

// Two-space indentation: goldens are read by people.
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

void ExpectGolden(const std::string& name, const Plan& plan) {
  const std::string path = std::string(ILK_SOURCE_DIR) + "/tests/golden/" + name + ".json";
  const std::string text = Pretty(ToJson(plan)) + "\n";
  if (std::getenv("ILK_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << text;
  std::stringstream golden;
  golden << std::ifstream(path).rdbuf();
  EXPECT_EQ(text, golden.str()) << path
                                << ": after a deliberate change, run with ILK_UPDATE_GOLDEN=1";
}

TEST(PlanFor, ANormalUsersRoomIsAsRecorded) {
  const auto plan = PlanFor(Work(), Debian());
  ASSERT_TRUE(plan) << plan.error().message;
  ExpectGolden("plan_normal_user", *plan);
}

TEST(PlanFor, RootsRoomOnAnOlderKernelIsAsRecorded) {
  Request request = Work();
  request.workspace = request.cwd = "/srv/app";
  request.home = "/root";
  request.hidden = {"/opt/interlock/state"};
  request.read_only = {};
  request.files = {{"/etc/ssl/openssl.cnf", "x"}};
  request.ca_certificate = "";
  Host host = Debian();
  host.uid = host.gid = 0;
  host.kernel_major = 5;
  host.kernel_minor = 15;
  ASSERT_TRUE(Weaken(request.weakenings, kNoProcessLimit));
  host.etc.push_back(
      {"/etc/ssl", {Directory("certs"), Plain("openssl.cnf"), Directory("private")}});
  const auto plan = PlanFor(request, host);
  ASSERT_TRUE(plan) << plan.error().message;
  ExpectGolden("plan_root_old_kernel", *plan);
}

TEST(Weakening, WithoutItsNameARoomThatLacksTheLimitIsNotPlanned) {
  struct Case {
    uid_t uid;
    unsigned major, minor;
    bool lacks;
  };
  for (const Case& c : {Case{0, 6, 13, true}, Case{0, 6, 14, false}, Case{1000, 5, 13, true},
                        Case{1000, 5, 14, false}, Case{0, 7, 0, false}}) {
    Host host = Debian();
    host.uid = host.gid = c.uid;
    host.kernel_major = c.major;
    host.kernel_minor = c.minor;
    const auto strict = PlanFor(Work(), host);
    ASSERT_EQ(strict.has_value(), !c.lacks) << c.uid << " " << c.major << "." << c.minor;
    if (c.lacks) {
      EXPECT_EQ(strict.error().code, Code::unavailable);
      EXPECT_NE(strict.error().message.find("--weaken no-process-limit"), std::string::npos);
    }
    Request named = Work();
    ASSERT_TRUE(Weaken(named.weakenings, "no-process-limit"));
    const auto plan = PlanFor(named, host);
    ASSERT_TRUE(plan) << plan.error().message;
    EXPECT_EQ(plan->weakened.size(), c.lacks ? 1u : 0u);
    if (!c.lacks) {
      EXPECT_EQ(*plan, *strict) << "the name alone weakened it";
    }
  }
}

TEST(Weakening, AnUnknownNameIsRefusedWithThoseThereAre) {
  Weakenings weakenings;
  for (const char* name : {"", "network", "no-seccomp", "no-recovery-point"}) {
    const auto refused = Weaken(weakenings, name);
    ASSERT_FALSE(refused) << name;
    EXPECT_NE(refused.error().message.find("no-process-limit"), std::string::npos);
  }
  EXPECT_EQ(weakenings, Weakenings());
}

TEST(PlanFor, TheSameValuesGiveTheSamePlan) {
  EXPECT_EQ(PlanFor(Work(), Debian()).value(), PlanFor(Work(), Debian()).value());
}

TEST(PlanFor, APrintedPlanHoldsNoSessionValuesAndNoContents) {
  Request request = Work();
  request.variables = {{"T", "v4lue-of-the-session"}};
  request.ca_certificate = "c0ntents";
  const std::string text = json::serialize(ToJson(PlanFor(request, Debian()).value()));
  EXPECT_EQ(text.find("v4lue"), std::string::npos);
  EXPECT_EQ(text.find("c0ntents"), std::string::npos);
}

struct WorkspaceCase {
  const char* name;
  const char* workspace;
  const char* why;  // part of the refusal; "" if allowed
};

constexpr WorkspaceCase kWorkspaces[] = {
    {"a_project_in_the_home_is_allowed", "/home/ada/src/app", ""},
    {"a_project_elsewhere_is_allowed", "/srv/app", ""},
    {"a_top_level_directory_of_its_own_is_allowed", "/workspace", ""},
    {"a_directory_in_tmp_is_allowed", "/tmp/x", ""},
    {"a_name_that_only_begins_like_a_hidden_one_is_allowed", "/home/ada/state-of-things", ""},
    {"the_root_is_refused", "/", "more than one project"},
    {"tmp_itself_is_refused", "/tmp", "more than one project"},
    {"all_homes_are_refused", "/home", "more than one project"},
    {"a_system_directory_is_refused", "/usr/src/app", "system"},
    {"settings_of_the_system_are_refused", "/etc/app", "system"},
    {"sockets_of_the_host_are_refused", "/run/user/1000", "system"},
    {"the_home_itself_is_refused", "/home/ada", "home directory lies in it"},
    {"a_dot_directory_of_the_home_is_refused", "/home/ada/.claude/worktree", "dot directories"},
    {"a_workspace_with_the_state_in_it_is_refused", "/var/lib", "own state"},
    {"a_workspace_inside_the_state_is_refused", "/var/lib/interlock/ledger", "own state"},
    {"a_workspace_with_our_programs_in_it_is_refused", "/projects/interlock",
     "own programs or packs"},
    {"a_relative_path_is_refused", "src/app", "not an absolute path"},
};

class WorkspaceTest : public testing::TestWithParam<WorkspaceCase> {};

TEST_P(WorkspaceTest, Holds) {
  Request request = Work();
  request.workspace = request.cwd = GetParam().workspace;
  request.hidden = {"/var/lib/interlock", "/home/ada/state"};
  request.protect = {"/projects/interlock/build/release/interlock"};
  const auto plan = PlanFor(request, Debian());
  if (*GetParam().why == '\0') {
    EXPECT_TRUE(plan) << plan.error().message;
    return;
  }
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, Code::denied);
  EXPECT_NE(plan.error().message.find(GetParam().why), std::string::npos) << plan.error().message;
}

INSTANTIATE_TEST_SUITE_P(Table, WorkspaceTest, testing::ValuesIn(kWorkspaces),
                         [](const auto& instance) { return std::string(instance.param.name); });

std::string ValueOf(const Plan& plan, std::string_view name) {
  const auto found = std::ranges::find(plan.environment, name, &Variable::name);
  return found == plan.environment.end() ? "(absent)" : found->value;
}

TEST(Environment, OnlyHarmlessVariablesOfTheCallerEnter) {
  Request request = Work();
  request.variables.clear();
  request.ca_certificate.clear();
  request.caller_environment.clear();
  for (const char* name : {"LD_PRELOAD",
                           "LD_LIBRARY_PATH",
                           "BASH_ENV",
                           "ENV",
                           "PROMPT_COMMAND",
                           "PYTHONSTARTUP",
                           "PYTHONPATH",
                           "NODE_OPTIONS",
                           "PERL5OPT",
                           "RUBYOPT",
                           "JAVA_TOOL_OPTIONS",
                           "GIT_SSH_COMMAND",
                           "GIT_CONFIG_COUNT",
                           "EDITOR",
                           "PAGER",
                           "LESSOPEN",
                           "GITHUB_TOKEN",
                           "AWS_SECRET_ACCESS_KEY",
                           "ANTHROPIC_API_KEY",
                           "SSH_AUTH_SOCK",
                           "DBUS_SESSION_BUS_ADDRESS",
                           "XDG_RUNTIME_DIR",
                           "DISPLAY",
                           "WAYLAND_DISPLAY",
                           "HTTPS_PROXY",
                           "NO_PROXY",
                           "DATABASE_URL",
                           "KUBECONFIG",
                           "DOCKER_HOST",
                           "HOME",
                           "PWD",
                           "LC_X=Y"}) {
    request.caller_environment.push_back({name, "/leak", Origin::caller});
  }
  request.caller_environment.push_back({"LC_TIME", "C", Origin::caller});
  const Plan plan = PlanFor(request, Debian()).value();
  std::string names;
  for (const Variable& variable : plan.environment) {
    names += variable.name + " ";
    EXPECT_EQ(variable.value.find("leak"), std::string::npos) << variable.name;
  }
  EXPECT_EQ(names, "HOME LC_TIME PATH PWD ");
}

TEST(Environment, APhantomWinsOverTheCallersToken) {
  EXPECT_EQ(ValueOf(PlanFor(Work(), Debian()).value(), "RAILWAY_TOKEN"), "phantom");
}

TEST(Environment, ThePathHoldsOnlyWhatExistsInside) {
  Request request = Work();
  request.caller_environment = {
      {"PATH",
       "::relative:/home/ada/bin:/usr/games:/usr/../home/ada/bin:/opt/x/bin:/usr/bin:/usr/bin:"
       "/home/ada/.local/share/claude/bin:/sys",
       Origin::caller}};
  EXPECT_EQ(ValueOf(PlanFor(request, Debian()).value(), "PATH"),
            "/usr/games:/opt/x/bin:/usr/bin:/home/ada/.local/share/claude/bin:/usr/local/bin:/bin");
}

TEST(Environment, AShellThatIsNotInsideIsReplaced) {
  Request request = Work();
  request.caller_environment = {{"SHELL", "/home/ada/bin/fish", Origin::caller}};
  EXPECT_EQ(ValueOf(PlanFor(request, Debian()).value(), "SHELL"), "/bin/sh");
  request.caller_environment = {{"SHELL", "/bin/zsh", Origin::caller}};
  EXPECT_EQ(ValueOf(PlanFor(request, Debian()).value(), "SHELL"), "/bin/zsh");
}

TEST(Environment, ASessionCannotSetWhatProgramsExecute) {
  for (const char* name :
       {"LD_PRELOAD", "BASH_ENV", "BASH_FUNC_ls", "GIT_SSH_COMMAND", "SSH_AUTH_SOCK", "ENV"}) {
    Request request = Work();
    request.variables = {{name, "x"}};
    const auto plan = PlanFor(request, Debian());
    ASSERT_FALSE(plan) << name;
    EXPECT_EQ(plan.error().code, Code::denied);
  }
  for (const char* name : {"", "A=B", "1A", "A B", "A-B"}) {
    Request request = Work();
    request.variables = {{name, "x"}};
    EXPECT_EQ(PlanFor(request, Debian()).error().code, Code::invalid_input) << name;
  }
}

bool Has(const Plan& plan, MountKind kind, std::string_view target) {
  return std::ranges::any_of(plan.mounts, [&](const Mount& mount) {
    return mount.kind == kind && mount.target == target;
  });
}

TEST(Mounts, AHiddenPathInAShownTreeIsCovered) {
  Request request = Work();
  request.hidden = {"/opt/interlock/state", "/etc/interlock", "/home/ada/.state",
                    "/var/lib/interlock"};
  const Plan plan = PlanFor(request, Debian()).value();
  EXPECT_TRUE(Has(plan, MountKind::hide, "/opt/interlock/state"));
  EXPECT_TRUE(Has(plan, MountKind::hide, "/.interlock-etc/interlock"));
  EXPECT_FALSE(Has(plan, MountKind::hide, "/home/ada/.state")) << "an empty home hides it already";
  EXPECT_FALSE(Has(plan, MountKind::hide, "/var/lib/interlock"));
}

TEST(Mounts, AShownPathMayNotRevealTheHomeOrTheState) {
  for (const char* path : {"/", "/home", "/home/ada", "/home/ada/.local/state", "/run/docker.sock",
                           "/proc/1", "/etc/interlock/x"}) {
    Request request = Work();
    request.read_only = {path};
    const auto plan = PlanFor(request, Debian());
    ASSERT_FALSE(plan) << path;
    EXPECT_EQ(plan.error().code, Code::denied) << path;
  }
}

TEST(Mounts, RootsKernelFilesAreHiddenFromRootOnly) {
  Host host = Debian();
  EXPECT_FALSE(Has(PlanFor(Work(), host).value(), MountKind::hide, "/proc/kcore"));
  host.uid = 0;
  EXPECT_TRUE(Has(PlanFor(Work(), host).value(), MountKind::hide, "/proc/kcore"));
}

TEST(Mounts, AHomeThatCannotBeEmptiedGetsASubstitute) {
  for (const char* home : {"/", "", "/usr/sbin", "/proc"}) {
    Request request = Work();
    request.home = home;
    request.workspace = request.cwd = "/srv/app";
    EXPECT_EQ(ValueOf(PlanFor(request, Debian()).value(), "HOME"), "/home/interlock") << home;
  }
}

bool SetsPidMax(const Plan& plan) {
  return std::ranges::find(plan.sysctls, "kernel/pid_max", &Sysctl::path) != plan.sysctls.end();
}

TEST(Limits, PidMaxIsSetOnlyWhereItBelongsToTheRoom) {
  Host host = Debian();
  EXPECT_TRUE(SetsPidMax(PlanFor(Work(), host).value()));
  host.kernel_minor = 13;
  EXPECT_FALSE(SetsPidMax(PlanFor(Work(), host).value())) << "it would be the host's own";
  host.kernel_major = 7;
  host.kernel_minor = 0;
  EXPECT_TRUE(SetsPidMax(PlanFor(Work(), host).value()));
}

TEST(Limits, APretendedKernelIsRefusedButLeavesNoBoundOut) {
  Host host = Debian();
  const Plan real = PlanFor(Work(), host).value();
  host.pretended_kernel = {5, 4};
  EXPECT_FALSE(PlanFor(Work(), host));
  Request request = Work();
  ASSERT_TRUE(Weaken(request.weakenings, kNoProcessLimit));
  const Plan weakened = PlanFor(request, host).value();
  EXPECT_EQ(weakened.weakened, std::vector<std::string>{std::string(kNoProcessLimit)});
  EXPECT_EQ(weakened.limits, real.limits);
  EXPECT_EQ(weakened.sysctls, real.sysctls);
}

TEST(Limits, FoolishRequestsAreRefused) {
  Request request = Work();
  request.argv = {};
  EXPECT_EQ(PlanFor(request, Debian()).error().code, Code::invalid_input);
  request = Work();
  request.capture_port = 0;
  EXPECT_EQ(PlanFor(request, Debian()).error().code, Code::invalid_input);
  request = Work();
  request.processes_max = 100;
  EXPECT_EQ(PlanFor(request, Debian()).error().code, Code::invalid_input);
  for (const char* path : {"relative", "/etc/", "/etc/../x", "/etc//x", ""}) {
    request = Work();
    request.files = {{path, ""}};
    EXPECT_EQ(PlanFor(request, Debian()).error().code, Code::invalid_input) << path;
  }
}

TEST(Openings, OnlyWhatWasAskedForIsInThePlan) {
  EXPECT_TRUE(PlanFor(Work(), Debian()).value().dialled.empty());
  EXPECT_TRUE(PlanFor(Work(), Debian()).value().entered.empty());
  Request request = Work();
  request.dialled = {3000};
  request.entered = {"/usr/sbin/sshd", "-i"};
  request.files.push_back({"/.interlock/ssh/host_key", "key-bytes", 0600});
  const Plan plan = PlanFor(request, Debian()).value();
  EXPECT_EQ(plan.dialled, request.dialled);
  EXPECT_EQ(plan.entered, request.entered);
  const auto key = std::ranges::find(plan.mounts, "/.interlock/ssh/host_key", &Mount::target);
  ASSERT_NE(key, plan.mounts.end());
  EXPECT_EQ(key->mode, 0600U);
  const std::string printed = json::serialize(ToJson(plan));
  EXPECT_NE(printed.find("3000"), std::string::npos);
  EXPECT_NE(printed.find("sshd"), std::string::npos);
  EXPECT_EQ(printed.find("key-bytes"), std::string::npos);
}

TEST(Openings, AProgramToEnterWithIsNamedByItsWholePath) {
  Request request = Work();
  request.entered = {"sshd", "-i"};
  EXPECT_EQ(PlanFor(request, Debian()).error().code, Code::invalid_input);
}

TEST(Openings, RootSeenAsAnotherIsStillGuardedAsRoot) {
  Host host = Debian();
  host.uid = host.gid = 0;
  Request request = Work();
  request.seen_as = Ids{1000, 1000};
  const Plan plan = PlanFor(request, host).value();
  EXPECT_EQ(plan.uid, 1000U);
  EXPECT_EQ(plan.gid, 1000U);
  EXPECT_TRUE(Has(plan, MountKind::hide, "/proc/kcore"));
}

TEST(IsWithin, ComparesWholeComponents) {
  EXPECT_TRUE(IsWithin("/a/b", "/a"));
  EXPECT_TRUE(IsWithin("/a", "/a"));
  EXPECT_TRUE(IsWithin("/a", "/"));
  EXPECT_FALSE(IsWithin("/ab", "/a"));
  EXPECT_FALSE(IsWithin("/", "/a"));
  EXPECT_FALSE(IsWithin("", "/"));
}

TEST(Mounts, OnlyTheStoreOfNixIsShown) {
  Host host = Debian();
  host.root.entries.push_back({"nix", Entry::Kind::directory, ""});
  const Plan plan = PlanFor(Work(), host).value();
  EXPECT_TRUE(Has(plan, MountKind::layer_read_only, "/nix/store"));
  EXPECT_FALSE(Has(plan, MountKind::bind_read_only, "/nix"));
}

TEST(Mounts, AViewOutsideTheWorkspaceIsRefused) {
  Request request = Work();
  request.view.frozen = {"/etc/passwd"};
  EXPECT_EQ(PlanFor(request, Debian()).error().code, Code::internal);
  request.view.frozen = {request.workspace};
  EXPECT_EQ(PlanFor(request, Debian()).error().code, Code::internal);
}

class MakePlanTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/ilk-plan-XXXXXX";
    ASSERT_NE(mkdtemp(pattern), nullptr);
    root_ = std::filesystem::canonical(pattern);
    for (const char* name : {"app", "home", "data/state"})
      std::filesystem::create_directories(root_ / name);
    request_.argv = {"true"};
    request_.home = root_ / "home";
    request_.hidden = {root_ / "data/state"};
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  std::filesystem::path root_;
  Request request_;
};

TEST_F(MakePlanTest, ALinkedWorkspaceIsJudgedByWhereItLeads) {
  std::filesystem::create_directory_symlink(root_ / "data", root_ / "link");
  request_.workspace = root_ / "link";
  const auto plan = MakePlan(request_);
  ASSERT_FALSE(plan);
  EXPECT_NE(plan.error().message.find("own state"), std::string::npos) << plan.error().message;
}

TEST_F(MakePlanTest, ALinkedStateIsJudgedByWhereItLeads) {
  std::filesystem::create_directories(root_ / "app/hidden-here");
  std::filesystem::create_directory_symlink(root_ / "app/hidden-here", root_ / "state-link");
  request_.workspace = root_ / "app";
  request_.hidden = {root_ / "state-link"};
  EXPECT_FALSE(MakePlan(request_));
  request_.hidden = {root_ / "state-link/not-yet/made"};
  EXPECT_FALSE(MakePlan(request_));
}

TEST_F(MakePlanTest, TheWorkspaceIsShownWhereItReallyIs) {
  std::filesystem::create_directory_symlink(root_ / "app", root_ / "link");
  request_.workspace = root_ / "link";
  request_.cwd = root_ / "link";
  const auto plan = MakePlan(request_);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->cwd, root_ / "app");
  EXPECT_TRUE(Has(*plan, MountKind::bind_read_write, (root_ / "app").string()));
}

TEST_F(MakePlanTest, RulesThatAreALinkAreRefused) {
  std::filesystem::create_symlink("/dev/null", root_ / "app/interlock.yaml");
  request_.workspace = root_ / "app";
  EXPECT_FALSE(MakePlan(request_));
}

TEST_F(MakePlanTest, AMissingWorkspaceIsNamed) {
  request_.workspace = root_ / "nowhere";
  const auto plan = MakePlan(request_);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, Code::not_found);
  EXPECT_NE(plan.error().message.find("nowhere"), std::string::npos);
}

TEST_F(MakePlanTest, PasswordFilesOfThisHostAreHidden) {
  if (access("/etc/shadow", F_OK) != 0) GTEST_SKIP() << "this host has no /etc/shadow";
  request_.workspace = root_ / "app";
  const Plan plan = MakePlan(request_).value();
  EXPECT_TRUE(Has(plan, MountKind::hide, "/.interlock-etc/shadow"));
  EXPECT_FALSE(Has(plan, MountKind::link, "/etc/shadow"));
}

}  // namespace
}  // namespace interlock::sandbox
