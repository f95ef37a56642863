#include "store/sqlite/schema.h"

#include <iterator>

namespace interlock::sqlite {
namespace {

constexpr std::int64_t kApplicationId = 0x494c4b31;  // "ILK1"

// Times are milliseconds since 1970 in UTC.
constexpr const char* kMigrations[] = {
    R"sql(
CREATE TABLE holds (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  session TEXT NOT NULL,
  state TEXT NOT NULL,
  open INTEGER NOT NULL,
  fingerprint TEXT NOT NULL,
  digest TEXT NOT NULL,
  action BLOB NOT NULL,
  statement BLOB NOT NULL,
  details TEXT NOT NULL,
  rule TEXT NOT NULL,
  reason TEXT NOT NULL,
  outcome TEXT NOT NULL,
  superseded_by TEXT NOT NULL,
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  changed INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX holds_open ON holds (session, fingerprint) WHERE open = 1;
CREATE INDEX holds_fingerprint ON holds (session, fingerprint, state);
CREATE INDEX holds_state ON holds (state, expires);

CREATE TABLE approvals (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  hold TEXT NOT NULL REFERENCES holds (id),
  person TEXT NOT NULL,
  key TEXT NOT NULL,
  signature BLOB NOT NULL,
  at INTEGER NOT NULL,
  UNIQUE (hold, person)
) STRICT;

CREATE TABLE steps (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  hold TEXT NOT NULL REFERENCES holds (id),
  step TEXT NOT NULL,
  at INTEGER NOT NULL,
  data TEXT NOT NULL,
  UNIQUE (hold, step)
) STRICT;

CREATE TABLE nonces (nonce TEXT NOT NULL PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  user TEXT NOT NULL,
  agent TEXT NOT NULL,
  workspace TEXT NOT NULL,
  environment TEXT NOT NULL,
  token_digest TEXT NOT NULL UNIQUE,
  started INTEGER NOT NULL,
  ended INTEGER
) STRICT;
CREATE INDEX sessions_running ON sessions (started) WHERE ended IS NULL;

CREATE TABLE halts (
  scope TEXT NOT NULL PRIMARY KEY,
  since INTEGER NOT NULL,
  reason TEXT NOT NULL,
  halted_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
)sql",
};
constexpr auto kVersion = static_cast<std::int64_t>(std::size(kMigrations));

Result<std::int64_t> Pragma(Database& database, std::string_view sql) {
  ILK_TRY(statement, database.Query(sql));
  ILK_TRY(row, statement.Step());
  return row ? statement.Integer(0) : 0;
}

}  // namespace

Result<void> Migrate(Database& database) {
  ILK_TRY(transaction, Transaction::Begin(database));
  ILK_TRY(version, Pragma(database, "PRAGMA user_version"));
  ILK_TRY(application, Pragma(database, "PRAGMA application_id"));
  ILK_TRY(tables, Pragma(database, "SELECT count(*) FROM sqlite_schema"));
  if (application != kApplicationId && (version != 0 || tables != 0))
    return Fail(Code::unavailable, "state database: the file belongs to another program");
  if (version > kVersion)
    return Fail(Code::unavailable, "state database: written by a newer version (schema " +
                                       std::to_string(version) + ", this program knows " +
                                       std::to_string(kVersion) + "); use that version");
  if (version < 0) return Fail(Code::unavailable, "state database: its schema version is negative");
  for (auto next = version; next < kVersion; ++next) ILK_TRY_VOID(database.Run(kMigrations[next]));
  const std::string marks = "PRAGMA application_id=" + std::to_string(kApplicationId) +
                            "; PRAGMA user_version=" + std::to_string(kVersion);
  ILK_TRY_VOID(database.Run(marks.c_str()));
  return transaction.Commit();
}

}  // namespace interlock::sqlite
