// A pack: what one provider's API does, as data. Read from YAML once at start or reload; immutable
// and shared afterwards, any thread.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "action/action.h"
#include "action/mint_rule.h"
#include "base/result.h"

namespace interlock::classify {

// Names of object members from the arguments of an operation down to one value. Lists on the way
// mean every item. A last step "{key}" means the keys of the object there.
using Path = std::vector<std::string>;

// Where the id of a target stands. Two parts are joined by '@' in their order.
struct TargetRule {
  std::string type;
  std::vector<Path> parts;
  bool optional =
      false;  // absent or null names no target; otherwise that is a target nobody can find
};

// A claim about one value of the arguments.
struct Condition {
  enum class Test {
    present,     // there, whatever it is
    absent,      // not there, or null
    given,       // there and not null
    cleared,     // null, explicitly
    set,         // there and neither null nor false
    disabled,    // false
    text,        // a text that isn't empty
    opaque,      // a text, where structure is expected
    empty,       // an empty list, object or text
    nonempty,    // a list, object or text that isn't empty
    one_of,      // a text that is one of `words`, in either case
    matches,     // a text that matches one of the globs in `words`, in either case
    holds_key,   // some key at any depth matches one of the globs in `words`, in either case
    holds_null,  // null stands at any depth
    no_null,     // null stands nowhere
    only,        // an object whose every leaf lies at one of `shapes` ('*' is any one key)
  };
  Path path;
  Test test = Test::present;
  std::vector<std::string> words;  // upper case
  std::vector<Path> shapes;
};

// What changes when all of `when` hold. Without `instead` a case can only add: the strictest effect
// of all cases and the rule wins, targets add up. With it, effect and targets (those that are
// given) stand in the place of the rule's own; its text says why that is safe. `because` goes with
// the effect; in a case without one it replaces the rule's sentence.
struct Case {
  std::vector<Condition> when;
  std::optional<Effect> effect;
  std::optional<std::vector<TargetRule>> targets;
  Disclosure discloses = Disclosure::none;
  std::string because;
  std::string instead;
};

// The names of arguments that were known when the rule was written. An argument beside them makes
// the effect unknown: an API grows.
struct ArgumentNames {
  std::map<std::string, ArgumentNames, std::less<>> children;
  bool open = false;  // anything may stand below
};

// Where an answer hands out a credential: in a GraphQL answer below the operation's own value, else
// below the top of the JSON. Lists on the way mean every item, a step "*" every member.
struct HandOut {
  Path at;           // empty: whatever stands there or below
  std::string kind;  // the kind of credential it is; "" when the pack has no place for it
};

struct OperationRule {
  std::string name;  // "railway.volumeDelete"
  Effect effect = Effect::unknown;
  Disclosure discloses = Disclosure::none;
  std::vector<HandOut> hands_out;  // with `discloses`; none: everything below the operation
  std::vector<TargetRule> targets;
  std::string because;
  std::vector<Case> cases;
  std::optional<ArgumentNames> arguments;
};

// A field that hands out a secret wherever it is selected. All given parts must hold.
struct DisclosingField {
  bool leaf = false;     // nothing is selected below it
  std::string argument;  // unless this argument is absent, null or false
  std::string within;    // a field of this name is above it
};

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};
template <typename T>
using ByName = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

struct GraphqlRules {
  std::vector<std::string> paths;  // exact
  ByName<OperationRule> queries;
  ByName<OperationRule> mutations;
  ByName<OperationRule> subscriptions;
  ByName<std::vector<DisclosingField>> disclosing;
};

struct BodyRule;  // classify/body_rule.h

// A call with which the agent's own login renews itself: its body names one token, and the answer
// brings the ones that take its place.
struct RefreshRule {
  std::string token;                                      // the member with the token
  std::map<std::string, std::vector<std::string>> words;  // members that must be one of these
  std::vector<std::string> members;                       // further members that may be there
  std::vector<std::string> learns;                        // members of the answer: new tokens
};

// How what an agent says on a WebSocket is judged.
struct WebSocketRule {
  enum class Mode {
    pass,     // it is looked into for credentials alone
    graphql,  // graphql-transport-ws or graphql-ws: each operation like one over HTTP
    as,       // each message is the JSON body of a call
  };
  Mode mode = Mode::pass;
  // Of `as`: the call, and the members of a message that aren't the call's own.
  std::string method;
  std::string target;
  std::map<std::string, std::vector<std::string>> words;  // must be there and be one of these
  std::vector<std::string> members;                       // may be there
};

// "POST /v1/messages": '*' is any run without '/', a last "**" any rest.
struct RestRule {
  std::string name;  // "model-apis.POST /v1/messages"
  std::string method;
  std::string path;
  Effect effect = Effect::unknown;
  Disclosure discloses = Disclosure::none;
  std::vector<HandOut> hands_out;  // with `discloses`; none: nobody knows where
  std::string because;
  std::vector<std::string> query;  // parameters that may be there; "*" is any
  bool inspect = true;      // false: the body decides nothing and may stream past; reads only
  bool compressed = false;  // such a body may come compressed
  std::shared_ptr<const BodyRule> body;  // the body is JSON, and judged by this
  std::optional<RefreshRule> refreshes;
  std::optional<WebSocketRule> websocket;  // the call becomes a WebSocket, and nothing else
};

// What the caller of `interlock run` may bring along for one session, without the vault.
enum class FromCaller {
  nothing,
  key,    // a key out of the caller's environment; the agent gets a phantom for it
  login,  // the agent's own login, which stands here as it is
};

// A place in which clients put a credential for this API. A kind may have several.
struct CredentialPlace {
  std::string kind;                    // "account"; the kind of a vault entry
  std::string header;                  // lower case; "" in the target or the body
  std::string prefix;                  // "Bearer ", "NAME=" in a cookie, or ""
  std::vector<std::string> variables;  // environment variables in which clients look for it
  FromCaller caller = FromCaller::nothing;
  CredentialStand stand = CredentialStand::header;
  std::string name;                 // as CredentialRef::name; "" beside Basic: whatever is there
  std::vector<std::string> routes;  // "POST /oauth/token": where a body has it; never empty then
  std::string narrower;  // a kind that reaches less far and should be lent instead; "" none
};

// Hosts of git repositories: remotes by SSH are reached over HTTPS instead.
struct GitAccess {
  std::string user;  // beside the credential, where git is asked for one
};

struct Api {
  std::string provider;            // the pack's name
  std::vector<std::string> hosts;  // lower case; "*.name" is every name below
  std::vector<std::string>
      forward;  // lower-case header names that go upstream; a last '*' is any rest
  std::vector<CredentialPlace> credentials;
  std::optional<GitAccess> git;
  std::vector<MintRule> mints;
  std::optional<GraphqlRules> graphql;
  std::vector<RestRule> rest;         // the first that matches wins
  std::vector<int> refusals = {401};  // statuses by which it refuses a credential
  bool encoded_slashes = false;       // "%2F" in a path is an ordinary character of this API
};

struct Pack {
  std::string name;
  std::vector<Api> apis;
};

// `text` is the content of a pack.yaml; `file_name` stands in errors only. The error lists every
// problem, one a line: "pack.yaml:12:7: unknown key 'effct'; did you mean 'effect'?".
Result<Pack> ParsePack(std::string_view text, std::string_view file_name);

// `path` is a pack.yaml or the directory that holds one.
Result<Pack> LoadPack(const std::filesystem::path& path);

}  // namespace interlock::classify
