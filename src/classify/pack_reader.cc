#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "base/file.h"
#include "classify/body_reader.h"
#include "classify/mint_reader.h"
#include "classify/operation_reader.h"
#include "classify/pack.h"
#include "classify/pack_fields.h"
#include "classify/rest.h"
#include "classify/websocket.h"
#include "classify/yaml.h"

namespace interlock::classify {
namespace {

constexpr std::size_t kPackBytesMax = 4u << 20;
constexpr std::array<std::string_view, 7> kMethods = {"GET", "HEAD",  "OPTIONS", "POST",
                                                      "PUT", "PATCH", "DELETE"};

bool IsPackName(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

bool IsHostPattern(std::string_view host) {
  if (host.starts_with("*.")) host.remove_prefix(2);
  return !host.empty() && host.front() != '.' && host.back() != '.' &&
         std::ranges::all_of(host, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
         });
}

class PackReader {
 public:
  explicit PackReader(Problems& problems) : problems_(problems) {}

  Pack Read(const YamlNode& root) {
    Pack pack;
    if (!IsMapOf(root, {"pack", "bodies", "apis"}, problems_)) return pack;
    pack.name = TextAt(root, "pack", Need::required, problems_);
    if (!IsPackName(pack.name))
      problems_.Add(root, "a pack's name has small letters, digits and '-'");
    provider_ = pack.name;
    if (const YamlNode* bodies = root.Find("bodies")) bodies_ = ReadBodyRules(*bodies, problems_);
    for (const YamlNode& node : ListAt(root, "apis", problems_)) pack.apis.push_back(ApiOf(node));
    if (pack.apis.empty()) problems_.Add(root, "a pack needs 'apis'");
    return pack;
  }

 private:
  Api ApiOf(const YamlNode& node) {
    Api api;
    if (!IsMapOf(node,
                 {"hosts", "forward", "credentials", "git", "lists", "graphql", "rest",
                  "encoded_slashes", "refuses_with", "mint"},
                 problems_)) {
      return api;
    }
    api.provider = provider_;
    api.hosts = TextsAt(node, "hosts", Need::required, problems_);
    for (const std::string& host : api.hosts) {
      if (!IsHostPattern(host))
        problems_.Add(*node.Find("hosts"), "'" + host + "' is no host name");
    }
    api.forward = LowerNames(node, "forward");
    for (const YamlNode& item : ListAt(node, "credentials", problems_)) {
      api.credentials.push_back(CredentialOf(item));
    }
    CheckForward(node, api);
    if (node.Find("refuses_with")) api.refusals = Statuses(node);
    if (const YamlNode* git = node.Find("git")) api.git = GitOf(*git);
    api.mints = ReadMintRules(node, problems_);
    CheckNarrower(node, api);
    api.encoded_slashes = FlagAt(node, "encoded_slashes", false, problems_);
    if (const YamlNode* graphql = node.Find("graphql"))
      api.graphql = Graphql(*graphql, Lists(node));
    for (const YamlNode& item : ListAt(node, "rest", problems_)) api.rest.push_back(RestOf(item));
    for (const RestRule& rule : api.rest) CheckWebSocket(node, api, rule);
    for (const CredentialPlace& place : api.credentials) CheckRoutes(node, api, place);
    return api;
  }

  std::vector<std::string> LowerNames(const YamlNode& node, std::string_view key) {
    std::vector<std::string> names = TextsAt(node, key, Need::optional, problems_);
    for (const std::string& name : names) {
      if (name != ToLower(name))
        problems_.Add(*node.Find(key), "'" + name + "' must be in lower case");
    }
    return names;
  }

  // Statuses that say of a credential that it is no good.
  std::vector<int> Statuses(const YamlNode& node) {
    std::vector<int> out;
    for (const std::string& text : TextsAt(node, "refuses_with", Need::required, problems_)) {
      const bool refusal = text.size() == 3 && text[0] == '4' && text[1] >= '0' && text[1] <= '9' &&
                           text[2] >= '0' && text[2] <= '9';
      if (refusal)
        out.push_back(400 + (text[1] - '0') * 10 + (text[2] - '0'));
      else
        problems_.Add(*node.Find("refuses_with"), "'" + text + "' is no status like 401");
    }
    return out;
  }

