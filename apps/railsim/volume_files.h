// What volumes really hold: per instance a SQLite database with an `orders` table, a PostgreSQL
// dump of it, and the backups *inside the same directory*, which is what makes them die with the
// volume.
//
//   ROOT/<volume>/<instance>/data.sqlite, dump.sql, backups/<backup>/data.sqlite
//
// Names come from the world's own tables, never from a request.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace interlock::railsim {

class VolumeFiles {
 public:
  explicit VolumeFiles(std::filesystem::path root) : root_(std::move(root)) {}

  std::filesystem::path Volume(std::string_view volume) const;
  std::filesystem::path Instance(std::string_view volume, std::string_view instance) const;
  std::filesystem::path Backup(std::string_view volume, std::string_view instance,
                               std::string_view backup) const;

  // Makes the instance where it is missing and fills its table up to `rows`, always with the same
  // rows.
  Result<void> Grow(std::string_view volume, std::string_view instance, std::int64_t rows) const;
  // Writes dump.sql anew from the table.
  Result<void> Dump(std::string_view volume, std::string_view instance) const;
  Result<void> Snapshot(std::string_view volume, std::string_view instance,
                        std::string_view backup) const;
  Result<void> Restore(std::string_view volume, std::string_view instance,
                       std::string_view backup) const;
  // Empties the table; the backups stay.
  Result<void> Wipe(std::string_view volume, std::string_view instance) const;

  // Rows of the table in `directory`/data.sqlite; 0 when there is no such table any more.
  static std::int64_t Rows(const std::filesystem::path& directory);
  // Size of all files below, in bytes; 0 when there are none.
  static std::int64_t Bytes(const std::filesystem::path& directory);

 private:
  std::filesystem::path root_;
};

}  // namespace interlock::railsim
