// What of the caller's home a room of one profile gets, read before the room is made.
//
// The files are values: the plan writes them into the room's own home, and nothing of the caller's
// home is mounted writable. Links are never followed below the home, whoever made them.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "base/json.h"
#include "base/result.h"
#include "sandbox/plan.h"
#include "sandbox/profile.h"

namespace interlock::sandbox {

inline constexpr std::size_t kCopyFileBytesMax = 1u << 20;  // of one file that enters
inline constexpr std::size_t kCopyBytesMax = 8u << 20;      // of all
inline constexpr std::size_t kCopyFilesMax = 1000;          // of all
inline constexpr int kCopyDepthMax = 8;                     // below an entry that is a directory
inline constexpr std::size_t kReducedBytesMax = 32u << 20;  // of a file of which parts enter
inline constexpr std::size_t kTokenBytesMin = 16;           // shorter ones are no tokens
inline constexpr std::size_t kTokenBytesMax = 16384;

// A model key the caller has. Values are never printed.
struct CallerKey {
  std::string variable, value, provider, kind;
};
struct CallerLogin {
  std::string token;
  std::vector<std::string> hosts;
};

// The agent's own JSON file, reduced to what may enter. Keys are missing until their phantoms are
// known.
struct LoginFile {
  std::string path;  // relative to the home
  json::object content;
  std::vector<std::pair<std::string, std::string>> phantoms;  // member, variable
};

struct HomeView {
  std::vector<std::string> show;  // real paths, read-only
  std::vector<Link> links;        // where a shown place of the home is a link
  std::vector<HomeFile> copies;
  std::vector<LoginFile> login_files;
  std::vector<CallerKey> keys;
  std::vector<CallerLogin> logins;
  std::vector<std::string> left_out;  // "~/x: why", for people
};

// Says why a text may not enter ("line 3 holds a github token"), or "".
using ContentGuard = std::function<std::string(std::string_view text)>;

// Reads `home` (resolved; "" or "/" gives an empty view but for variables) as the profile says.
// What can't be read, is over a limit or is stopped by the guard is left out, whole, and named.
// Never fails: an agent without its settings still runs.
HomeView ReadHome(const Profile& profile, const std::string& home, const std::string& workspace,
                  const std::vector<Variable>& caller_environment, const ContentGuard& guard);

// The login files as they enter, with phantoms (variable → phantom) where keys stood.
std::vector<HomeFile> LoginFilesWith(const HomeView& view,
                                     const std::map<std::string, std::string>& phantoms);

}  // namespace interlock::sandbox
