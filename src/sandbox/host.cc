// What a plan needs to know about this machine.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/file.h"
#include "base/unique_fd.h"
#include "sandbox/fill.h"
#include "sandbox/plan.h"
#include "sandbox/pretend.h"

namespace interlock::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kEtcEntriesMax = 20000;
constexpr int kEtcDepthMax = 8;

constexpr std::array<const char*, 6> kDevices = {"/dev/full", "/dev/null",    "/dev/random",
                                                 "/dev/tty",  "/dev/urandom", "/dev/zero"};

// Debian, Alpine; Fedora; SUSE; OpenBSD's name, used by some distributions.
constexpr std::array<const char*, 5> kBundles = {
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"};

// Names that hold secrets wherever they exist, whoever may read them.
constexpr std::array<const char*, 23> kEtcPrivate = {
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/security/opasswd",
    "/etc/interlock",
    "/etc/ssl/private",
    "/etc/pki/tls/private",
    "/etc/krb5.keytab",
    "/etc/wireguard",
    "/etc/letsencrypt",
    "/etc/kubernetes",
    "/etc/rancher",
    "/etc/docker",
    "/etc/ppp",
    "/etc/openvpn",
    "/etc/ipsec.secrets",
    "/etc/ipsec.d",
    "/etc/NetworkManager/system-connections",
    "/etc/mysql/debian.cnf",
    "/etc/pgbackrest.conf",
};

// What the directory itself tells, if its file system does.
Entry::Kind KindOf(const std::string& path, unsigned char type) {
  struct stat status{};
  if (type == DT_UNKNOWN && lstat(path.c_str(), &status) == 0) type = IFTODT(status.st_mode);
  switch (type) {
    case DT_DIR:
      return Entry::Kind::directory;
    case DT_LNK:
      return Entry::Kind::link;
    case DT_REG:
      return Entry::Kind::file;
    default:
      return Entry::Kind::other;
  }
}

Result<Listing> List(const std::string& path) {
  Listing listing{path, {}};
  DIR* directory = opendir(path.c_str());
  if (directory == nullptr) {
    return Fail(Code::unavailable,
                Fill("cannot plan the room: cannot list {}: {}", path, std::strerror(errno)));
  }
  while (const dirent* item = readdir(directory)) {
    Entry entry;
    entry.name = item->d_name;
    if (entry.name == "." || entry.name == "..") continue;
    const std::string full = (path == "/" ? "" : path) + "/" + entry.name;
    entry.kind = KindOf(full, item->d_type);
    if (entry.kind == Entry::Kind::link) {
      std::error_code error;
      entry.link_target = fs::read_symlink(full, error).string();
      if (error) continue;
    }
    listing.entries.push_back(std::move(entry));
  }
  closedir(directory);
  std::ranges::sort(listing.entries, {}, &Entry::name);
  return listing;
}

// Walks /etc for what others may not read. A normal user can't open these anyway; uid 0 inside is
// uid 0 outside to the file system, so a room of root's must not contain them. Runs at every start,
// over a thousand entries: by descriptors and the kernel's own records, one question for each.
class EtcWalk {
 public:
  // Nothing is asked about a link, and no path is walked twice.
  void Walk(UniqueFd directory, int depth) {
    alignas(std::uint64_t) std::array<char, 8192> records;
    for (;;) {
      const long got = directory.valid() ? syscall(SYS_getdents64, directory.get(), records.data(),
                                                   records.size())
                                         : -1;
      if (got < 0) unreadable.push_back(path_);
      if (got <= 0) return;
      for (long at = 0; at < got;) {
        // linux_dirent64: inode, offset, length of the record, type, name.
        const char* record = records.data() + at;
        std::uint16_t length = 0;
        std::memcpy(&length, record + 16, sizeof length);
        const auto type = static_cast<unsigned char>(record[18]);
        if (type != DT_LNK) Look(directory.get(), record + 19, depth);
        at += length;
      }
    }
  }

  std::vector<std::string> unreadable;

 private:
  void Look(int directory, const char* name, int depth) {
    if (std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0) return;
    struct stat status{};
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || S_ISLNK(status.st_mode))
      return;
    const bool is_directory = S_ISDIR(status.st_mode);
    const mode_t needed = is_directory ? (S_IROTH | S_IXOTH) : S_IROTH;
    const bool hidden = ++seen_ > kEtcEntriesMax || (is_directory && depth >= kEtcDepthMax) ||
                        (status.st_mode & needed) != needed;
    if (!hidden && !is_directory) return;
    const std::size_t outer = path_.size();
    path_.append("/").append(name);
    if (hidden) {
      unreadable.push_back(path_);
    } else {
      Walk(UniqueFd(openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)),
           depth + 1);
    }
    path_.resize(outer);
  }

  std::string path_ = "/etc";
  std::size_t seen_ = 0;
};

