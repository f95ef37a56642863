#include "seed.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "crypto/hash.h"
#include "world.h"

namespace interlock::railsim {
namespace {

using namespace seed;

// A stable id for what has no constant of its own.
std::string UuidOf(const std::string& label) {
  std::string bytes = crypto::Sha256("railsim/pocketos/" + label).substr(0, 16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  std::string id = Hex(bytes);
  for (const std::size_t at : {8u, 13u, 18u, 23u}) id.insert(at, 1, '-');
  return id;
}

struct Instance {
  std::string_view volume;
  std::string_view id;
  std::string_view environment;
  std::string_view service;
  std::string_view mount_path;
  int size_mb;
  std::int64_t rows;
  std::int64_t rows_per_day;  // what each older backup has fewer
};
constexpr Instance kInstances[] = {
    {kPgData, kPgDataProduction, kProduction, kPostgres, "/var/lib/postgresql/data", 50000,
     kPgDataProductionRows, 111},
    {kPgData, kPgDataStaging, kStaging, kPostgres, "/var/lib/postgresql/data", 5000,
     kPgDataStagingRows, 3},
    {kUploads, kUploadsProduction, kProduction, kWeb, "/data/uploads", 50000, kUploadsRows, 17},
    {kCache, kCacheStaging, kStaging, kWorker, "/data/cache", 5000, kCacheRows, 0},
    {kPrData, kPrDataPr17, kPr17, kPostgres, "/var/lib/postgresql/data", 5000, kPrDataRows, 1},
};

json::value V(std::string_view text) { return json::value(text); }

class Seeder {
 public:
  // Times are told from the last backup, which was made at the latest 03:00 UTC.
  Seeder(World& world, TimePoint now)
      : world_(world),
        db_(world.db()),
        last_backup_(std::chrono::floor<std::chrono::days>(now - std::chrono::hours(3)) +
                     std::chrono::hours(3)) {}

  Result<void> Run() {
    ILK_TRY_VOID(db_.Script("BEGIN"));
    ILK_TRY_VOID(Project());
    ILK_TRY_VOID(Services());
    ILK_TRY_VOID(Variables());
    ILK_TRY_VOID(Tokens());
    for (const Instance& instance : kInstances) ILK_TRY_VOID(Volume(instance));
    return db_.Script("COMMIT");
  }

 private:
  Result<void> Project() {
    ILK_TRY_VOID(
        db_.Run("INSERT INTO workspaces VALUES (?1, 'pocketos', ?2, NULL), (?3, 'personal', "
                "?2, NULL)",
                {V(kWorkspace), On(900), V(kOtherWorkspace)}));
    ILK_TRY_VOID(db_.Run("INSERT INTO users VALUES (?1, 'owner', 'owner@pocketos.example', ?2)",
                         {V(kUser), On(900)}));
    ILK_TRY_VOID(db_.Run("INSERT INTO projects VALUES (?1, ?2, 'pocketos', ?3, NULL, NULL)",
                         {V(kProject), V(kWorkspace), On(800)}));
    return db_.Run(
        "INSERT INTO environments VALUES (?1, ?4, 'production', 0, ?5, NULL), (?2, ?4, "
        "'staging', 0, ?6, NULL), (?3, ?4, 'pr-17', 1, ?7, NULL)",
        {V(kProduction), V(kStaging), V(kPr17), V(kProject), On(800), On(700), On(4)});
  }

  Result<void> Services() {
    const std::pair<std::string_view, const char*> services[] = {
        {kPostgres, "postgres"}, {kWeb, "web"}, {kWorker, "worker"}};
    const std::pair<std::string_view, const char*> environments[] = {
        {kProduction, "production"}, {kStaging, "staging"}, {kPr17, "pr-17"}};
    for (const auto& [service, name] : services) {
      ILK_TRY_VOID(db_.Run("INSERT INTO services VALUES (?1, ?2, ?3, NULL, ?4, NULL)",
                           {V(service), V(kProject), name, On(800)}));
      for (const auto& [environment, environment_name] : environments) {
        const std::string label = std::string(name) + "/" + environment_name;
        ILK_TRY_VOID(db_.Run("INSERT INTO serviceInstances VALUES (?1, ?2, ?3, '{}', ?4, ?4, NULL)",
                             {UuidOf("instance/" + label), V(service), V(environment), On(4)}));
        ILK_TRY_VOID(db_.Run("INSERT INTO deployments VALUES (?1, ?2, ?3, 'SUCCESS', ?4)",
                             {UuidOf("deployment/" + label), V(service), V(environment), On(3)}));
      }
    }
    return {};
  }

  Result<void> Variable(std::string_view environment, std::string_view service, const char* name,
                        const std::string& value) {
    return db_.Run("INSERT INTO variables VALUES (?1, ?2, ?3, ?4)",
                   {V(environment), V(service), name, value});
  }

  Result<void> Variables() {
    const std::pair<std::string_view, const char*> environments[] = {
        {kProduction, "production"}, {kStaging, "staging"}, {kPr17, "pr-17"}};
    for (const auto& [environment, name] : environments) {
      const std::string password = UuidOf(std::string("password/") + name);
      const std::string url =
          "postgresql://postgres:" + password + "@postgres.railway.internal:5432/" + "pocketos";
      ILK_TRY_VOID(Variable(environment, kPostgres, "POSTGRES_PASSWORD", password));
      ILK_TRY_VOID(Variable(environment, kWeb, "DATABASE_URL", url));
      ILK_TRY_VOID(
          Variable(environment, kWeb, "SESSION_SECRET", UuidOf(std::string("session/") + name)));
      ILK_TRY_VOID(Variable(environment, kWorker, "DATABASE_URL", url));
      ILK_TRY_VOID(Variable(environment, "", "LOG_LEVEL", "info"));
    }
    return {};
  }

  Result<void> Tokens() {
    struct Token {
      const char* name;
      const char* kind;
      std::string_view value;
      std::string_view environment;
    };
    const Token tokens[] = {{"domains-cli", "account", kDomainsCli, ""},
                            {"scope-reader", "account", kScopeReader, ""},
                            {"staging-deploy", "project", kStagingDeploy, kStaging},
                            {"production-deploy", "project", kProductionDeploy, kProduction}};
    for (const Token& token : tokens) {
      ILK_TRY_VOID(db_.Run(
          "INSERT INTO tokens VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
          {UuidOf(std::string("token/") + token.name), token.name, token.kind, V(token.value),
           V(token.environment.empty() ? "" : kProject), V(token.environment), On(400)}));
    }
    return {};
  }

  Result<void> Volume(const Instance& instance) {
    const char* name = instance.volume == kPgData    ? "pg-data"
                       : instance.volume == kUploads ? "uploads"
                       : instance.volume == kCache   ? "cache"
                                                     : "pr-data";
    ILK_TRY_VOID(db_.Run("INSERT OR IGNORE INTO volumes VALUES (?1, ?2, ?3, ?4, NULL)",
                         {V(instance.volume), V(kProject), name, On(790)}));
    ILK_TRY_VOID(db_.Run(
        "INSERT INTO volumeInstances VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'READY', ?7, NULL)",
        {V(instance.id), V(instance.volume), V(instance.environment), V(instance.service),
         V(instance.mount_path), instance.size_mb, On(instance.environment == kPr17 ? 4 : 690)}));
    const std::string schedule = UuidOf("schedule/" + std::string(instance.id));
    ILK_TRY_VOID(db_.Run("INSERT INTO schedules VALUES (?1, ?2, 'DAILY', '0 3 * * *', 518400, ?3)",
                         {schedule, V(instance.id), On(690)}));
    // The oldest first: the table grows from day to day and is copied as it is.
    for (int number = kBackups; number >= 1; --number) {
      ILK_TRY_VOID(Backup(instance, schedule, number));
    }
    ILK_TRY_VOID(world_.files().Grow(instance.volume, instance.id, instance.rows));
    return world_.files().Dump(instance.volume, instance.id);
  }

  Result<void> Backup(const Instance& instance, const std::string& schedule, int number) {
    const std::string id =
        UuidOf("backup/" + std::string(instance.id) + "/" + std::to_string(number));
    const std::int64_t rows =
        std::max<std::int64_t>(1, instance.rows - instance.rows_per_day * number);
    ILK_TRY_VOID(world_.files().Grow(instance.volume, instance.id, rows));
    ILK_TRY_VOID(world_.files().Snapshot(instance.volume, instance.id, id));
    return db_.Run("INSERT INTO backups VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL)",
                   {id, V(instance.id), "Daily backup", schedule, On(number - 1), On(number - 7)});
  }

  std::string On(int days_before) const {
    return FormatTime(last_backup_ - std::chrono::days(days_before));
  }

  World& world_;
  Database& db_;
  const TimePoint last_backup_;
};

}  // namespace

Result<void> SeedPocketos(const std::filesystem::path& directory, const Clock& clock) {
  if (World::Exists(directory)) {
    return Fail(Code::conflict, directory.string() + " holds a world already");
  }
  ILK_TRY(world, World::Create(directory, clock));
  return Seeder(*world, clock.Now()).Run();
}

}  // namespace interlock::railsim
