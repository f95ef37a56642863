#include "credential/scan/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "base/unique_fd.h"

namespace interlock::credential {
namespace {

constexpr std::size_t kPieceBytes = 4u << 20;
constexpr std::size_t kOverlapBytes = 64u << 10;  // longer than any credential that is looked for
constexpr std::size_t kBinaryLook = 8192;
constexpr std::size_t kQueueMax = 1024;

std::string Why() { return std::strerror(errno); }

// A bounded queue: the walk waits for the readers, so that no tree fills the memory.
class Queue {
 public:
  void Push(std::string path) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return paths_.size() < kQueueMax; });
    paths_.push_back(std::move(path));
    lock.unlock();
    work_.notify_one();
  }
  void Close() {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
    work_.notify_all();
  }
  // False: there is nothing any more.
  bool Pop(std::string& path) {
    std::unique_lock lock(mutex_);
    work_.wait(lock, [&] { return closed_ || !paths_.empty(); });
    if (paths_.empty()) return false;
    path = std::move(paths_.front());
    paths_.pop_front();
    lock.unlock();
    room_.notify_one();
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable room_;
  std::condition_variable work_;
  // Under mutex_.
  std::deque<std::string> paths_;
  bool closed_ = false;
};

// UTF-16 as the bytes below 0x80 that credentials are made of.
std::string Narrowed(std::string_view text, bool little) {
  std::string out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const char low = little ? text[i] : text[i + 1];
    const char high = little ? text[i + 1] : text[i];
    out += high == '\0' ? low : '?';
  }
  return out;
}

class Reader {
 public:
  Reader(const Detector& detector, ScanResults& results, TreeProgress& progress)
      : detector_(detector),
        results_(results),
        progress_(progress),
        buffer_(std::make_unique_for_overwrite<char[]>(kPieceBytes + kOverlapBytes)) {}
  ~Reader() { results_.Count(bytes_, files_); }

  void Read(const std::string& path, const std::string& place) {
    const UniqueFd file(
        ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    if (!file.valid()) {
      if (errno != ENOENT) results_.AddGap("reading " + place + ": " + Why());
      return;
    }
    struct stat status{};
    if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return;
    ++files_;
    progress_.files.fetch_add(1, std::memory_order_relaxed);
    Pieces(file.get(), path, place);
  }

 private:
  // Fills the buffer behind what is kept; -1 on an error, said already.
  ssize_t Fill(int file, std::size_t kept, const std::string& place) {
    std::size_t size = kept;
    while (size < kPieceBytes + kOverlapBytes) {
      const ssize_t got = ::read(file, buffer_.get() + size, kPieceBytes + kOverlapBytes - size);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) {
        results_.AddGap("reading " + place + ": " + Why());
        return -1;
      }
      if (got == 0) break;
      size += static_cast<std::size_t>(got);
      // Small files end with a short read; asking again would cost as much as looking at them.
      if (size < kPieceBytes && kept == 0 && size < expected_) continue;
      if (size >= expected_) break;
    }
    return static_cast<ssize_t>(size);
  }

  void Pieces(int file, const std::string& path, const std::string& place) {
    struct stat status{};
    ::fstat(file, &status);
    expected_ = static_cast<std::size_t>(std::max<off_t>(status.st_size, 1));
    std::size_t kept = 0;
    TextPlace where{place, path, 1, 0};
    Look look = Look::everything;
    for (bool first = true;; first = false) {
      const ssize_t filled = Fill(file, kept, place);
      if (filled < 0) return;
      const std::string_view text(buffer_.get(), static_cast<std::size_t>(filled));
      if (text.size() <= kept) return;
      const std::size_t fresh = text.size() - kept;
      bytes_ += fresh;
      progress_.bytes.fetch_add(fresh, std::memory_order_relaxed);
      if (first) {
        if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
          const std::string narrow = Narrowed(text.substr(2), text[0] == '\xff');
          ScanText(detector_, narrow, where, Look::everything, results_);
          if (text.size() >= kPieceBytes)
            results_.AddGap(place + ": only the beginning of this UTF-16 file was looked at");
          return;
        }
        if (text.substr(0, kBinaryLook).find('\0') != std::string_view::npos) look = Look::formats;
      }
      ScanText(detector_, text, where, look, results_);
      if (where.first_offset + text.size() >= expected_) return;
      kept = std::min(kOverlapBytes, text.size());
      const std::size_t passed = text.size() - kept;
      // What lies in the part that is kept is found again, and told once.
      where.first_line += static_cast<std::size_t>(
          std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(passed), '\n'));
      where.first_offset += passed;
      std::memmove(buffer_.get(), buffer_.get() + passed, kept);
    }
  }

  const Detector& detector_;
  ScanResults& results_;
  TreeProgress& progress_;
  const std::unique_ptr<char[]> buffer_;
  std::size_t expected_ = 0;  // of the file, when it was opened
  std::uint64_t bytes_ = 0;
  std::uint64_t files_ = 0;
};

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

