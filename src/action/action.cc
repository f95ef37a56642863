#include "action/action.h"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>

#include "base/bytes.h"
#include "crypto/hash.h"

namespace interlock {
namespace {

constexpr std::array<std::string_view, 4> kEffects = {"read", "reversible", "irreversible",
                                                      "unknown"};
constexpr std::array<std::string_view, 2> kDisclosures = {"none", "credential"};
constexpr std::array<std::string_view, 3> kVerdicts = {"allow", "hold", "deny"};
constexpr std::array<std::string_view, 4> kRelations = {"none", "lent", "other", "unresolved"};
constexpr std::array<std::string_view, 3> kCredentials = {"none", "phantom", "foreign"};
constexpr std::array<std::string_view, 7> kStands = {
    "header", "basic-password", "basic-user", "basic-pair", "query", "form", "json"};

template <typename Enum, std::size_t N>
std::string_view NameOf(Enum value, const std::array<std::string_view, N>& names) {
  const auto index = static_cast<std::size_t>(value);
  return index < N ? names[index] : std::string_view("out of range");
}

template <typename Enum, std::size_t N>
std::optional<Enum> ValueOf(std::string_view name, const std::array<std::string_view, N>& names) {
  const auto it = std::ranges::find(names, name);
  if (it == names.end()) return std::nullopt;
  return static_cast<Enum>(it - names.begin());
}

// JSON strings are Unicode; bytes that aren't stand as {"base64": …}, which no string can be
// mistaken for.
json::value FromText(const std::string& bytes) {
  if (IsUtf8(bytes)) return json::string(bytes);
  return json::object{{"base64", Base64(bytes)}};
}

json::value FromResource(const ResourceId& resource) {
  std::string text = ToString(resource);
  if (IsUtf8(text) && ParseResourceId(text) == resource) return json::string(text);
  return json::object{{"provider", FromText(resource.provider)},
                      {"type", FromText(resource.type)},
                      {"id", FromText(resource.id)}};
}

json::array FromResources(const std::vector<ResourceId>& resources) {
  json::array out;
  for (const ResourceId& resource : resources) out.push_back(FromResource(resource));
  return out;
}

json::object FromOperation(const Operation& operation) {
  return {
      {"name", FromText(operation.name)},           {"effect", ToString(operation.effect)},
      {"discloses", ToString(operation.discloses)}, {"targets", FromResources(operation.targets)},
      {"because", FromText(operation.because)},     {"arguments", operation.arguments}};
}

json::object FromRequest(const UpstreamRequest& request) {
  json::array headers;
  for (const Header& header : request.headers)
    headers.push_back(json::array{FromText(header.name), FromText(header.value)});
  json::object out{{"scheme", FromText(request.scheme)},
                   {"host", FromText(request.host)},
                   {"port", request.port},
                   {"method", FromText(request.method)},
                   {"target", FromText(request.target)},
                   {"headers", std::move(headers)},
                   {"body", FromText(request.body)}};
  if (request.credential) {
    const CredentialRef& ref = *request.credential;
    json::object credential{{"entry", FromText(ref.entry)},
                            {"version", ref.version},
                            {"header", FromText(ref.header)},
                            {"prefix", FromText(ref.prefix)}};
    // In a header it stands by itself: nothing more is to be said.
    if (ref.stand != CredentialStand::header) {
      credential["stand"] = ToString(ref.stand);
      credential["name"] = FromText(ref.name);
    }
    out["credential"] = std::move(credential);
  }
  return out;
}

// Reads members and remembers the first that is missing or of another kind.
class Reader {
 public:
  bool ok() const { return fault_.empty(); }
  const std::string& fault() const { return fault_; }

  const json::value* Member(const json::object& object, std::string_view key) {
    const json::value* value = Find(object, key);
    if (!value) Say(key);
    return value;
  }

  std::string Text(const json::object& object, std::string_view key) {
    const json::value* value = Member(object, key);
    return value ? TextOf(*value, key) : std::string();
  }

