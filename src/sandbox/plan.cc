#include "sandbox/plan.h"

#include <sys/resource.h>

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "sandbox/fill.h"
#include "sandbox/java_trust.h"

namespace interlock::sandbox {
namespace {

constexpr std::array<std::string_view, 11> kSystemTrees = {
    "bin", "gnu", "lib", "lib32", "lib64", "libexec", "libx32", "nix", "opt", "sbin", "usr",
};

// A workspace is shown read-write: none of these may be one, whole ...
constexpr std::array<std::string_view, 10> kNeverWhole = {
    "/", "/home", "/media", "/mnt", "/opt", "/root", "/srv", "/tmp", "/var", "/var/tmp",
};
// ... or in part. /run holds the sockets of the host's services.
constexpr std::array<std::string_view, 15> kNeverWithin = {
    "/bin",  "/boot", "/dev", "/etc",  "/lib", "/lib32",       "/lib64", "/libx32",
    "/proc", "/run",  "/nix", "/sbin", "/sys", kRoomDirectory, kHostEtc,
};

// What /proc tells about the host's kernel and its keys rather than about the room.
constexpr std::array<std::string_view, 5> kProcHidden = {"cmdline", "kallsyms", "key-users", "keys",
                                                         "sysrq-trigger"};
// Readable or writable by uid 0 without any capability, because the files belong to it: a room
// whose user is root would otherwise share them with the host.
constexpr std::array<std::string_view, 13> kProcHiddenFromRoot = {
    "acpi", "kcore",        "kmsg", "kpagecgroup", "kpagecount", "kpageflags",  "latency_stats",
    "mtrr", "pagetypeinfo", "scsi", "slabinfo",    "timer_list", "vmallocinfo",
};
constexpr std::array<std::string_view, 5> kProcFrozen = {"bus", "driver", "fs", "irq", "sys"};

constexpr std::string_view kHosts =
    "127.0.0.1 localhost interlock\n::1 localhost ip6-localhost ip6-loopback\n";
// Any address would do, since port 53 of all of them is captured; 127.0.0.1 is the one every
// resolver library treats as ordinary.
constexpr std::string_view kResolver = "nameserver 127.0.0.1\n";

std::string RoomPath(std::string_view name) { return Fill("{}/{}", kRoomDirectory, name); }

// Where a host path is seen inside.
std::string SeenAt(std::string_view host_path) {
  if (!IsWithin(host_path, "/etc")) return std::string(host_path);
  return std::string(kHostEtc) + std::string(host_path.substr(4));
}

bool IsListed(const std::vector<std::string>& list, std::string_view path) {
  return std::ranges::find(list, path) != list.end();
}

Result<void> RefuseWorkspace(std::string_view workspace, std::string_view why) {
  return Fail(Code::denied,
              Fill("cannot make \"{}\" the workspace: {}. Choose the directory of one project with "
                   "--workspace DIR",
                   EscapeForHumans(workspace), why));
}

Result<void> CheckWorkspace(const Request& request) {
  const std::string& workspace = request.workspace;
  if (!workspace.starts_with('/')) return RefuseWorkspace(workspace, "it is not an absolute path");
  if (!IsUtf8(workspace)) {
    return RefuseWorkspace(workspace, "its path is not UTF-8, so it can't be put on the record");
  }
  for (const std::string_view never : kNeverWhole) {
    if (workspace == never) return RefuseWorkspace(workspace, "it holds more than one project");
  }
  for (const std::string_view never : kNeverWithin) {
    if (IsWithin(workspace, never)) {
      return RefuseWorkspace(workspace, Fill("{} belongs to the system", never));
    }
  }
  if (IsWithin(workspace, "/usr")) return RefuseWorkspace(workspace, "/usr belongs to the system");
  if (IsWithin(request.home, workspace)) {
    return RefuseWorkspace(workspace, "your home directory lies in it, with its keys and tokens");
  }
  if (IsWithin(workspace, request.home) && workspace[request.home.size() + 1] == '.') {
    return RefuseWorkspace(workspace, "dot directories of your home hold settings and credentials");
  }
  for (const std::string& path : request.hidden) {
    if (IsWithin(path, workspace) || IsWithin(workspace, path)) {
      return RefuseWorkspace(workspace,
                             Fill("Interlock's own state or configuration is at {}", path));
    }
  }
  for (const std::string& path : request.protect) {
    if (IsWithin(path, workspace)) {
      return RefuseWorkspace(
          workspace, Fill("Interlock's own programs or packs are in it ({}), and an agent may not "
                          "change them",
                          path));
    }
  }
  return {};
}

Result<void> CheckView(const Request& request) {
  const WorkspaceView& view = request.view;
  for (const auto* list : {&view.pinned, &view.frozen, &view.hidden}) {
    for (const std::string& path : *list) {
      if (IsWithin(path, request.workspace) && path != request.workspace) continue;
      return Fail(Code::internal, Fill("cannot plan the room: {} is not in the workspace", path));
    }
  }
  if (view.overlay.empty() || view.overlay.starts_with('/')) return {};
  return Fail(Code::internal, "cannot plan the room: the overlay's directory is not absolute");
}

Result<void> CheckReadOnly(const Request& request) {
  for (const std::string& path : request.read_only) {
    const auto refuse = [&](std::string_view why) {
      return Fail(Code::denied, Fill("cannot show \"{}\" in the room: {}", path, why));
    };
    if (!path.starts_with('/') || path == "/") return refuse("name one directory or file");
    if (IsWithin(request.home, path)) return refuse("your home directory lies in it");
    for (const std::string_view never : {"/proc", "/sys", "/dev", "/run"}) {
      if (IsWithin(path, never)) return refuse(Fill("{} is the host's", never));
    }
    for (const std::string& hidden : request.hidden) {
      if (IsWithin(path, hidden) || IsWithin(hidden, path)) {
        return refuse(Fill("Interlock's own state or configuration is at {}", hidden));
      }
    }
  }
  return {};
}

Result<void> CheckCommand(const Request& request) {
  if (request.argv.empty() || request.argv[0].empty()) {
    return Fail(Code::invalid_input, "cannot plan the room: there is no command to run in it");
  }
  for (const std::string& argument : request.argv) {
    if (argument.find('\0') != std::string::npos) {
      return Fail(Code::invalid_input, "cannot plan the room: an argument holds a NUL");
    }
  }
  if (request.capture_port == 0) {
    return Fail(Code::invalid_input, "cannot plan the room: port 0 can't capture connections");
  }
  // Below it the kernel itself refuses (RESERVED_PIDS).
  if (request.processes_max < 302) {
    return Fail(Code::invalid_input,
                "cannot plan the room: fewer than 302 processes is not possible");
  }
  if (!request.entered.empty() && !request.entered[0].starts_with('/')) {
    return Fail(Code::invalid_input, Fill("cannot plan the room: \"{}\" is not the absolute path "
                                          "of a program to enter with",
                                          request.entered[0]));
  }
  for (const File& file : request.files) {
    if (!file.path.starts_with('/') || file.path.ends_with('/') ||
        file.path.find("/..") != std::string::npos || file.path.find("//") != std::string::npos) {
      return Fail(Code::invalid_input, Fill("cannot plan the room: \"{}\" is not the absolute path "
                                            "of a file",
                                            file.path));
    }
  }
  return {};
}

bool IsHomePath(std::string_view path) {
  return !path.empty() && !path.starts_with('/') && !path.ends_with('/') && !IsWithin(path, "..") &&
         path.find("/..") == std::string::npos && path.find("//") == std::string::npos &&
         path.find('\0') == std::string::npos;
}

Result<void> CheckHome(const Request& request) {
  const auto refuse = [](std::string_view path, std::string_view why) {
    return Fail(Code::invalid_input,
                Fill("cannot plan the room: \"{}\" in its home: {}", path, why));
  };
  for (const HomeFile& file : request.home_files) {
    if (!IsHomePath(file.path)) return refuse(file.path, "not a path below the home");
  }
  for (const Kept& kept : request.kept) {
    if (!IsHomePath(kept.path)) return refuse(kept.path, "not a path below the home");
    if (!kept.source.starts_with('/'))
      return refuse(kept.path, "what is kept has no place outside");
    if (IsWithin(kept.source, request.workspace) || IsWithin(request.workspace, kept.source)) {
      return refuse(kept.path, "what is kept lies in the workspace");
    }
  }
  for (const Link& link : request.links) {
    if (!link.path.starts_with('/') || link.target.empty()) {
      return refuse(link.path, "not a link with an absolute path");
    }
  }
  return {};
}

// Collects the mounts of one plan in their order.
class Builder {
 public:
  Builder(const Request& request, const Host& host) : request_(request), host_(host) {
    private_ = host.etc_private;
    private_.insert(private_.end(), request.hidden.begin(), request.hidden.end());
    files_ = request.files;
    files_.push_back({"/etc/hosts", std::string(kHosts)});
    files_.push_back({"/etc/resolv.conf", std::string(kResolver)});
  }

