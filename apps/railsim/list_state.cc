#include "list_state.h"

#include <utility>

#include "database.h"
#include "volume_files.h"
#include "world.h"

namespace interlock::railsim {
namespace {

bool IsSet(const json::object& row, std::string_view column) {
  const json::value* value = Find(row, column);
  return value != nullptr && !value->is_null() && *value != json::value(0);
}

class Lister {
 public:
  Lister(Database db, VolumeFiles files) : db_(std::move(db)), files_(std::move(files)) {}

  Result<json::object> Run() {
    ILK_TRY_VOID(db_.Script("BEGIN"));  // one moment for all tables
    ILK_TRY(rows,
            db_.Query("SELECT id, name FROM projects WHERE deletedAt IS NULL ORDER BY createdAt"));
    json::array projects;
    for (const json::value& row : rows) {
      ILK_TRY(project, Project(row.as_object()));
      projects.push_back(std::move(project));
    }
    ILK_TRY(tokens, Tokens());
    ILK_TRY(requests, Requests());
    return json::object{{"projects", std::move(projects)},
                        {"tokens", std::move(tokens)},
                        {"requests", std::move(requests)}};
  }

 private:
  Result<json::object> Project(const json::object& row) {
    json::object project = row;
    const json::array by_project{row.at("id")};
    ILK_TRY(environments,
            db_.Query("SELECT id, name, isEphemeral FROM environments WHERE projectId = ?1 "
                      "AND deletedAt IS NULL ORDER BY createdAt",
                      by_project));
    json::array shown;
    for (const json::value& each : environments) {
      const json::object& environment = each.as_object();
      shown.push_back({{"id", environment.at("id")},
                       {"name", environment.at("name")},
                       {"ephemeral", IsSet(environment, "isEphemeral")}});
    }
    project["environments"] = std::move(shown);
    ILK_TRY(services,
            db_.Query("SELECT id, name FROM services WHERE projectId = ?1 AND deletedAt IS NULL "
                      "ORDER BY createdAt, name",
                      by_project));
    project["services"] = std::move(services);
    ILK_TRY(volumes, Volumes(by_project));
    project["volumes"] = std::move(volumes);
    ILK_TRY(
        variables,
        db_.Query(
            "SELECT e.name AS environment, ifnull(s.name, '') AS service, v.name FROM variables v "
            "JOIN environments e ON e.id = v.environmentId LEFT JOIN services s ON s.id = "
            "v.serviceId WHERE e.projectId = ?1 ORDER BY 1, 2, 3",
            by_project));
    project["variables"] = std::move(variables);
    return project;
  }

  Result<json::array> Volumes(const json::array& by_project) {
    ILK_TRY(rows, db_.Query("SELECT id, name, deletedAt FROM volumes WHERE projectId = ?1 ORDER BY "
                            "createdAt, rowid",
                            by_project));
    json::array volumes;
    for (const json::value& each : rows) {
      const json::object& volume = each.as_object();
      ILK_TRY(instances, Instances(volume));
      volumes.push_back({{"id", volume.at("id")},
                         {"name", volume.at("name")},
                         {"deleted", IsSet(volume, "deletedAt")},
                         {"instances", std::move(instances)}});
    }
    return volumes;
  }

  Result<json::array> Instances(const json::object& volume) {
    ILK_TRY(rows,
            db_.Query("SELECT i.id, e.name AS environment, i.deletedAt FROM volumeInstances i JOIN "
                      "environments e ON e.id = i.environmentId WHERE i.volumeId = ?1 ORDER BY "
                      "i.rowid",
                      {volume.at("id")}));
    json::array instances;
    const std::string_view id = FindString(volume, "id");
    for (const json::value& each : rows) {
      const json::object& instance = each.as_object();
      ILK_TRY(backups, Backups(id, FindString(instance, "id")));
      instances.push_back(
          {{"id", instance.at("id")},
           {"environment", instance.at("environment")},
           {"rows", VolumeFiles::Rows(files_.Instance(id, FindString(instance, "id")))},
           {"deleted", IsSet(instance, "deletedAt")},
           {"backups", std::move(backups)}});
    }
    return instances;
  }

  Result<json::array> Backups(std::string_view volume, std::string_view instance) {
    ILK_TRY(
        rows,
        db_.Query(
            "SELECT id, deletedAt FROM backups WHERE volumeInstanceId = ?1 ORDER BY createdAt DESC",
            {json::value(instance)}));
    json::array backups;
    for (const json::value& each : rows) {
      const json::object& backup = each.as_object();
      const std::string_view id = FindString(backup, "id");
      backups.push_back({{"id", id},
                         {"rows", VolumeFiles::Rows(files_.Backup(volume, instance, id))},
                         {"deleted", IsSet(backup, "deletedAt")}});
    }
    return backups;
  }

  Result<json::array> Tokens() {
    ILK_TRY(rows,
            db_.Query("SELECT t.name, t.kind, e.name AS environment, t.value FROM tokens t LEFT "
                      "JOIN environments e ON e.id = t.environmentId ORDER BY t.rowid"));
    json::array tokens;
    for (const json::value& each : rows) {
      json::object token = each.as_object();
      if (!IsSet(token, "environment")) token.erase("environment");
      tokens.push_back(std::move(token));
    }
    return tokens;
  }

  Result<json::array> Requests() {
    ILK_TRY(rows, db_.Query("SELECT seq, operation, token, applied FROM requests ORDER BY seq"));
    for (json::value& row : rows) {
      json::value& applied = row.as_object()["applied"];
      applied = applied != json::value(0);
    }
    return rows;
  }

  Database db_;
  VolumeFiles files_;
};

}  // namespace

Result<json::object> ListState(const std::filesystem::path& directory) {
  if (!World::Exists(directory)) {
    return Fail(Code::not_found, "there is no world in " + directory.string() +
                                     "; start railsim once with --seed pocketos");
  }
  ILK_TRY(db, Database::Open(directory / "world.db", Database::Mode::existing));
  return Lister(std::move(db), VolumeFiles(directory / "volumes")).Run();
}

}  // namespace interlock::railsim
