// Agent profiles: what of the caller's home and environment an agent's room shows, as data
// (packs/agents/*.yaml, docs/agents.md).
//
// A profile can only name places below the home, and none that holds credentials: the reader
// refuses those, so that a mistake in a profile can't open them. Paths are relative to the home,
// normal ("a/b": no "..", no empty part).
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace interlock::sandbox {

// A file or directory that a room's home starts with. With `members`, a JSON file of which only
// these members enter ("a.b"; "{workspace}" stands for the workspace's path).
struct Copy {
  std::string path;
  std::vector<std::string> members;
  bool operator==(const Copy&) const = default;
};

// A key of the model's provider. The caller's variable (or the member of the agent's own JSON file)
// holds it; the room gets a phantom in the same places.
struct KeyPlace {
  std::string variable;
  std::string provider;  // a pack
  std::string kind;      // the pack's kind of credential
  std::string file;      // "" if it can only be a variable
  std::string member;
  bool operator==(const KeyPlace&) const = default;
};

// The agent's own login: a JSON file whose `tokens` enter as they are and pass towards `hosts`
// alone. Of the rest of the file only `members` enter.
struct Login {
  std::string file;
  std::vector<std::string> tokens;
  std::vector<std::string> members;
  std::vector<std::string> hosts;
  bool operator==(const Login&) const = default;
};

struct Profile {
  std::string name;                   // "claude-code", also the file's name
  std::string title;                  // "Claude Code"
  std::string note;                   // what a reader should know, such as what was not tried
  std::vector<std::string> programs;  // names of its command
  std::vector<std::string> packages;  // npm packages that hold it
  std::vector<std::string> show;      // read-only, if it exists
  std::vector<Copy> copy;
  std::vector<std::string> keep;  // directories kept between sessions of one workspace
  std::vector<std::pair<std::string, std::string>> variables;
  std::vector<std::string> pass;  // of the caller's variables
  std::vector<KeyPlace> keys;
  std::vector<Login> logins;
  std::vector<std::pair<std::string, std::string>> files;  // "/etc/AGENT/…": content; read-only
  bool operator==(const Profile&) const = default;
};

// The profile for every command that no other one is for. All others show what it shows, too.
inline constexpr std::string_view kPlainProfile = "shell";

inline constexpr std::size_t kProfileBytesMax = 64u << 10;
inline constexpr std::size_t kProfilesMax = 64;
inline constexpr std::size_t kProfileEntriesMax = 200;  // in each list

// One profile out of its text. The error has a line for each problem, "FILE_NAME:line:column:
// what".
Result<Profile> ReadProfile(std::string_view text, std::string_view file_name);

// Every *.yaml in these directories, sorted by name. Missing directories are empty; a profile in a
// later directory takes the place of one of the same name. Fails on the first file with a mistake,
// and when there is no `shell`. With `names`, files that contain none of them are passed over
// unread (but for `shell`'s): every session starts with this, and a profile that has nothing to do
// with its command neither costs it time nor stops it.
Result<std::vector<Profile>> LoadProfiles(const std::vector<std::filesystem::path>& directories,
                                          const std::vector<std::string>* names = nullptr);

// The profile with what `shell` gives every room. `profiles` must hold `shell` (LoadProfiles).
// invalid_input: a place of one is inside a place of the other.
Result<Profile> Complete(const Profile& profile, const std::vector<Profile>& profiles);

// The one whose programs or packages are among `names`, else `shell`. Earlier names count first.
const Profile& ProfileFor(const std::vector<std::string>& names,
                          const std::vector<Profile>& profiles);

// private_places.cc: what no profile and no search for a program may show. `relative` is below the
// home. The first is true also for a directory that contains such a place.
bool TouchesPrivatePlace(std::string_view relative);
// A file that holds credentials wherever it lies, by its name: "auth.json", ".env", "x.pem".
bool IsCredentialFile(std::string_view file_name);

}  // namespace interlock::sandbox
