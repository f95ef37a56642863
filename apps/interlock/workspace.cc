// `interlock workspace diff|undo|apply|discard`: what a session changed, and what becomes of it.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <map>
#include <set>

#include "base/bytes.h"
#include "commands.h"
#include "context.h"
#include "recovery_point.h"
#include "sandbox/workspace_guard.h"
#include "sandbox/workspace_replay.h"
#include "text.h"
#include "workspace_keeper.h"

namespace interlock::app {
namespace {

namespace fs = std::filesystem;
using sandbox::Care;
using sandbox::Change;
using sandbox::ChangeKind;
using sandbox::FileKind;
using sandbox::WorkspaceMode;
using sandbox::WorkspaceState;

constexpr std::size_t kFileMax = 1u << 20;

const char* Word(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::added:
      return "added";
    case ChangeKind::changed:
      return "changed";
    case ChangeKind::removed:
      return "removed";
  }
  return "unknown";
}

bool IsGitData(const std::string& path) {
  return ("/" + ToLower(path)).find("/.git/") != std::string::npos &&
         sandbox::ConcernOf(path) == nullptr;
}

// A link that a human's tools would follow out of the workspace.
bool LeadsOut(int root, const Change& change) {
  if (change.state.kind != FileKind::link || change.kind == ChangeKind::removed) return false;
  const fs::path path(change.path);
  const UniqueFd parent =
      sandbox::OpenBeneath(root, path.parent_path().native(), O_PATH | O_DIRECTORY);
  char text[4096];
  const ssize_t size = readlinkat(parent.get(), path.filename().c_str(), text, sizeof text);
  if (size <= 0 || size == sizeof text) return true;
  const fs::path to(std::string(text, static_cast<std::size_t>(size)));
  if (to.is_absolute()) return true;
  const fs::path normal = (path.parent_path() / to).lexically_normal();
  return !normal.empty() && *normal.begin() == "..";
}

// What is to be said about a change beside its name; "" for nothing.
std::string Remark(int root, const Change& change) {
  if (const sandbox::Concern* concern = sandbox::ConcernOf(change.path);
      concern != nullptr && change.state.kind != FileKind::directory)
    return std::string(concern->reason);
  if (LeadsOut(root, change)) return "a link that leads out of the workspace";
  return "";
}

// Where the new contents lie.
std::string SourceOf(const sandbox::WorkspaceRecords& records,
                     const sandbox::WorkspaceRecord& record) {
  return record.mode == WorkspaceMode::live ? record.workspace
                                            : (records.PathOf(record.session) / "upper").native();
}

bool Ask(const std::string& question, std::string_view wanted) {
  if (isatty(STDIN_FILENO) == 0) return false;
  std::fprintf(stderr, "%s ", question.c_str());
  std::string typed;
  std::getline(std::cin, typed);
  return typed == wanted;
}

Result<sandbox::WorkspaceRecord> Expect(const sandbox::WorkspaceRecords& records,
                                        const std::string& session, WorkspaceMode mode,
                                        std::string_view command) {
  ILK_TRY(record, records.Load(session));
  if (record.mode != mode) {
    return Fail(Code::invalid_input,
                "session " + session + " ran in " + std::string(Name(record.mode)) +
                    " mode, where there is nothing to " + std::string(command));
  }
  if (record.state == WorkspaceState::discarded || record.state == WorkspaceState::applied) {
    return Fail(Code::conflict,
                "session " + session + " is already " + std::string(Name(record.state)));
  }
  return record;
}

// What lies below differs from how it was when the session began.
class Below {
 public:
  Below(const sandbox::WorkspaceRecord& record, sandbox::Manifest before)
      : record_(record),
        before_(std::move(before)),
        root_(open(record.workspace.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}

  int root() const { return root_.get(); }

  // "" or why this change can't be carried over.
  std::string ConflictOf(const Change& change) const {
    const auto now = sandbox::StateBeneath(root_.get(), change.path);
    const auto was = before_.find(change.path);
    if (!now && now.error().code != Code::not_found) return now.error().message;
    if (was == before_.end() && !now) return "";
    if (was == before_.end())
      return now->ctime_ns < record_.started_ns ? "" : "it was made meanwhile";
    if (!now) return change.kind == ChangeKind::removed ? "" : "it was removed meanwhile";
    const bool directory = now->kind == FileKind::directory;
    const sandbox::FileState& old = was->second;
    if (old.kind != now->kind || old.mode != now->mode ||
        (!directory &&
         (old.size != now->size || old.inode != now->inode || old.ctime_ns != now->ctime_ns)))
      return "it was changed meanwhile";
    const bool everything_goes =
        directory && (change.kind == ChangeKind::removed || change.replaces_directory ||
                      change.state.kind != FileKind::directory);
    return everything_goes ? ConflictWithin(change.path) : "";
  }

 private:
  std::string ConflictWithin(const std::string& path) const {
    std::string conflict;
    const auto walked = sandbox::WalkTree(
        record_.workspace + "/" + path, {}, [&](const std::string& name, const auto& state) {
          const auto was = before_.find(path + "/" + name);
          if (was == before_.end() || was->second.kind != state.kind ||
              (state.kind != FileKind::directory && was->second.ctime_ns != state.ctime_ns))
            conflict = name + " in it was changed meanwhile";
          return sandbox::Into::descend;
        });
    if (!walked || !*walked) return "not all of it can be looked at";
    return conflict;
  }

  const sandbox::WorkspaceRecord& record_;
  const sandbox::Manifest before_;
  const UniqueFd root_;
};

std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1);
    out.push_back(text.substr(0, end + 1));
    text.remove_prefix(end + 1);
  }
  return out;
}

