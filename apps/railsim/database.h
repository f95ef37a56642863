// A thin hand over SQLite: statements with positional parameters, rows as JSON objects.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/json.h"
#include "base/result.h"

struct sqlite3;

namespace interlock::railsim {

// One connection. Not for use by several threads at once.
class Database {
 public:
  enum class Mode { create, existing, read_only };
  static Result<Database> Open(const std::filesystem::path& path, Mode mode);

  // Each row as {column: value}; text, integers, reals and null.
  Result<json::array> Query(const std::string& sql, const json::array& parameters = {});
  // For statements without rows.
  Result<void> Run(const std::string& sql, const json::array& parameters = {});
  // Several statements, no parameters.
  Result<void> Script(const std::string& sql);
  // The first column of the first row as a number.
  Result<std::int64_t> Number(const std::string& sql, const json::array& parameters = {});
  // Rows changed by the last Run.
  std::int64_t changes() const;

 private:
  struct Close {
    void operator()(sqlite3* handle) const;
  };
  explicit Database(sqlite3* handle) : handle_(handle) {}
  Error LastError(const std::string& sql) const;

  std::unique_ptr<sqlite3, Close> handle_;
};

}  // namespace interlock::railsim
