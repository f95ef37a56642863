// What `interlock run` does about its workspace: protect it before the command runs, and tell what
// became of it afterwards.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "command_line.h"
#include "sandbox/plan.h"
#include "sandbox/workspace_record.h"
#include "sandbox/workspace_tree.h"

namespace interlock::app {

sandbox::WorkspaceRecords WorkspaceRecordsOf(const CommandLine& line);

// The original of a credential file with each span replaced. conflict: the file isn't what it was.
Result<std::string> Disguised(const std::string& original,
                              const sandbox::Substitution& substitution);

// What the session changed so far, without what Interlock itself put there.
Result<sandbox::Changes> ChangesOf(const sandbox::WorkspaceRecords& records,
                                   const sandbox::WorkspaceRecord& record);
Result<sandbox::Manifest> ManifestOf(const sandbox::WorkspaceRecords& records,
                                     const sandbox::WorkspaceRecord& record);

class WorkspaceKeeper {
 public:
  // After the gateway gave a session (its answer) and before the room is planned: fills in
  // request.view and request.files. Takes the recovery point in live mode.
  static Result<std::unique_ptr<WorkspaceKeeper>> Prepare(const CommandLine& line,
                                                          sandbox::Request& request,
                                                          const json::object& session);
  WorkspaceKeeper(const WorkspaceKeeper&) = delete;
  WorkspaceKeeper& operator=(const WorkspaceKeeper&) = delete;
  // Without Finish: takes everything back that Prepare made.
  ~WorkspaceKeeper();

  // What Prepare found and made is on the disk. Before the command runs.
  Result<void> Commit();
  // For the banner: the mode, the recovery point, what can't be edited.
  std::string Banner() const;
  // The command has ended: takes away the placeholders and says in one line what changed.
  void Finish(bool quiet);

 private:
  explicit WorkspaceKeeper(sandbox::WorkspaceRecords records) : records_(std::move(records)) {}
  Result<void> PrepareLive(sandbox::Request& request);
  Result<void> PrepareReview(sandbox::Request& request);
  Result<sandbox::Survey> Survey(const std::string& workspace);
  Result<std::vector<std::pair<sandbox::Substitution, std::string>>> Disguises(
      const json::object& session);
  Result<void> Release();

  sandbox::WorkspaceRecords records_;
  sandbox::WorkspaceRecord record_;
  UniqueFd alive_;
  std::uint64_t bytes_ = 0;
  std::vector<std::string> notes_;
  std::vector<std::pair<sandbox::Substitution, std::string>> disguises_;
  bool open_ = false;
};

}  // namespace interlock::app