// A credential file as the agent left it, with the originals back in every line it did not touch.
// conflict: a phantom stands in a line that it did.
Result<std::string> Undisguised(const std::string& original, const std::string& edited,
                                const sandbox::Substitution& substitution) {
  const std::string path = EscapeForHumans(substitution.path);
  if (substitution.hidden)
    return Fail(Code::conflict, path + " was hidden, and something else was written in its place");
  ILK_TRY(shown, Disguised(original, substitution));
  const auto before = Lines(original);
  const auto after = Lines(shown);
  if (before.size() != after.size()) return Fail(Code::conflict, path + " can't be put back");
  std::map<std::string_view, std::string_view> real;
  for (std::size_t i = 0; i < after.size(); ++i) {
    if (before[i] != after[i]) real.emplace(after[i], before[i]);
  }
  std::string out;
  std::size_t number = 0;
  for (const std::string_view line : Lines(edited)) {
    ++number;
    const auto found = real.find(line);
    if (found != real.end()) {
      out += found->second;
      continue;
    }
    for (const auto& span : substitution.spans) {
      if (line.find(span.phantom) == std::string_view::npos) continue;
      return Fail(Code::conflict, path + ":" + std::to_string(number) +
                                      " was changed around a credential; make this change by hand");
    }
    out += line;
  }
  return out;
}

struct Application {
  sandbox::Replay replay;
  std::vector<std::string> conflicts;
  std::vector<Change> guarded;  // need a yes
};

