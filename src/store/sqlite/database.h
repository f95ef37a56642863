// One SQLite connection and its statements, with errors as Results. Not thread-safe.
#pragma once

#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace interlock::sqlite {

// Bytes that are not text.
struct Blob {
  std::string_view bytes;
};

// A prepared statement with its values. It borrows the values it was given until it is stepped for
// the last time.
class Statement {
 public:
  explicit Statement(sqlite3_stmt* statement) : statement_(statement, &sqlite3_finalize) {}

  void Bind(int index, std::int64_t value) { sqlite3_bind_int64(get(), index, value); }
  void Bind(int index, std::string_view text);
  void Bind(int index, Blob blob);
  void Bind(int index, std::nullptr_t) { sqlite3_bind_null(get(), index); }

  // True: a row is there.
  Result<bool> Step();
  std::string Text(int column) const;
  std::int64_t Integer(int column) const { return sqlite3_column_int64(get(), column); }
  bool IsNull(int column) const { return sqlite3_column_type(get(), column) == SQLITE_NULL; }

 private:
  sqlite3_stmt* get() const { return statement_.get(); }
  std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement_;
};

struct Options {
  // How long opening waits for another process to let go of the database.
  std::chrono::milliseconds busy_timeout{5000};
  // The database refuses to grow beyond this many pages; 0: no limit.
  std::int64_t pages_max = 0;
};

class Database {
 public:
  // Creates the file (0600) where it is missing. Takes the file for this process alone: a second
  // opener gets conflict. A file that is damaged or no database is unavailable.
  static Result<Database> Open(const std::filesystem::path& path, const Options& options);

  // Statements without values and without rows.
  Result<void> Run(const char* sql);

  template <typename... Values>
  Result<Statement> Query(std::string_view sql, const Values&... values) {
    ILK_TRY(statement, Prepare(sql));
    int index = 0;
    (statement.Bind(++index, values), ...);
    return statement;
  }

  // Runs to the end and returns how many rows were changed.
  template <typename... Values>
  Result<int> Change(std::string_view sql, const Values&... values) {
    ILK_TRY(statement, Query(sql, values...));
    for (;;) {
      ILK_TRY(row, statement.Step());
      if (!row) return sqlite3_changes(database_.get());
    }
  }

 private:
  explicit Database(sqlite3* database) : database_(database, &sqlite3_close) {}
  Result<Statement> Prepare(std::string_view sql);
  std::unique_ptr<sqlite3, int (*)(sqlite3*)> database_;
};

// All or nothing: what isn't committed is rolled back.
class Transaction {
 public:
  static Result<Transaction> Begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Result<void> Commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace interlock::sqlite
