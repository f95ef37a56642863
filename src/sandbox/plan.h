// The room an agent works in, as a value: everything the kernel gets, decided before anything is
// done.
//
// A Plan can be printed, compared and tested without privileges; apply.h turns it into system calls
// and adds nothing of its own. What the plan does not name does not exist inside: the agent's home,
// the host's sockets, /sys, other processes and every network are absent rather than forbidden.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "sandbox/weaken.h"

namespace interlock::sandbox {

// Where a variable comes from. Values of `session` variables (phantom tokens) are not printed.
enum class Origin { caller, room, session };

struct Variable {
  std::string name;
  std::string value;
  Origin origin = Origin::session;
  bool operator==(const Variable&) const = default;
};

// A file that exists only inside the room, read-only. A path in /etc is made even where the host
// has no such directory: this is how managed hook settings get in.
struct File {
  std::string path;  // absolute
  std::string content;
  unsigned mode = 0444;
  bool operator==(const File&) const = default;
};

// How the workspace is shown beyond "read-write". Absolute paths inside the workspace, as
// workspace_guard.h finds them; a path that has gone or became a link since refuses the room.
struct WorkspaceView {
  // Interlock's own directory with "upper" and "work" in it: changes go there and the workspace
  // stays as it is. "" shows the workspace itself.
  std::string overlay;
  std::vector<std::string> pinned;  // directories that can't be renamed or replaced; parents first
  std::vector<std::string> frozen;  // read-only
  std::vector<std::string> hidden;  // shown as empty: sockets, credential files that can't be read
  bool operator==(const WorkspaceView&) const = default;
};

// A symbolic link that exists only inside the room, such as the one a program is started by.
struct Link {
  std::string path;  // absolute
  std::string target;
  bool operator==(const Link&) const = default;
};

// A file that the room's home starts with; the agent may change its copy. Contents are not printed.
struct HomeFile {
  std::string path;  // relative to the home, normal
  std::string content;
  unsigned mode = 0600;
  bool operator==(const HomeFile&) const = default;
};

// A directory of Interlock's own that stands at a place of the home, so that what the agent writes
// there is still there in the next session of the same workspace.
struct Kept {
  std::string path;    // relative to the home, normal
  std::string source;  // absolute; made by the caller, 0700, and seen by nothing but rooms
  bool operator==(const Kept&) const = default;
};

// A uid and gid as they look inside.
struct Ids {
  uid_t uid = 0;
  gid_t gid = 0;
  bool operator==(const Ids&) const = default;
};

// What is wanted.
struct Request {
  std::vector<std::string> argv;
  std::string workspace;  // shown read-write at its own (resolved) path
  std::string cwd;        // the caller's; used if it lies in the workspace
  std::string home;       // the caller's home: an empty one takes its place
  std::vector<Variable>
      caller_environment;           // everything; the plan picks what it knows to be harmless
  std::vector<Variable> variables;  // of the session; they win over the caller's
  std::vector<std::string> hidden;  // STATE, configuration: never visible, never near the workspace
  std::vector<std::string>
      protect;  // packs, our programs: may be visible, not inside the workspace
  std::vector<std::string>
      read_only;  // further host paths to show, such as the agent's own program
  std::vector<File> files;
  WorkspaceView view;
  std::string agent;  // the name of the profile that the following come from; "" if none
  std::vector<std::string> pass;          // further variables of the caller that enter as they are
  std::vector<Variable> agent_variables;  // "{home}" at the start of a value is the room's home
  std::vector<Link> links;
  std::vector<std::string> path_entries;  // stay in PATH: the command's program stands there
  std::vector<HomeFile> home_files;
  std::vector<Kept> kept;
  std::string ca_certificate;  // PEM of the authority that signs for intercepted hosts; may be ""
  std::uint16_t capture_port = 15001;  // where captured TCP connections arrive, inside the room
  std::uint32_t processes_max = 4096;  // processes and threads
  std::optional<Ids> seen_as;          // what the caller's own ids look like inside; else the same
  // Ports of the room's loopback that its launcher may dial, and the command that it may start
  // inside for each `interlock attach` (absolute; none if empty): door.h.
  std::vector<std::uint16_t> dialled;
  std::vector<std::string> entered;
  Weakenings weakenings;  // what it may do without
};

// One entry of a host directory.
struct Entry {
  enum class Kind { file, directory, link, other };
  std::string name;
  Kind kind = Kind::file;
  std::string link_target;  // of a link
  bool operator==(const Entry&) const = default;
};
struct Listing {
  std::string path;
  std::vector<Entry> entries;  // sorted by name
};

// What a plan depends on, as observed.
struct Host {
  uid_t uid = 0;
  gid_t gid = 0;
  unsigned kernel_major = 0;
  unsigned kernel_minor = 0;
  // A lesser one that tests pretend (pretend.h). It decides what is refused, never what is left
  // out.
  std::optional<std::pair<unsigned, unsigned>> pretended_kernel;
  Listing root;              // "/"
  std::vector<Listing> etc;  // "/etc" and the directories in it that a File needs opened
  std::vector<std::string> etc_private;  // paths in /etc that hold secrets
  std::vector<std::string> ca_bundles;   // real paths of the system's root certificates, best first
  std::vector<std::string> devices;      // which of the permitted device nodes exist
  bool has_usr_local = false;            // as a directory
};

enum class MountKind {
  directory,        // an empty directory of the room's own root
  link,             // a symbolic link; `source` is its text
  file,             // a file of the room's own root: host file `source`, if given, then `content`
  bind_read_only,   // a host tree
  layer_read_only,  // a host directory through an overlay: its sockets can't be connected to
  bind_read_write,  // a host tree; the path must not have become a link since it was planned
  overlay,          // the same, but changes go to `store`/upper
  device,           // a host device node
  tmpfs,            // empty and writable
  proc,             // of the room's own processes; the plan's sysctls are set in it
  devpts,           // the room's own terminals
  cover,            // room file `source` over what stands at `target`
  hide,             // nothing over what stands at `target`, if anything does
  freeze,           // what stands at `target`, if anything does, becomes read-only
  protect,          // the same, and something must stand there
  pin,              // the directory at `target` keeps its name and place; what is in it may change
};

// Applied in order. The target is the source, but for the host's /etc (shown at kHostEtc) and kept
// directories.
struct Mount {
  MountKind kind = MountKind::directory;
  std::string source;
  std::string target;
  std::string content;
  unsigned mode = 0755;
  std::string store;  // of an overlay: Interlock's directory with "upper" and "work"
  bool operator==(const Mount&) const = default;
};

struct Limit {
  int resource = 0;  // RLIMIT_*
  std::uint64_t value = 0;
  bool operator==(const Limit&) const = default;
};

struct Sysctl {
  std::string path;  // below /proc/sys
  std::string value;
  bool operator==(const Sysctl&) const = default;
};

struct Plan {
  std::string agent;  // the profile's name; "" if none
  std::vector<std::string> argv;
  std::string cwd;
  std::vector<Variable> environment;  // sorted by name
  std::vector<Mount> mounts;
  std::vector<std::string> hidden;
  std::vector<std::string> namespaces;  // for the reader; all seven, always
  uid_t uid = 0;                        // the caller's, as it looks inside; no other is mapped
  gid_t gid = 0;
  std::string hostname;
  std::vector<Limit> limits;
  std::vector<Sysctl> sysctls;
  std::string seccomp;             // the name of the filter (seccomp.h)
  std::uint16_t capture_port = 0;  // TCP to any address but loopback arrives here
  std::vector<std::uint16_t> dialled;
  std::vector<std::string> entered;
  std::vector<std::string> weakened;  // what it does without: names of weaken.h
  bool operator==(const Plan&) const = default;
};

// How much of the machine's memory each writable file system of the room's own may take. Beyond it
// writing fails there ("no space left"), and the machine goes on.
inline constexpr std::string_view kTmpfsSize = "20%";

// Our own directory inside the room, and where the host's /etc is seen. The latter is one level
// deep, as /etc is, so that relative links in it lead where they should.
inline constexpr std::string_view kRoomDirectory = "/.interlock";
inline constexpr std::string_view kHostEtc = "/.interlock-etc";

// Looks at this machine, resolves the request's paths and plans. Refuses (Code::denied) a workspace
// that is a system directory, the home itself or inside one of its dot directories, or that
// overlaps a path in `hidden` or contains one in `protect`.
Result<Plan> MakePlan(const Request& request);
// The same with a look at this machine that was taken before, while something else was waited for.
Result<Plan> MakePlan(const Request& request, Host host);

// Whether MakePlan would refuse the request, without its look at the file tree: for a refusal
// before anything is started. Answers what the room would do without (Plan::weakened).
Result<std::vector<std::string>> CheckRequest(const Request& request);

// The same from observed values alone: no IO. Paths in `request` must be absolute and resolved.
Result<Plan> PlanFor(const Request& request, const Host& host);

// host.cc: the observations, and the request with every path resolved.
Result<Host> InspectHost();    // all but `etc`
Result<Host> InspectKernel();  // the user and the kernel alone
Result<void> InspectEtc(const std::vector<File>& files, Host& host);  // `etc`
Result<Request> ResolvePaths(Request request);

// environment.cc: the allow-list over the caller's variables, then the room's own, the agent's and
// the session's. A session variable that a loader or shell would execute (LD_PRELOAD, BASH_ENV,
// ...) is refused.
Result<std::vector<Variable>> EnvironmentFor(const Request& request, std::string_view cwd,
                                             const std::vector<std::string>& program_roots);

// Variables that a loader, a shell or git would obey unasked; they are set in no room.
bool IsNeverSet(std::string_view name);

// True if `path` is `ancestor` or lies below it. Both absolute and normal.
bool IsWithin(std::string_view path, std::string_view ancestor);

}  // namespace interlock::sandbox
