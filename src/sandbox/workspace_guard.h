// Which files of a workspace a human's tools would run: the one table.
//
// Whatever an agent leaves in them acts outside the room, later and unasked. In live mode those
// marked `guard` can't be changed from inside, nor made; in review mode they can be in the overlay,
// and applying each takes a human's yes. Those marked `show` run when a human builds, tests or
// commits: they are the agent's to edit and are pointed out in the diff.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace interlock::sandbox {

enum class Care { guard, show };

struct Concern {
  Care care = Care::show;
  std::string_view reason;  // "direnv runs it when a shell enters the directory"; static
};

// What is to be said about a path relative to the workspace, or to any directory; nullptr if
// nothing. Names are compared without regard to case: on some file systems they are the same file.
const Concern* ConcernOf(std::string_view path);

// Names that are kept free at the top of a workspace.
std::span<const std::string_view> ReservedNames();

// True for those of them that a program reads which ends at a directory. A socket keeps them free,
// since git adds none; in the room an empty file hides it.
bool IsKeptBySocket(std::string_view name);

// Of the text of a git configuration: values that name a file or directory ("hooksPath", an
// include, a helper program), as written, without options. At most 256.
std::vector<std::string> PathsInGitConfig(std::string_view text);

}  // namespace interlock::sandbox
