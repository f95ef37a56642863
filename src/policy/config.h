// interlock.yaml: reading, merging, and what the rest of Interlock needs to know of it.
//
// Everything fails closed and at once: a file with one mistake is not used, and every mistake in it
// is reported, with its line and column. The format is documented in docs/configuration.md, which
// is made from the table that the reader uses.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "policy/mark.h"
#include "policy/policy.h"

namespace interlock::policy {

// One mistake, and where it stands. Lines and columns count from 1; 0: the file as a whole.
struct Problem {
  std::string file;
  int line = 0;
  int column = 0;
  std::string message;
  bool operator==(const Problem&) const = default;
};
// `policy /etc/interlock/interlock.yaml:31:14: unknown key "aprovals" (did you mean "approvals"?)`
std::string ToString(const Problem& problem);

// A value, or everything that is wrong with it (never empty).
template <typename T>
using Loaded = std::expected<T, std::vector<Problem>>;

// All problems in one error, one a line.
Error ToError(std::span<const Problem> problems);

struct ConsoleConfig {
  std::string listen;  // HOST:PORT
  std::string origin;  // "http://localhost:7443"
  std::string cert;    // PEM files, "" for none
  std::string key;
  bool operator==(const ConsoleConfig&) const = default;
};

struct LimitsConfig {
  std::uint64_t header_bytes = 0;
  std::uint64_t inspect_bytes = 0;
  std::int64_t connections = 0;
  bool operator==(const LimitsConfig&) const = default;
};

struct UpstreamConfig {
  std::string host;     // lower case; "*.example.com" for every name below it
  std::string connect;  // HOST:PORT
  std::string ca;       // PEM file, "" for the system's certificates
  bool operator==(const UpstreamConfig&) const = default;
};

struct GatewayConfig {
  std::string proxy;  // HOST:PORT
  ConsoleConfig console;
  LimitsConfig limits;
  std::vector<UpstreamConfig> upstreams;
  bool operator==(const GatewayConfig&) const = default;
};

enum class KeyKind { security_key, passkey, file };
std::string_view ToString(KeyKind kind);

// What is asked of the recovery evidence before something is destroyed.
enum class RecoveryNeed { shown, verified };
std::string_view ToString(RecoveryNeed need);

struct EnvironmentConfig {
  int approvals = 1;  // people, not keys
  std::vector<KeyKind> keys = {KeyKind::security_key, KeyKind::passkey, KeyKind::file};
  RecoveryNeed recovery = RecoveryNeed::shown;
  bool disposable = false;
  bool quorum_is_explicit = false;  // a file, not a standard value, says `approvals` or `keys`
  bool operator==(const EnvironmentConfig&) const = default;
};

struct ProviderConfig {
  std::map<std::string, std::string> environments;  // the provider's name or glob -> the name here
  std::vector<std::string> hosts;                   // of an API whose pack names none
  bool operator==(const ProviderConfig&) const = default;
};

struct SessionConfig {
  std::string environment;
  std::vector<std::string> egress;        // groups of hosts, packs, hosts
  std::vector<std::string> hosted_tools;  // tools that a model's provider may run itself
  bool operator==(const SessionConfig&) const = default;
};

enum class BreakerAction { halt };

struct BreakerConfig {
  std::vector<Effect> effect;  // empty: every effect
  std::chrono::milliseconds within{0};
  std::int64_t count = 0;
  BreakerAction then = BreakerAction::halt;
  bool operator==(const BreakerConfig&) const = default;
};
// Whether an action of this effect counts towards the breaker; `unknown` counts as irreversible.
bool Counts(const BreakerConfig& breaker, Effect effect);

struct Config {
  GatewayConfig gateway;
  std::map<std::string, EnvironmentConfig> environments;  // always has "production"
  std::map<std::string, ProviderConfig> providers;
  std::map<std::string, SessionConfig> sessions;  // always has "default"
  std::vector<BreakerConfig> breakers;
  std::vector<Rule> rules;
  bool operator==(const Config&) const = default;
};

// What holds with no file at all; and its rules.
Config DefaultConfig();
std::vector<Rule> DefaultRules();

// One file, read and checked for itself: normalised values by key (sizes in bytes, durations in
// milliseconds), and where each stands.
struct ConfigFile {
  std::string path;
  RuleSource source = RuleSource::system;
  json::object tree;
  std::map<std::string, Mark> marks;  // by path: "rules/3/when/environment/0"
};
// `path` is for messages and for the file's relative paths.
Loaded<ConfigFile> ReadConfig(std::string_view text, std::string path, RuleSource source);

// The standard values, then the files in their order, key by key: a later file's value replaces an
// earlier one's, lists are replaced whole. `rules` are the exception: those of all files are kept
// (the strictest wins), and the standard rules hold only if no file has the key. Then what lies
// across files is checked: every environment that is named must be declared, and so on.
Loaded<Config> Merge(std::span<const ConfigFile> files);

struct ConfigPath {
  std::filesystem::path path;
  RuleSource source = RuleSource::system;
  bool required = false;  // a missing file is a problem; otherwise it is skipped
};
// Reads the files from disk and merges them.
Loaded<Config> LoadConfig(std::span<const ConfigPath> paths);

// A workspace's interlock.yaml: `version` and `rules` with `then: hold|deny`, nothing else. The
// agent may have written it, so it can only make things stricter.
Loaded<std::vector<Rule>> LoadWorkspaceFile(std::string_view text, std::string path,
                                            const Config& config);

// The policy that a session is judged by.
Policy MakePolicy(const Config& config, std::span<const Rule> workspace_rules = {});

// SHA-256, lower-case hex, over the RFC 8785 form of everything that decides what is let through:
// all of the configuration but addresses and limits, and the workspace's rules.
std::string PolicyDigest(const Config& config, std::span<const Rule> workspace_rules = {});

// The configured name of a provider's environment. An exact name wins, then the longest pattern;
// two equally long ones that disagree, and a name that nothing covers, are "production". A provider
// without a mapping: the name itself where it is declared and not disposable.
std::string MapEnvironment(const Config& config, std::string_view provider, std::string_view name);

// False for names that are not declared.
bool IsDeclaredDisposable(const Config& config, std::string_view environment);

// An enrolled person and the kinds of key that they hold.
struct EnrolledPerson {
  std::string name;
  std::vector<KeyKind> keys;
};
// An environment whose approvals can't be reached by the people there are.
struct QuorumGap {
  std::string environment;
  int needed = 0;
  int have = 0;              // people with a key of an accepted kind
  bool is_explicit = false;  // stands in a file: refuse the file; otherwise: refuse approvals there
  bool operator==(const QuorumGap&) const = default;
};
// Persons of the same name count once. Disposable environments ask nobody and are left out.
std::vector<QuorumGap> CheckQuorum(const Config& config, std::span<const EnrolledPerson> people);
std::string ToString(const QuorumGap& gap);

// The JSON Schema (draft 2020-12) of interlock.yaml, and its documentation, as files end in: with a
// newline.
std::string ConfigSchemaJson();
std::string ConfigMarkdown();

}  // namespace interlock::policy
