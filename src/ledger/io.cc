#include "ledger/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "base/file.h"

namespace interlock::ledger {
namespace {

std::unexpected<Error> Failed(const char* doing, const std::filesystem::path& path) {
  return Fail(Code::unavailable,
              std::string("ledger: ") + doing + " " + path.string() + ": " + strerror(errno));
}

}  // namespace

Result<File> Io::Open(const std::filesystem::path& path) {
  File file{UniqueFd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)), path};
  if (!file.fd.valid()) return Failed("opening", path);
  return file;
}

Result<void> Io::Write(const File& file, std::string_view bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t wrote =
        ::pwrite(file.fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return Failed("writing", file.path);
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
    offset += static_cast<std::uint64_t>(wrote);
  }
  return {};
}

Result<void> Io::SyncData(const File& file) {
  if (::fdatasync(file.fd.get()) != 0) return Failed("syncing", file.path);
  return {};
}

Result<void> Io::Sync(const File& file) {
  if (::fsync(file.fd.get()) != 0) return Failed("syncing", file.path);
  return {};
}

Result<void> Io::SyncFileSystem(const File& file) {
  if (::syncfs(file.fd.get()) != 0) return Failed("syncing the file system of", file.path);
  return {};
}

Result<void> Io::SyncDirectory(const std::filesystem::path& path) {
  return interlock::SyncDirectory(path);
}

Result<void> Io::MakeDirectory(const std::filesystem::path& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return Failed("creating", path);
  return {};
}

Result<void> Io::Rename(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return Failed("renaming into place", to);
  return {};
}

Result<void> Io::Remove(const std::filesystem::path& path) {
  if (::remove(path.c_str()) != 0 && errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST) {
    return Failed("removing", path);
  }
  return {};
}

Io& Io::System() {
  static Io io;
  return io;
}

}  // namespace interlock::ledger