  std::vector<Mount> Build() {
    AddRoomDirectory();
    AddSystem();
    AddEtc("/etc");
    AddProc();
    AddDev();
    AddEmptyPlaces();
    AddWorkspace();
    AddFiles();
    AddHidden();
    return std::move(mounts_);
  }

  // Host trees that can be seen, for PATH and for what must be hidden in them.
  const std::vector<std::string>& visible() const { return visible_; }

 private:
  void Add(MountKind kind, std::string target, std::string source = "", unsigned mode = 0755) {
    mounts_.push_back({kind, std::move(source), std::move(target), "", mode, ""});
  }
  void AddFile(std::string target, std::string content, unsigned mode = 0444) {
    mounts_.push_back({MountKind::file, "", std::move(target), std::move(content), mode, ""});
  }
  void Show(const std::string& path) {
    Add(MountKind::bind_read_only, path, path);
    visible_.push_back(path);
  }
  // Where others than the distribution put files, services put sockets too, and a bound socket can
  // be connected to from inside (docs/threat-model.md#files). An overlay shows the same files
  // without that.
  void ShowSystemTree(const std::string& path) {
    if (path == "/nix") {
      Add(MountKind::layer_read_only, "/nix/store", "/nix/store");  // beside it lies the daemon's
      visible_.push_back("/nix/store");
    } else if (path == "/opt") {
      Add(MountKind::layer_read_only, path, path);
      visible_.push_back(path);
    } else {
      Show(path);
      if (path == "/usr" && host_.has_usr_local) {
        Add(MountKind::layer_read_only, "/usr/local", "/usr/local");
      }
    }
  }
  bool IsVisible(std::string_view path) const {
    return std::ranges::any_of(visible_, [&](const auto& root) { return IsWithin(path, root); });
  }

