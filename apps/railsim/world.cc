#include "world.h"

#include <system_error>
#include <utility>

#include "base/file.h"

namespace interlock::railsim {
namespace {

namespace fs = std::filesystem;

// Columns are named like the fields of the API.
// Made without a sync each: a world that was not finished is made again. Open asks for durability.
constexpr const char* kTables = R"(
PRAGMA journal_mode=WAL;
PRAGMA synchronous=OFF;
BEGIN;
CREATE TABLE workspaces (id TEXT PRIMARY KEY, name TEXT, createdAt TEXT, deletedAt TEXT);
CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT, email TEXT, createdAt TEXT);
CREATE TABLE projects (id TEXT PRIMARY KEY, workspaceId TEXT, name TEXT, createdAt TEXT, deletedAt TEXT,
  scheduledDeletionAt TEXT);
CREATE TABLE environments (id TEXT PRIMARY KEY, projectId TEXT, name TEXT, isEphemeral INTEGER,
  createdAt TEXT, deletedAt TEXT);
CREATE TABLE services (id TEXT PRIMARY KEY, projectId TEXT, name TEXT, icon TEXT, createdAt TEXT,
  deletedAt TEXT);
CREATE TABLE serviceInstances (id TEXT PRIMARY KEY, serviceId TEXT, environmentId TEXT, config TEXT
  DEFAULT '{}', createdAt TEXT, updatedAt TEXT, deletedAt TEXT);
CREATE TABLE deployments (id TEXT PRIMARY KEY, serviceId TEXT, environmentId TEXT, status TEXT, createdAt
  TEXT);
CREATE TABLE volumes (id TEXT PRIMARY KEY, projectId TEXT, name TEXT, createdAt TEXT, deletedAt TEXT);
CREATE TABLE volumeInstances (id TEXT PRIMARY KEY, volumeId TEXT, environmentId TEXT, serviceId TEXT,
  mountPath TEXT, sizeMB INTEGER, state TEXT, createdAt TEXT, deletedAt TEXT);
CREATE TABLE backups (id TEXT PRIMARY KEY, volumeInstanceId TEXT, name TEXT, scheduleId TEXT, createdAt
  TEXT, expiresAt TEXT, deletedAt TEXT);
CREATE TABLE schedules (id TEXT PRIMARY KEY, volumeInstanceId TEXT, kind TEXT, cron TEXT,
  retentionSeconds INTEGER, createdAt TEXT);
CREATE TABLE variables (environmentId TEXT, serviceId TEXT, name TEXT, value TEXT,
  PRIMARY KEY (environmentId, serviceId, name));
CREATE TABLE tokens (id TEXT PRIMARY KEY, name TEXT, kind TEXT, value TEXT UNIQUE, projectId TEXT,
  environmentId TEXT, createdAt TEXT);
CREATE TABLE domains (id TEXT PRIMARY KEY, domain TEXT, projectId TEXT, environmentId TEXT, serviceId TEXT,
  targetPort INTEGER, createdAt TEXT, deletedAt TEXT);
CREATE TABLE staged (id TEXT PRIMARY KEY, environmentId TEXT UNIQUE, patch TEXT, createdAt TEXT);
CREATE TABLE workflows (id TEXT PRIMARY KEY, status TEXT);
CREATE TABLE requests (seq INTEGER PRIMARY KEY AUTOINCREMENT, operation TEXT, token TEXT, applied INTEGER);
COMMIT;
)";

}  // namespace

World::World(fs::path directory, Database db, const Clock& clock)
    : directory_(std::move(directory)),
      db_(std::move(db)),
      files_(directory_ / "volumes"),
      clock_(clock) {}

bool World::Exists(const fs::path& directory) {
  std::error_code error;
  return fs::exists(directory / "world.db", error);
}

Result<std::unique_ptr<World>> World::Create(const fs::path& directory, const Clock& clock) {
  ILK_TRY_VOID(MakePrivateDirectory(directory));
  ILK_TRY(db, Database::Open(directory / "world.db", Database::Mode::create));
  ILK_TRY_VOID(db.Script(kTables));
  return std::unique_ptr<World>(new World(directory, std::move(db), clock));
}

