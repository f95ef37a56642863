#include "database.h"

#include <sqlite3.h>

#include <boost/json/serialize.hpp>

#include <utility>

namespace interlock::railsim {
namespace {

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

void Bind(sqlite3_stmt* statement, int at, const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      sqlite3_bind_null(statement, at);
      return;
    case json::kind::bool_:
      sqlite3_bind_int(statement, at, value.get_bool() ? 1 : 0);
      return;
    case json::kind::int64:
      sqlite3_bind_int64(statement, at, value.get_int64());
      return;
    case json::kind::uint64:
      sqlite3_bind_int64(statement, at, static_cast<sqlite3_int64>(value.get_uint64()));
      return;
    case json::kind::double_:
      sqlite3_bind_double(statement, at, value.get_double());
      return;
    case json::kind::string:
      sqlite3_bind_text(statement, at, value.get_string().data(),
                        static_cast<int>(value.get_string().size()), SQLITE_TRANSIENT);
      return;
    case json::kind::array:
    case json::kind::object:
      break;
  }
  const std::string text = json::serialize(value);
  sqlite3_bind_text(statement, at, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
}

json::value Column(sqlite3_stmt* statement, int at) {
  switch (sqlite3_column_type(statement, at)) {
    case SQLITE_INTEGER:
      return json::value(sqlite3_column_int64(statement, at));
    case SQLITE_FLOAT:
      return json::value(sqlite3_column_double(statement, at));
    case SQLITE_NULL:
      return json::value(nullptr);
    default:
      break;
  }
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, at));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, at));
  return json::value(json::string_view(text, size));
}

}  // namespace

void Database::Close::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }

Error Database::LastError(const std::string& sql) const {
  return {Code::unavailable,
          std::string("database: ") + sqlite3_errmsg(handle_.get()) + " in " + sql};
}

Result<Database> Database::Open(const std::filesystem::path& path, Mode mode) {
  int flags = SQLITE_OPEN_NOMUTEX;
  switch (mode) {
    case Mode::create:
      flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
      break;
    case Mode::existing:
      flags |= SQLITE_OPEN_READWRITE;
      break;
    case Mode::read_only:
      flags |= SQLITE_OPEN_READONLY;
      break;
  }
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  Database database(handle);
  if (code != SQLITE_OK) {
    return Fail(Code::unavailable,
                "cannot open " + path.string() + ": " + std::string(sqlite3_errstr(code)));
  }
  sqlite3_busy_timeout(handle, 5000);
  return database;
}

Result<json::array> Database::Query(const std::string& sql, const json::array& parameters) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(handle_.get(), sql.c_str(), -1, &raw, nullptr) != SQLITE_OK) {
    return std::unexpected(LastError(sql));
  }
  const Statement statement(raw);
  int at = 0;
  for (const json::value& parameter : parameters) Bind(raw, ++at, parameter);
  json::array rows;
  for (;;) {
    const int code = sqlite3_step(raw);
    if (code == SQLITE_DONE) return rows;
    if (code != SQLITE_ROW) return std::unexpected(LastError(sql));
    json::object row;
    for (int i = 0; i < sqlite3_column_count(raw); ++i) {
      row.insert_or_assign(sqlite3_column_name(raw, i), Column(raw, i));
    }
    rows.push_back(std::move(row));
  }
}

Result<void> Database::Run(const std::string& sql, const json::array& parameters) {
  ILK_TRY_VOID(Query(sql, parameters));
  return {};
}

Result<void> Database::Script(const std::string& sql) {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return std::unexpected(LastError(sql));
  }
  return {};
}

Result<std::int64_t> Database::Number(const std::string& sql, const json::array& parameters) {
  ILK_TRY(rows, Query(sql, parameters));
  if (rows.empty() || rows[0].as_object().empty()) return 0;
  const json::value& first = rows[0].as_object().begin()->value();
  return first.is_int64() ? first.get_int64() : 0;
}

std::int64_t Database::changes() const { return sqlite3_changes64(handle_.get()); }

}  // namespace interlock::railsim
