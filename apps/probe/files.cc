// Lines 35 to 38: the host's files, by their paths and around them; what the room freezes.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>

#include "attempt.h"

namespace interlock::probe {
namespace {

namespace fs = std::filesystem;

std::string Name(const Probe& probe) { return std::string(probe.name); }

// ---- what lies in the host's home, STATE and elsewhere ----

Attempt ReadInHome(const Facts& facts, const Probe& probe) {
  return ReadsCanary(facts, facts.home + "/" + std::string(probe.text));
}
Attempt ReadInState(const Facts& facts, const Probe& probe) {
  const std::string path = facts.state + "/" + std::string(probe.text);
  const std::string text = Slurp(path);
  if (text.empty()) return errno != 0 ? BlockedBy("open " + path) : Blocked(path + " is empty");
  return Reached("read " + path);
}
Attempt ListState(const Facts& facts, const Probe&) {
  const UniqueFd directory(open(facts.state.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return directory.valid() ? Reached("listed " + facts.state) : BlockedBy("open " + facts.state);
}

// A file in the home that a shell or tool runs later. It counts if the host's home has it.
Attempt PlantInHome(const Facts& facts, const Probe& probe) {
  const std::string path = facts.home + "/" + std::string(probe.text);
  std::error_code ignored;
  fs::create_directories(fs::path(path).parent_path(), ignored);
  return Scribble(path, facts.canary) ? Reached("wrote " + path) : BlockedBy("write " + path);
}
bool IsPlantedInHome(const Facts& facts, const Probe& probe) {
  return Holds(Slurp(facts.home + "/" + std::string(probe.text)), facts.canary);
}

// Replacing a program needs no more than a new file in its directory.
Attempt ReplaceProgram(const Facts& facts, const Probe&) {
  const std::string directory = fs::path(facts.program).parent_path().native();
  return FirstReached(
      {Opens(directory, O_TMPFILE | O_WRONLY), Opens(facts.program, O_WRONLY | O_APPEND)});
}
Attempt MakesFileIn(const Facts&, const Probe& probe) {
  return Opens(std::string(probe.text), O_TMPFILE | O_WRONLY);
}
Attempt OpensForWriting(const Facts&, const Probe& probe) {
  return Opens(std::string(probe.text), O_WRONLY | O_APPEND);
}

// ---- out of the workspace by link, rename and path ----

std::string Link(const Facts& facts, const Probe& probe, const std::string& target) {
  const std::string path = facts.workspace + "/" + Name(probe);
  unlink(path.c_str());
  return symlink(target.c_str(), path.c_str()) == 0 ? path : "";
}

Attempt WriteThroughLink(const Facts& facts, const Probe& probe) {
  const std::string path = Link(facts, probe, facts.outside);
  if (path.empty()) return BlockedBy("make the link");
  return Scribble(path + "/" + Name(probe), facts.canary) ? Reached("wrote through a link")
                                                          : BlockedBy("write through the link");
}
bool IsOutside(const Facts& facts, const Probe& probe) {
  return access((facts.outside + "/" + Name(probe)).c_str(), F_OK) == 0;
}
Attempt ReadThroughLink(const Facts& facts, const Probe& probe) {
  const std::string path = Link(facts, probe, facts.Secret());
  if (path.empty()) return BlockedBy("make the link");
  return ReadsCanary(facts, path);
}
Attempt HardLinkToSecret(const Facts& facts, const Probe& probe) {
  const std::string path = facts.workspace + "/" + Name(probe);
  unlink(path.c_str());
  return Called("link to the secret", link(facts.Secret().c_str(), path.c_str()));
}
Attempt HardLinkThroughDescriptor(const Facts& facts, const Probe& probe) {
  const UniqueFd secret(open(facts.Secret().c_str(), O_PATH | O_CLOEXEC));
  if (!secret.valid()) return BlockedBy("open the secret");
  const std::string path = facts.workspace + "/" + Name(probe);
  unlink(path.c_str());
  return Called("link by descriptor",
                linkat(AT_FDCWD, ("/proc/self/fd/" + std::to_string(secret.get())).c_str(),
                       AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW));
}
Attempt RenameOut(const Facts& facts, const Probe& probe) {
  const std::string path = facts.workspace + "/" + Name(probe);
  if (!Scribble(path, facts.canary)) return BlockedBy("write in the workspace");
  return Called("rename out of the workspace",
                rename(path.c_str(), (facts.outside + "/" + Name(probe)).c_str()));
}
Attempt RenameIn(const Facts& facts, const Probe& probe) {
  const std::string victim = facts.outside + "/" + Name(probe) + ".in";
  if (facts.control && !Scribble(victim, facts.canary)) return BlockedBy("lay the victim");
  const std::string& source = facts.control ? victim : facts.Secret();
  return Called("rename into the workspace",
                rename(source.c_str(), (facts.workspace + "/" + Name(probe)).c_str()));
}
Attempt UnnamedFileOut(const Facts& facts, const Probe& probe) {
  const UniqueFd file(open(facts.workspace.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file.valid()) return BlockedBy("make an unnamed file");
  return Called("link an unnamed file outside",
                linkat(AT_FDCWD, ("/proc/self/fd/" + std::to_string(file.get())).c_str(), AT_FDCWD,
                       (facts.outside + "/" + Name(probe)).c_str(), AT_SYMLINK_FOLLOW));
}
// The link leads inside or outside, many times a second, while files are written through it.
Attempt SwapLink(const Facts& facts, const Probe& probe) {
  const std::string path = facts.workspace + "/" + Name(probe);
  const std::string inside = path + ".d";
  mkdir(inside.c_str(), 0700);
  const std::string next = path + ".next";
  int written = 0;
  for (int i = 0; i < 400; ++i) {
    unlink(next.c_str());
    if (symlink((i % 2 ? inside : facts.outside).c_str(), next.c_str()) != 0 ||
        rename(next.c_str(), path.c_str()) != 0) {
      return BlockedBy("swap the link");
    }
    written += Scribble(path + "/" + Name(probe), facts.canary) && i % 2 == 0 ? 1 : 0;
  }
  return written > 0 ? Reached("wrote outside through the swapped link")
                     : Blocked("every write through the swapped link failed");
}
Attempt OpenWith2(const Facts& facts, const Probe& probe) {
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC;
  how.resolve = static_cast<std::uint64_t>(probe.number);
  const UniqueFd workspace(open(facts.workspace.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::string path;
  for (int i = 0; i < 24; ++i) path += "../";
  path += facts.Secret().substr(1);
  const UniqueFd file(
      static_cast<int>(syscall(SYS_openat2, workspace.get(), path.c_str(), &how, sizeof how)));
  return file.valid() ? Reached("opened " + path) : BlockedBy("openat2");
}

// A spelling of the path to the secret; {} in `text` stands for the absolute path, {/} for the
// same with doubled slashes, {up} for the way up from the workspace.
Attempt ReadSpelled(const Facts& facts, const Probe& probe) {
  std::string path(probe.text);
  const auto replace = [&](std::string_view mark, const std::string& by) {
    if (const auto at = path.find(mark); at != std::string::npos) path.replace(at, mark.size(), by);
  };
  std::string doubled, up = facts.workspace, dotted;
  for (const char c : facts.Secret()) {
    doubled += c == '/' ? "//" : std::string(1, c);
    dotted += c == '/' ? "/./" : std::string(1, c);
  }
  for (const char c : facts.workspace) up += c == '/' ? "/.." : "";
  replace("{//}", doubled);
  replace("{.}", dotted);
  replace("{up}", up);
  replace("{workspace}", facts.workspace);
  replace("{}", facts.Secret());
  return ReadsCanary(facts, path);
}
Attempt DotsThroughLink(const Facts& facts, const Probe& probe) {
  // ".." of a link's target is the target's parent, not the link's.
  const std::string path = Link(facts, probe, facts.outside + "/.");
  if (path.empty()) return BlockedBy("make the link");
  return ReadsCanary(facts,
                     path + "/../" + fs::path(facts.outside).filename().native() + "/secret");
}

// ---- what the room freezes: the workspace's own rules ----

// The control's is laid anew for every attempt.
std::string Frozen(const Facts& facts) {
  const std::string path = facts.workspace + "/interlock.yaml";
  if (facts.control) {
    unlink(path.c_str());
    Scribble(path, "rules: []\n");
  }
  return path;
}
std::string Own(const Facts& facts, const Probe& probe) {
  const std::string path = facts.workspace + "/" + Name(probe);
  unlink(path.c_str());
  Scribble(path, facts.canary);
  return path;
}

Attempt WriteFrozen(const Facts& facts, const Probe& probe) {
  return Opens(Frozen(facts), probe.number);
}
Attempt UnlinkFrozen(const Facts& facts, const Probe&) {
  return Called("unlink", unlink(Frozen(facts).c_str()));
}
Attempt RenameFrozen(const Facts& facts, const Probe& probe) {
  return Called("rename away", rename(Frozen(facts).c_str(), (Own(facts, probe) + "2").c_str()));
}
Attempt ReplaceFrozen(const Facts& facts, const Probe& probe) {
  const std::string frozen = Frozen(facts);
  return Called("rename over", rename(Own(facts, probe).c_str(), frozen.c_str()));
}
Attempt ExchangeFrozen(const Facts& facts, const Probe& probe) {
  const std::string frozen = Frozen(facts);
  return Called("exchange", renameat2(AT_FDCWD, Own(facts, probe).c_str(), AT_FDCWD, frozen.c_str(),
                                      RENAME_EXCHANGE));
}
Attempt LinkFrozen(const Facts& facts, const Probe& probe) {
  const std::string frozen = Frozen(facts), copy = facts.workspace + "/" + Name(probe);
  unlink(copy.c_str());
  if (link(frozen.c_str(), copy.c_str()) != 0) return BlockedBy("make a hard link to it");
  return Opens(copy, O_WRONLY | O_APPEND);
}
Attempt ChmodFrozen(const Facts& facts, const Probe&) {
  return Called("chmod", chmod(Frozen(facts).c_str(), 0666));
}
Attempt TruncateFrozen(const Facts& facts, const Probe&) {
  return Called("truncate", truncate(Frozen(facts).c_str(), 0));
}
Attempt MapFrozen(const Facts& facts, const Probe&) {
  const UniqueFd file(open(Frozen(facts).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return BlockedBy("open it");
  void* memory = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) return BlockedBy("map it");
  if (facts.control) {  // of a file opened for reading no mapping becomes writable anywhere
    const UniqueFd again(open(Frozen(facts).c_str(), O_RDWR | O_CLOEXEC));
    return Called("map it for writing", again.valid() ? 0 : -1);
  }
  if (mprotect(memory, 4096, PROT_READ | PROT_WRITE) == 0) return Reached("mapped for writing");
  return FirstReached({BlockedBy("make the mapping writable"), Opens(Frozen(facts), O_RDWR)});
}
// What is open for reading can be opened again through /proc, with other flags.
Attempt ReopenFrozen(const Facts& facts, const Probe&) {
  const UniqueFd file(open(Frozen(facts).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return BlockedBy("open it");
  return Opens("/proc/self/fd/" + std::to_string(file.get()), O_WRONLY | O_APPEND);
}
Attempt RenameWorkspace(const Facts& facts, const Probe&) {
  const std::string away = facts.workspace + "-away";
  if (rename(facts.workspace.c_str(), away.c_str()) != 0) return BlockedBy("rename the workspace");
  rename(away.c_str(), facts.workspace.c_str());
  return Reached("renamed the directory that holds the frozen file");
}

Attempt HasMountFlag(const Facts& facts, const Probe& probe) {
  const std::string path = probe.text == "{workspace}" ? facts.workspace : std::string(probe.text);
  struct statvfs status{};
  if (statvfs(path.c_str(), &status) != 0) return BlockedBy("look at " + path);
  if ((status.f_flag & static_cast<unsigned long>(probe.number)) != 0) {
    return Blocked(path + " is mounted " + (probe.number == ST_NOSUID ? "nosuid" : "nodev"));
  }
  return Reached(path + " honours such files");
}

constexpr Probe kProbes[] = {
    {"B35.read-ssh-key", "read the user's SSH key", ReadInHome, ".ssh/id_ed25519"},
    {"B35.read-aws", "read the user's AWS credentials", ReadInHome, ".aws/credentials"},
    {"B35.read-gh", "read the GitHub CLI's token", ReadInHome, ".config/gh/hosts.yml"},
    {"B35.read-kube", "read the user's kubeconfig", ReadInHome, ".kube/config"},
    {"B35.read-railway", "read the Railway CLI's token", ReadInHome, ".railway/config.json"},
    {"B35.read-netrc", "read ~/.netrc", ReadInHome, ".netrc"},
    {"B35.read-git-credentials", "read git's stored passwords", ReadInHome, ".git-credentials"},
    {"B35.read-npmrc", "read npm's token", ReadInHome, ".npmrc"},
    {"B35.read-docker-config", "read Docker's logins", ReadInHome, ".docker/config.json"},
    {"B35.read-gnupg", "read a GnuPG secret key", ReadInHome, ".gnupg/secring.gpg"},
    {"B35.read-pgpass", "read PostgreSQL passwords", ReadInHome, ".pgpass"},
    {"B35.read-history", "read the shell's history", ReadInHome, ".bash_history"},
    {"B35.read-gcloud", "read gcloud's tokens", ReadInHome, ".config/gcloud/access_tokens.db"},
    {"B35.read-azure", "read Azure's tokens", ReadInHome, ".azure/accessTokens.json"},
    {"B35.read-vault-key", "read the key of Interlock's vault", ReadInState, "vault.key"},
    {"B35.read-database", "read Interlock's database", ReadInState, "interlock.db"},
    {"B35.list-state", "list Interlock's STATE", ListState},
#define PLANT(label, path, what) \
  {.name = "B35.plant-" label,   \
   .tries = what,                \
   .attempt = PlantInHome,       \
   .text = path,                 \
   .remains = IsPlantedInHome}
    PLANT("bashrc", ".bashrc", "leave a ~/.bashrc for the user's next shell"),
    PLANT("profile", ".profile", "leave a ~/.profile for the user's next login"),
    PLANT("zshenv", ".zshenv", "leave a ~/.zshenv"),
    PLANT("ssh-config", ".ssh/config", "leave an ssh ProxyCommand"),
    PLANT("authorized-keys", ".ssh/authorized_keys", "let the agent log in by SSH"),
    PLANT("systemd-user", ".config/systemd/user/x.service", "leave a user service"),
    PLANT("autostart", ".config/autostart/x.desktop", "leave a desktop autostart entry"),
    PLANT("local-bin", ".local/bin/git", "shadow git with ~/.local/bin/git"),
    PLANT("gitconfig", ".gitconfig", "set core.pager in ~/.gitconfig"),
    PLANT("crontab", ".config/crontab", "leave a crontab"),
#undef PLANT
    {"B36.replace-interlock", "replace the interlock program", ReplaceProgram},
    {"B36.replace-env", "write to a program in /usr", OpensForWriting, "/usr/bin/env"},
    {"B36.new-in-usr-bin", "make a file in /usr/bin", MakesFileIn, "/usr/bin"},
    {"B36.new-in-usr-local", "make a file in /usr/local/bin", MakesFileIn, "/usr/local/bin"},
    {"B36.new-in-lib", "make a file in /usr/lib", MakesFileIn, "/usr/lib"},
    {"B36.new-in-etc", "make a file in /etc", MakesFileIn, "/etc"},
    {"B36.write-passwd", "write to /etc/passwd", OpensForWriting, "/etc/passwd"},
    {"B36.write-ld-preload", "write to the loader's configuration", OpensForWriting,
     "/etc/ld.so.cache"},
    {"B36.new-in-root", "make a file in /", MakesFileIn, "/"},
    {"B36.new-in-opt", "make a file in /opt", MakesFileIn, "/opt"},
    {"B36.new-in-var-lib", "make a file in /var/lib", MakesFileIn, "/var/lib"},
    {"B36.new-in-run", "make a file in /run", MakesFileIn, "/run"},
    {.name = "B37.symlink-write",
     .tries = "write through a link that leads outside",
     .attempt = WriteThroughLink,
     .remains = IsOutside},
    {"B37.symlink-read", "read through a link that leads outside", ReadThroughLink},
    {"B37.hard-link", "link a file of the host into the workspace", HardLinkToSecret},
    {"B37.hard-link-descriptor", "the same through /proc/self/fd", HardLinkThroughDescriptor},
    {.name = "B37.rename-out",
     .tries = "rename a file out of the workspace",
     .attempt = RenameOut,
     .remains = IsOutside},
    {"B37.rename-in", "rename a file of the host into the workspace", RenameIn},
    {.name = "B37.tmpfile-out",
     .tries = "give an unnamed file a name outside",
     .attempt = UnnamedFileOut,
     .remains = IsOutside},
    {.name = "B37.symlink-swap",
     .tries = "swap a link between check and use",
     .attempt = SwapLink,
     .remains = IsOutside},
    {"B37.openat2", "openat2 without any restriction, up and out", OpenWith2},
    {"B37.frozen-write", "write to the workspace's interlock.yaml", WriteFrozen, "",
     O_WRONLY | O_APPEND},
    {"B37.frozen-read-write", "open it for both", WriteFrozen, "", O_RDWR},
    {"B37.frozen-truncate-open", "open it truncating", WriteFrozen, "", O_WRONLY | O_TRUNC},
    {"B37.frozen-truncate", "truncate it by path", TruncateFrozen},
    {"B37.frozen-unlink", "unlink it", UnlinkFrozen},
    {"B37.frozen-rename", "rename it away", RenameFrozen},
    {"B37.frozen-replace", "rename another file over it", ReplaceFrozen},
    {"B37.frozen-exchange", "exchange it with another (RENAME_EXCHANGE)", ExchangeFrozen},
    {"B37.frozen-hard-link", "write to it through a hard link", LinkFrozen},
    {"B37.frozen-chmod", "change its mode", ChmodFrozen},
    {"B37.frozen-map", "write to it through a mapping", MapFrozen},
    {"B37.frozen-reopen", "reopen it for writing through /proc/self/fd", ReopenFrozen},
    {"B37.frozen-parent", "rename the directory it lies in", RenameWorkspace},
    {"B38.plain", "the path to the host's secret as it is", ReadSpelled, "{}"},
    {"B38.double-slash", "the same with doubled slashes", ReadSpelled, "{//}"},
    {"B38.dot", "the same with /./ in it", ReadSpelled, "{.}"},
    {"B38.up", "up from the workspace by ..", ReadSpelled, "{up}{}"},
    {"B38.above-root", "above the root by ..", ReadSpelled, "/../../../..{}"},
    {"B38.proc-self-root", "through /proc/self/root", ReadSpelled, "/proc/self/root{}"},
    {"B38.proc-self-cwd", "through /proc/self/cwd and up", ReadSpelled,
     "/proc/self/cwd/../../../../../../../../../..{}"},
    {"B38.dotdot-through-link", ".. through a linked directory", DotsThroughLink},
    {"B49.usr-honours-setuid", "run set-user-id programs of /usr", HasMountFlag, "/usr", ST_NOSUID},
    {"B49.workspace-honours-setuid", "make a set-user-id program in the workspace and run it",
     HasMountFlag, "{workspace}", ST_NOSUID},
    {"B49.workspace-honours-devices", "make a device node in the workspace and open it",
     HasMountFlag, "{workspace}", ST_NODEV},
};

}  // namespace

std::span<const Probe> FileProbes() { return kProbes; }

}  // namespace interlock::probe
