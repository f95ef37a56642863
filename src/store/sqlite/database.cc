#include "store/sqlite/database.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/unique_fd.h"

namespace interlock::sqlite {
namespace {

std::unexpected<Error> FailSqlite(sqlite3* database, int status) {
  switch (status & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Fail(Code::conflict, "state database: another process is using it");
    case SQLITE_CONSTRAINT:
      return Fail(Code::conflict, "state database: already there");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Fail(Code::unavailable,
                  "state database: the file is damaged or not a database; restore it from a copy");
    case SQLITE_FULL:
      return Fail(Code::unavailable, "state database: no space left to write; nothing was changed");
    default:
      // SQLite's own texts name tables and columns, never values.
      return Fail(Code::unavailable,
                  std::string("state database: ") +
                      (database ? sqlite3_errmsg(database) : sqlite3_errstr(status)));
  }
}

// SQLite would create the file with the umask's mode; its side files copy the mode of this one.
Result<void> CreatePrivate(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (fd.valid()) return {};
  return Fail(Code::unavailable, "opening " + path.string() + ": " + ::strerror(errno));
}

}  // namespace

void Statement::Bind(int index, std::string_view text) {
  // An empty view may hold a null pointer, which SQLite would store as NULL.
  sqlite3_bind_text64(get(), index, text.empty() ? "" : text.data(), text.size(), SQLITE_STATIC,
                      SQLITE_UTF8);
}

void Statement::Bind(int index, Blob blob) {
  sqlite3_bind_blob64(get(), index, blob.bytes.empty() ? "" : blob.bytes.data(), blob.bytes.size(),
                      SQLITE_STATIC);
}

Result<bool> Statement::Step() {
  const int status = sqlite3_step(get());
  if (status == SQLITE_ROW) return true;
  if (status == SQLITE_DONE) return false;
  return FailSqlite(sqlite3_db_handle(get()), status);
}

std::string Statement::Text(int column) const {
  const void* bytes = sqlite3_column_blob(get(), column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(get(), column));
  return bytes ? std::string(static_cast<const char*>(bytes), size) : std::string();
}

Result<Database> Database::Open(const std::filesystem::path& path, const Options& options) {
  ILK_TRY_VOID(CreatePrivate(path));
  sqlite3* handle = nullptr;
  const int status =
      sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(handle);
  if (status != SQLITE_OK) return FailSqlite(handle, status);
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, static_cast<int>(options.busy_timeout.count()));
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  // Exclusive before WAL: two gateways on one state is a mistake, and the index of the log stays in
  // this process's memory instead of a file others could map. FULL: a commit is on the disk.
  ILK_TRY_VOID(
      database.Run("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL;"
                   "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"));
  if (options.pages_max > 0) {
    const std::string limit = "PRAGMA max_page_count=" + std::to_string(options.pages_max);
    ILK_TRY_VOID(database.Run(limit.c_str()));
  }
  ILK_TRY(check, database.Query("PRAGMA quick_check(1)"));
  ILK_TRY(row, check.Step());
  if (!row || check.Text(0) != "ok") return FailSqlite(nullptr, SQLITE_CORRUPT);
  return database;
}

Result<void> Database::Run(const char* sql) {
  const int status = sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr);
  if (status != SQLITE_OK) return FailSqlite(database_.get(), status);
  return {};
}

Result<Statement> Database::Prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int status = sqlite3_prepare_v2(database_.get(), sql.data(), static_cast<int>(sql.size()),
                                        &statement, nullptr);
  if (status != SQLITE_OK) return FailSqlite(database_.get(), status);
  return Statement(statement);
}

Result<Transaction> Transaction::Begin(Database& database) {
  ILK_TRY_VOID(database.Run("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::~Transaction() {
  // An error here means that SQLite has already rolled back by itself.
  if (database_) (void)database_->Run("ROLLBACK");
}

Result<void> Transaction::Commit() {
  ILK_TRY_VOID(database_->Run("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace interlock::sqlite
