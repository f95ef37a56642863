#include "volume_files.h"

#include <fstream>
#include <string>
#include <system_error>

#include "database.h"

namespace interlock::railsim {
namespace {

namespace fs = std::filesystem;

Error FileError(const fs::path& path, const std::error_code& error) {
  return {Code::unavailable, path.string() + ": " + error.message()};
}

// Without the syncs of MakePrivateDirectory: what a volume holds need not survive a power cut.
Result<void> MakeDirectories(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return std::unexpected(FileError(path, error));
  return {};
}

// To `to` completely or not at all: a reader that counts rows never sees half a copy.
Result<void> Copy(const fs::path& from, const fs::path& to) {
  const fs::path part = to.string() + ".part";
  std::error_code error;
  fs::copy_file(from, part, fs::copy_options::overwrite_existing, error);
  if (!error) fs::rename(part, to, error);
  if (error) return std::unexpected(FileError(to, error));
  return {};
}

}  // namespace

fs::path VolumeFiles::Volume(std::string_view volume) const { return root_ / volume; }

fs::path VolumeFiles::Instance(std::string_view volume, std::string_view instance) const {
  return root_ / volume / instance;
}

fs::path VolumeFiles::Backup(std::string_view volume, std::string_view instance,
                             std::string_view backup) const {
  return root_ / volume / instance / "backups" / backup;
}

Result<void> VolumeFiles::Grow(std::string_view volume, std::string_view instance,
                               std::int64_t rows) const {
  const fs::path directory = Instance(volume, instance);
  ILK_TRY_VOID(MakeDirectories(directory));
  ILK_TRY(data, Database::Open(directory / "data.sqlite", Database::Mode::create));
  ILK_TRY_VOID(data.Script(
      "PRAGMA synchronous=OFF; CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, customer "
      "TEXT NOT NULL, total_cents INTEGER NOT NULL, placed_at TEXT NOT NULL)"));
  return data.Run(
      "INSERT INTO orders WITH RECURSIVE n(i) AS (SELECT (SELECT count(*) FROM orders) + 1 UNION "
      "ALL "
      "SELECT i + 1 FROM n WHERE i < ?1) SELECT i, 'customer-' || (i * 7919 % 9973), i * 1237 % "
      "25000 + 100, datetime('2025-01-01', '+' || (i * 11) || ' minutes') FROM n WHERE i <= ?1",
      {rows});
}

Result<void> VolumeFiles::Dump(std::string_view volume, std::string_view instance) const {
  const fs::path directory = Instance(volume, instance);
  ILK_TRY(data, Database::Open(directory / "data.sqlite", Database::Mode::read_only));
  ILK_TRY(rows,
          data.Query("SELECT group_concat(line, char(10)) AS lines FROM (SELECT id || char(9) || "
                     "customer || char(9) || total_cents || char(9) || placed_at AS line FROM "
                     "orders ORDER BY id)"));
  const std::string_view lines = FindString(rows[0].as_object(), "lines");
  const fs::path path = directory / "dump.sql";
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << "--\n-- PostgreSQL database dump\n--\n\nCREATE TABLE public.orders (\n"
         "    id bigint NOT NULL,\n    customer text NOT NULL,\n    total_cents integer NOT NULL,\n"
         "    placed_at timestamp without time zone NOT NULL\n);\n\n"
         "COPY public.orders (id, customer, total_cents, placed_at) FROM stdin;\n"
      << lines << (lines.empty() ? "" : "\n")
      << "\\.\n\nALTER TABLE ONLY public.orders\n"
         "    ADD CONSTRAINT orders_pkey PRIMARY KEY (id);\n";
  out.flush();
  if (!out) return Fail(Code::unavailable, "cannot write " + path.string());
  return {};
}

Result<void> VolumeFiles::Snapshot(std::string_view volume, std::string_view instance,
                                   std::string_view backup) const {
  const fs::path to = Backup(volume, instance, backup);
  ILK_TRY_VOID(MakeDirectories(to));
  return Copy(Instance(volume, instance) / "data.sqlite", to / "data.sqlite");
}

Result<void> VolumeFiles::Restore(std::string_view volume, std::string_view instance,
                                  std::string_view backup) const {
  ILK_TRY_VOID(Copy(Backup(volume, instance, backup) / "data.sqlite",
                    Instance(volume, instance) / "data.sqlite"));
  return Dump(volume, instance);
}

Result<void> VolumeFiles::Wipe(std::string_view volume, std::string_view instance) const {
  ILK_TRY(data,
          Database::Open(Instance(volume, instance) / "data.sqlite", Database::Mode::existing));
  ILK_TRY_VOID(data.Script("DELETE FROM orders"));
  return Dump(volume, instance);
}

std::int64_t VolumeFiles::Rows(const fs::path& directory) {
  const fs::path path = directory / "data.sqlite";
  std::error_code error;
  if (!fs::exists(path, error)) return 0;
  auto data = Database::Open(path, Database::Mode::read_only);
  if (!data) return 0;
  return data->Number("SELECT count(*) FROM orders").value_or(0);
}

std::int64_t VolumeFiles::Bytes(const fs::path& directory) {
  std::int64_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator at(directory, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code ignored;
    const auto size = at->file_size(ignored);
    if (!ignored) bytes += static_cast<std::int64_t>(size);
  }
  return bytes;
}

}  // namespace interlock::railsim
