#include "policy/config.h"

#include <algorithm>
#include <set>

#include "base/bytes.h"
#include "base/file.h"
#include "policy/config_reader.h"
#include "policy/config_values.h"
#include "policy/standard.h"
#include "policy/yaml_tree.h"

namespace interlock::policy {
namespace {

constexpr std::string_view kReservedRules[] = {kLendRule, kForeignRule};

std::string Quote(std::string_view text) { return "\"" + EscapeForHumans(text, 80) + "\""; }

// Collects problems of one file, by the path of the value that is wrong.
class Findings {
 public:
  Findings(const ConfigFile& file, std::vector<Problem>& out) : file_(file), out_(out) {}

  void Add(std::string path, std::string message) {
    // A value that the file does not have itself is reported at what contains it.
    while (!path.empty() && !file_.marks.contains(path)) {
      const std::size_t slash = path.rfind('/');
      path.resize(slash == std::string::npos ? 0 : slash);
    }
    const auto found = file_.marks.find(path);
    const Mark mark = found == file_.marks.end() ? Mark{} : found->second;
    out_.push_back({file_.path, mark.line, mark.column, std::move(message)});
  }

 private:
  const ConfigFile& file_;
  std::vector<Problem>& out_;
};

// Nothing but the effect `unknown` itself could make such a rule useful, and Decide ignores it
// there.
bool AllowsUnknownUnnamed(const Rule& rule) {
  const auto& effects = rule.when.effect;
  if (std::find(effects.begin(), effects.end(), Effect::unknown) == effects.end()) return false;
  const auto& names = rule.when.operation;
  return std::none_of(names.begin(), names.end(),
                      [](const std::string& name) { return name.find('*') == std::string::npos; });
}

void CheckAllowRule(const Rule& rule, const std::string& at, Findings& findings) {
  if (rule.then != Verdict::allow) return;
  if (rule.when == When{})
    findings.Add(at, "rule " + Quote(rule.name) + " allows everything; it needs a condition");
  const auto& carried = rule.when.credential;
  if (std::find(carried.begin(), carried.end(), CredentialSeen::foreign) != carried.end())
    findings.Add(at + "/when/credential", "a foreign credential can't be allowed");
  if (AllowsUnknownUnnamed(rule))
    findings.Add(at + "/when/effect",
                 "an unknown effect can't be allowed without naming the operation in full");
}

// What is wrong with the rules of a file, whatever other files say.
void CheckRules(const ConfigFile& file, std::vector<Problem>& problems) {
  Findings findings(file, problems);
  std::set<std::string> names;
  const std::vector<Rule> rules = RulesOf(file.tree, file.source);
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const Rule& rule = rules[i];
    const std::string at = "rules/" + std::to_string(i);
    if (!names.insert(rule.name).second)
      findings.Add(at + "/name", "rule " + Quote(rule.name) + " appears twice");
    if (std::find(std::begin(kReservedRules), std::end(kReservedRules), rule.name) !=
        std::end(kReservedRules))
      findings.Add(at + "/name", Quote(rule.name) + " is a name of Interlock's own");
    CheckAllowRule(rule, at, findings);
  }
}

bool IsHostPattern(std::string_view host) {
  if (host.starts_with("*.")) host.remove_prefix(2);
  return !host.empty() && host.find("..") == std::string_view::npos && host.front() != '.' &&
         host.back() != '.' &&
         host.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:") ==
             std::string_view::npos;
}

void CheckUpstreams(const ConfigFile& file, std::vector<Problem>& problems) {
  Findings findings(file, problems);
  const json::object* gateway = FindObject(file.tree, "gateway");
  const json::array* upstreams = gateway == nullptr ? nullptr : FindArray(*gateway, "upstreams");
  if (upstreams == nullptr) return;
  for (std::size_t i = 0; i < upstreams->size(); ++i) {
    const json::object* item = (*upstreams)[i].if_object();
    if (item == nullptr || IsHostPattern(FindString(*item, "host"))) continue;
    findings.Add("gateway/upstreams/" + std::to_string(i) + "/host",
                 "\"host\" must be a host name or *.NAME, not " + Quote(FindString(*item, "host")));
  }
}

// `over` wins key by key; the depth is the table's.
void MergeInto(json::object& base, const json::object& over) {
  for (const auto& [key, value] : over) {
    json::value* old = base.if_contains(key);
    if (old != nullptr && old->is_object() && value.is_object()) {
      MergeInto(old->get_object(), value.get_object());
    } else {
      base[key] = value;
    }
  }
}

class EnvironmentNames {
 public:
  explicit EnvironmentNames(const Config& config) {
    for (const auto& [name, value] : config.environments) known_.push_back(name);
  }
  bool Has(std::string_view name) const {
    return std::find(known_.begin(), known_.end(), name) != known_.end();
  }
  std::string Complaint(std::string_view name) const {
    return Unknown("environment", name, known_);
  }