  // A header that carries a credential is never passed on as the agent sent it.
  void CheckForward(const YamlNode& node, const Api& api) {
    for (const CredentialPlace& place : api.credentials) {
      if (place.header.empty()) continue;
      for (const std::string& pattern : api.forward) {
        const bool covers = pattern.ends_with('*')
                                ? place.header.starts_with(pattern.substr(0, pattern.size() - 1))
                                : place.header == pattern;
        if (covers)
          problems_.Add(node, "'forward' passes the credential header '" + place.header + "'");
      }
    }
  }

  // A kind that is said to be narrower is one that can be lent.
  void CheckNarrower(const YamlNode& node, const Api& api) {
    const auto lent = [&api](const std::string& kind) {
      return std::ranges::find(api.credentials, kind, &CredentialPlace::kind) !=
             api.credentials.end();
    };
    for (const CredentialPlace& place : api.credentials) {
      if (!place.narrower.empty() && (!lent(place.narrower) || place.narrower == place.kind))
        problems_.Add(node, "'narrower: " + place.narrower + "' is no other kind of credential");
    }
    for (const MintRule& rule : api.mints) {
      if (!lent(rule.kind))
        problems_.Add(node, "'mint' makes '" + rule.kind + "', which has no place");
      if (rule.proof == MintProof::place && !lent(rule.with))
        problems_.Add(node, "'mint' is asked with '" + rule.with + "', which has no place");
    }
  }

  CredentialPlace CredentialOf(const YamlNode& node) {
    CredentialPlace place;
    if (!IsMapOf(node,
                 {"kind", "header", "prefix", "basic", "user", "query", "cookie", "form", "json",
                  "routes", "variables", "caller", "narrower"},
                 problems_)) {
      return place;
    }
    place.kind = TextAt(node, "kind", Need::required, problems_);
    ReadStand(node, place);
    place.variables = TextsAt(node, "variables", Need::optional, problems_);
    place.narrower = TextAt(node, "narrower", Need::optional, problems_);
    const std::string caller = TextAt(node, "caller", Need::optional, problems_);
    if (caller == "key") place.caller = FromCaller::key;
    if (caller == "login") place.caller = FromCaller::login;
    if (!caller.empty() && place.caller == FromCaller::nothing)
      problems_.Add(*node.Find("caller"), "expected 'key' or 'login'");
    if (place.caller == FromCaller::login && place.stand != CredentialStand::header)
      problems_.Add(*node.Find("caller"), "a login stands in a header of its own");
    return place;
  }

  // Exactly one of the keys that say where.
  void ReadStand(const YamlNode& node, CredentialPlace& place) {
    constexpr std::array<std::string_view, 6> kWhere = {"header", "basic", "query",
                                                        "cookie", "form",  "json"};
    const auto given = std::ranges::count_if(
        kWhere, [&](std::string_view key) { return node.Find(key) != nullptr; });
    if (given != 1) {
      problems_.Add(node,
                    "a credential stands in one of 'header', 'basic', 'query', 'cookie', "
                    "'form' and 'json'");
      return;
    }
    const auto only_with = [&](std::string_view key, bool fits, std::string_view whom) {
      if (node.Find(key) != nullptr && !fits)
        problems_.Add(*node.Find(key), "'" + std::string(key) + "' goes with " + std::string(whom));
    };
    only_with("prefix", node.Find("header") != nullptr, "'header'");
    only_with("user", node.Find("basic") != nullptr, "'basic'");
    const bool in_body = node.Find("form") != nullptr || node.Find("json") != nullptr;
    only_with("routes", in_body, "'form' and 'json'");
    if (node.Find("header") != nullptr) {
      place.header = TextAt(node, "header", Need::required, problems_);
      if (place.header != ToLower(place.header))
        problems_.Add(node, "'header' must be in lower case");
      place.prefix = TextAt(node, "prefix", Need::optional, problems_);
    } else if (const YamlNode* basic = node.Find("basic")) {
      const auto stand = ParseCredentialStand("basic-" + basic->text);
      if (!stand) problems_.Add(*basic, "expected 'password', 'user' or 'pair'");
      place.stand = stand.value_or(CredentialStand::basic_password);
      place.header = "authorization";
      place.name = TextAt(node, "user", Need::optional, problems_);
      if (!place.name.empty() && place.stand != CredentialStand::basic_password)
        problems_.Add(node, "a 'user' stands beside a password");
    } else if (node.Find("cookie") != nullptr) {
      place.header = "cookie";
      place.prefix = TextAt(node, "cookie", Need::required, problems_) + "=";
    } else {
      const std::string_view key = node.Find("query") != nullptr  ? "query"
                                   : node.Find("form") != nullptr ? "form"
                                                                  : "json";
      place.stand = ParseCredentialStand(key).value_or(CredentialStand::query);
      place.name = TextAt(node, key, Need::required, problems_);
      if (in_body) place.routes = TextsAt(node, "routes", Need::required, problems_);
    }
  }