  std::string TextOf(const json::value& value, std::string_view key) {
    if (const json::string* text = value.if_string()) return std::string(*text);
    if (const json::object* wrapped = value.if_object()) {
      if (auto bytes = FromBase64(FindString(*wrapped, "base64"))) return *std::move(bytes);
    }
    Say(key);
    return {};
  }

  int Number(const json::object& object, std::string_view key, int max) {
    const json::value* value = Member(object, key);
    if (value && value->is_int64() && value->get_int64() >= 0 && value->get_int64() <= max)
      return static_cast<int>(value->get_int64());
    // Boost keeps the signedness of the C++ number that a value was made of.
    if (value && value->is_uint64() && value->get_uint64() <= static_cast<std::uint64_t>(max))
      return static_cast<int>(value->get_uint64());
    Say(key);
    return 0;
  }

  template <typename Enum, std::size_t N>
  Enum Choice(const json::object& object, std::string_view key,
              const std::array<std::string_view, N>& names) {
    const auto choice = ValueOf<Enum>(FindString(object, key), names);
    if (!choice) Say(key);
    return choice.value_or(Enum{});
  }

  const json::array& List(const json::object& object, std::string_view key) {
    static const json::array kNone;
    const json::array* list = FindArray(object, key);
    if (!list) Say(key);
    return list ? *list : kNone;
  }

  const json::object& Object(const json::object& object, std::string_view key) {
    const json::object* member = FindObject(object, key);
    return member ? *member : Nothing(key);
  }

  const json::object& ObjectOf(const json::value& value, std::string_view key) {
    const json::object* member = value.if_object();
    return member ? *member : Nothing(key);
  }

  void Say(std::string_view key) {
    if (ok()) fault_ = key;
  }