 private:
  std::vector<std::string_view> known_;
};

void CheckRuleEnvironments(const ConfigFile& file, const EnvironmentNames& names,
                           std::vector<Problem>& problems) {
  Findings findings(file, problems);
  const json::array* rules = FindArray(file.tree, "rules");
  for (std::size_t i = 0; rules != nullptr && i < rules->size(); ++i) {
    const json::object* rule = (*rules)[i].if_object();
    const json::object* when = rule == nullptr ? nullptr : FindObject(*rule, "when");
    const json::array* words = when == nullptr ? nullptr : FindArray(*when, "environment");
    for (std::size_t j = 0; words != nullptr && j < words->size(); ++j) {
      const json::string* word = (*words)[j].if_string();
      if (word == nullptr || ParseRelation(*word) || names.Has(*word)) continue;
      findings.Add("rules/" + std::to_string(i) + "/when/environment/" + std::to_string(j),
                   names.Complaint(*word));
    }
  }
}

void CheckEnvironments(const ConfigFile& file, std::vector<Problem>& problems) {
  Findings findings(file, problems);
  const json::object* environments = FindObject(file.tree, "environments");
  if (environments == nullptr) return;
  for (const auto& [name, value] : *environments) {
    const std::string at = "environments/" + std::string(name);
    if (ParseRelation(name))
      findings.Add(at, Quote(name) + " is a word of the rules and can't name an environment");
    const json::value* disposable =
        value.is_object() ? Find(value.get_object(), "disposable") : nullptr;
    if (name == "production" && disposable != nullptr && *disposable == json::value(true))
      findings.Add(at + "/disposable",
                   "production can't be disposable: whatever can't be resolved counts as it");
  }
}

void CheckNamedEnvironments(const ConfigFile& file, const EnvironmentNames& names,
                            std::vector<Problem>& problems) {
  Findings findings(file, problems);
  const auto check = [&](std::string_view name, const std::string& at) {
    if (!name.empty() && !names.Has(name)) findings.Add(at, names.Complaint(name));
  };
  if (const json::object* providers = FindObject(file.tree, "providers")) {
    for (const auto& [provider, value] : *providers) {
      const json::object* mapping =
          value.is_object() ? FindObject(value.get_object(), "environments") : nullptr;
      if (mapping == nullptr) continue;
      for (const auto& [glob, name] : *mapping)
        check(FindString(*mapping, glob),
              "providers/" + std::string(provider) + "/environments/" + std::string(glob));
    }
  }
  if (const json::object* sessions = FindObject(file.tree, "sessions")) {
    for (const auto& [session, value] : *sessions) {
      if (!value.is_object()) continue;
      check(FindString(value.get_object(), "environment"),
            "sessions/" + std::string(session) + "/environment");
    }
  }
}

// "" when the origin is one that the console can have.
std::string OriginComplaint(const ConsoleConfig& console) {
  const bool secure = console.origin.starts_with("https://");
  std::string_view rest = console.origin;
  if (!secure && !rest.starts_with("http://")) return "must start with http:// or https://";
  rest.remove_prefix(secure ? 8 : 7);
  const std::string_view host = rest.substr(0, rest.find(':'));
  if (host.empty() || rest.find_first_of("/?#@ ") != std::string_view::npos)
    return "must be a scheme, a host and a port, nothing else";
  if (!secure && host != "localhost") return "must be https for any host but localhost";
  if (secure && (console.cert.empty() || console.key.empty()))
    return "needs \"cert\" and \"key\" beside it";
  return "";
}

bool Gives(const ConfigFile& file, const std::string& path) { return file.marks.contains(path); }

void SettleConsole(Config& config, std::span<const ConfigFile> files,
                   std::vector<Problem>& problems) {
  ConsoleConfig& console = config.gateway.console;
  const auto given = [&files](const std::string& path) {
    return std::any_of(files.begin(), files.end(),
                       [&](const ConfigFile& file) { return Gives(file, path); });
  };
  const std::string at = "gateway/console/origin";
  if (!given(at) && given("gateway/console/listen"))
    console.origin = "http://localhost" + console.listen.substr(console.listen.rfind(':'));
  const std::string complaint = OriginComplaint(console);
  if (complaint.empty()) return;
  for (std::size_t i = files.size(); i-- > 0;) {
    if (!Gives(files[i], at)) continue;
    Findings(files[i], problems).Add(at, "\"origin\" " + complaint);
    return;
  }
}

void MarkExplicitQuorums(Config& config, std::span<const ConfigFile> files) {
  for (auto& [name, environment] : config.environments) {
    const std::string at = "environments/" + name;
    for (const ConfigFile& file : files) {
      if (Gives(file, at + "/approvals") || Gives(file, at + "/keys"))
        environment.quorum_is_explicit = true;
    }
  }
}

std::vector<Rule> MergeRules(std::span<const ConfigFile> files) {
  std::vector<Rule> rules;
  bool given = false;
  for (const ConfigFile& file : files) {
    given = given || file.tree.contains("rules");
    for (Rule& rule : RulesOf(file.tree, file.source)) rules.push_back(std::move(rule));
  }
  return given ? rules : DefaultRules();
}

const json::object& StandardTree() {
  static const json::object kTree = [] {
    CheckedTree checked = ReadByTable(ConfigTable(), kStandardConfig, "standard");
    ILK_CHECK(checked.problems.empty());
    return std::move(checked.tree);
  }();
  return kTree;
}

Loaded<ConfigFile> ReadWith(const Table& table, std::string_view text, std::string path,
                            RuleSource source) {
  CheckedTree checked = ReadByTable(table, text, path);
  ConfigFile file{std::move(path), source, std::move(checked.tree), std::move(checked.marks)};
  if (checked.problems.empty()) {
    CheckRules(file, checked.problems);
    CheckEnvironments(file, checked.problems);
    CheckUpstreams(file, checked.problems);
  }
  if (!checked.problems.empty()) return std::unexpected(std::move(checked.problems));
  return file;
}

}  // namespace

