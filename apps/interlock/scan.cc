// `interlock scan`: credentials an agent could find.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <thread>

#include "adopt.h"
#include "base/bytes.h"
#include "base/file.h"
#include "commands.h"
#include "context.h"
#include "credential/detect/standard.h"
#include "credential/scan/history.h"
#include "credential/scan/tree.h"
#include "process.h"
#include "scan_report.h"
#include "text.h"

extern char** environ;

namespace interlock::app {
namespace {

namespace fs = std::filesystem;
using credential::Detector;
using credential::ScanFind;
using credential::ScanResults;

// Where people and tools leave credentials below a home. Histories, command-line tools, clusters,
// registries, agents.
constexpr std::string_view kHomePlaces[] = {".aws",
                                            ".azure",
                                            ".bash_history",
                                            ".bash_profile",
                                            ".bashrc",
                                            ".cargo/credentials",
                                            ".cargo/credentials.toml",
                                            ".claude.json",
                                            ".claude",
                                            ".codex",
                                            ".config/containers",
                                            ".config/doppler",
                                            ".config/fish",
                                            ".config/gcloud",
                                            ".config/gh",
                                            ".config/git",
                                            ".config/github-copilot",
                                            ".config/glab-cli",
                                            ".config/heroku",
                                            ".config/hub",
                                            ".config/neonctl",
                                            ".config/netlify",
                                            ".config/op",
                                            ".config/opencode",
                                            ".config/railway",
                                            ".config/sops",
                                            ".config/.wrangler",
                                            ".cursor",
                                            ".docker",
                                            ".doppler",
                                            ".env",
                                            ".envrc",
                                            ".fly",
                                            ".gem/credentials",
                                            ".gemini",
                                            ".git-credentials",
                                            ".gitconfig",
                                            ".gradle/gradle.properties",
                                            ".kube",
                                            ".local/share/com.vercel.cli",
                                            ".local/share/fish/fish_history",
                                            ".local/share/opencode",
                                            ".m2/settings.xml",
                                            ".my.cnf",
                                            ".mysql_history",
                                            ".netlify",
                                            ".netrc",
                                            ".node_repl_history",
                                            ".npmrc",
                                            ".nuget",
                                            ".pgpass",
                                            ".profile",
                                            ".psql_history",
                                            ".pypirc",
                                            ".python_history",
                                            ".railway",
                                            ".ssh",
                                            ".supabase",
                                            ".terraform.d",
                                            ".terraformrc",
                                            ".vault-token",
                                            ".wrangler",
                                            ".yarnrc.yml",
                                            ".zsh_history",
                                            ".zshenv",
                                            ".zshrc"};

// A line about the work on a terminal's stderr, redrawn while it lasts.
class Progress {
 public:
  explicit Progress(const credential::TreeProgress& progress) {
    if (::isatty(2) != 1) return;
    drawer_ = std::jthread([this, &progress](const std::stop_token& stop) {
      std::unique_lock lock(mutex_);
      while (!wake_.wait_for(lock, stop, std::chrono::milliseconds(200),
                             [&] { return stop.stop_requested(); })) {
        std::fprintf(stderr, "\r\033[Kscanning  %s files  %s MiB",
                     Grouped(static_cast<std::int64_t>(progress.files.load())).c_str(),
                     Grouped(static_cast<std::int64_t>(progress.bytes.load() >> 20)).c_str());
      }
      std::fprintf(stderr, "\r\033[K");
    });
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread drawer_;
};

Result<credential::IgnoreList> IgnoreListOf(const fs::path& root) {
  std::error_code failed;
  const fs::path file = root / ".interlockignore";
  if (!fs::is_directory(root, failed) || !fs::exists(fs::symlink_status(file, failed)))
    return credential::IgnoreList();
  ILK_TRY(text, ReadFile(file, 1u << 20));
  auto list = credential::IgnoreList::Parse(text);
  if (!list) return Fail(list.error().code, root.string() + "/" + list.error().message);
  return list;
}

void ScanEnvironment(const Detector& detector, ScanResults& results) {
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const std::string place =
        "environment variable " + EscapeForHumans(text.substr(0, text.find('=')), 64);
    credential::ScanText(detector, text, {place, "", 1, 0}, credential::Look::everything, results);
  }
}

// git reads the repository's configuration; nothing that it names is run (history.h), and nothing
// is fetched.
Result<std::size_t> ScanHistory(const Detector& detector, const fs::path& root,
                                ScanResults& results) {
  std::vector<std::string> argv = {"git", "-C", root.string()};
  for (std::string_view argument : credential::kHistoryArguments) argv.emplace_back(argument);
  ProcessOptions options;
  options.set = {{"GIT_NO_LAZY_FETCH", "1"},
                 {"GIT_TERMINAL_PROMPT", "0"},
                 {"GIT_OPTIONAL_LOCKS", "0"},
                 {"GIT_CONFIG_NOSYSTEM", "1"},
                 // Versions before 2.45 know no GIT_NO_LAZY_FETCH: whatever they would ask, and
                 // with which command, no protocol is open to them.
                 {"GIT_ALLOW_PROTOCOL", "none"}};
  options.unset = {"GIT_DIR", "GIT_WORK_TREE", "GIT_EXTERNAL_DIFF", "GIT_TRACE",
                   "GIT_CONFIG_COUNT"};
  ILK_TRY(git, BackgroundProcess::Start(argv, options));
  credential::HistoryScan scan(detector, root.string(), results);
  std::vector<char> buffer(1u << 18);
  for (;;) {
    ILK_TRY(got, git.Read(buffer));
    if (got == 0) break;
    scan.Take({buffer.data(), got});
  }
  scan.End();
  const int status = git.Wait();
  if (status != 0) {
    return Fail(Code::unavailable, "reading the history of " + root.string() +
                                       ": git ended with status " + std::to_string(status) +
                                       "; run `git -C " + root.string() + " log --all` to see why");
  }
  return scan.commits();
}

struct Scanned {
  ScanSummary summary;
  std::vector<ScanFind> finds;
};

// The values that a baseline knows. A file that can't be read hides nothing.
Result<std::set<std::string, std::less<>>> ReadBaseline(const std::string& file) {
  std::set<std::string, std::less<>> known;
  if (file.empty()) return known;
  ILK_TRY(text, ReadFile(file, 64u << 20));
  const auto parsed = ParseJson(text);
  const json::object* object = parsed ? parsed->if_object() : nullptr;
  const json::array* finds = object != nullptr ? FindArray(*object, "known") : nullptr;
  if (finds == nullptr) {
    return Fail(Code::invalid_input,
                "the baseline " + file + " isn't one; write it anew with --write-baseline");
  }
  for (const json::value& value : *finds) {
    if (const json::object* find = value.if_object())
      known.insert(std::string(FindString(*find, "rule")) + " " +
                   std::string(FindString(*find, "fingerprint")));
  }
  return known;
}

Result<void> WriteBaseline(const std::string& file, const std::vector<ScanFind>& finds) {
  std::set<std::pair<std::string, std::string>> seen;
  for (const ScanFind& find : finds) seen.emplace(find.rule->id, find.fingerprint);
  json::array known;
  for (const auto& [rule, fingerprint] : seen)
    known.push_back(json::object{{"rule", rule}, {"fingerprint", fingerprint}});
  return WriteFileDurably(file, Canonical(json::object{{"version", 1}, {"known", known}}) + "\n",
                          0644);
}

std::vector<fs::path> RootsOf(const CommandLine& line) {
  std::vector<fs::path> roots;
  for (const std::string& operand : line.operands) roots.emplace_back(operand);
  if (!roots.empty()) return roots;
  std::error_code failed;
  if (const fs::path here = fs::current_path(failed); !failed) roots.push_back(here);
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') return roots;
  const std::string inside =
      roots.empty() ? "" : fs::weakly_canonical(roots[0], failed).string() + "/";
  for (std::string_view place : kHomePlaces) {
    const fs::path path = fs::path(home) / place;
    // What lies in the workspace is read once.
    if (!fs::exists(fs::symlink_status(path, failed)) ||
        (!inside.empty() && path.string().starts_with(inside)))
      continue;
    if (!fs::is_symlink(path, failed)) {
      roots.push_back(path);
    } else if (const fs::path real = fs::canonical(path, failed); !failed) {
      roots.push_back(real);
    }
  }
  return roots;
}

Result<Scanned> ScanAll(const CommandLine& line, const Detector& detector) {
  Scanned out;
  ScanResults results;
  credential::TreeProgress counts;
  ILK_TRY(known, ReadBaseline(line.Get("--baseline")));
  std::vector<credential::IgnoreList> lists;
  {
    const Progress progress(counts);
    if (line.operands.empty()) ScanEnvironment(detector, results);
    const credential::TreeLimits limits{
        .threads = std::clamp(std::thread::hardware_concurrency(), 1u, 8u)};
    for (const fs::path& root : RootsOf(line)) {
      ILK_TRY(ignore, IgnoreListOf(root));
      credential::ScanTree(detector, root, ignore, limits, results, counts);
      lists.push_back(std::move(ignore));
      std::error_code failed;
      if (!line.Has("--history") || !fs::exists(root / ".git", failed)) continue;
      ILK_TRY(commits, ScanHistory(detector, root, results));
      out.summary.commits += commits;
    }
  }
  for (ScanFind& find : results.TakeFinds()) {
    const bool ignored = std::ranges::any_of(lists, [&](const credential::IgnoreList& list) {
      return list.IgnoresFind(find.rule->id, find.fingerprint);
    });
    if (ignored)
      ++out.summary.ignored;
    else if (known.contains(std::string(find.rule->id) + " " + find.fingerprint))
      ++out.summary.known;
    else
      out.finds.push_back(std::move(find));
  }
  out.summary.files = results.files();
  out.summary.bytes = results.bytes();
  out.summary.complete = results.complete();
  out.summary.gaps = results.gaps();
  return out;
}

}  // namespace

int Scan(const CommandLine& line) {
  if (line.Has("--adopt") && (line.json || line.Has("--sarif"))) {
    std::fprintf(stderr, "interlock: --adopt reports as text; leave out --json and --sarif\n");
    return kUsage;
  }
  std::unique_ptr<Detector> own;
  if (line.Has("--rules")) {
    auto book = credential::ReadRules(line.Get("--rules"));
    if (!book) return Report(book.error());
    auto made = Detector::Make(std::move(*book));
    if (!made) return Report(made.error());
    own = std::move(*made);
  }
  const Detector& detector = own ? *own : credential::StandardDetector();
  const auto scanned = ScanAll(line, detector);
  if (!scanned) return Report(scanned.error());
  if (line.Has("--write-baseline")) {
    if (const auto written = WriteBaseline(line.Get("--write-baseline"), scanned->finds); !written)
      return Report(written.error());
  }
  if (line.Has("--sarif"))
    PrintJson(SarifOf(scanned->finds, scanned->summary));
  else if (line.json)
    PrintJson(JsonOf(scanned->finds, scanned->summary));
  else
    PrintFinds(scanned->finds, scanned->summary);
  if (line.Has("--adopt")) return Adopt(line, scanned->finds);
  if (line.Has("--write-baseline")) return kDone;
  if (!scanned->finds.empty()) return kVerification;
  return scanned->summary.complete ? kDone : kFailed;
}

}  // namespace interlock::app
