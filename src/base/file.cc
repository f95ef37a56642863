#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ids.h"
#include "base/unique_fd.h"

namespace interlock {
namespace {

std::unexpected<Error> FailErrno(std::string_view doing, const std::filesystem::path& path,
                                 int error) {
  const Code code = error == ENOENT || error == ENOTDIR ? Code::not_found : Code::unavailable;
  return Fail(code, std::string(doing) + " " + path.string() + ": " + ::strerror(error));
}

std::filesystem::path ParentOf(const std::filesystem::path& path) {
  const std::filesystem::path parent = path.parent_path();
  return parent.empty() ? std::filesystem::path(".") : parent;
}

Result<void> WriteAll(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return FailErrno("writing", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return {};
}

enum class Sync { now, never };

Result<void> WriteNewFile(const std::filesystem::path& path, std::string_view bytes, unsigned mode,
                          Sync sync) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.valid()) return FailErrno("creating", path, errno);
  // After open, so that the umask has no say.
  if (::fchmod(fd.get(), static_cast<mode_t>(mode)) != 0)
    return FailErrno("setting the mode of", path, errno);
  ILK_TRY_VOID(WriteAll(fd.get(), bytes, path));
  if (sync == Sync::now && ::fsync(fd.get()) != 0) return FailErrno("syncing", path, errno);
  if (::close(fd.Release()) != 0) return FailErrno("closing", path, errno);
  return {};
}

Result<void> Replace(const std::filesystem::path& path, std::string_view bytes, unsigned mode,
                     Sync sync) {
  std::filesystem::path temporary = path;
  temporary += "." + ShortId("tmp");
  if (const auto written = WriteNewFile(temporary, bytes, mode, sync); !written) {
    ::unlink(temporary.c_str());
    return written;
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary.c_str());
    return FailErrno("replacing", path, error);
  }
  return {};
}

}  // namespace

Result<void> WriteFileDurably(const std::filesystem::path& path, std::string_view bytes,
                              unsigned mode) {
  ILK_TRY_VOID(Replace(path, bytes, mode, Sync::now));
  return SyncDirectory(ParentOf(path));
}

Result<void> ReplaceFile(const std::filesystem::path& path, std::string_view bytes, unsigned mode) {
  return Replace(path, bytes, mode, Sync::never);
}

Result<std::string> ReadFile(const std::filesystem::path& path, std::size_t limit) {
  // O_NONBLOCK: opening a named pipe must not wait for a writer.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd.valid()) return FailErrno("opening", path, errno);
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return FailErrno("looking at", path, errno);
  if (!S_ISREG(info.st_mode))
    return Fail(Code::invalid_input, "reading " + path.string() + ": not a regular file");
  const auto too_large = [&] {
    return Fail(Code::limit,
                "reading " + path.string() + ": larger than " + std::to_string(limit) + " bytes");
  };
  // The size is a hint: files of /proc say 0, and a file may grow while it is read.
  const auto hint = static_cast<std::size_t>(info.st_size);
  if (hint > limit) return too_large();
  std::string out;
  std::size_t filled = 0;
  for (;;) {
    if (filled == out.size()) out.resize(filled == 0 ? hint + 1 : filled + 65536);
    const ssize_t got = ::read(fd.get(), out.data() + filled, out.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FailErrno("reading", path, errno);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
    if (filled > limit) return too_large();
  }
  out.resize(filled);
  return out;
}

Result<void> SyncDirectory(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return FailErrno("opening", path, errno);
  if (::fsync(fd.get()) != 0) return FailErrno("syncing", path, errno);
  return {};
}

Result<void> MakePrivateDirectory(const std::filesystem::path& path) {
  struct stat there{};
  if (::stat(path.c_str(), &there) == 0 && S_ISDIR(there.st_mode)) return {};
  std::filesystem::path so_far;
  for (const auto& part : path) {
    so_far /= part;
    if (::mkdir(so_far.c_str(), 0700) == 0) {
      ILK_TRY_VOID(SyncDirectory(ParentOf(so_far)));
      continue;
    }
    const int error = errno;
    struct stat info{};
    if (::stat(so_far.c_str(), &info) != 0) return FailErrno("creating", so_far, error);
    if (!S_ISDIR(info.st_mode)) return FailErrno("creating", so_far, ENOTDIR);
  }
  return {};
}

}  // namespace interlock
