// `interlock doctor`: attacks a real room. Every attempt is first made outside it on bait, where it
// must succeed, then inside against bait of the same kind, where it must not.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "base/bytes.h"
#include "base/file.h"
#include "base/ids.h"
#include "commands.h"
#include "context.h"
#include "process.h"
#include "sandbox/apply.h"
#include "text.h"

#include <boost/json/serialize.hpp>

namespace interlock::app {
namespace {

namespace fs = std::filesystem;
using Lines = std::vector<json::object>;

constexpr auto kPatience = std::chrono::seconds(300);
constexpr int kInheritedFd = 100;  // beyond what this program opens by itself

// Gone with everything in it.
class Scratch {
 public:
  static Result<Scratch> Make() {
    std::error_code failed;
    std::string path = fs::temp_directory_path(failed) / "interlock-doctor-XXXXXX";
    if (failed || ::mkdtemp(path.data()) == nullptr) {
      return Fail(Code::unavailable, "making a temporary directory: " + path);
    }
    return Scratch(fs::canonical(path, failed));
  }
  Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  explicit Scratch(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

struct Outcome {
  std::string name, tries, variable;
  bool on_the_host = false;  // counts only if something of it is left there
  bool made_outside = false, made_inside = false;
  bool outside = false, inside = false;
  std::string outside_how, inside_how;

  std::string_view Verdict() const {
    if (inside) return "succeeded";
    if (!made_inside) return "not made";
    return outside ? "blocked" : "not possible";
  }
};

Result<Lines> ParseLines(std::string_view text) {
  Lines out;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.empty()) continue;
    ILK_TRY(value, ParseJson(line));
    if (!value.is_object()) return Fail(Code::invalid_input, "the probe said something else");
    out.push_back(std::move(value.get_object()));
  }
  return out;
}

bool IsTrue(const json::object& object, std::string_view key) {
  const json::value* value = Find(object, key);
  return value != nullptr && value->is_bool() && value->get_bool();
}

class Doctor {
 public:
  Doctor(const CommandLine& line, fs::path scratch)
      : scratch_(std::move(scratch)), only_(line.All("--only")) {}

  Result<void> Examine() {
    ILK_TRY_VOID(ReadTable());
    ILK_TRY_VOID(TryOutside());
    return TryInside();
  }
  const std::vector<Outcome>& outcomes() const { return outcomes_; }

 private:
  std::vector<std::string> Words(std::string program, std::string_view mode,
                                 const fs::path& facts) const {
    std::vector<std::string> words{std::move(program), std::string(mode), "--json"};
    if (!facts.empty()) words.insert(words.end(), {"--facts", facts.native()});
    for (const std::string& prefix : only_) words.insert(words.end(), {"--only", prefix});
    return words;
  }

  Result<Lines> Ask(const std::vector<std::string>& words, const ProcessOptions& options = {}) {
    ILK_TRY(done, RunProcess(words, options));
    if (done.status != 0) {
      return Fail(Code::unavailable, words[0] + " ended with " + std::to_string(done.status) +
                                         ": " + done.err.substr(0, 2000));
    }
    return ParseLines(done.out);
  }

  Result<void> ReadTable() {
    ILK_TRY(lines, Ask(Words(Beside("interlock-probe"), "--list", {})));
    for (const json::object& line : lines) {
      Outcome outcome;
      outcome.name = FindString(line, "probe");
      outcome.tries = FindString(line, "tries");
      outcome.on_the_host = IsTrue(line, "left_on_the_host");
      outcome.variable = FindString(line, "variable");
      outcomes_.push_back(std::move(outcome));
    }
    if (outcomes_.empty()) return Fail(Code::invalid_input, "no probe has such a name");
    return {};
  }

  struct Bait {
    BackgroundProcess process;
    json::object facts;
    std::string canary;
    fs::path facts_file;
    UniqueFd inherited;

    fs::path Place(std::string_view name) const { return std::string(FindString(facts, name)); }
  };