  bool HasFile(std::string_view path) const {
    return std::ranges::any_of(files_, [&](const File& file) { return file.path == path; });
  }

  void AddRoomDirectory() {
    Add(MountKind::directory, std::string(kRoomDirectory));
    AddFile(RoomPath("empty"), "");
    Add(MountKind::directory, RoomPath("empty.d"));
    if (request_.ca_certificate.empty()) return;
    AddFile(RoomPath("ca.pem"), request_.ca_certificate);
    AddFile(RoomPath("ca.jks"), JavaTrustStore(request_.ca_certificate));
    // The host's are copied when the room is made, and only there: they are large.
    AddFile(RoomPath("ca-bundle.pem"), "\n" + request_.ca_certificate);
    if (!host_.ca_bundles.empty()) mounts_.back().source = host_.ca_bundles.front();
  }

  void AddSystem() {
    for (const Entry& entry : host_.root.entries) {
      if (std::ranges::find(kSystemTrees, entry.name) == kSystemTrees.end()) continue;
      const std::string path = "/" + entry.name;
      if (entry.kind == Entry::Kind::directory) ShowSystemTree(path);
      if (entry.kind != Entry::Kind::link) continue;
      Add(MountKind::link, path, entry.link_target);
      visible_.push_back(path);
    }
    Add(MountKind::bind_read_only, std::string(kHostEtc), "/etc");
    visible_.push_back("/etc");
    for (const std::string& path : host_.etc_private) Add(MountKind::hide, SeenAt(path));
    if (request_.ca_certificate.empty()) return;
    for (const std::string& path : host_.ca_bundles) {
      if (IsVisible(path)) Add(MountKind::cover, SeenAt(path), RoomPath("ca-bundle.pem"));
    }
  }