Result<std::unique_ptr<World>> World::Open(const fs::path& directory, const Clock& clock) {
  if (!Exists(directory)) {
    return Fail(Code::not_found, "there is no world in " + directory.string() +
                                     "; start railsim once with --seed pocketos");
  }
  ILK_TRY(db, Database::Open(directory / "world.db", Database::Mode::existing));
  ILK_TRY_VOID(db.Script("PRAGMA synchronous=FULL"));
  std::unique_ptr<World> world(new World(directory, std::move(db), clock));
  ILK_TRY_VOID(world->FinishDeletions());
  return world;
}

Result<void> World::FinishDeletions() {
  std::error_code ignored;
  ILK_TRY(volumes, db_.Query("SELECT id FROM volumes WHERE deletedAt IS NOT NULL"));
  for (const json::value& row : volumes) {
    fs::remove_all(files_.Volume(FindString(row.as_object(), "id")), ignored);
  }
  ILK_TRY(instances,
          db_.Query("SELECT id, volumeId FROM volumeInstances WHERE deletedAt IS NOT NULL"));
  for (const json::value& row : instances) {
    const json::object& instance = row.as_object();
    fs::remove_all(files_.Instance(FindString(instance, "volumeId"), FindString(instance, "id")),
                   ignored);
  }
  ILK_TRY(backups,
          db_.Query("SELECT b.id, i.id AS instance, i.volumeId FROM backups b JOIN "
                    "volumeInstances i ON i.id = b.volumeInstanceId WHERE b.deletedAt IS NOT "
                    "NULL"));
  for (const json::value& row : backups) {
    const json::object& backup = row.as_object();
    fs::remove_all(files_.Backup(FindString(backup, "volumeId"), FindString(backup, "instance"),
                                 FindString(backup, "id")),
                   ignored);
  }
  return {};
}

Result<Caller> World::Identify(const Credentials& credentials) {
  const bool own_header = !credentials.project_access_token.empty();
  const std::string& value = own_header ? credentials.project_access_token : credentials.bearer;
  Caller caller;
  if (value.empty()) return caller;
  ILK_TRY(rows, db_.Query("SELECT * FROM tokens WHERE value = ?1", {value}));
  if (rows.empty()) return caller;
  const json::object& token = rows[0].as_object();
  caller.token_name = FindString(token, "name");
  const bool is_project = FindString(token, "kind") == "project";
  if (is_project != own_header) return caller;  // the credential mismatch of the incident
  caller.kind = is_project ? Caller::Kind::project : Caller::Kind::account;
  caller.token_id = FindString(token, "id");
  caller.project = FindString(token, "projectId");
  caller.environment = FindString(token, "environmentId");
  return caller;
}

Result<void> World::Insert(std::string_view operation, const Caller& caller, bool applied) {
  return db_.Run("INSERT INTO requests (operation, token, applied) VALUES (?1, ?2, ?3)",
                 {json::value(operation), json::value(caller.token_name), json::value(applied)});
}

Result<void> World::Record(std::string_view operation, const Caller& caller) {
  return Insert(operation, caller, false);
}

Result<json::value> World::Apply(std::string_view operation, const Caller& caller,
                                 const std::function<Result<json::value>()>& change) {
  doomed_.clear();
  ILK_TRY_VOID(db_.Script("BEGIN IMMEDIATE"));
  Result<json::value> answer = change();
  if (answer) {
    auto recorded = Insert(operation, caller, true);
    if (recorded) recorded = db_.Script("COMMIT");
    if (!recorded) answer = std::unexpected(recorded.error());
  }
  if (!answer) {
    (void)db_.Script("ROLLBACK");  // fails when the commit itself ended the transaction
    doomed_.clear();
    ILK_TRY_VOID(Insert(operation, caller, false));
    return answer;
  }
  // After the commit: what a kill in between leaves behind is removed at the next start.
  for (const fs::path& path : std::exchange(doomed_, {})) {
    std::error_code error;
    fs::remove_all(path, error);
    if (error) return Fail(Code::unavailable, "cannot remove " + path.string());
  }
  return answer;
}

}  // namespace interlock::railsim
