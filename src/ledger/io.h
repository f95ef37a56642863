// Every write of the ledger goes through here, so that a test can make any of them fail or stop the
// process at it. Errors are Code::unavailable and name the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace interlock::ledger {

struct File {
  UniqueFd fd;
  std::filesystem::path path;  // for messages
};

class Io {
 public:
  virtual ~Io() = default;

  // For reading and writing; created with mode 0600 where missing.
  virtual Result<File> Open(const std::filesystem::path& path);
  virtual Result<void> Write(const File& file, std::string_view bytes, std::uint64_t offset);
  // The bytes that were written (not necessarily times) are on stable storage afterwards.
  virtual Result<void> SyncData(const File& file);
  // The same with all metadata.
  virtual Result<void> Sync(const File& file);
  // The same for everything on the file system of `file` that was written before.
  virtual Result<void> SyncFileSystem(const File& file);
  virtual Result<void> SyncDirectory(const std::filesystem::path& path);
  // A missing parent is the caller's mistake; an existing directory is fine.
  virtual Result<void> MakeDirectory(const std::filesystem::path& path);
  virtual Result<void> Rename(const std::filesystem::path& from, const std::filesystem::path& to);
  // A file or an empty directory; missing or not empty is fine.
  virtual Result<void> Remove(const std::filesystem::path& path);

  // The real thing.
  static Io& System();
};

}  // namespace interlock::ledger
