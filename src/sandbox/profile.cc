#include "sandbox/profile.h"

#include <algorithm>
#include <map>

#include "base/file.h"
#include "sandbox/fill.h"

namespace interlock::sandbox {

namespace fs = std::filesystem;

Result<std::vector<Profile>> LoadProfiles(const std::vector<fs::path>& directories,
                                          const std::vector<std::string>* names) {
  std::map<std::string, Profile> found;
  std::string where;
  for (const fs::path& directory : directories) {
    where += (where.empty() ? "" : ", ") + directory.native();
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator(directory, failed)) {
      const fs::path& path = entry.path();
      if (path.extension() != ".yaml") continue;
      if (found.size() >= kProfilesMax) {
        return Fail(Code::limit,
                    Fill("{}: more than {} agent profiles", directory.native(), kProfilesMax));
      }
      ILK_TRY(text, ReadFile(path, kProfileBytesMax));
      const auto mentions = [&](const std::string& name) { return text.contains(name); };
      // One that takes the place of a profile already read is read whatever it mentions.
      if (names != nullptr && path.stem() != kPlainProfile &&
          !found.contains(path.stem().native()) && std::ranges::none_of(*names, mentions)) {
        continue;
      }
      ILK_TRY(profile, ReadProfile(text, path.native()));
      if (profile.name != path.stem().native()) {
        return Fail(Code::invalid_input, Fill("{}: holds the profile \"{}\"; name the file {}.yaml",
                                              path.native(), profile.name, profile.name));
      }
      std::string name = profile.name;
      found.insert_or_assign(std::move(name), std::move(profile));
    }
    if (failed && failed != std::errc::no_such_file_or_directory) {
      return Fail(Code::unavailable, Fill("cannot read the agent profiles in {}: {}",
                                          directory.native(), failed.message()));
    }
  }
  if (!found.contains(std::string(kPlainProfile))) {
    return Fail(
        Code::not_found,
        Fill("no agent profile \"{}\" was found in {}; reinstall Interlock", kPlainProfile, where));
  }
  std::vector<Profile> out;
  for (auto& [name, profile] : found) out.push_back(std::move(profile));
  return out;
}

const Profile& ProfileFor(const std::vector<std::string>& names,
                          const std::vector<Profile>& profiles) {
  for (const std::string& name : names) {
    for (const Profile& profile : profiles) {
      if (std::ranges::find(profile.programs, name) != profile.programs.end() ||
          std::ranges::find(profile.packages, name) != profile.packages.end()) {
        return profile;
      }
    }
  }
  return *std::ranges::find(profiles, kPlainProfile, &Profile::name);
}

}  // namespace interlock::sandbox
