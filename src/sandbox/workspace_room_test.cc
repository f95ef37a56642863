// What an agent can and can't do to a protected workspace, in real rooms: rows of a Python program
// and what it prints, as the caller and as a normal user.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <ranges>

#include "sandbox/room_for_test.h"
#include "sandbox/workspace_guard.h"
#include "sandbox/workspace_replay.h"
#include "sandbox/workspace_survey.h"

namespace interlock::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr char kPrelude[] = R"(
import ctypes, errno, os, socket, subprocess
libc = ctypes.CDLL(None, use_errno=True)
def attempt(f, *a):
    try: f(*a); return 'ok'
    except OSError as e: return errno.errorcode.get(e.errno, str(e.errno))
def write(p): open(p, 'w').write('evil')
def dial(p): socket.socket(socket.AF_UNIX).connect(p)
def tmpfile(p):
    fd = os.open('.', os.O_TMPFILE | os.O_RDWR); os.write(fd, b'evil')
    if libc.linkat(-100, b'/proc/self/fd/%d' % fd, -100, p.encode(), 0x400) != 0: raise OSError(ctypes.get_errno(), '')
def git(*a):
    e = dict(os.environ, GIT_AUTHOR_NAME='a', GIT_AUTHOR_EMAIL='a@b', GIT_COMMITTER_NAME='a', GIT_COMMITTER_EMAIL='a@b')
    r = subprocess.run(['git', *a], env=e, capture_output=True, text=True)
    return 'ok' if r.returncode == 0 else r.stderr
)";

struct Claim {
  const char* name;
  const char* program;
  const char* expected;
};

constexpr Claim kLive[] = {
    {"missing_guarded_names_cannot_be_made",
     "print([attempt(write, p) for p in ('.vscode/tasks.json', '.claude/settings.json', "
     "'.husky/x')], [attempt(write, p) for p in ('.envrc', '.mcp.json')])",
     "['EROFS', 'EROFS', 'EROFS'] ['EISDIR', 'EISDIR']"},
    {"nor_taken_away_renamed_or_replaced",
     "os.mkdir('d'); print(attempt(os.rmdir, '.vscode'), attempt(os.rename, '.vscode', 'x'), "
     "attempt(os.rename, 'd', '.vscode'), attempt(os.symlink, 'd', '.vscode'))",
     "EBUSY EBUSY EBUSY EEXIST"},
    {"a_temporary_file_cannot_be_linked_in",
     "print(attempt(tmpfile, '.vscode/t'), attempt(tmpfile, '.git/hooks/pre-commit'), "
     "attempt(tmpfile, 'fine'))",
     "EROFS EROFS ok"},
    {"gits_configuration_and_hooks_are_fixed",
     "print([attempt(write, '.git/' + p) for p in ('config', 'commondir', 'hooks/pre-commit')], "
     "attempt(os.unlink, '.git/config'), attempt(os.rename, '.git/config', '.git/c'))",
     "['EROFS', 'EROFS', 'EROFS'] EBUSY EBUSY"},
    {"a_renamed_parent_moves_nothing_away",
     "print(attempt(os.rename, '.git', 'g'), attempt(os.rename, 'sub', 's'), "
     "attempt(os.rename, 'sub/deep', 'sub/d2'), attempt(write, 'sub/deep/.git/config'))",
     "EBUSY EBUSY EBUSY EROFS"},
    {"a_hard_link_leads_nowhere",
     "print(attempt(os.link, '.git/config', 'c'), attempt(write, 'second-name'))", "EXDEV EROFS"},
    {"case_and_slashes_lead_to_the_same",
     "print([attempt(write, p) for p in ('.git//config', './.git/./config', "
     "'sub/../.git/config')])",
     "['EROFS', 'EROFS', 'EROFS']"},
    {"git_works",
     "write('f'); print(git('add', '-A'), git('commit', '-qm', 'x'), git('branch', 'b'), "
     "git('checkout', '-q', 'b')); write('f'); open('f', 'a').write('2'); print(git('stash'), "
     "git('stash', 'pop'), git('status'))",
     "ok ok ok ok\nok ok ok"},
    {"placeholders_are_not_committed",
     "git('add', '-A'); print([l for l in subprocess.run(['git', 'diff', '--cached', "
     "'--name-only'], capture_output=True, text=True).stdout.split() if l.startswith(('.', "
     "'opencode'))])",
     "[]"},
    {"a_name_kept_by_a_socket_reads_as_empty_and_stays",
     "print(attempt(write, 'opencode.json'), repr(open('opencode.json').read()), "
     "attempt(os.unlink, 'opencode.json'), attempt(os.rename, 'opencode.jsonc', 'x'), "
     "attempt(os.rename, 'plain', 'opencode.json'))",
     "EROFS '' EBUSY EBUSY EBUSY"},
    {"sockets_of_the_host_cannot_be_dialled",
     "print(attempt(dial, 'host.sock') in ('ECONNREFUSED', 'EACCES'))", "True"},
    {"hidden_files_are_empty_and_fixed",
     "print(repr(open('key.pem').read()), attempt(write, 'key.pem'), attempt(os.unlink, "
     "'key.pem'))",
     "'' EROFS EBUSY"},
    {"the_rest_is_the_agents", "write('new'); os.remove('plain'); print(os.path.exists('plain'))",
     "False"},
};

