#include "policy/config_values.h"

#include "base/bytes.h"

namespace interlock::policy {
namespace {

std::int64_t Integer(const json::object& object, std::string_view key) {
  const json::value* value = Find(object, key);
  const std::int64_t* number = value == nullptr ? nullptr : value->if_int64();
  return number == nullptr ? 0 : *number;
}

std::string Text(const json::object& object, std::string_view key) {
  return std::string(FindString(object, key));
}

const json::object& Object(const json::object& object, std::string_view key) {
  static const json::object kEmpty;
  const json::object* found = FindObject(object, key);
  return found == nullptr ? kEmpty : *found;
}

std::vector<std::string> Texts(const json::object& object, std::string_view key) {
  std::vector<std::string> out;
  if (const json::array* array = FindArray(object, key)) {
    for (const json::value& value : *array) {
      if (const json::string* text = value.if_string()) out.emplace_back(*text);
    }
  }
  return out;
}

std::vector<const json::object*> Objects(const json::object& object, std::string_view key) {
  std::vector<const json::object*> out;
  if (const json::array* array = FindArray(object, key)) {
    for (const json::value& value : *array) {
      if (const json::object* item = value.if_object()) out.push_back(item);
    }
  }
  return out;
}

// The table knows the words; what it does not know can't get here, and would be the strictest.
KeyKind KeyKindOf(std::string_view word) {
  if (word == "file") return KeyKind::file;
  if (word == "passkey") return KeyKind::passkey;
  return KeyKind::security_key;
}

CredentialSeen CredentialOf(std::string_view word) {
  if (word == "none") return CredentialSeen::none;
  if (word == "phantom") return CredentialSeen::phantom;
  return CredentialSeen::foreign;
}

Verdict VerdictOf(std::string_view word) {
  if (word == "allow") return Verdict::allow;
  if (word == "hold") return Verdict::hold;
  return Verdict::deny;
}

std::vector<Effect> Effects(const json::object& object) {
  std::vector<Effect> out;
  for (const std::string& word : Texts(object, "effect"))
    out.push_back(ParseEffect(word).value_or(Effect::unknown));
  return out;
}

GatewayConfig GatewayOf(const json::object& gateway) {
  const json::object& console = Object(gateway, "console");
  const json::object& limits = Object(gateway, "limits");
  GatewayConfig out;
  out.proxy = Text(gateway, "proxy");
  out.console = {Text(console, "listen"), Text(console, "origin"), Text(console, "cert"),
                 Text(console, "key")};
  out.limits = {static_cast<std::uint64_t>(Integer(limits, "header")),
                static_cast<std::uint64_t>(Integer(limits, "inspect")),
                Integer(limits, "connections")};
  for (const json::object* item : Objects(gateway, "upstreams"))
    out.upstreams.push_back(
        {ToLower(Text(*item, "host")), Text(*item, "connect"), Text(*item, "ca")});
  return out;
}

EnvironmentConfig EnvironmentOf(const json::object& object) {
  EnvironmentConfig out;
  if (Find(object, "approvals") != nullptr)
    out.approvals = static_cast<int>(Integer(object, "approvals"));
  if (Find(object, "keys") != nullptr) {
    out.keys.clear();
    for (const std::string& word : Texts(object, "keys")) out.keys.push_back(KeyKindOf(word));
  }
  if (Text(object, "recovery") == "verified") out.recovery = RecoveryNeed::verified;
  const json::value* disposable = Find(object, "disposable");
  out.disposable = disposable != nullptr && disposable->is_bool() && disposable->get_bool();
  return out;
}

ProviderConfig ProviderOf(const json::object& object) {
  ProviderConfig out;
  for (const auto& [glob, name] : Object(object, "environments")) {
    if (const json::string* text = name.if_string())
      out.environments.emplace(std::string(glob), std::string(*text));
  }
  for (const std::string& host : Texts(object, "hosts")) out.hosts.push_back(ToLower(host));
  return out;
}

BreakerConfig BreakerOf(const json::object& object) {
  const json::object& when = Object(object, "when");
  BreakerConfig out;
  out.effect = Effects(when);
  out.within = std::chrono::milliseconds(Integer(when, "within"));
  out.count = Integer(when, "count");
  return out;
}

When WhenOf(const json::object& when) {
  When out;
  out.effect = Effects(when);
  for (std::string& word : Texts(when, "environment")) {
    if (const auto relation = ParseRelation(word)) {
      out.relation.push_back(*relation);
    } else {
      out.environment.push_back(std::move(word));
    }
  }
  if (const json::value* value = Find(when, "disposable"); value != nullptr && value->is_bool())
    out.disposable = value->get_bool();
  if (Find(when, "discloses") != nullptr)
    out.discloses = Text(when, "discloses") == "none" ? Disclosure::none : Disclosure::credential;
  for (const std::string& word : Texts(when, "credential"))
    out.credential.push_back(CredentialOf(word));
  out.operation = Texts(when, "operation");
  out.provider = Texts(when, "provider");
  out.resource = Texts(when, "resource");
  return out;
}

}  // namespace

std::optional<Relation> ParseRelation(std::string_view word) {
  if (word == "none") return Relation::none;
  if (word == "lent") return Relation::lent;
  if (word == "other") return Relation::other;
  if (word == "unresolved") return Relation::unresolved;
  return std::nullopt;
}

std::vector<Rule> RulesOf(const json::object& tree, RuleSource source) {
  std::vector<Rule> rules;
  for (const json::object* item : Objects(tree, "rules")) {
    rules.push_back({Text(*item, "name"), WhenOf(Object(*item, "when")),
                     VerdictOf(FindString(*item, "then")), source});
  }
  return rules;
}

Config ConfigOf(const json::object& tree) {
  Config config;
  config.gateway = GatewayOf(Object(tree, "gateway"));
  for (const auto& [name, value] : Object(tree, "environments")) {
    if (const json::object* object = value.if_object())
      config.environments.emplace(std::string(name), EnvironmentOf(*object));
  }
  for (const auto& [name, value] : Object(tree, "providers")) {
    if (const json::object* object = value.if_object())
      config.providers.emplace(std::string(name), ProviderOf(*object));
  }
  for (const auto& [name, value] : Object(tree, "sessions")) {
    if (const json::object* object = value.if_object())
      config.sessions.emplace(std::string(name),
                              SessionConfig{Text(*object, "environment"), Texts(*object, "egress"),
                                            Texts(*object, "hosted_tools")});
  }
  for (const json::object* item : Objects(tree, "breakers"))
    config.breakers.push_back(BreakerOf(*item));
  return config;
}

}  // namespace interlock::policy