  // /etc is assembled from links into the host's, so that files can be left out, replaced and added
  // without touching the host. A directory that gets a file is opened up in the same way.
  void AddEtc(const std::string& directory) {
    Add(MountKind::directory, directory);
    const auto listing = std::ranges::find(host_.etc, directory, &Listing::path);
    if (listing == host_.etc.end()) return;
    for (const Entry& entry : listing->entries) {
      const std::string path = directory + "/" + entry.name;
      if (IsListed(private_, path) || HasFile(path)) continue;
      AddEtcEntry(path, entry);
    }
  }
  void AddEtcEntry(const std::string& path, const Entry& entry) {
    const bool opened =
        std::ranges::any_of(files_, [&](const File& file) { return IsWithin(file.path, path); });
    if (opened) {
      AddEtc(path);
    } else if (entry.kind == Entry::Kind::link) {
      Add(MountKind::link, path, entry.link_target);
    } else if (entry.kind != Entry::Kind::other) {
      Add(MountKind::link, path, SeenAt(path));
    }
  }

  void AddProc() {
    Add(MountKind::proc, "/proc");
    for (const std::string_view name : kProcFrozen) {
      Add(MountKind::freeze, Fill("/proc/{}", name));
    }
    for (const std::string_view name : kProcHidden) Add(MountKind::hide, Fill("/proc/{}", name));
    if (host_.uid != 0) return;
    for (const std::string_view name : kProcHiddenFromRoot) {
      Add(MountKind::hide, Fill("/proc/{}", name));
    }
  }

  void AddDev() {
    Add(MountKind::directory, "/dev");
    for (const std::string& path : host_.devices) Add(MountKind::device, path, path);
    Add(MountKind::devpts, "/dev/pts");
    Add(MountKind::link, "/dev/ptmx", "pts/ptmx");
    Add(MountKind::link, "/dev/fd", "/proc/self/fd");
    Add(MountKind::link, "/dev/stdin", "/proc/self/fd/0");
    Add(MountKind::link, "/dev/stdout", "/proc/self/fd/1");
    Add(MountKind::link, "/dev/stderr", "/proc/self/fd/2");
    Add(MountKind::tmpfs, "/dev/shm", "", 01777);
  }

  void AddEmptyPlaces() {
    Add(MountKind::directory, "/run");
    Add(MountKind::directory, "/var");
    Add(MountKind::link, "/var/run", "/run");
    Add(MountKind::tmpfs, "/var/tmp", "", 01777);
    Add(MountKind::tmpfs, "/tmp", "", 01777);
    Add(MountKind::tmpfs, request_.home, "", 0700);
  }