std::vector<std::string> PrivateInEtc(uid_t uid) {
  std::vector<std::string> out;
  struct stat status{};
  for (const char* path : kEtcPrivate) {
    if (lstat(path, &status) == 0 && !S_ISLNK(status.st_mode)) out.emplace_back(path);
  }
  if (const auto ssh = List("/etc/ssh")) {
    for (const Entry& entry : ssh->entries) {
      if (entry.name.starts_with("ssh_host_") && entry.name.ends_with("_key")) {
        out.push_back("/etc/ssh/" + entry.name);
      }
    }
  }
  if (uid == 0) {
    EtcWalk walk;
    walk.Walk(UniqueFd(open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC)), 0);
    out.insert(out.end(), walk.unreadable.begin(), walk.unreadable.end());
  }
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  // What lies in a hidden directory is hidden with it.
  std::vector<std::string> outermost;
  for (std::string& path : out) {
    const auto covers = [&](const std::string& other) { return IsWithin(path, other); };
    if (std::ranges::none_of(outermost, covers)) outermost.push_back(std::move(path));
  }
  return outermost;
}

// "/etc" and every existing directory in it that leads to a file of the request.
Result<std::vector<Listing>> ListEtc(const std::vector<File>& files) {
  std::vector<Listing> out;
  ILK_TRY(etc, List("/etc"));
  out.push_back(std::move(etc));
  for (const File& file : files) {
    for (std::size_t at = file.path.find('/', 5);
         IsWithin(file.path, "/etc") && at != std::string::npos; at = file.path.find('/', at + 1)) {
      const std::string path = file.path.substr(0, at);
      if (std::ranges::find(out, path, &Listing::path) != out.end()) continue;
      struct stat status{};
      if (lstat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) break;
      ILK_TRY(listing, List(path));
      out.push_back(std::move(listing));
    }
  }
  return out;
}

void FindBundles(Host& host) {
  for (const char* path : kBundles) {
    std::error_code error;
    const std::string real = fs::canonical(path, error).string();
    if (error || std::ranges::find(host.ca_bundles, real) != host.ca_bundles.end()) continue;
    if (access(real.c_str(), R_OK) == 0) host.ca_bundles.push_back(real);
  }
}

}  // namespace

Result<Host> InspectKernel() {
  Host host;
  host.uid = geteuid();
  host.gid = getegid();
  utsname name{};
  if (uname(&name) != 0 ||
      std::sscanf(name.release, "%u.%u", &host.kernel_major, &host.kernel_minor) != 2) {
    return Fail(Code::unavailable, "cannot plan the room: this kernel does not tell its version");
  }
  unsigned major = host.kernel_major, minor = host.kernel_minor;
  PretendKernel(major, minor);
  if (major != host.kernel_major || minor != host.kernel_minor)
    host.pretended_kernel = {major, minor};
  return host;
}

Result<void> InspectEtc(const std::vector<File>& files, Host& host) {
  ILK_TRY(etc, ListEtc(files));
  host.etc = std::move(etc);
  return {};
}

Result<Host> InspectHost() {
  ILK_TRY(host, InspectKernel());
  ILK_TRY(root, List("/"));
  host.root = std::move(root);
  host.etc_private = PrivateInEtc(host.uid);
  FindBundles(host);
  struct stat local{};
  host.has_usr_local = lstat("/usr/local", &local) == 0 && S_ISDIR(local.st_mode);
  for (const char* path : kDevices) {
    struct stat status{};
    if (stat(path, &status) == 0 && S_ISCHR(status.st_mode)) host.devices.emplace_back(path);
  }
  return host;
}

Result<Request> ResolvePaths(Request request) {
  std::error_code error;
  const auto resolve = [&](std::string& path, std::string_view what) -> Result<void> {
    const fs::path real = fs::canonical(path, error);
    if (error) {
      return Fail(Code::not_found,
                  Fill("cannot plan the room: {} \"{}\": {}", what, path, error.message()));
    }
    path = real.string();
    return {};
  };
  // Of what need not exist, the part that does is resolved.
  const auto resolve_weakly = [&](std::string& path) {
    const fs::path real = fs::weakly_canonical(fs::absolute(path, error), error);
    if (!error) path = real.string();
    if (path.size() > 1 && path.ends_with('/')) path.pop_back();
  };
  ILK_TRY_VOID(resolve(request.workspace, "the workspace"));
  if (!fs::is_directory(request.workspace, error)) {
    return Fail(Code::invalid_input, Fill("cannot plan the room: the workspace \"{}\" is not a "
                                          "directory",
                                          request.workspace));
  }
  // Frozen by path, which a link would lead astray.
  if (fs::is_symlink(request.workspace + "/interlock.yaml", error)) {
    return Fail(Code::denied, Fill("cannot plan the room: {}/interlock.yaml is a symbolic link; "
                                   "make it a file",
                                   request.workspace));
  }
  if (!request.home.empty()) resolve_weakly(request.home);
  if (!request.cwd.empty()) resolve_weakly(request.cwd);
  for (std::string& path : request.read_only) ILK_TRY_VOID(resolve(path, "the path to show"));
  for (std::string& path : request.hidden) resolve_weakly(path);
  for (std::string& path : request.protect) resolve_weakly(path);
  return request;
}

}  // namespace interlock::sandbox
