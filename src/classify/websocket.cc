#include "classify/websocket.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include "base/bytes.h"
#include "classify/in_order.h"
#include "classify/pack_fields.h"

namespace interlock::classify {
namespace {

constexpr std::string_view kTransportWs = "graphql-transport-ws";
constexpr std::string_view kGraphqlWs = "graphql-ws";

using Spoken = std::variant<Plain, Call, Malformed>;

Malformed NotUnderstood(std::string reason) { return {"websocket-message", std::move(reason)}; }

std::string Shown(std::string_view text) { return "'" + EscapeForHumans(text, 60) + "'"; }

// "" when all is well; else the first member that isn't among `known`.
std::string Strange(const json::object& object, std::initializer_list<std::string_view> known) {
  for (const auto& member : object) {
    if (std::ranges::find(known, std::string_view(member.key())) == known.end())
      return std::string(member.key());
  }
  return "";
}

// A message that starts nothing: its members are the protocol's, and go on in canonical form.
Spoken PlainOf(const json::object& object, std::initializer_list<std::string_view> known) {
  if (const std::string strange = Strange(object, known); !strange.empty())
    return NotUnderstood("the member " + Shown(strange) + " is none of this kind of message");
  return Plain{Canonical(object)};
}

// Its payload is where such clients put a credential, which goes with the handshake here: whatever
// else stood in that place would be somebody's.
Spoken InitOf(const json::object& object) {
  const json::value* payload = Find(object, "payload");
  const json::object* members = payload ? payload->if_object() : nullptr;
  if (payload != nullptr && !payload->is_null() && !(members && members->empty()))
    return NotUnderstood(
        "'connection_init' has no payload here: the credential goes with the handshake");
  return PlainOf(object, {"type", "payload"});
}

Spoken WithId(const json::object& object) {
  const std::string_view id = FindString(object, "id");
  if (id.empty() || id.size() > kOperationIdMax)
    return NotUnderstood("'id' must be a text of up to 128 bytes");
  return PlainOf(object, {"type", "id"});
}

Spoken StartOf(json::object object) {
  if (const std::string strange = Strange(object, {"type", "id", "payload"}); !strange.empty())
    return NotUnderstood("the member " + Shown(strange) + " is none of this kind of message");
  const std::string_view id = FindString(object, "id");
  if (id.empty() || id.size() > kOperationIdMax)
    return NotUnderstood("'id' must be a text of up to 128 bytes");
  const json::object* payload = FindObject(object, "payload");
  if (payload == nullptr) return NotUnderstood("'payload' must be an object");
  Call call{std::string(id), Canonical(*payload), {}};
  object.erase("payload");
  call.envelope = std::move(object);
  return call;
}

Spoken TransportWs(json::object object) {
  const std::string_view type = FindString(object, "type");
  if (type == "subscribe") return StartOf(std::move(object));
  if (type == "complete") return WithId(object);
  if (type == "connection_init") return InitOf(object);
  if (type == "ping" || type == "pong") return PlainOf(object, {"type", "payload"});
  return NotUnderstood(Shown(type) + " is no message of a client of graphql-transport-ws");
}

Spoken GraphqlWs(json::object object) {
  const std::string_view type = FindString(object, "type");
  if (type == "start") return StartOf(std::move(object));
  if (type == "stop") return WithId(object);
  if (type == "connection_init") return InitOf(object);
  if (type == "connection_terminate") return PlainOf(object, {"type"});
  return NotUnderstood(Shown(type) + " is no message of a client of graphql-ws");
}

Spoken AsCall(const WebSocketRule& rule, json::object object) {
  Call call;
  for (const auto& [member, words] : rule.words) {
    const std::string_view word = FindString(object, member);
    if (std::ranges::find(words, word) == words.end())
      return NotUnderstood("'" + member + "' must be one of the pack's words, and is " +
                           (word.empty() ? "none" : Shown(word)));
  }
  // Without disturbing the order of the others: a model reads them in it.
  const auto take = [&](const std::string& member) {
    const auto it = object.find(member);
    if (it == object.end()) return;
    call.envelope[member] = std::move(it->value());
    object.stable_erase(it);
  };
  for (const auto& entry : rule.words) take(entry.first);
  for (const std::string& member : rule.members) take(member);
  // What isn't judged with the body has no structure in which something could hide.
  for (const auto& [name, value] : call.envelope) {
    if (value.is_object() || value.is_array())
      return NotUnderstood("the member " + Shown(std::string(name)) + " must be a single value");
  }
  call.body = InOrder(object);
  return call;
}

json::object ErrorOf(const SpokenRefusal& refusal) {
  json::object extensions{{"code", refusal.code}};
  if (!refusal.id.empty())
    extensions[refusal.code == "INTERLOCK_HOLD" ? "hold" : "decision"] = refusal.id;
  return {{"message", refusal.message}, {"extensions", std::move(extensions)}};
}

}  // namespace

WebSocketRule ReadWebSocketRule(const YamlNode& node, Problems& problems) {
  WebSocketRule rule;
  if (node.kind == YamlKind::text) {
    if (node.text == "graphql") rule.mode = WebSocketRule::Mode::graphql;
    if (node.text != "graphql" && node.text != "pass")
      problems.Add(node, "expected 'pass', 'graphql' or { as: POST /path }");
    return rule;
  }
  rule.mode = WebSocketRule::Mode::as;
  if (!IsMapOf(node, {"as", "words", "members"}, problems)) return rule;
  const std::string call = TextAt(node, "as", Need::required, problems);
  const std::size_t space = std::min(call.find(' '), call.size());
  rule.method = call.substr(0, space);
  rule.target = call.substr(std::min(space + 1, call.size()));
  const bool has_body = rule.method == "POST" || rule.method == "PUT" || rule.method == "PATCH";
  if (!has_body || !rule.target.starts_with('/') ||
      rule.target.find_first_of("*?") != std::string::npos)
    problems.Add(node, "'as' must be a method with a body and one path, like 'POST /v1/responses'");
  if (const YamlNode* words = node.Find("words")) {
    if (words->kind != YamlKind::map) problems.Add(*words, "'words' must be a map");
    for (const YamlEntry& entry : words->entries)
      rule.words[entry.key] = TextsOf(entry.value, problems);
  }
  rule.members = TextsAt(node, "members", Need::optional, problems);
  return rule;
}

std::vector<std::string> ProtocolsFor(const WebSocketRule& rule,
                                      const std::vector<std::string>& offered) {
  // Elsewhere none: a subprotocol may change what the words mean, and providers take credentials in
  // it.
  if (rule.mode != WebSocketRule::Mode::graphql) return {};
  std::vector<std::string> known;
  for (const std::string& protocol : offered) {
    if (protocol == kTransportWs || protocol == kGraphqlWs) known.push_back(protocol);
  }
  return known;
}

std::optional<Talk> TalkOf(const WebSocketRule& rule, std::string_view protocol) {
  switch (rule.mode) {
    case WebSocketRule::Mode::pass:
      return Talk::pass;
    case WebSocketRule::Mode::as:
      return Talk::as;
    case WebSocketRule::Mode::graphql:
      break;
  }
  if (protocol == kTransportWs) return Talk::transport_ws;
  if (protocol == kGraphqlWs) return Talk::graphql_ws;
  return std::nullopt;
}

Spoken ReadSpoken(const WebSocketRule& rule, Talk talk, std::string_view text) {
  if (talk == Talk::pass) return Plain{std::string(text)};
  if (CountsMoreValues(text, kBodyValuesMax))
    return NotUnderstood("a message holds more values than can be inspected");
  Result<json::value> value = ParseJson(text);
  if (!value) return NotUnderstood(value.error().message);
  json::object* object = value->if_object();
  if (object == nullptr) return NotUnderstood("a message must be a JSON object");
  switch (talk) {
    case Talk::pass:
      break;
    case Talk::as:
      return AsCall(rule, std::move(*object));
    case Talk::transport_ws:
      return TransportWs(std::move(*object));
    case Talk::graphql_ws:
      return GraphqlWs(std::move(*object));
  }
  return NotUnderstood("the way of talking is out of range");
}

std::string WriteCall(Talk talk, const Call& call, std::string_view body) {
  std::string out = json::serialize(call.envelope);
  if (talk != Talk::as) {
    out.pop_back();
    return out.append(",\"payload\":").append(body) += '}';
  }
  // Both are objects, and their members differ.
  if (call.envelope.empty()) return std::string(body);
  if (body == "{}") return out;
  out.back() = ',';
  return out.append(body.substr(1));
}

std::string WriteRefusal(Talk talk, const Call& call, const SpokenRefusal& refusal) {
  if (talk == Talk::as) {
    json::object error{{"type", "interlock"}, {"code", refusal.code}, {"message", refusal.message}};
    if (!refusal.id.empty())
      error[refusal.code == "INTERLOCK_HOLD" ? "hold" : "decision"] = refusal.id;
    return json::serialize(
        json::object{{"type", "error"}, {"status", refusal.status}, {"error", std::move(error)}});
  }
  json::value payload = ErrorOf(refusal);
  if (talk == Talk::transport_ws) payload = json::array{std::move(payload)};
  return json::serialize(
      json::object{{"id", call.id}, {"type", "error"}, {"payload", std::move(payload)}});
}

}  // namespace interlock::classify
