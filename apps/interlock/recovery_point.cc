#include "recovery_point.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/bytes.h"
#include "base/file.h"
#include "base/ids.h"
#include "base/json.h"
#include "process.h"

namespace interlock::app {
namespace {

namespace fs = std::filesystem;
constexpr int kRestoreSeconds = 1800;
constexpr std::size_t kErrorMax = 200;

// restic under a time limit that holds even if it says nothing.
std::vector<std::string> Restic(const fs::path& state, int seconds,
                                std::initializer_list<std::string> words) {
  std::vector<std::string> argv = {"timeout",
                                   "--kill-after=5",
                                   std::to_string(seconds),
                                   "restic",
                                   "--repo",
                                   (state / "recovery").native(),
                                   "--password-file",
                                   (state / "recovery.key").native(),
                                   "--no-cache",
                                   "--json"};
  argv.insert(argv.end(), words);
  return argv;
}

// Nothing of the caller's RESTIC_ or cloud variables: the repository is always our own.
ProcessOptions Alone(int seconds) {
  ProcessOptions options;
  options.clean_environment = true;
  const char* path = std::getenv("PATH");
  options.set = {{"PATH", path ? path : "/usr/bin:/bin"},
                 {"HOME", "/nonexistent"},
                 {"RESTIC_PROGRESS_FPS", "10"}};
  options.timeout = std::chrono::seconds(seconds + 10);
  return options;
}

std::string LastLine(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return EscapeForHumans(text.substr(text.rfind('\n') + 1), kErrorMax);
}

Result<void> MakeRepository(const fs::path& state) {
  ILK_TRY_VOID(MakePrivateDirectory(state / "recovery"));
  std::error_code ignored;
  if (!fs::exists(state / "recovery.key", ignored))
    ILK_TRY_VOID(WriteFileDurably(state / "recovery.key", RandomToken() + "\n", 0600));
  if (fs::exists(state / "recovery/config", ignored)) return {};
  ILK_TRY(made, RunProcess(Restic(state, 60, {"init"}), Alone(60)));
  // Another session may have been quicker.
  if (made.status == 0 || fs::exists(state / "recovery/config", ignored)) return {};
  return Fail(made.status == 127 ? Code::not_found : Code::unavailable, LastLine(made.err));
}

// One line of restic's: draws the bar, remembers the snapshot.
void Follow(const std::string& text, bool draw, std::string& id) {
  const auto value = ParseJson(text);
  if (!value || !value->is_object()) return;
  const json::object& message = value->as_object();
  if (FindString(message, "message_type") == "summary") id = FindString(message, "snapshot_id");
  const json::value* done = Find(message, "percent_done");
  if (!draw || done == nullptr || !done->is_double()) return;
  constexpr int kWidth = 30;
  const int filled = static_cast<int>(std::clamp(done->as_double(), 0.0, 1.0) * kWidth);
  std::fprintf(stderr, "\rinterlock  recovery point [%s%s] ",
               std::string(static_cast<std::size_t>(filled), '#').c_str(),
               std::string(static_cast<std::size_t>(kWidth - filled), '.').c_str());
  std::fflush(stderr);
}

bool IsInstalled(const char* program) {
  const char* path = std::getenv("PATH");
  std::string_view rest = path ? path : "/usr/bin:/bin";
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    const std::string candidate = std::string(rest.substr(0, end)) + "/" + program;
    if (end > 0 && access(candidate.c_str(), X_OK) == 0) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

}  // namespace

RecoveryPoint TakeRecoveryPoint(const fs::path& state, const std::string& workspace,
                                const std::string& session, std::uint64_t bytes, bool show,
                                const RecoveryLimits& limits) {
  if (!IsInstalled("restic") || !IsInstalled("timeout"))
    return {"", "restic is not installed (apt-get install restic)"};
  if (bytes > limits.bytes_max) {
    return {"", "the workspace holds " + std::to_string(bytes >> 20) + " MiB, more than " +
                    std::to_string(limits.bytes_max >> 20) + " MiB"};
  }
  if (const auto made = MakeRepository(state); !made)
    return {"", "restic can't use " + (state / "recovery").native() + ": " + made.error().message};
  auto process = BackgroundProcess::Start(Restic(state, limits.seconds_max,
                                                 {"backup", "--one-file-system", "--host",
                                                  "interlock", "--tag", session, "--", workspace}),
                                          Alone(limits.seconds_max));
  if (!process) return {"", process.error().message};
  const bool draw = show && isatty(STDERR_FILENO) != 0;
  std::string id;
  for (auto text = process->ReadLine(); text; text = process->ReadLine()) Follow(*text, draw, id);
  if (draw) std::fprintf(stderr, "\r\033[K");
  if (id.empty())
    return {"", "restic did not finish within " + std::to_string(limits.seconds_max) + " s"};
  if (!std::ranges::all_of(id, [](char c) { return std::isxdigit(static_cast<unsigned char>(c)); }))
    return {"", "restic named no snapshot"};
  return {id, ""};
}

Result<fs::path> RestoreRecoveryPoint(const fs::path& state, const std::string& id,
                                      const std::string& workspace, const fs::path& stage) {
  ILK_TRY_VOID(MakePrivateDirectory(stage));
  ILK_TRY(done,
          RunProcess(Restic(state, kRestoreSeconds, {"restore", id, "--target", stage.native()}),
                     Alone(kRestoreSeconds)));
  const fs::path tree = stage / fs::path(workspace).relative_path();
  std::error_code ignored;
  if (done.status != 0 || !fs::is_directory(tree, ignored)) {
    return Fail(Code::unavailable, "restoring recovery point " + id + ": " +
                                       (done.err.empty() ? "restic gave up" : LastLine(done.err)));
  }
  return tree;
}

}  // namespace interlock::app