  Result<Bait> LayBait(const fs::path& directory) {
    ILK_TRY_VOID(MakePrivateDirectory(directory));
    const std::string canary = Hex(RandomBytes(16));
    ILK_TRY(process, BackgroundProcess::Start({Beside("interlock-probe"), "--bait",
                                               directory.native(), "--canary", canary}));
    ILK_TRY(line, process.ReadLine());
    ILK_TRY(facts, ParseJson(line));
    if (!facts.is_object()) return Fail(Code::internal, "the bait told no facts");
    Bait bait{std::move(process), std::move(facts.get_object()), canary, {}, {}};
    // Not close-on-exec: the launcher inherits it, as it would from a careless shell.
    const UniqueFd outside(
        ::open(bait.Place("outside").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    bait.inherited = UniqueFd(::fcntl(outside.get(), F_DUPFD, kInheritedFd));
    bait.facts["inherited_fd"] = bait.inherited.get();
    return bait;
  }

  // What a careless shell has in its environment, every value the canary.
  ProcessOptions Surroundings(const Bait& bait) const {
    ProcessOptions options;
    options.timeout = kPatience;
    options.cwd = bait.Place("workspace");
    options.set.emplace_back("HOME", bait.Place("home").native());
    for (const Outcome& outcome : outcomes_) {
      if (!outcome.variable.empty()) options.set.emplace_back(outcome.variable, bait.canary);
    }
    return options;
  }

  void Note(const Lines& lines, bool outside) {
    for (const json::object& line : lines) {
      for (Outcome& outcome : outcomes_) {
        if (outcome.name != FindString(line, "probe")) continue;
        (outside ? outcome.made_outside : outcome.made_inside) = true;
        (outside ? outcome.outside : outcome.inside) = IsTrue(line, "reached");
        (outside ? outcome.outside_how : outcome.inside_how) = FindString(line, "how");
      }
    }
  }

  // For attempts that leave something behind, the host has the last word.
  Result<void> LookAfterwards(const Bait& bait, bool outside) {
    ILK_TRY(lines, Ask(Words(Beside("interlock-probe"), "--after", bait.facts_file)));
    for (const json::object& line : lines) {
      for (Outcome& outcome : outcomes_) {
        if (outcome.name != FindString(line, "probe")) continue;
        const bool remains = IsTrue(line, "remains");
        (outside ? outcome.outside : outcome.inside) = remains;
        if (outside || remains) continue;
        outcome.inside_how += "; nothing of it is on the host";
      }
    }
    return {};
  }

  Result<void> TryOutside() {
    ILK_TRY(bait, LayBait(scratch_ / "outside"));
    bait.facts_file = scratch_ / "outside" / "facts.json";
    ILK_TRY_VOID(WriteFileDurably(bait.facts_file, json::serialize(bait.facts)));
    ILK_TRY(lines, Ask(Words(Beside("interlock-probe"), "--control", bait.facts_file),
                       Surroundings(bait)));
    Note(lines, true);
    return LookAfterwards(bait, true);
  }

  std::vector<std::string> Own(std::initializer_list<std::string> words) const {
    std::vector<std::string> out{SelfPath().native(), "--state", (scratch_ / "state").native(),
                                 "--config", (scratch_ / "interlock.yaml").native()};
    out.insert(out.end(), words);
    return out;
  }

  // A gateway of its own: the attempts would fill the user's ledger with alarms.
  Result<int> StartGateway(const Bait& bait) {
    const json::value* port = Find(bait.facts, "tcp_port");
    const std::string config =
        "version: 1\ngateway:\n  proxy: 127.0.0.1:0\n  upstreams:\n"
        "    - { host: backboard.railway.com, connect: \"127.0.0.1:" +
        json::serialize(*port) + "\" }\n";
    ILK_TRY_VOID(WriteFileDurably(scratch_ / "interlock.yaml", config));
    // Thrown away afterwards: nothing of it belongs into somebody's keyring.
    ILK_TRY(key, RunProcess(Own({"vault", "key", "--keep", "file"})));
    if (key.status != 0) return Fail(Code::unavailable, "the doctor's vault: " + key.err);
    ProcessOptions token;
    token.input = RandomUuid();
    ILK_TRY(added, RunProcess(Own({"vault", "add", "doctor", "--provider", "railway",
                                   "--environment", "staging", "--kind", "project"}),
                              token));
    if (added.status != 0) return Fail(Code::unavailable, "the doctor's gateway: " + added.err);
    ILK_TRY(status, RunProcess(Own({"status", "--json"})));
    ILK_TRY(said, ParseJson(status.out));
    const json::object* gateway =
        said.is_object() ? FindObject(said.get_object(), "gateway") : nullptr;
    if (gateway == nullptr) return Fail(Code::unavailable, "the doctor's gateway: " + status.err);
    const std::string_view proxy = FindString(*gateway, "proxy");
    return std::atoi(std::string(proxy.substr(proxy.rfind(':') + 1)).c_str());
  }

  Result<void> TryInside() {
    ILK_TRY(bait, LayBait(scratch_ / "inside"));
    auto result = TryInsideWith(bait);
    (void)RunProcess(Own({"gateway", "stop"}));
    return result;
  }

  Result<void> TryInsideWith(Bait& bait) {
    ILK_TRY(proxy, StartGateway(bait));
    const fs::path workspace = bait.Place("workspace");
    bait.facts["control"] = false;
    bait.facts["state"] = (scratch_ / "state").native();
    bait.facts["gateway_socket"] = (scratch_ / "state" / "gateway.sock").native();
    bait.facts["program"] = SelfPath().native();
    bait.facts["proxy_port"] = proxy;
    bait.facts_file = workspace / "facts.json";
    ILK_TRY_VOID(WriteFileDurably(bait.facts_file, json::serialize(bait.facts)));
    const fs::path program = workspace / "interlock-probe";
    std::error_code failed;
    fs::copy_file(Beside("interlock-probe"), program, failed);
    if (failed) return Fail(Code::unavailable, "copying the probe: " + failed.message());
    std::vector<std::string> words =
        Own({"run", "--quiet", "--no-recovery-point", "--weaken",
             std::string(sandbox::kNoProcessLimit), "--workspace", workspace.native(), "--"});
    const auto attempts = Words(program, "--inside", bait.facts_file);
    words.insert(words.end(), attempts.begin(), attempts.end());
    ILK_TRY(lines, Ask(words, Surroundings(bait)));
    Note(lines, false);
    return LookAfterwards(bait, false);
  }

  fs::path scratch_;
  std::vector<std::string> only_;
  std::vector<Outcome> outcomes_;
};

std::size_t Count(const std::vector<Outcome>& outcomes, std::string_view verdict) {
  return static_cast<std::size_t>(std::ranges::count(outcomes, verdict, &Outcome::Verdict));
}

void PrintChecks(const sandbox::Probe& kernel) {
  std::printf("Linux %s, as user %u\n\n", EscapeForHumans(kernel.kernel).c_str(), ::geteuid());
  std::vector<std::vector<std::string>> rows{{"kernel", "", ""}};
  for (const sandbox::Check& check : kernel.checks) {
    rows.push_back({check.name, check.works ? "works" : "missing", check.detail});
  }
  PrintTable(rows);
}

void PrintOutcomes(const std::vector<Outcome>& outcomes, bool all) {
  // By line of the catalogue, in order.
  std::map<std::string, std::map<std::string_view, std::size_t>> lines;
  for (const Outcome& outcome : outcomes) {
    ++lines[outcome.name.substr(0, outcome.name.find('.'))][outcome.Verdict()];
  }
  std::vector<std::vector<std::string>> rows{{"attempts", "blocked", "not possible", "succeeded"}};
  for (auto& [line, verdicts] : lines) {
    rows.push_back({line, std::to_string(verdicts["blocked"]),
                    std::to_string(verdicts["not possible"]),
                    std::to_string(verdicts["succeeded"] + verdicts["not made"])});
  }
  std::printf("\n");
  PrintTable(rows);
  for (const Outcome& outcome : outcomes) {
    const std::string_view verdict = outcome.Verdict();
    const bool bad = verdict == "succeeded" || verdict == "not made";
    if (!all && !bad) continue;
    std::printf("%s %s: %s: %s\n",
                bad ? Tinted("SUCCEEDED", Tint::red).c_str() : std::string(verdict).c_str(),
                outcome.name.c_str(), outcome.tries.c_str(),
                EscapeForHumans(verdict == "not possible" ? outcome.outside_how
                                : outcome.made_inside     ? outcome.inside_how
                                                          : "the room ended before it")
                    .c_str());
  }
}

json::object ToJson(const sandbox::Probe& kernel, const std::vector<Outcome>& outcomes, bool ok) {
  json::array checks, probes;
  for (const sandbox::Check& check : kernel.checks) {
    checks.push_back({{"name", check.name}, {"works", check.works}, {"detail", check.detail}});
  }
  for (const Outcome& outcome : outcomes) {
    probes.push_back({{"name", outcome.name},
                      {"tries", outcome.tries},
                      {"outcome", outcome.Verdict()},
                      {"how", outcome.inside_how},
                      {"outside", outcome.outside_how}});
  }
  return {{"kernel", kernel.kernel},
          {"checks", std::move(checks)},
          {"probes", std::move(probes)},
          {"ok", ok}};
}

}  // namespace

int Diagnose(const CommandLine& line) {
  const auto kernel = sandbox::ProbeKernel();
  if (!kernel) return Report(kernel.error());
  const bool possible = kernel->CanMakeRooms();
  if (!line.json) PrintChecks(*kernel);
  if (!possible || line.Has("--quick")) {
    if (line.json) PrintJson(ToJson(*kernel, {}, possible));
    if (!possible && !line.json) std::printf("\nNo room can be made on this machine.\n");
    return possible ? kDone : kFailed;
  }
  const auto scratch = Scratch::Make();
  if (!scratch) return Report(scratch.error());
  Doctor doctor(line, scratch->path());
  if (const auto examined = doctor.Examine(); !examined) return Report(examined.error());
  const auto& outcomes = doctor.outcomes();
  const std::size_t impossible = Count(outcomes, "not possible");
  const std::size_t blocked = Count(outcomes, "blocked");
  const bool ok = blocked + impossible == outcomes.size();
  if (line.json) {
    PrintJson(ToJson(*kernel, outcomes, ok));
    return ok ? kDone : kFailed;
  }
  PrintOutcomes(outcomes, line.Has("--all"));
  std::printf(
      "\n%s: %zu of %zu attempts were blocked that succeed outside the room; %zu can't be made on "
      "this machine\n",
      ok ? "The room is closed" : "The room is NOT closed", blocked, outcomes.size(), impossible);
  return ok ? kDone : kFailed;
}

}  // namespace interlock::app
