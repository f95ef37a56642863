#include "workspace_keeper.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>

#include "base/bytes.h"
#include "base/file.h"
#include "context.h"
#include "crypto/hash.h"
#include "recovery_point.h"
#include "sandbox/workspace_guard.h"
#include "sandbox/workspace_replay.h"

namespace interlock::app {
namespace {

namespace fs = std::filesystem;
using sandbox::Substitution;
using sandbox::WorkspaceMode;
using sandbox::WorkspaceState;

constexpr std::size_t kCredentialFileMax = 1u << 20;
constexpr std::size_t kManifestMax = 256u << 20;

std::int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::uint64_t Number(const json::object& object, std::string_view key) {
  const json::value* value = Find(object, key);
  return value != nullptr && value->is_int64() && value->as_int64() > 0
             ? static_cast<std::uint64_t>(value->as_int64())
             : 0;
}

Result<Substitution> SubstitutionFrom(const json::value& value) {
  const auto broken = [] {
    return Fail(Code::internal, "the gateway described a credential file that can't be read");
  };
  if (!value.is_object()) return broken();
  const json::object& object = value.as_object();
  const json::value* hidden = Find(object, "hidden");
  const json::array* spans = FindArray(object, "replacements");
  Substitution out{std::string(FindString(object, "path")),
                   std::string(FindString(object, "sha256")),
                   {},
                   hidden == nullptr || !hidden->is_bool() || hidden->as_bool()};
  if (out.path.empty() || spans == nullptr) return broken();
  for (const json::value& item : *spans) {
    if (!item.is_object()) return broken();
    const json::object& span = item.as_object();
    out.spans.push_back(
        {Number(span, "offset"), Number(span, "size"), std::string(FindString(span, "phantom"))});
  }
  return out;
}

UniqueFd OpenDirectory(const std::string& path) {
  return UniqueFd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

// The same directory in the upper as in the workspace, so that the overlay merges the two.
Result<void> MakeParents(const fs::path& upper, const fs::path& workspace, const fs::path& path) {
  fs::path at;
  for (const fs::path& part : path.parent_path()) {
    at /= part;
    struct stat status{};
    if (lstat((workspace / at).c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
      return Fail(Code::conflict, "preparing the overlay: " + EscapeForHumans(at.native()) +
                                      " changed; start again");
    }
    if (mkdir((upper / at).c_str(), status.st_mode & 0777) != 0 && errno != EEXIST)
      return Fail(Code::unavailable, "preparing the overlay: cannot make " + at.native());
  }
  return {};
}

std::string Count(std::size_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

}  // namespace

sandbox::WorkspaceRecords WorkspaceRecordsOf(const CommandLine& line) {
  return sandbox::WorkspaceRecords(StateDirectory(line) / "workspaces");
}

Result<std::string> Disguised(const std::string& original, const Substitution& substitution) {
  if (crypto::Sha256Hex(original) != substitution.sha256)
    return Fail(Code::conflict, EscapeForHumans(substitution.path) + " has changed");
  std::string out;
  std::size_t at = 0;
  for (const Substitution::Span& span : substitution.spans) {
    if (span.offset < at || span.size > original.size() ||
        span.offset > original.size() - span.size)
      return Fail(Code::internal, "the places of the credentials in " +
                                      EscapeForHumans(substitution.path) + " don't fit it");
    out.append(original, at, span.offset - at);
    out += span.phantom;
    at = span.offset + span.size;
  }
  return out.append(original, at);
}

Result<sandbox::Manifest> ManifestOf(const sandbox::WorkspaceRecords& records,
                                     const sandbox::WorkspaceRecord& record) {
  ILK_TRY(text, ReadFile(records.PathOf(record.session) / "manifest", kManifestMax));
  return sandbox::ParseManifest(text);
}

Result<sandbox::Changes> ChangesOf(const sandbox::WorkspaceRecords& records,
                                   const sandbox::WorkspaceRecord& record) {
  sandbox::Changes changes;
  if (record.mode == WorkspaceMode::live) {
    ILK_TRY(before, ManifestOf(records, record));
    ILK_TRY(since, sandbox::ChangesSince(before, record.workspace, {}));
    changes = std::move(since);
  } else {
    ILK_TRY(upper, sandbox::ChangesInUpper(records.PathOf(record.session) / "upper",
                                           record.workspace, {}));
    changes = std::move(upper);
  }
  changes.complete = changes.complete && record.complete;
  const UniqueFd lower = OpenDirectory(record.workspace);
  const UniqueFd upper = OpenDirectory(records.PathOf(record.session) / "upper");
  std::erase_if(changes.list, [&](const sandbox::Change& change) {
    if (std::ranges::find(record.placeholders, change.path, &sandbox::Placeholder::path) !=
        record.placeholders.end())
      return change.kind == sandbox::ChangeKind::added && record.mode == WorkspaceMode::live;
    if (record.mode == WorkspaceMode::live || change.kind != sandbox::ChangeKind::changed)
      return false;
    const auto own = std::ranges::find(record.substitutions, change.path, &Substitution::path);
    if (own == record.substitutions.end()) return false;
    const auto now = sandbox::ReadBeneath(upper.get(), change.path, kCredentialFileMax);
    if (!now) return false;
    if (own->hidden) return now->empty();
    const auto original = sandbox::ReadBeneath(lower.get(), change.path, kCredentialFileMax);
    const auto shown = original ? Disguised(*original, *own) : Result<std::string>();
    return original && shown && *shown == *now;
  });
  return changes;
}

Result<std::unique_ptr<WorkspaceKeeper>> WorkspaceKeeper::Prepare(const CommandLine& line,
                                                                  sandbox::Request& request,
                                                                  const json::object& session) {
  std::unique_ptr<WorkspaceKeeper> owned(new WorkspaceKeeper(WorkspaceRecordsOf(line)));
  WorkspaceKeeper& keeper = *owned;
  std::error_code error;
  request.workspace = fs::canonical(request.workspace, error).native();
  if (error) return Fail(Code::not_found, "the workspace: " + error.message());
  keeper.record_.session = FindString(session, "session");
  keeper.record_.workspace = request.workspace;
  keeper.record_.started_ns = NowNs();
  if (line.Get("--mode", "live") == "review") keeper.record_.mode = WorkspaceMode::review;
  {
    ILK_TRY(lock, keeper.records_.Lock());
    keeper.records_.CleanUp();
    ILK_TRY(alive, keeper.records_.Claim(keeper.record_.session));
    keeper.alive_ = std::move(alive);
    keeper.open_ = true;
    ILK_TRY(disguises, keeper.Disguises(session));
    keeper.disguises_ = std::move(disguises);
    const bool live = keeper.record_.mode == WorkspaceMode::live;
    ILK_TRY_VOID(live ? keeper.PrepareLive(request) : keeper.PrepareReview(request));
  }
  if (keeper.record_.mode == WorkspaceMode::live) {
    RecoveryPoint point{"", "--no-recovery-point was given"};
    if (!line.Has("--no-recovery-point")) {
      point = TakeRecoveryPoint(StateDirectory(line), request.workspace, keeper.record_.session,
                                keeper.bytes_, !line.Has("--quiet"));
    }
    keeper.record_.recovery_point = point.id;
    keeper.record_.recovery_note = point.note;
  }
  return owned;
}

Result<void> WorkspaceKeeper::Commit() { return records_.Save(record_); }

// What the gateway found, with the contents to show. A file that changed since is hidden.
Result<std::vector<std::pair<Substitution, std::string>>> WorkspaceKeeper::Disguises(
    const json::object& session) {
  std::vector<std::pair<Substitution, std::string>> out;
  const json::array* files = FindArray(session, "credential_files");
  if (files == nullptr) return out;
  const UniqueFd root = OpenDirectory(record_.workspace);
  for (const json::value& file : *files) {
    ILK_TRY(substitution, SubstitutionFrom(file));
    std::string content;
    if (!substitution.hidden) {
      const auto original = sandbox::ReadBeneath(root.get(), substitution.path, kCredentialFileMax);
      auto shown =
          original ? Disguised(*original, substitution) : std::unexpected(original.error());
      if (shown) content = std::move(*shown);
      substitution.hidden = !shown.has_value();
    }
    if (!sandbox::StateBeneath(root.get(), substitution.path)) continue;
    record_.substitutions.push_back(substitution);
    out.emplace_back(std::move(substitution), std::move(content));
  }
  const json::value* complete = Find(session, "credential_files_complete");
  if (complete != nullptr && complete->is_bool() && !complete->as_bool())
    notes_.push_back("not every file could be searched for credentials");
  return out;
}

Result<sandbox::Survey> WorkspaceKeeper::Survey(const std::string& workspace) {
  std::ofstream manifest(records_.PathOf(record_.session) / "manifest", std::ios::binary);
  ILK_TRY(survey, sandbox::SurveyWorkspace(
                      workspace, {}, [&](const std::string& path, const sandbox::FileState& state) {
                        const std::string entry = sandbox::ManifestRecord(path, state);
                        manifest.write(entry.data(), static_cast<std::streamsize>(entry.size()));
                        return sandbox::Into::descend;
                      }));
  manifest.close();
  if (!manifest) return Fail(Code::unavailable, "writing the workspace's manifest");
  record_.complete = survey.complete;
  bytes_ = survey.bytes;
  if (!survey.complete)
    notes_.push_back(
        "the workspace is too large to be searched to the end: what lies beyond is not protected");
  return survey;
}

Result<void> WorkspaceKeeper::PrepareLive(sandbox::Request& request) {
  ILK_TRY(survey, Survey(request.workspace));
  const auto absolute = [&](const std::string& path) { return request.workspace + "/" + path; };
  // Written down before anything is made; what another living session made is kept by both. Not yet
  // synced: Commit() does that once, when all is known.
  record_.placeholders = survey.missing;
  for (const sandbox::WorkspaceRecord& other : records_.Running()) {
    if (other.session == record_.session || other.workspace != record_.workspace ||
        other.state != WorkspaceState::running)
      continue;
    for (const sandbox::Placeholder& one : other.placeholders) {
      if (std::ranges::find(survey.frozen, one.path) != survey.frozen.end() ||
          std::ranges::find(survey.sockets, one.path) != survey.sockets.end())
        record_.placeholders.push_back(one);
    }
  }
  ILK_TRY_VOID(records_.SaveSoon(record_));
  ILK_TRY(made, sandbox::MakePlaceholders(request.workspace, survey.missing));
  std::erase_if(record_.placeholders,
                [&](const sandbox::Placeholder& one) { return one.inode == 0; });
  record_.placeholders.insert(record_.placeholders.end(), made.begin(), made.end());
  ILK_TRY_VOID(records_.SaveSoon(record_));

  const UniqueFd root = OpenDirectory(request.workspace);
  for (const sandbox::Placeholder& one : survey.missing) {
    if (!sandbox::StateBeneath(root.get(), one.path)) continue;
    auto& list = sandbox::IsKeptBySocket(one.path) ? survey.sockets : survey.frozen;
    list.push_back(one.path);
  }
  for (const std::string& path : survey.pinned) request.view.pinned.push_back(absolute(path));
  for (const std::string& path : survey.frozen) request.view.frozen.push_back(absolute(path));
  for (const std::string& path : survey.sockets) request.view.hidden.push_back(absolute(path));
  for (auto& [substitution, content] : disguises_) {
    if (substitution.hidden) {
      request.view.hidden.push_back(absolute(substitution.path));
    } else {
      request.files.push_back({absolute(substitution.path), std::move(content)});
    }
  }
  return {};
}

Result<void> WorkspaceKeeper::PrepareReview(sandbox::Request& request) {
  // Nothing has to be protected: nothing that is changed reaches the workspace.
  ILK_TRY(survey, Survey(request.workspace));
  const fs::path own = records_.PathOf(record_.session);
  ILK_TRY_VOID(records_.SaveSoon(record_));
  ILK_TRY_VOID(MakePrivateDirectory(own / "work"));
  ILK_TRY_VOID(MakePrivateDirectory(own / "upper"));
  // The workspace's own directory takes its mode from the upper.
  struct stat status{};
  if (lstat(request.workspace.c_str(), &status) == 0)
    (void)chmod((own / "upper").c_str(), status.st_mode & 0777);
  for (auto& [substitution, content] : disguises_) {
    const fs::path path = own / "upper" / substitution.path;
    ILK_TRY_VOID(MakeParents(own / "upper", request.workspace, substitution.path));
    if (lstat((request.workspace + "/" + substitution.path).c_str(), &status) != 0) continue;
    ILK_TRY_VOID(WriteFileDurably(path, content, status.st_mode & 0777));
  }
  request.view.overlay = own.native();
  return {};
}

std::string WorkspaceKeeper::Banner() const {
  std::string out = record_.mode == WorkspaceMode::review ? "review: the workspace stays as it is"
                                                          : "live: edits appear at once";
  if (record_.mode == WorkspaceMode::live) {
    out += record_.recovery_point.empty() ? " · NO recovery point: " + record_.recovery_note
                                          : " · recovery point taken";
    if (!record_.substitutions.empty())
      out += " · " + Count(record_.substitutions.size(), "credential file", "credential files") +
             " can be read as phantoms, not edited";
  } else if (!record_.substitutions.empty()) {
    out += " · " + Count(record_.substitutions.size(), "credential file", "credential files") +
           " with phantoms";
  }
  for (const std::string& note : notes_) out += " · " + note;
  return out;
}

// Placeholders go, and the record says that the session is over.
Result<void> WorkspaceKeeper::Release() {
  ILK_TRY(lock, records_.Lock());
  const auto left = records_.RemovePlaceholders(record_);
  if (!left.empty())
    std::fprintf(stderr, "interlock: kept %s, which is no longer as it was made\n",
                 EscapeForHumans(left.front()).c_str());
  record_.state = WorkspaceState::ended;
  ILK_TRY_VOID(records_.Save(record_));
  records_.Retire(record_.session);
  return {};
}

void WorkspaceKeeper::Finish(bool quiet) {
  if (!std::exchange(open_, false)) return;
  const auto released = Release();
  alive_.Reset();
  if (!released) {
    std::fprintf(stderr, "interlock: %s\n", released.error().message.c_str());
    return;
  }
  if (quiet) return;
  const auto changes = ChangesOf(records_, record_);
  if (!changes) {
    std::fprintf(stderr, "interlock: %s\n", changes.error().message.c_str());
    return;
  }
  std::size_t counts[3] = {};
  std::size_t runs = 0;
  for (const sandbox::Change& change : changes->list) {
    if (change.state.kind == sandbox::FileKind::directory) continue;
    ++counts[static_cast<std::size_t>(change.kind)];
    if (sandbox::ConcernOf(change.path) != nullptr) ++runs;
  }
  if (counts[0] + counts[1] + counts[2] == 0) return;
  const bool review = record_.mode == WorkspaceMode::review;
  const char* next = review ? "interlock workspace diff|apply|discard "
                            : (record_.recovery_point.empty() ? "interlock workspace diff "
                                                              : "interlock workspace diff|undo ");
  std::fprintf(stderr, "interlock  %zu added, %zu changed, %zu removed%s · %s%s\n", counts[0],
               counts[1], counts[2],
               runs == 0 ? "" : (" (" + Count(runs, "file", "files") + " that tools run)").c_str(),
               next, record_.session.c_str());
}

WorkspaceKeeper::~WorkspaceKeeper() {
  if (!open_) return;
  (void)Release();
  if (record_.mode == WorkspaceMode::review)
    (void)sandbox::RemoveTree(records_.PathOf(record_.session));
}

}  // namespace interlock::app
