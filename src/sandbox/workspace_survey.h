// What has to be protected in a workspace before an agent may write to it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sandbox/workspace_tree.h"

namespace interlock::sandbox {

// A name that must not come into being while the session lasts. What stands for it is made on the
// host, because a mount needs something to stand on: an empty directory wherever the tools that
// would read it can live with one, so that no version control sees it and removing it can't lose
// anything.
struct Placeholder {
  std::string path;       // relative to the workspace
  bool directory = true;  // else a file with `content`
  std::string content;
  std::uint64_t inode = 0;  // once made
  bool operator==(const Placeholder&) const = default;
};

// Paths are relative to the workspace.
struct Survey {
  std::vector<std::string> pinned;  // sorted, so parents come first
  std::vector<std::string> frozen;
  std::vector<std::string> sockets;
  std::vector<Placeholder> missing;
  std::vector<std::string> links;  // guarded names below the top that are links: can't be frozen
  std::size_t files = 0;
  std::uint64_t bytes = 0;
  bool complete = true;
};

// Walks the workspace once; `visit` sees every entry too. Refuses (denied) a guarded name at the
// top, or in a repository, that is a symbolic link: what it leads to could be replaced. Refuses
// (limit) a workspace with more to protect than mounts can be made for.
Result<Survey> SurveyWorkspace(const std::string& root, const WalkLimits& limits,
                               const Visit& visit);

// Makes the placeholders; those that exist meanwhile are left out of the answer, and so are those
// that nobody could make (a read-only file system). Their inodes are filled in.
Result<std::vector<Placeholder>> MakePlaceholders(const std::string& root,
                                                  const std::vector<Placeholder>& wanted);

// Removes one that is still as it was made. True if it is gone now.
bool RemovePlaceholder(const std::string& root, const Placeholder& placeholder);

}  // namespace interlock::sandbox