std::string ToString(const Problem& problem) {
  std::string out = "policy " + problem.file;
  if (problem.line > 0)
    out += ":" + std::to_string(problem.line) + ":" + std::to_string(problem.column);
  return out + ": " + problem.message;
}

Error ToError(std::span<const Problem> problems) {
  Error error{Code::invalid_input, {}};
  for (const Problem& problem : problems) {
    if (!error.message.empty()) error.message += "\n";
    error.message += ToString(problem);
  }
  return error;
}

std::vector<Rule> DefaultRules() { return RulesOf(StandardTree(), RuleSource::builtin); }

Config DefaultConfig() {
  Config config = ConfigOf(StandardTree());
  config.rules = DefaultRules();
  return config;
}

Loaded<ConfigFile> ReadConfig(std::string_view text, std::string path, RuleSource source) {
  return ReadWith(ConfigTable(), text, std::move(path), source);
}

Loaded<Config> Merge(std::span<const ConfigFile> files) {
  json::object tree = StandardTree();
  for (const ConfigFile& file : files) MergeInto(tree, file.tree);
  Config config = ConfigOf(tree);
  config.rules = MergeRules(files);
  std::vector<Problem> problems;
  const EnvironmentNames names(config);
  for (const ConfigFile& file : files) {
    CheckNamedEnvironments(file, names, problems);
    CheckRuleEnvironments(file, names, problems);
  }
  SettleConsole(config, files, problems);
  MarkExplicitQuorums(config, files);
  if (!problems.empty()) return std::unexpected(std::move(problems));
  return config;
}

Loaded<Config> LoadConfig(std::span<const ConfigPath> paths) {
  std::vector<ConfigFile> files;
  std::vector<Problem> problems;
  for (const ConfigPath& path : paths) {
    const Result<std::string> text = ReadFile(path.path, kYamlBytesMax);
    if (!text) {
      if (text.error().code == Code::not_found && !path.required) continue;
      problems.push_back({path.path.string(), 0, 0, text.error().message});
      continue;
    }
    Loaded<ConfigFile> file = ReadConfig(*text, path.path.string(), path.source);
    if (file) {
      files.push_back(std::move(*file));
    } else {
      problems.insert(problems.end(), file.error().begin(), file.error().end());
    }
  }
  if (!problems.empty()) return std::unexpected(std::move(problems));
  return Merge(files);
}

Loaded<std::vector<Rule>> LoadWorkspaceFile(std::string_view text, std::string path,
                                            const Config& config) {
  Loaded<ConfigFile> file =
      ReadWith(WorkspaceTable(), text, std::move(path), RuleSource::workspace);
  if (!file) return std::unexpected(std::move(file.error()));
  std::vector<Problem> problems;
  CheckRuleEnvironments(*file, EnvironmentNames(config), problems);
  if (!problems.empty()) return std::unexpected(std::move(problems));
  return RulesOf(file->tree, RuleSource::workspace);
}

}  // namespace interlock::policy
