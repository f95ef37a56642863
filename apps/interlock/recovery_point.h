// Copies of a workspace before an agent works on it: restic, in a repository of Interlock's own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"

namespace interlock::app {

struct RecoveryPoint {
  std::string id;    // restic's; "" if none was taken
  std::string note;  // then: why, and what to do
};

struct RecoveryLimits {
  std::uint64_t bytes_max = std::uint64_t{4} << 30;
  int seconds_max = 120;
};

// Into STATE/recovery (0700; the password beside it, 0600). `bytes` is the size of the workspace
// as it was counted. With a progress bar if stderr is a terminal and `show`. Not taking one is an
// answer, not an error: the caller says so.
RecoveryPoint TakeRecoveryPoint(const std::filesystem::path& state, const std::string& workspace,
                                const std::string& session, std::uint64_t bytes, bool show,
                                const RecoveryLimits& limits = {});

// Restores it below `stage` (a private directory that is made) and returns where the workspace's
// tree lies in it.
Result<std::filesystem::path> RestoreRecoveryPoint(const std::filesystem::path& state,
                                                   const std::string& id,
                                                   const std::string& workspace,
                                                   const std::filesystem::path& stage);

}  // namespace interlock::app