  GitAccess GitOf(const YamlNode& node) {
    GitAccess git;
    if (!IsMapOf(node, {"user"}, problems_)) return git;
    git.user = TextAt(node, "user", Need::required, problems_);
    const bool plain = std::ranges::all_of(git.user, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '-' || c == '_' || c == '.';
    });
    if (!plain) problems_.Add(node, "git's user has letters, digits, '-', '_' and '.'");
    return git;
  }

  // A body is looked into, and written in our own words, only on a route that is listed.
  void CheckRoutes(const YamlNode& node, const Api& api, const CredentialPlace& place) {
    for (const std::string& route : place.routes) {
      const auto is_it = [&](const RestRule& rule) {
        return rule.method + " " + rule.path == route && rule.inspect && !rule.body &&
               !rule.refreshes && !rule.websocket;
      };
      if (std::ranges::none_of(api.rest, is_it))
        problems_.Add(node, "'" + route + "' is no route of this API whose body is looked into");
    }
  }

  WordLists Lists(const YamlNode& node) {
    WordLists lists;
    const YamlNode* map = node.Find("lists");
    if (!map) return lists;
    if (map->kind != YamlKind::map) problems_.Add(*map, "'lists' must be a map");
    for (const YamlEntry& entry : map->entries) lists[entry.key] = TextsOf(entry.value, problems_);
    return lists;
  }

  GraphqlRules Graphql(const YamlNode& node, const WordLists& lists) {
    GraphqlRules rules;
    if (!IsMapOf(node, {"paths", "discloses", "queries", "mutations", "subscriptions"}, problems_))
      return rules;
    rules.paths = TextsAt(node, "paths", Need::required, problems_);
    for (const std::string& path : rules.paths) {
      if (!path.starts_with('/')) problems_.Add(node, "'" + path + "' must begin with '/'");
    }
    const OperationReader operations(provider_, lists, problems_);
    if (const YamlNode* queries = node.Find("queries"))
      rules.queries = operations.Queries(*queries);
    if (const YamlNode* mutations = node.Find("mutations")) {
      rules.mutations = operations.Mutations(*mutations);
    }
    if (const YamlNode* subscriptions = node.Find("subscriptions"))
      rules.subscriptions = operations.Queries(*subscriptions);
    for (const YamlNode& item : ListAt(node, "discloses", problems_)) {
      if (!IsMapOf(item, {"field", "leaf", "argument", "within"}, problems_)) continue;
      rules.disclosing[TextAt(item, "field", Need::required, problems_)].push_back(
          {FlagAt(item, "leaf", false, problems_),
           TextAt(item, "argument", Need::optional, problems_),
           TextAt(item, "within", Need::optional, problems_)});
    }
    return rules;
  }

