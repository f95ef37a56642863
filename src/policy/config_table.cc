#include "policy/config_table.h"

namespace interlock::policy {
namespace {

constexpr std::string_view kEffects[] = {"read", "reversible", "irreversible", "unknown"};
constexpr std::string_view kDisclosures[] = {"credential", "none"};
constexpr std::string_view kCredentials[] = {"none", "phantom", "foreign"};
constexpr std::string_view kVerdicts[] = {"allow", "hold", "deny"};
constexpr std::string_view kStrictVerdicts[] = {"hold", "deny"};
constexpr std::string_view kKeyKinds[] = {"security-key", "passkey", "file"};
constexpr std::string_view kRecovery[] = {"shown", "verified"};
constexpr std::string_view kHalt[] = {"halt"};

constexpr Field kConsoleFields[] = {
    {.key = "listen",
     .kind = Kind::address,
     .about = "Where the console listens.",
     .standard = "127.0.0.1:7443"},
    {.key = "origin",
     .kind = Kind::text,
     .about = "The address that people open; passkeys are bound to its name. Any name but "
              "`localhost` needs `https`, `cert` and `key`.",
     .standard = "http://localhost:7443 (the port of listen)"},
    {.key = "cert", .kind = Kind::path, .about = "The certificate chain for `origin`, PEM."},
    {.key = "key", .kind = Kind::path, .about = "The private key of `cert`, PEM."},
};
constexpr Table kConsole = {"gateway.console",
                            "The page on which people see and sign what is held.", kConsoleFields};

constexpr Field kLimitsFields[] = {
    {.key = "header",
     .kind = Kind::size,
     .about = "Request line and headers of one request.",
     .standard = "64KiB",
     .min = 1 << 10,
     .max = 1 << 20},
    {.key = "inspect",
     .kind = Kind::size,
     .about = "A body up to this size is read and judged; the effect of a larger one is `unknown`.",
     .standard = "8MiB",
     .min = 1 << 10,
     .max = 256 << 20},
    {.key = "connections",
     .kind = Kind::integer,
     .about = "Connections of agents at the same time; further ones are refused.",
     .standard = "20000",
     .min = 1,
     .max = 1'000'000},
};
constexpr Table kLimits = {"gateway.limits", "Bounds for what agents may send.", kLimitsFields};

constexpr Field kUpstreamFields[] = {
    {.key = "host",
     .kind = Kind::text,
     .about = "The name that agents use; `*.example.com` means every name below it.",
     .required = true},
    {.key = "connect",
     .kind = Kind::address,
     .about = "Where that host really is.",
     .min = 1,
     .required = true},
    {.key = "ca",
     .kind = Kind::path,
     .about = "The certificates that it must be proved with, PEM, in place of the system's."},
};
constexpr Table kUpstream = {
    "gateway.upstreams",
    "Where a host really is: tests, private endpoints, port-forwards. A host that stands here is "
    "guarded, and may be dialled although its address is private.",
    kUpstreamFields};

constexpr Field kGatewayFields[] = {
    {.key = "proxy",
     .kind = Kind::address,
     .about = "The explicit proxy for clients outside a sandbox. It asks for a session token in "
              "Proxy-Authorization.",
     .standard = "127.0.0.1:7442"},
    {.key = "console", .kind = Kind::mapping, .about = kConsole.about, .table = &kConsole},
    {.key = "limits", .kind = Kind::mapping, .about = kLimits.about, .table = &kLimits},
    {.key = "upstreams",
     .kind = Kind::list,
     .about = "Where a host really is.",
     .table = &kUpstream},
};
constexpr Table kGateway = {"gateway", "What the gateway listens on, and its bounds.",
                            kGatewayFields};

constexpr Field kEnvironmentFields[] = {
    {.key = "approvals",
     .kind = Kind::integer,
     .about = "How many enrolled people must sign for what is held there. Keys of one person count "
              "once.",
     .standard = "1",
     .min = 1,
     .max = 20},
    {.key = "keys",
     .kind = Kind::choices,
     .about = "The kinds of key that count.",
     .standard = "[security-key, passkey, file]",
     .choices = kKeyKinds},
    {.key = "recovery",
     .kind = Kind::choice,
     .about =
         "`shown`: what could bring a target back is looked for and shown. `verified`: without "
         "a recovery point that was proved, nothing there is destroyed.",
     .standard = "shown",
     .choices = kRecovery},
    {.key = "disposable",
     .kind = Kind::boolean,
     .about = "What lives there may be lost. Believed only where the provider's own ephemeral flag "
              "agrees, for environments that were seen before the session started. `production` "
              "can't be disposable.",
     .standard = "false"},
};
constexpr Table kEnvironment = {
    "environments.NAME",
    "The environments that rules and sessions speak of. `production` always exists: whatever can't "
    "be resolved counts as it.",
    kEnvironmentFields};

constexpr Field kProviderFields[] = {
    {.key = "environments",
     .kind = Kind::named,
     .about =
         "The provider's name of an environment (with `*` for any run of characters), and the "
         "name it has here. An exact name wins over a pattern, a longer pattern over a shorter "
         "one; what matches nothing is `production`. A provider without this key: its "
         "`staging` is `staging`, and so for every name declared here that isn't disposable."},
    {.key = "hosts",
     .kind = Kind::texts,
     .about = "Hosts of an API whose pack names none: the server of a cluster, a registry, an "
              "instance of your own. Read when the gateway starts."},
};
constexpr Table kProvider = {"providers.NAME", "How the names of a provider are to be read.",
                             kProviderFields};

constexpr Field kSessionFields[] = {
    {.key = "environment",
     .kind = Kind::name,
     .about = "The environment that is lent to the agent when `interlock run` names none.",
     .standard = "staging"},
    {.key = "egress",
     .kind = Kind::texts,
     .about = "What the agent may reach: groups of hosts (`model-apis`, `package-registries`, the "
              "name of a pack), or hosts. Every other host is denied.",
     .standard = "[model-apis, package-registries, railway]"},
    {.key = "hosted_tools",
     .kind = Kind::texts,
     .about = "Tools that the provider of a model may run on its own machines when a request asks "
              "for them, by the name that the refusal gives: `web_search`, `web_fetch`, `url` (an "
              "input that the provider fetches), `mcp` and so on. They act outside the room, with "
              "what the request gives them. Every other one is denied.",
     .standard = "none"},
};
constexpr Table kSession = {"sessions.NAME", "What a session gets. `default` always exists.",
                            kSessionFields};

constexpr Field kBreakerWhenFields[] = {
    {.key = "effect",
     .kind = Kind::choices,
     .about = "The effects that are counted; `unknown` counts as `irreversible`.",
     .standard = "[read, reversible, irreversible, unknown]",
     .choices = kEffects},
    {.key = "within",
     .kind = Kind::duration,
     .about = "The length of the window.",
     .min = 1'000,
     .max = 366LL * 24 * 3'600'000,
     .required = true},
    {.key = "count",
     .kind = Kind::integer,
     .about = "How many requests in the window trip it.",
     .min = 1,
     .max = 1'000'000,
     .required = true},
};
constexpr Table kBreakerWhen = {"breakers.when", "What trips the breaker.", kBreakerWhenFields};

constexpr Field kBreakerFields[] = {
    {.key = "when",
     .kind = Kind::mapping,
     .about = kBreakerWhen.about,
     .table = &kBreakerWhen,
     .required = true},
    {.key = "then",
     .kind = Kind::choice,
     .about = "`halt`: nothing of the session is forwarded any more, until a person resumes it.",
     .choices = kHalt,
     .required = true},
};
constexpr Table kBreaker = {"breakers", "Limits that halt a session, whatever it asks for.",
                            kBreakerFields};

constexpr Field kWhenFields[] = {
    {.key = "effect",
     .kind = Kind::choices,
     .about = "How far it can be taken back. In a rule that holds or denies, `irreversible` covers "
              "`unknown`.",
     .choices = kEffects},
    {.key = "environment",
     .kind = Kind::texts,
     .about = "`lent`: all of it is in the lent environment; `none`: it touches no environment; "
              "`other`: anything beyond the lent one, also what could not be resolved; "
              "`unresolved`; or names of environments. A rule that allows must name every "
              "environment that is touched, one that holds or denies any of them."},
    {.key = "disposable",
     .kind = Kind::boolean,
     .about = "Whether everything it touches was observed to be disposable."},
    {.key = "discloses",
     .kind = Kind::choice,
     .about = "Whether the answer would hand a live credential to the agent.",
     .choices = kDisclosures},
    {.key = "credential",
     .kind = Kind::choices,
     .about = "What the request carries: `phantom`, a lent one; `foreign`, one that Interlock did "
              "not issue; or `none`.",
     .choices = kCredentials},
    {.key = "operation",
     .kind = Kind::texts,
     .about = "Names of operations, `*` for any run of characters. Only a name in full lets a rule "
              "allow an operation whose effect is `unknown`."},
    {.key = "provider", .kind = Kind::texts, .about = "Names of packs, with `*`."},
    {.key = "resource",
     .kind = Kind::texts,
     .about = "Targets like `railway:volume/3d2c…`, with `*`. A rule that allows must match every "
              "target, one that holds or denies any of them."},
};
constexpr Table kWhen = {"rules.when",
                         "All conditions that are given must hold; in a list, one entry suffices.",
                         kWhenFields};

constexpr Field kRuleFields[] = {
    {.key = "name",
     .kind = Kind::name,
     .about = "How the rule is called wherever it decides.",
     .required = true},
    {.key = "when", .kind = Kind::mapping, .about = kWhen.about, .table = &kWhen},
    {.key = "then",
     .kind = Kind::choice,
     .about = "`allow`: it passes. `hold`: people are asked. `deny`: it is refused.",
     .choices = kVerdicts,
     .required = true},
};
constexpr Table kRule = {
    "rules",
    "The strictest rule that matches wins; the order does not matter; no match means hold. A file "
    "that has this key replaces the standard rules; rules of several files all count.",
    kRuleFields};

constexpr Field kRootFields[] = {
    {.key = "version",
     .kind = Kind::integer,
     .about = "The version of this format.",
     .standard = "1",
     .min = 1,
     .max = 1},
    {.key = "gateway", .kind = Kind::mapping, .about = kGateway.about, .table = &kGateway},
    {.key = "environments",
     .kind = Kind::named,
     .about = "The environments there are.",
     .table = &kEnvironment},
    {.key = "providers", .kind = Kind::named, .about = kProvider.about, .table = &kProvider},
    {.key = "sessions", .kind = Kind::named, .about = "What sessions get.", .table = &kSession},
    {.key = "breakers", .kind = Kind::list, .about = kBreaker.about, .table = &kBreaker},
    {.key = "rules",
     .kind = Kind::list,
     .about = "What is allowed, held and denied.",
     .table = &kRule},
};
constexpr Table kRoot = {"interlock.yaml", "", kRootFields};

constexpr Field kStrictRuleFields[] = {
    kRuleFields[0],
    kRuleFields[1],
    {.key = "then",
     .kind = Kind::choice,
     .about = "A workspace can only make things stricter.",
     .choices = kStrictVerdicts,
     .required = true},
};
constexpr Table kStrictRule = {"rules", kRule.about, kStrictRuleFields};
constexpr Field kWorkspaceFields[] = {
    kRootFields[0],
    {.key = "rules",
     .kind = Kind::list,
     .about = "Rules that hold or deny.",
     .table = &kStrictRule},
};
constexpr Table kWorkspace = {"interlock.yaml in a workspace", "", kWorkspaceFields};

}  // namespace

const Table& ConfigTable() { return kRoot; }
const Table& WorkspaceTable() { return kWorkspace; }

}  // namespace interlock::policy
