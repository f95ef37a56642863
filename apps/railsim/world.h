// The imitated provider's state, in files below one directory: world.db (who and what there is, and
// the requests that came) and volumes/ (what is really lost when a volume is deleted).
//
// A World is used under its mutex. Another process may read the same directory at any time, also
// while a server runs and after it was killed.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "database.h"
#include "volume_files.h"

namespace interlock::railsim {

// Who is asking.
struct Caller {
  enum class Kind { nobody, account, project };
  Kind kind = Kind::nobody;
  std::string token_name;  // also of a token that came in the wrong header
  std::string token_id;
  std::string project;      // of a project token
  std::string environment;  // of a project token: all it sees
};

// What a request brought along; "" when the header was missing.
struct Credentials {
  std::string bearer;                // Authorization: Bearer …
  std::string project_access_token;  // Project-Access-Token: …
};

class World {
 public:
  // Creates an empty world in `directory`, to be filled and then opened.
  static Result<std::unique_ptr<World>> Create(const std::filesystem::path& directory,
                                               const Clock& clock);
  // Opens the world that is there, every change durable from now on. Deletions that a killed server
  // had committed but not carried out are finished.
  static Result<std::unique_ptr<World>> Open(const std::filesystem::path& directory,
                                             const Clock& clock);
  static bool Exists(const std::filesystem::path& directory);

  Database& db() { return db_; }
  const VolumeFiles& files() const { return files_; }
  std::mutex& mutex() { return mutex_; }
  std::string Now() const { return FormatTime(clock_.Now()); }

  // An account token counts as Bearer alone, a project token in its own header alone.
  Result<Caller> Identify(const Credentials& credentials);

  // Runs `change` in a transaction. With its success the request is recorded as applied and
  // everything is durable; otherwise the world is as before and the request is recorded as not
  // applied.
  Result<json::value> Apply(std::string_view operation, const Caller& caller,
                            const std::function<Result<json::value>()>& change);
  // Records a request that changes nothing.
  Result<void> Record(std::string_view operation, const Caller& caller);

  // To be removed once the running transaction is durable.
  void RemoveAfterCommit(std::filesystem::path path) { doomed_.push_back(std::move(path)); }

 private:
  World(std::filesystem::path directory, Database db, const Clock& clock);
  Result<void> FinishDeletions();
  Result<void> Insert(std::string_view operation, const Caller& caller, bool applied);

  const std::filesystem::path directory_;
  Database db_;
  VolumeFiles files_;
  const Clock& clock_;
  std::mutex mutex_;
  std::vector<std::filesystem::path> doomed_;
};

}  // namespace interlock::railsim