  RestRule RestOf(const YamlNode& node) {
    RestRule rule;
    if (!IsMapOf(node,
                 {"route", "effect", "discloses", "hands_out", "because", "query", "inspect", "compressed",
                  "body", "refreshes", "websocket"},
                 problems_)) {
      return rule;
    }
    const std::string route = TextAt(node, "route", Need::required, problems_);
    const std::size_t space = route.find(' ');
    if (space != std::string::npos) {
      rule.method = route.substr(0, space);
      rule.path = route.substr(space + 1);
    }
    if (std::ranges::find(kMethods, rule.method) == kMethods.end() || !rule.path.starts_with('/')) {
      problems_.Add(node, "'route' must be a method and a path, like 'GET /v1/models'");
    }
    rule.name = provider_ + "." + route;
    rule.effect = EffectAt(node, "effect", problems_);
    rule.discloses = DisclosureAt(node, "discloses", problems_);
    rule.hands_out = HandsOutAt(node, rule.discloses, problems_);
    rule.because = TextAt(node, "because", Need::required, problems_);
    rule.query = TextsAt(node, "query", Need::optional, problems_);
    rule.inspect = FlagAt(node, "inspect", true, problems_);
    if (!rule.inspect && rule.effect != Effect::read) {
      problems_.Add(node, "only what reads may go on without a look at its body");
    }
    rule.compressed = FlagAt(node, "compressed", false, problems_);
    if (rule.compressed && rule.inspect)
      problems_.Add(node, "only a body that isn't inspected may come compressed");
    ReadBody(node, rule);
    if (const YamlNode* websocket = node.Find("websocket")) {
      rule.websocket = ReadWebSocketRule(*websocket, problems_);
      if (rule.method != "GET") problems_.Add(node, "a WebSocket begins with a GET");
    }
    return rule;
  }

  // What a message amounts to must be something that the pack judges.
  void CheckWebSocket(const YamlNode& node, const Api& api, const RestRule& rule) {
    if (!rule.websocket) return;
    using Mode = WebSocketRule::Mode;
    if (rule.websocket->mode == Mode::graphql && !api.graphql)
      problems_.Add(node, rule.name + ": 'websocket: graphql' needs 'graphql' in this API");
    if (rule.websocket->mode == Mode::as &&
        FindRoute(api, rule.websocket->method, rule.websocket->target) == nullptr)
      problems_.Add(node, rule.name + ": 'as' names a route that isn't listed");
  }

  void ReadBody(const YamlNode& node, RestRule& rule) {
    if (const YamlNode* body = node.Find("body")) {
      const auto it = bodies_.find(body->text);
      if (it == bodies_.end())
        problems_.Add(*body, "there is no body '" + body->text + "' under 'bodies'");
      else
        rule.body = it->second;
    }
    if (const YamlNode* refreshes = node.Find("refreshes"))
      rule.refreshes = ReadRefreshRule(*refreshes, problems_);
    const bool ruled = rule.body || rule.refreshes;
    if (ruled && (rule.method == "GET" || rule.method == "DELETE" || rule.method == "OPTIONS"))
      problems_.Add(node, "this method has no body");
    if (ruled && !rule.inspect) problems_.Add(node, "a body with rules must be inspected");
    if (rule.body && rule.refreshes)
      problems_.Add(node, "'body' and 'refreshes' exclude each other");
  }

  Problems& problems_;
  std::string provider_;
  BodyRules bodies_;
};

}  // namespace

Result<Pack> ParsePack(std::string_view text, std::string_view file_name) {
  const Result<YamlNode> root = ParseYaml(text);
  if (!root) return Fail(root.error().code, std::string(file_name) + ":" + root.error().message);
  Problems problems;
  Pack pack = PackReader(problems).Read(*root);
  if (!problems.empty()) return std::unexpected(problems.ToError(file_name));
  return pack;
}

Result<Pack> LoadPack(const std::filesystem::path& path) {
  std::error_code ignored;
  const std::filesystem::path file =
      std::filesystem::is_directory(path, ignored) ? path / "pack.yaml" : path;
  ILK_TRY(text, ReadFile(file, kPackBytesMax));
  return ParsePack(text, file.string());
}

}  // namespace interlock::classify