 private:
  const json::object& Nothing(std::string_view key) {
    static const json::object kNone;
    Say(key);
    return kNone;
  }
  std::string fault_;
};

std::vector<ResourceId> ReadResources(Reader& reader, const json::object& object) {
  std::vector<ResourceId> out;
  for (const json::value& item : reader.List(object, "targets")) {
    if (const json::string* text = item.if_string()) {
      auto resource = ParseResourceId(std::string_view(*text));
      if (!resource) reader.Say("targets");
      out.push_back(resource.value_or(ResourceId{}));
    } else {
      const json::object& parts = reader.ObjectOf(item, "targets");
      out.push_back(
          {reader.Text(parts, "provider"), reader.Text(parts, "type"), reader.Text(parts, "id")});
    }
  }
  return out;
}

Operation ReadOperation(Reader& reader, const json::object& object) {
  Operation out;
  out.name = reader.Text(object, "name");
  out.effect = reader.Choice<Effect>(object, "effect", kEffects);
  out.discloses = reader.Choice<Disclosure>(object, "discloses", kDisclosures);
  out.targets = ReadResources(reader, object);
  out.because = reader.Text(object, "because");
  out.arguments = reader.Object(object, "arguments");
  return out;
}

UpstreamRequest ReadRequest(Reader& reader, const json::object& object) {
  UpstreamRequest out;
  out.scheme = reader.Text(object, "scheme");
  out.host = reader.Text(object, "host");
  out.port = static_cast<unsigned>(reader.Number(object, "port", 65535));
  out.method = reader.Text(object, "method");
  out.target = reader.Text(object, "target");
  for (const json::value& item : reader.List(object, "headers")) {
    const json::array* pair = item.if_array();
    if (!pair || pair->size() != 2) {
      reader.Say("headers");
      continue;
    }
    out.headers.push_back(
        {reader.TextOf((*pair)[0], "headers"), reader.TextOf((*pair)[1], "headers")});
  }
  out.body = reader.Text(object, "body");
  if (Find(object, "credential")) {
    const json::object& credential = reader.Object(object, "credential");
    out.credential = CredentialRef{
        reader.Text(credential, "entry"), reader.Number(credential, "version", 1 << 30),
        reader.Text(credential, "header"), reader.Text(credential, "prefix")};
    if (Find(credential, "stand")) {
      out.credential->stand = reader.Choice<CredentialStand>(credential, "stand", kStands);
      out.credential->name = reader.Text(credential, "name");
    }
  }
  return out;
}

}  // namespace

std::string ToString(const ResourceId& resource) {
  return resource.provider + ":" + resource.type + "/" + resource.id;
}

std::optional<ResourceId> ParseResourceId(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::size_t slash = text.find('/', colon + 1);
  if (slash == std::string_view::npos) return std::nullopt;
  ResourceId out{std::string(text.substr(0, colon)),
                 std::string(text.substr(colon + 1, slash - colon - 1)),
                 std::string(text.substr(slash + 1))};
  if (out.provider.empty() || out.type.empty() || out.id.empty()) return std::nullopt;
  return out;
}

json::object ToJson(const Action& action) {
  json::array operations;
  for (const Operation& operation : action.operations)
    operations.push_back(FromOperation(operation));
  return {{"provider", FromText(action.provider)},    {"operation", FromText(action.operation)},
          {"effect", ToString(action.effect)},        {"discloses", ToString(action.discloses)},
          {"targets", FromResources(action.targets)}, {"because", FromText(action.because)},
          {"operations", std::move(operations)},      {"request", FromRequest(action.request)}};
}

std::string Digest(const Action& action) { return crypto::Sha256Hex(Canonical(ToJson(action))); }

Result<Action> ActionFromJson(const json::object& object) {
  Reader reader;
  Action out;
  out.provider = reader.Text(object, "provider");
  out.operation = reader.Text(object, "operation");
  out.effect = reader.Choice<Effect>(object, "effect", kEffects);
  out.discloses = reader.Choice<Disclosure>(object, "discloses", kDisclosures);
  out.targets = ReadResources(reader, object);
  out.because = reader.Text(object, "because");
  for (const json::value& item : reader.List(object, "operations"))
    out.operations.push_back(ReadOperation(reader, reader.ObjectOf(item, "operations")));
  out.request = ReadRequest(reader, reader.Object(object, "request"));
  if (!reader.ok())
    return Fail(Code::invalid_input,
                "action: member '" + reader.fault() + "' is missing or of the wrong kind");
  // What was read must be everything that was there, or the digest would be another action's.
  if (Canonical(ToJson(out)) != Canonical(object))
    return Fail(Code::invalid_input, "action: holds members that are not part of an action");
  return out;
}

void Summarize(Action& action) {
  action.targets.clear();
  action.discloses = Disclosure::none;
  const Operation* strictest = nullptr;
  for (const Operation& operation : action.operations) {
    if (!strictest || operation.effect > strictest->effect) strictest = &operation;
    action.discloses = std::max(action.discloses, operation.discloses);
    for (const ResourceId& target : operation.targets) {
      if (std::ranges::find(action.targets, target) == action.targets.end())
        action.targets.push_back(target);
    }
  }
  // An action in which nothing was found is not a harmless one.
  action.operation = strictest ? strictest->name : "unknown";
  action.effect = strictest ? strictest->effect : Effect::unknown;
  action.because = strictest ? strictest->because : "no operation was found in the request";
}

std::string_view ToString(Effect effect) { return NameOf(effect, kEffects); }
std::string_view ToString(Disclosure disclosure) { return NameOf(disclosure, kDisclosures); }
std::string_view ToString(Verdict verdict) { return NameOf(verdict, kVerdicts); }
std::string_view ToString(Relation relation) { return NameOf(relation, kRelations); }
std::string_view ToString(CredentialSeen credential) { return NameOf(credential, kCredentials); }
std::string_view ToString(CredentialStand stand) { return NameOf(stand, kStands); }
std::optional<CredentialStand> ParseCredentialStand(std::string_view text) {
  return ValueOf<CredentialStand>(text, kStands);
}
std::optional<Effect> ParseEffect(std::string_view text) { return ValueOf<Effect>(text, kEffects); }

}  // namespace interlock