Application PlanApplication(const sandbox::WorkspaceRecords& records,
                            const sandbox::WorkspaceRecord& record, const Below& below,
                            const std::vector<Change>& changes) {
  Application out;
  out.replay.source = SourceOf(records, record);
  out.replay.target = record.workspace;
  const UniqueFd upper(open(out.replay.source.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (const Change& change : changes) {
    if (std::string why = below.ConflictOf(change); !why.empty()) {
      // Carried over by an attempt that was cut short.
      if (change.kind != ChangeKind::removed && !change.replaces_directory &&
          sandbox::IsSameBeneath(upper.get(), below.root(), change.path))
        continue;
      out.conflicts.push_back(EscapeForHumans(change.path) + ": " + why);
      continue;
    }
    if (change.state.kind == FileKind::socket || change.state.kind == FileKind::other) continue;
    const auto own =
        std::ranges::find(record.substitutions, change.path, &sandbox::Substitution::path);
    if (own != record.substitutions.end() && change.kind == ChangeKind::changed &&
        change.state.kind == FileKind::file) {
      const auto original = sandbox::ReadBeneath(below.root(), change.path, kFileMax);
      const auto edited = sandbox::ReadBeneath(upper.get(), change.path, kFileMax);
      auto content = original && edited
                         ? Undisguised(*original, *edited, *own)
                         : Fail(Code::conflict, EscapeForHumans(change.path) + " can't be read");
      if (!content) {
        out.conflicts.push_back(content.error().message);
        continue;
      }
      out.replay.contents[change.path] = std::move(*content);
    }
    const sandbox::Concern* concern = sandbox::ConcernOf(change.path);
    const bool only_a_directory =
        change.state.kind == FileKind::directory && change.kind == ChangeKind::added;
    if (concern != nullptr && concern->care == Care::guard && !only_a_directory)
      out.guarded.push_back(change);
    out.replay.changes.push_back(change);
  }
  return out;
}

// Asks for each guarded change; a no leaves that one out. Without a terminal each must have been
// named, or nothing is applied.
Result<void> TakeConsent(const CommandLine& line, Application& application) {
  std::set<std::string, std::less<>> accepted;
  for (auto [it, end] = line.options.equal_range("--accept"); it != end; ++it)
    accepted.insert(it->second);
  std::string missing;
  for (const Change& change : application.guarded) {
    if (accepted.contains(change.path)) continue;
    const std::string path = EscapeForHumans(change.path);
    if (isatty(STDIN_FILENO) == 0) {
      missing += (missing.empty() ? "" : ", ") + path;
      continue;
    }
    const std::string question = path + " (" + Word(change.kind) +
                                 "): " + std::string(sandbox::ConcernOf(change.path)->reason) +
                                 ".\nType yes to apply it:";
    if (Ask(question, "yes")) continue;
    std::erase_if(application.replay.changes,
                  [&](const Change& one) { return one.path == change.path; });
  }
  if (missing.empty()) return {};
  return Fail(Code::denied, "nothing was applied: tools would run " + missing +
                                " unasked. Look at them and name each with --accept PATH");
}

}  // namespace

int WorkspaceDiff(const CommandLine& line) {
  const auto records = WorkspaceRecordsOf(line);
  const auto record = records.Load(line.operands[0]);
  if (!record) return Report(record.error());
  const auto changes = ChangesOf(records, *record);
  if (!changes) return Report(changes.error());
  const UniqueFd root(open(SourceOf(records, *record).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  json::array list;
  std::size_t git = 0;
  for (const Change& change : changes->list) {
    const std::string remark = Remark(root.get(), change);
    if (line.json) {
      const sandbox::Concern* concern = sandbox::ConcernOf(change.path);
      list.push_back(json::object{{"change", Word(change.kind)},
                                  {"path", EscapeForHumans(change.path)},
                                  {"directory", change.state.kind == FileKind::directory},
                                  {"guarded", concern != nullptr && concern->care == Care::guard},
                                  {"remark", remark}});
      continue;
    }
    if (IsGitData(change.path)) {
      ++git;
      continue;
    }
    std::printf("%-8s %s%s%s\n", Word(change.kind), EscapeForHumans(change.path).c_str(),
                change.state.kind == FileKind::directory ? "/" : "",
                remark.empty() ? "" : Tinted("   ! " + remark, Tint::yellow).c_str());
  }
  if (line.json) {
    PrintJson(json::object{{"session", record->session},
                           {"mode", Name(record->mode)},
                           {"state", Name(record->state)},
                           {"complete", changes->complete},
                           {"recovery_point", record->recovery_point},
                           {"changes", std::move(list)}});
    return kDone;
  }
  if (git > 0) std::printf("         and %zu files of git's own data\n", git);
  if (!changes->complete)
    std::printf("         not everything could be looked at: the list is not complete\n");
  return kDone;
}

int WorkspaceUndo(const CommandLine& line) {
  const auto records = WorkspaceRecordsOf(line);
  auto record = Expect(records, line.operands[0], WorkspaceMode::live, "undo; see discard");
  if (!record) return Report(record.error());
  const auto claimed = records.Claim(record->session);
  if (!claimed) return Report(claimed.error());
  if (record->recovery_point.empty()) {
    return Report({Code::not_found, "session " + record->session +
                                        " has no recovery point: " + record->recovery_note});
  }
  const fs::path state = StateDirectory(line);
  const fs::path stage = records.PathOf(record->session) / "restore";
  if (const auto clean = sandbox::RemoveTree(stage); !clean) return Report(clean.error());
  const auto restored =
      RestoreRecoveryPoint(state, record->recovery_point, record->workspace, stage);
  if (!restored) return Report(restored.error());
  auto changes = sandbox::ChangesBetween(record->workspace, restored->native(), {});
  if (!changes) return Report(changes.error());
  std::erase_if(*changes, [&](const Change& change) {
    const bool ours = std::ranges::find(record->placeholders, change.path,
                                        &sandbox::Placeholder::path) != record->placeholders.end();
    // What was added may be anything; what comes back can only be files, links and directories.
    return change.kind != ChangeKind::removed &&
           (ours || change.state.kind == FileKind::socket || change.state.kind == FileKind::other);
  });
  if (changes->empty()) {
    std::fprintf(stderr, "interlock: %s is as it was\n",
                 EscapeForHumans(record->workspace).c_str());
    (void)sandbox::RemoveTree(stage);
    return kDone;
  }
  if (!line.Has("--yes") &&
      !Ask(std::to_string(changes->size()) + " files and directories of " +
               EscapeForHumans(record->workspace) +
               " go back to how they were before the session, whoever changed them.\nType yes:",
           "yes")) {
    (void)sandbox::RemoveTree(stage);
    return Report({Code::denied, "nothing was undone (without a terminal, say --yes)"});
  }
  const RecoveryPoint now = TakeRecoveryPoint(state, record->workspace, record->session, 0, true);
  if (now.id.empty()) {
    (void)sandbox::RemoveTree(stage);
    return Report(
        {Code::unavailable, "nothing was undone: no recovery point of how it is now: " + now.note});
  }
  const auto done = sandbox::ReplayChanges({restored->native(), record->workspace, *changes, {}});
  (void)sandbox::RemoveTree(stage);
  if (!done) return Report(done.error());
  record->state = WorkspaceState::undone;
  if (const auto saved = records.Save(*record); !saved) return Report(saved.error());
  std::fprintf(stderr, "interlock: %zu undone; how it was before that is recovery point %.8s\n",
               changes->size(), now.id.c_str());
  return kDone;
}

int WorkspaceApply(const CommandLine& line) {
  const auto records = WorkspaceRecordsOf(line);
  auto record = Expect(records, line.operands[0], WorkspaceMode::review, "apply");
  if (!record) return Report(record.error());
  const auto claimed = records.Claim(record->session);
  if (!claimed) return Report(claimed.error());
  const auto changes = ChangesOf(records, *record);
  if (!changes) return Report(changes.error());
  if (!changes->complete) {
    return Report({Code::limit,
                   "nothing was applied: not everything could be looked at. Copy what "
                   "you need from " +
                       SourceOf(records, *record)});
  }
  auto before = ManifestOf(records, *record);
  if (!before) return Report(before.error());
  const Below below(*record, std::move(*before));
  Application application = PlanApplication(records, *record, below, changes->list);
  if (!application.conflicts.empty()) {
    for (const std::string& conflict : application.conflicts)
      std::fprintf(stderr, "conflict  %s\n", conflict.c_str());
    return Report({Code::conflict,
                   "nothing was applied: " + std::to_string(application.conflicts.size()) +
                       " conflicts. The session's files are in " + SourceOf(records, *record)});
  }
  if (const auto consent = TakeConsent(line, application); !consent) return Report(consent.error());
  if (const auto done = sandbox::ReplayChanges(application.replay); !done)
    return Report(done.error());
  record->state = WorkspaceState::applied;
  if (const auto saved = records.Save(*record); !saved) return Report(saved.error());
  (void)sandbox::RemoveTree(records.PathOf(record->session) / "upper");
  (void)sandbox::RemoveTree(records.PathOf(record->session) / "work");
  std::fprintf(stderr, "interlock: %zu applied to %s\n", application.replay.changes.size(),
               EscapeForHumans(record->workspace).c_str());
  return kDone;
}

int WorkspaceDiscard(const CommandLine& line) {
  const auto records = WorkspaceRecordsOf(line);
  auto record = Expect(records, line.operands[0], WorkspaceMode::review, "discard; see undo");
  if (!record) return Report(record.error());
  const auto claimed = records.Claim(record->session);
  if (!claimed) return Report(claimed.error());
  record->state = WorkspaceState::discarded;
  if (const auto saved = records.Save(*record); !saved) return Report(saved.error());
  for (const char* name : {"upper", "work", "manifest"}) {
    if (const auto gone = sandbox::RemoveTree(records.PathOf(record->session) / name); !gone)
      return Report(gone.error());
  }
  return kDone;
}

}  // namespace interlock::app
