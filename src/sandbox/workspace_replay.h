// Carries changes from one directory tree to another without ever following a link or leaving the
// target: applying an overlay, and going back to a recovery point.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sandbox/workspace_tree.h"

namespace interlock::sandbox {

struct Replay {
  std::string source;           // where the new contents lie
  std::string target;           // the workspace
  std::vector<Change> changes;  // sorted by path; `removed` needs nothing in `source`
  std::map<std::string, std::string> contents;  // path → bytes that take the place of the source's
};

// Contents are first copied beside the target's own files; until all are there, nothing changes.
// Then each is renamed into place. An error in the second part (somebody took away permissions)
// names the path and what was not reached; doing it again goes on from there. Set-id bits are not
// carried over. Sockets, pipes and devices are refused (denied).
Result<void> ReplayChanges(const Replay& replay);

// What would make `have` equal to `want`, by contents. Both are walked without following links.
// limit: one of them holds more than `limits` allow.
Result<std::vector<Change>> ChangesBetween(const std::string& have, const std::string& want,
                                           const WalkLimits& limits);

// True if both directories hold the same thing at `path`: kind, mode, contents.
bool IsSameBeneath(int one, int other, const std::string& path);

// Removes a directory of Interlock's own, whatever modes it has been given; it need not be there.
Result<void> RemoveTree(const std::string& path);

}  // namespace interlock::sandbox