  void AddWorkspace() {
    const auto in_workspace = [&](const std::string& path) {
      return IsWithin(path, request_.workspace);
    };
    for (const std::string& path : request_.read_only) {
      if (!in_workspace(path) && !IsVisible(path)) Show(path);
    }
    AddHome();
    const WorkspaceView& view = request_.view;
    Add(view.overlay.empty() ? MountKind::bind_read_write : MountKind::overlay, request_.workspace,
        request_.workspace);
    mounts_.back().store = view.overlay;
    visible_.push_back(request_.workspace);
    // A rename of a directory takes the mounts in it along; only a mount point itself stays.
    for (const std::string& path : view.pinned) Add(MountKind::pin, path);
    for (const std::string& path : view.frozen) Add(MountKind::protect, path);
    for (const std::string& path : view.hidden) Add(MountKind::hide, path);
    for (const std::string& path : request_.read_only) {
      if (in_workspace(path)) Add(MountKind::freeze, path);
    }
    // It may only tighten the rules, but an agent that edits it would still change what it is
    // judged by.
    Add(MountKind::freeze, request_.workspace + "/interlock.yaml");
  }

  // What the profile gives the home. Nothing in the workspace, which shows what is there, and
  // nothing in a tree that is shown already.
  void AddHome() {
    const auto is_taken = [&](const std::string& path) {
      return IsWithin(path, request_.workspace) || IsVisible(path);
    };
    for (const Link& link : request_.links) {
      const auto covers = [&](const Mount& mount) { return IsWithin(mount.target, link.path); };
      if (is_taken(link.path) || std::ranges::any_of(mounts_, covers)) continue;
      Add(MountKind::link, link.path, link.target);
    }
    for (const Kept& kept : request_.kept) {
      const std::string target = request_.home + "/" + kept.path;
      if (!is_taken(target)) Add(MountKind::bind_read_write, target, kept.source);
    }
    for (const HomeFile& file : request_.home_files) {
      const std::string target = request_.home + "/" + file.path;
      if (is_taken(target)) continue;
      Add(MountKind::file, target, "", file.mode);
      mounts_.back().content = file.content;
    }
  }

  void AddFiles() {
    std::size_t staged = 0;
    for (const File& file : files_) {
      if (IsWithin(file.path, "/etc") || IsWithin(file.path, kRoomDirectory)) {
        AddFile(file.path, file.content, file.mode);
        continue;
      }
      const std::string stage = RoomPath(Fill("files/{}", staged++));
      AddFile(stage, file.content);
      Add(MountKind::cover, file.path, stage);
    }
  }

  void AddHidden() {
    for (const std::string& path : request_.hidden) {
      if (IsVisible(path)) Add(MountKind::hide, SeenAt(path));
    }
  }