class Walk {
 public:
  Walk(std::string root, const IgnoreList& ignore, const TreeLimits& limits, ScanResults& results,
       Queue& queue)
      : root_(std::move(root)),
        ignore_(ignore),
        limits_(limits),
        results_(results),
        queue_(queue) {}

  void Run() {
    struct stat status{};
    if (::lstat(root_.c_str(), &status) != 0) {
      results_.AddGap("reading " + root_ + ": " + Why());
    } else if (S_ISDIR(status.st_mode)) {
      pending_.push_back({"", 0});
      while (!pending_.empty()) {
        const Pending next = std::move(pending_.back());
        pending_.pop_back();
        Directory(next);
      }
    } else if (S_ISREG(status.st_mode)) {
      queue_.Push("");
    } else {
      results_.AddGap(root_ + " is neither a file nor a directory");
    }
  }

 private:
  struct Pending {
    std::string path;  // relative
    std::size_t depth = 0;
  };

  void Directory(const Pending& here) {
    const std::string full = here.path.empty() ? root_ : root_ + "/" + here.path;
    const int opened = ::open(full.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    const std::unique_ptr<DIR, CloseDirectory> directory(opened < 0 ? nullptr
                                                                    : ::fdopendir(opened));
    if (!directory) {
      results_.AddGap("reading " + full + ": " + Why());
      if (opened >= 0) ::close(opened);
      return;
    }
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(directory.get());
      if (entry == nullptr) {
        if (errno != 0) results_.AddGap("reading " + full + ": " + Why());
        return;
      }
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      Entry(here, name, TypeOf(*entry, ::dirfd(directory.get())));
    }
  }

  static unsigned char TypeOf(const dirent& entry, int directory) {
    if (entry.d_type != DT_UNKNOWN) return entry.d_type;
    struct stat status{};
    if (::fstatat(directory, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) return DT_UNKNOWN;
    return S_ISDIR(status.st_mode) ? DT_DIR : S_ISREG(status.st_mode) ? DT_REG : DT_UNKNOWN;
  }

  void Entry(const Pending& here, std::string_view name, unsigned char type) {
    std::string path = here.path.empty() ? std::string(name) : here.path + "/" + std::string(name);
    if (type == DT_REG) {
      if (!ignore_.IgnoresFile(path)) queue_.Push(std::move(path));
      return;
    }
    if (type != DT_DIR || ignore_.IgnoresDirectory(path)) return;
    const bool in_git = here.path == ".git" || here.path.ends_with("/.git");
    if (in_git && (name == "objects" || name == "lfs")) return;
    if (here.depth + 1 >= limits_.depth_max) {
      results_.AddGap(path + " lies deeper than " + std::to_string(limits_.depth_max) +
                      " directories");
      return;
    }
    pending_.push_back({std::move(path), here.depth + 1});
  }

  const std::string root_;
  const IgnoreList& ignore_;
  const TreeLimits& limits_;
  ScanResults& results_;
  Queue& queue_;
  std::vector<Pending> pending_;
};

}  // namespace

void ScanTree(const Detector& detector, const std::filesystem::path& root, const IgnoreList& ignore,
              const TreeLimits& limits, ScanResults& results, TreeProgress& progress) {
  std::string base = root.native();
  while (base.size() > 1 && base.ends_with('/')) base.pop_back();
  Queue queue;
  const auto read_all = [&] {
    Reader reader(detector, results, progress);
    std::string path;
    while (queue.Pop(path)) {
      const std::string full = path.empty() ? base : base == "/" ? "/" + path : base + "/" + path;
      reader.Read(full, full);
    }
  };
  std::vector<std::jthread> readers;
  for (unsigned i = 0; i < std::max(1u, limits.threads); ++i) readers.emplace_back(read_all);
  Walk(base, ignore, limits, results, queue).Run();
  queue.Close();
}

}  // namespace interlock::credential
