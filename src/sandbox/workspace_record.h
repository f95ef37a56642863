// What is remembered about the workspace of a session: STATE/workspaces/SESSION/.
//
//   session.json   the record, replaced atomically and durably
//   manifest       live: how every file lay before the command ran
//   upper/, work/  review: the overlay
//   alive          locked for as long as the session's launcher lives
//
// Written before anything is made on the host, so that after a crash the next session or command
// finds what to take away.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "sandbox/workspace_survey.h"

namespace interlock::sandbox {

enum class WorkspaceMode { live, review };
enum class WorkspaceState { running, ended, applied, discarded, undone };
std::string_view Name(WorkspaceMode mode);
std::string_view Name(WorkspaceState state);

// A credential file that was shown with phantoms. Never holds a real value: originals are read
// from the workspace at these places, once its digest has been compared.
struct Substitution {
  std::string path;
  std::string sha256;  // of the original, hexadecimal
  struct Span {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    std::string phantom;
    bool operator==(const Span&) const = default;
  };
  std::vector<Span> spans;  // ascending
  bool hidden = false;      // shown as empty
  bool operator==(const Substitution&) const = default;
};

struct WorkspaceRecord {
  std::string session;
  std::string workspace;  // resolved
  WorkspaceMode mode = WorkspaceMode::live;
  WorkspaceState state = WorkspaceState::running;
  std::int64_t started_ns = 0;  // review: what changed below since then is a conflict
  std::vector<Placeholder> placeholders;
  std::vector<Substitution> substitutions;
  std::string recovery_point;  // restic's id, "" without one
  std::string recovery_note;   // why there is none
  bool complete = true;        // the survey saw everything
  bool operator==(const WorkspaceRecord&) const = default;
};

json::value ToJson(const WorkspaceRecord& record);
Result<WorkspaceRecord> RecordFromJson(const json::value& value);

class WorkspaceRecords {
 public:
  explicit WorkspaceRecords(std::filesystem::path directory) : directory_(std::move(directory)) {}

  // Held while placeholders are made or removed: two sessions may share a workspace.
  Result<UniqueFd> Lock() const;
  // Held by a launcher for its life; conflict if it is held.
  Result<UniqueFd> Claim(const std::string& session) const;

  std::filesystem::path PathOf(const std::string& session) const;
  Result<void> Save(const WorkspaceRecord& record) const;
  // The same without waiting for the disk: enough while what it says can be found out again.
  Result<void> SaveSoon(const WorkspaceRecord& record) const;
  // invalid_input: not a session's name; not_found: nothing is known about it.
  Result<WorkspaceRecord> Load(const std::string& session) const;
  // Those that may still be running. A session that was retired is not looked at again: a start
  // must not get slower with every session that ever was.
  std::vector<WorkspaceRecord> Running() const;
  void Retire(const std::string& session) const;

  // Takes away what this session keeps on the host, but for what another living session on the
  // same workspace stands on too. Call under Lock(). Returns what could not be removed.
  std::vector<std::string> RemovePlaceholders(const WorkspaceRecord& record) const;
  // The same for every session whose launcher is gone.
  void CleanUp() const;

 private:
  bool IsAlive(const std::string& session) const;
  std::filesystem::path directory_;
};

}  // namespace interlock::sandbox