  const Request& request_;
  const Host& host_;
  std::vector<std::string> private_;
  std::vector<File> files_;
  std::vector<Mount> mounts_;
  std::vector<std::string> visible_;
};

using Version = std::pair<unsigned, unsigned>;
constexpr Version kCountsPerUser{5, 14};       // RLIMIT_NPROC, by user namespace
constexpr Version kCountsPerNamespace{6, 14};  // pid_max, a property of the pid namespace

bool CanBoundProcesses(uid_t uid, Version kernel) {
  return kernel >= kCountsPerNamespace || (uid != 0 && kernel >= kCountsPerUser);
}

Result<void> AddLimits(const Request& request, const Host& host, Plan& plan) {
  // No core files, and 1 rather than 0 because 0 would still start a core handler, which runs
  // outside with the memory of a process that holds the session's tokens (core(5)).
  plan.limits.push_back({RLIMIT_CORE, 1});
  plan.sysctls.push_back({"user/max_user_namespaces", "0"});
  plan.sysctls.push_back({"net/ipv4/ip_unprivileged_port_start", "0"});
  // Counted per user namespace since 5.14; before, the caller's other processes would count too.
  // The kernel does not apply it to uid 0.
  const Version kernel{host.kernel_major, host.kernel_minor};
  if (host.uid != 0 && kernel >= kCountsPerUser)
    plan.limits.push_back({RLIMIT_NPROC, request.processes_max});
  // A property of the pid namespace since 6.14; before, this would be the host's own setting.
  if (kernel >= kCountsPerNamespace) {
    plan.sysctls.push_back({"kernel/pid_max", Fill("{}", request.processes_max)});
  }
  const Version shown = host.pretended_kernel.value_or(kernel);
  if (CanBoundProcesses(host.uid, shown)) return {};
  if (!request.weakenings.unbounded_processes) {
    return Fail(
        Code::unavailable,
        Fill("cannot make the room: Linux {}.{} can't bound how many processes it holds "
             "here, so a fork bomb would take the machine with it: {}; or do without that "
             "bound, with --weaken {}",
             shown.first, shown.second, FindWeakening(kNoProcessLimit)->remedy, kNoProcessLimit));
  }
  plan.weakened.emplace_back(kNoProcessLimit);
  return {};
}

Result<void> Check(const Request& request) {
  ILK_TRY_VOID(CheckCommand(request));
  ILK_TRY_VOID(CheckWorkspace(request));
  ILK_TRY_VOID(CheckReadOnly(request));
  ILK_TRY_VOID(CheckView(request));
  return CheckHome(request);
}

// A home that can't be made empty gets a substitute: "/" for some service users, or a system
// directory.
std::string HomeFor(const Request& request) {
  const std::string& home = request.home;
  if (!home.starts_with('/') || home == "/") return "/home/interlock";
  for (const std::string_view never : kNeverWithin) {
    if (IsWithin(home, never)) return "/home/interlock";
  }
  return IsWithin(home, "/usr") || IsWithin(home, "/opt") ? "/home/interlock" : home;
}

}  // namespace

bool IsWithin(std::string_view path, std::string_view ancestor) {
  if (ancestor == "/") return path.starts_with('/');
  if (!path.starts_with(ancestor)) return false;
  return path.size() == ancestor.size() || path[ancestor.size()] == '/';
}

Result<Plan> PlanFor(const Request& given, const Host& host) {
  Request request = given;
  request.home = HomeFor(given);
  ILK_TRY_VOID(Check(request));
  Plan plan;
  plan.agent = request.agent;
  plan.argv = request.argv;
  plan.cwd = IsWithin(request.cwd, request.workspace) ? request.cwd : request.workspace;
  Builder builder(request, host);
  plan.mounts = builder.Build();
  std::vector<std::string> roots = builder.visible();
  roots.insert(roots.end(), request.path_entries.begin(), request.path_entries.end());
  ILK_TRY(environment, EnvironmentFor(request, plan.cwd, roots));
  plan.environment = std::move(environment);
  plan.hidden = request.hidden;
  plan.namespaces = {"user", "net", "mnt", "pid", "ipc", "uts", "cgroup"};
  plan.uid = request.seen_as ? request.seen_as->uid : host.uid;
  plan.gid = request.seen_as ? request.seen_as->gid : host.gid;
  plan.hostname = "interlock";
  ILK_TRY_VOID(AddLimits(request, host, plan));
  plan.seccomp = "room-1";
  plan.capture_port = request.capture_port;
  plan.dialled = request.dialled;
  plan.entered = request.entered;
  return plan;
}

Result<std::vector<std::string>> CheckRequest(const Request& request) {
  ILK_TRY(resolved, ResolvePaths(request));
  resolved.home = HomeFor(resolved);
  ILK_TRY_VOID(Check(resolved));
  ILK_TRY(kernel, InspectKernel());
  Plan plan;
  ILK_TRY_VOID(AddLimits(resolved, kernel, plan));
  return std::move(plan.weakened);
}

Result<Plan> MakePlan(const Request& request) {
  ILK_TRY(host, InspectHost());
  return MakePlan(request, std::move(host));
}

Result<Plan> MakePlan(const Request& request, Host host) {
  ILK_TRY(resolved, ResolvePaths(request));
  ILK_TRY_VOID(InspectEtc(resolved.files, host));
  return PlanFor(resolved, host);
}

}  // namespace interlock::sandbox
