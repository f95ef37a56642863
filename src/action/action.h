// The vocabulary of Interlock as plain values. Everything from wire/ to ledger/ speaks in these.
//
// Values are copied freely and are not changed once built. Names that a human will read
// (operations, resources, rules) are the same here, in the policy file, in the console and in the
// ledger.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/json.h"

namespace interlock {

// How far an operation can be taken back. Ordered: the strictest of several wins. `unknown` is
// treated as irreversible, and no rule allows it unless it names the operation.
enum class Effect { read, reversible, irreversible, unknown };

// What the answer would hand to the agent.
enum class Disclosure { none, credential };

// A typed id: "railway:volume/3d2c42fb-…".
struct ResourceId {
  std::string provider;
  std::string type;
  std::string id;
  bool operator==(const ResourceId&) const = default;
  auto operator<=>(const ResourceId&) const = default;
};
std::string ToString(const ResourceId& resource);
std::optional<ResourceId> ParseResourceId(std::string_view text);

// One operation of a request, e.g. one root field of a GraphQL document.
struct Operation {
  std::string name;  // "railway.volumeDelete"
  Effect effect = Effect::unknown;
  Disclosure discloses = Disclosure::none;
  std::vector<ResourceId> targets;
  std::string because;     // one sentence for a human
  json::object arguments;  // as sent, variables filled in
  bool operator==(const Operation&) const = default;
};

// How a credential stands in a request.
enum class CredentialStand {
  header,          // as the whole value of a header, after a prefix
  basic_password,  // RFC 7617: behind a user
  basic_user,      // before a password that opens nothing
  basic_pair,      // user and password are one value
  query,           // a parameter of the target
  form,            // a parameter of a body of application/x-www-form-urlencoded
  json,            // a member of a JSON body
};

// A real credential, by name: never the value.
struct CredentialRef {
  std::string entry;  // the vault entry's name
  int version = 0;    // rotation makes a new version; a hold is bound to the one it was signed with
  std::string header;  // lower case, where it will stand: "authorization", "project-access-token"
  std::string prefix;  // "Bearer " or ""
  CredentialStand stand = CredentialStand::header;
  // Basic: what stands beside it. query, form: the parameter; json: the member, "a.b" inside
  // another. In these three the target or the body holds kCredentialMark in the value's place.
  std::string name = {};
  bool operator==(const CredentialRef&) const = default;
};

// Stands for the value in a target or body, exactly once. Needs no escape in any of them.
inline constexpr std::string_view kCredentialMark = "__interlock_credential__";

struct Header {
  std::string name;  // lower case
  std::string value;
  bool operator==(const Header&) const = default;
};

// The request as Interlock itself would send it: re-serialised from what was understood, never the
// agent's bytes; the credential by reference.
struct UpstreamRequest {
  std::string scheme;  // "https" or "http"
  std::string host;    // lower case, no trailing dot
  unsigned port = 443;
  std::string method;
  std::string target;           // origin-form: path and query
  std::vector<Header> headers;  // without host, framing and hop-by-hop headers
  std::string body;
  std::optional<CredentialRef> credential;
  bool operator==(const UpstreamRequest&) const = default;
};

// One thing an agent is about to do outside its sandbox. Several operations in one request make one
// Action: name and effect are the strictest one's, targets are everybody's.
struct Action {
  std::string provider;   // pack name, "" when no pack knows the host
  std::string operation;  // "railway.volumeDelete"
  Effect effect = Effect::unknown;
  Disclosure discloses = Disclosure::none;
  std::vector<ResourceId> targets;
  std::string because;
  std::vector<Operation> operations;  // every one, in the order of the request
  UpstreamRequest request;
  bool operator==(const Action&) const = default;
};

// SHA-256, lower-case hex, over the RFC 8785 form of the whole action. Equal digests mean: the same
// operations on the same targets by the same bytes with the same vault entry.
std::string Digest(const Action& action);
json::object ToJson(const Action& action);
Result<Action> ActionFromJson(const json::object& object);

// Builds the Action's summary fields out of `operations` (never empty).
void Summarize(Action& action);

// Where a target was observed to live.
struct EnvironmentSeen {
  std::string id;           // the provider's id, "" when it has none
  std::string name;         // the provider's name: "production", "pr-17"
  std::string mapped;       // the configuration's name for it: "production", "scratch"
  bool ephemeral = false;   // the provider's own flag
  bool disposable = false;  // declared disposable, and the provider's flag agrees, and pinned
  bool operator==(const EnvironmentSeen&) const = default;
};

// One sentence of evidence, e.g. {"service postgres, 4100 MB", "railway projects walk, 2026-…"}.
struct Observation {
  std::string what;
  std::string known_by;
  bool operator==(const Observation&) const = default;
};

// Scope of all targets of an action. `unresolved` is non-empty when something could not be
// observed: then the action counts as production.
struct Scope {
  std::vector<EnvironmentSeen> environments;  // sorted by name, no duplicates
  std::vector<ResourceId> unresolved;
  std::string unresolved_reason;
  std::vector<Observation> where;  // target by target, in human words
  std::vector<Observation> loss;   // what would be lost
  std::vector<std::string> names;  // human names of the targets, e.g. "pg-data"
  bool operator==(const Scope&) const = default;
};

enum class Verdict { allow, hold, deny };  // ordered: the strictest wins

struct Decision {
  Verdict verdict = Verdict::hold;
  std::string rule;    // the rule that decided; "" when none matched
  std::string reason;  // for a human
  bool operator==(const Decision&) const = default;
};

// How the environments of an action relate to the one the session was lent.
enum class Relation { none, lent, other, unresolved };

// What kind of credential the request carried.
enum class CredentialSeen { none, phantom, foreign };

// Everything a policy may look at beside the action itself.
struct Facts {
  Relation relation = Relation::unresolved;
  std::vector<std::string> environments;  // mapped names; {"production"} when unresolved
  bool disposable = false;                // every environment of the action is disposable
  CredentialSeen credential = CredentialSeen::none;
  bool beyond_lend = false;  // the lent credential may not be used for this unasked
  std::string session;
  std::string agent;
  bool operator==(const Facts&) const = default;
};

std::string_view ToString(Effect effect);
std::string_view ToString(Disclosure disclosure);
std::string_view ToString(Verdict verdict);
std::string_view ToString(Relation relation);
std::string_view ToString(CredentialSeen credential);
std::string_view ToString(CredentialStand stand);
std::optional<CredentialStand> ParseCredentialStand(std::string_view text);
std::optional<Effect> ParseEffect(std::string_view text);

}  // namespace interlock