constexpr Claim kReview[] = {
    {"anything_can_be_edited",
     "os.makedirs('.vscode'); write('.vscode/tasks.json'); write('plain'); os.remove('key.pem'); "
     "write('.git/config'); print(open('plain').read())",
     "evil"},
    {"sockets_of_the_host_cannot_be_dialled", "print(attempt(dial, 'host.sock'))", "ECONNREFUSED"},
    {"a_deletion_mark_cannot_be_forged", "print(attempt(os.mknod, 'w', 0o020644, 0))", "EPERM"},
    {"the_overlays_own_marks_cannot_be_set",
     "os.makedirs('o'); r = attempt(os.setxattr, 'o', 'user.overlay.redirect', b'/x'); print(r in "
     "('ok', 'EPERM', 'ENOTSUP'))",
     "True"},
};

class WorkspaceRoom : public testing::TestWithParam<As> {
 protected:
  void SetUp() override {
    if (!Obstacle().empty()) GTEST_SKIP() << Obstacle();
    if (GetParam() == As::normal_user && geteuid() != 0)
      GTEST_SKIP() << "only root can become another user";
    const std::string make =
        // As root, in a directory of somebody else's.
        "export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory 'GIT_CONFIG_VALUE_0=*'; "
        "cd " +
        host_.Path("workspace") +
        " && git init -q -b main . && git -c user.name=a -c user.email=a@b commit -q --allow-empty "
        "-m x && rm -rf .git/hooks && mkdir -p sub/deep/.git && echo > sub/deep/.git/config && "
        "echo "
        "ref: refs/heads/m > sub/deep/.git/HEAD && echo one > plain && echo REALSECRET > key.pem "
        "&& ln "
        ".git/config second-name";
    ASSERT_EQ(std::system(make.c_str()), 0);
    listener_ = UniqueFd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{.sun_family = AF_UNIX};
    std::strncpy(address.sun_path, host_.Path("workspace/host.sock").c_str(),
                 sizeof address.sun_path - 1);
    ASSERT_EQ(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(listen(listener_.get(), 8), 0);
    fs::create_directories(host_.Path("own/upper"));
    fs::create_directories(host_.Path("own/work"));
    if (GetParam() == As::normal_user) {
      const std::string give = "chown -R 54321:54321 " + host_.Path("workspace") + " " +
                               host_.Path("own") + " && chmod 777 " +
                               host_.Path("workspace/host.sock");
      ASSERT_EQ(std::system(give.c_str()), 0);
    }
  }

  Request For(const std::string& program) const {
    Request request = host_.For({"/usr/bin/python3", "-c", kPrelude + program});
    request.hidden.push_back(host_.Path("own"));
    return request;
  }

  // As the launcher does it, in the launcher's process and as its user.
  std::string RunLive(const std::string& program) {
    Request request = For(program);
    const std::string root = request.workspace;
    const auto survey =
        SurveyWorkspace(root, {}, [](const auto&, const auto&) { return Into::descend; });
    if (!survey) return survey.error().message;
    const auto made = MakePlaceholders(root, survey->missing);
    if (!made) return made.error().message;
    for (const auto& path : survey->pinned) request.view.pinned.push_back(root + "/" + path);
    for (const auto& path : survey->frozen) request.view.frozen.push_back(root + "/" + path);
    for (const auto& one : *made) {
      auto& list = IsKeptBySocket(one.path) ? request.view.hidden : request.view.frozen;
      list.push_back(root + "/" + one.path);
    }
    for (const auto& path : survey->sockets) request.view.hidden.push_back(root + "/" + path);
    request.view.hidden.push_back(root + "/key.pem");
    const std::string output = RunInRoom(host_, request).output;
    for (const Placeholder& one : std::views::reverse(*made))
      EXPECT_TRUE(RemovePlaceholder(root, one)) << one.path;
    return output;
  }

  TestHost host_{GetParam()};
  UniqueFd listener_;
};

TEST_P(WorkspaceRoom, LiveModeHolds) {
  for (const Claim& claim : kLive)
    EXPECT_EQ(RunLive(claim.program), std::string(claim.expected) + "\n") << claim.name;
}

TEST_P(WorkspaceRoom, ReviewModeHolds) {
  for (const Claim& claim : kReview) {
    Request request = For(claim.program);
    request.view.overlay = host_.Path("own");
    EXPECT_EQ(RunInRoom(host_, request).output, std::string(claim.expected) + "\n") << claim.name;
    std::ifstream plain(host_.Path("workspace/plain"));
    std::string word;
    plain >> word;
    EXPECT_EQ(word, "one") << claim.name;
    EXPECT_FALSE(fs::exists(host_.Path("workspace/.vscode"))) << claim.name;
  }
}

TEST_P(WorkspaceRoom, TheUpperTellsWhatChanged) {
  Request request =
      For("write('plain'); os.remove('key.pem'); os.mkdir('n'); write('n/f'); print(1)");
  request.view.overlay = host_.Path("own");
  ASSERT_EQ(RunInRoom(host_, request).output, "1\n");
  const auto changes = ChangesInUpper(host_.Path("own/upper"), request.workspace, {});
  ASSERT_TRUE(changes) << changes.error().message;
  std::string told;
  for (const Change& change : changes->list)
    told += change.path + (change.kind == ChangeKind::added     ? "+ "
                           : change.kind == ChangeKind::removed ? "- "
                                                                : "* ");
  EXPECT_EQ(told, "key.pem- n+ n/f+ plain* ");
  EXPECT_TRUE(RemoveTree(host_.Path("own/upper")));
  EXPECT_TRUE(RemoveTree(host_.Path("own/work")));
}

TEST_P(WorkspaceRoom, SomethingThatVanishedRefusesTheRoom) {
  Request request = For("print('ran')");
  request.view.frozen = {request.workspace + "/gone"};
  const Ran ran = RunInRoom(host_, request);
  EXPECT_EQ(ran.status, -1);
  EXPECT_NE(ran.output.find("gone"), std::string::npos) << ran.output;
}

INSTANTIATE_TEST_SUITE_P(As, WorkspaceRoom, testing::Values(As::caller, As::normal_user),
                         [](const auto& as) {
                           return as.param == As::caller ? "caller" : "normal_user";
                         });

}  // namespace
}  // namespace interlock::sandbox
