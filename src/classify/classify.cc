#include "classify/classify.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/json.h"
#include "classify/body_rule.h"
#include "classify/graphql_request.h"
#include "classify/in_order.h"
#include "classify/refresh.h"
#include "classify/rest.h"
#include "wire/websocket/handshake.h"

namespace interlock::classify {
namespace {

constexpr std::array<std::string_view, 7> kMethods = {"GET", "HEAD",  "OPTIONS", "POST",
                                                      "PUT", "PATCH", "DELETE"};

// Fields that the sender of a request writes itself, beside the hop-by-hop ones.
constexpr std::array<std::string_view, 4> kOwnFields = {"host", "content-length", "expect",
                                                        "content-encoding"};

std::string_view PathOf(std::string_view target) { return target.substr(0, target.find('?')); }
std::string_view QueryOf(std::string_view target) {
  const std::size_t mark = target.find('?');
  return mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
}

const std::string* FieldOf(const HttpInput& input, std::string_view name) {
  const auto it = std::ranges::find(input.fields, name, &http1::Field::name);
  return it == input.fields.end() ? nullptr : &it->value;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

enum class MediaType { none, json, other };

// JSON only without parameters or with charset=utf-8: another charset would make other text of the
// same bytes.
MediaType MediaTypeOf(const HttpInput& input) {
  const std::string* field = FieldOf(input, "content-type");
  if (!field) return MediaType::none;
  std::string_view rest = *field;
  const std::string_view type = Trim(rest.substr(0, rest.find(';')));
  if (!EqualsIgnoreCase(type, "application/json")) return MediaType::other;
  rest.remove_prefix(std::min(rest.size(), rest.find(';')));
  if (rest.empty()) return MediaType::json;
  const std::string_view parameter = Trim(rest.substr(1));
  const bool utf8 = EqualsIgnoreCase(parameter, "charset=utf-8") ||
                    EqualsIgnoreCase(parameter, "charset=\"utf-8\"");
  return utf8 || parameter.empty() ? MediaType::json : MediaType::other;
}

bool IsSafeMethod(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS";
}

// What no guarded API is asked for; the wire refuses most of it before, and so does this. A body
// that nobody looks into may come compressed where the pack says so.
std::optional<Malformed> RefuseRequest(const HttpInput& input, const RestRule* rule = nullptr) {
  if (std::ranges::find(kMethods, input.method) == kMethods.end()) {
    return Malformed{"method", "this method is not forwarded", 405};
  }
  if (!input.target.starts_with('/')) return Malformed{"target", "the target must begin with '/'"};
  if (IsSafeMethod(input.method) && !input.body.empty()) {
    return Malformed{"body-on-get", "servers disagree about a body on this method"};
  }
  bool has_type = false;
  for (const http1::Field& field : input.fields) {
    if (http1::IsMethodOverride(field.name)) {
      return Malformed{"method-override", "a header asks for another method than the request's"};
    }
    if (field.name == "content-encoding" && !EqualsIgnoreCase(field.value, "identity") &&
        !(rule != nullptr && rule->compressed)) {
      return Malformed{"content-encoding", "a compressed body can't be judged; send it plain", 415};
    }
    if (field.name == "upgrade") return Malformed{"upgrade", "connections are not upgraded"};
    if (field.name == "content-type" && std::exchange(has_type, true)) {
      return Malformed{"content-type-twice", "the request has two content types"};
    }
  }
  return std::nullopt;
}

bool PassesOn(const std::vector<std::string>& patterns, std::string_view name) {
  return std::ranges::any_of(patterns, [&](std::string_view pattern) {
    return pattern.ends_with('*') ? name.starts_with(pattern.substr(0, pattern.size() - 1))
                                  : name == pattern;
  });
}

std::vector<Header> HeadersFor(const Api* api, const HttpInput& input) {
  std::vector<Header> out;
  for (const http1::Field& field : input.fields) {
    const bool own = http1::IsHopByHop(field.name) ||
                     std::ranges::find(kOwnFields, field.name) != kOwnFields.end();
    if (own || (api && !PassesOn(api->forward, field.name))) continue;
    out.push_back({field.name, field.value});
  }
  return out;
}

Action Begin(const Api* api, const HttpInput& input) {
  Action action;
  if (api) action.provider = api->provider;
  action.request.scheme = input.scheme;
  action.request.host = input.host;
  action.request.port = input.port;
  action.request.method = input.method;
  action.request.target = input.target;
  action.request.headers = HeadersFor(api, input);
  return action;
}

std::expected<GraphqlRequest, Malformed> ReadGraphql(const HttpInput& input) {
  if (input.method == "GET") return ReadGraphqlQuery(QueryOf(input.target));
  if (input.method != "POST") {
    return std::unexpected(Malformed{"graphql-method", "send GraphQL as a POST", 405});
  }
  if (input.target.find('?') != std::string_view::npos) {
    return std::unexpected(Malformed{"graphql-query-string",
                                     "a query string beside a body could name another document"});
  }
  if (MediaTypeOf(input) != MediaType::json) {
    return std::unexpected(Malformed{"graphql-content-type",
                                     "send GraphQL as application/json in UTF-8, not as a form, as "
                                     "multipart or as application/graphql",
                                     415});
  }
  return ReadGraphqlBody(input.body);
}

Classified ClassifyGraphql(const Api& api, const HttpInput& input) {
  auto request = ReadGraphql(input);
  if (!request) return std::move(request.error());
  auto reading = JudgeGraphql(api, *std::move(request));
  if (!reading) return std::move(reading.error());
  if (input.method == "GET" && reading->type != graphql::OperationType::query) {
    return Malformed{"graphql-get-mutation", "only a query may come as a GET", 405};
  }
  Action action = Begin(&api, input);
  action.operations = std::move(reading->operations);
  action.request.method = "POST";
  action.request.target = PathOf(input.target);
  action.request.headers.push_back({"content-type", "application/json"});
  action.request.body = std::move(reading->body);
  Summarize(action);
  return action;
}

// A body that is JSON is sent in our own words; any other is kept as it is, and its digest with it.
std::optional<Malformed> TakeBody(const HttpInput& input, UpstreamRequest& request) {
  const bool json = MediaTypeOf(input) == MediaType::json;
  std::erase_if(request.headers,
                [](const Header& header) { return header.name == "content-type"; });
  if (json) {
    request.headers.push_back({"content-type", "application/json"});
  } else if (const std::string* type = FieldOf(input, "content-type")) {
    request.headers.push_back({"content-type", *type});
  }
  if (!json || input.body.empty()) {
    request.body = input.body;
    return std::nullopt;
  }
  const Result<json::value> value = ParseJson(input.body);
  if (!value) return Malformed{"json", value.error().message};
  request.body = Canonical(*value);
  return std::nullopt;
}

// A body whose meaning hangs on its members is read as JSON and as nothing else: the provider might
// read it as such whatever its type says.
std::optional<Malformed> TakeRuledBody(const BodyRule& rule, const HttpInput& input,
                                       Action& action) {
  if (MediaTypeOf(input) != MediaType::json) {
    return Malformed{"json-expected", "send this call as application/json in UTF-8", 415};
  }
  if (CountsMoreValues(input.body, kBodyValuesMax)) {
    return Malformed{"json", "the body holds more values than can be inspected", 413};
  }
  const Result<json::value> value = ParseJson(input.body);
  if (!value) return Malformed{"json", value.error().message};
  const json::object* object = value->if_object();
  if (!object) return Malformed{"json-object-expected", "the body of this call is an object"};
  HostedUse hosted = FindHosted(rule, *object);
  if (!hosted.names.empty()) {
    json::array names;
    for (const std::string& name : hosted.names) names.push_back(json::string(name));
    action.operations.front().arguments["hosted"] =
        json::object{{"tools", std::move(names)}, {"entries", std::move(hosted.entries)}};
  }
  std::erase_if(action.request.headers,
                [](const Header& header) { return header.name == "content-type"; });
  action.request.headers.push_back({"content-type", "application/json"});
  action.request.body = InOrder(*value);
  return std::nullopt;
}

std::optional<Malformed> TakeRefreshBody(const RefreshRule& rule, const HttpInput& input,
                                         UpstreamRequest& request) {
  const std::string* type = FieldOf(input, "content-type");
  auto refresh = ReadRefresh(rule, type ? *type : std::string_view(), input.body);
  if (!refresh) return std::move(refresh.error());
  std::erase_if(request.headers,
                [](const Header& header) { return header.name == "content-type"; });
  request.headers.push_back({"content-type", refresh->content_type});
  request.body = std::move(refresh->body);
  return std::nullopt;
}

Classified ClassifyRest(const Api* api, const RestRule* rule, const HttpInput& input) {
  auto operation = JudgeRest(api, input.method, input.target);
  if (!operation) return operation.error();
  Action action = Begin(api, input);
  action.operations.push_back(*std::move(operation));
  if (rule && rule->websocket)
    return Malformed{"websocket-expected", "this call is a WebSocket and nothing else", 426};
  std::optional<Malformed> fault;
  if (rule && rule->body)
    fault = TakeRuledBody(*rule->body, input, action);
  else if (rule && rule->refreshes)
    fault = TakeRefreshBody(*rule->refreshes, input, action.request);
  else
    fault = TakeBody(input, action.request);
  if (fault) return *std::move(fault);
  const std::string* coding = FieldOf(input, "content-encoding");
  if (coding && rule && rule->compressed)
    action.request.headers.push_back({"content-encoding", *coding});
  Summarize(action);
  return action;
}

bool IsGraphqlPath(const Api& api, std::string_view target) {
  return api.graphql &&
         std::ranges::find(api.graphql->paths, PathOf(target)) != api.graphql->paths.end();
}

}  // namespace

Classified Classify(const Packs& packs, const HttpInput& input) {
  const Api* api = packs.Find(input.host);
  const bool graphql = api && IsGraphqlPath(*api, input.target);
  const RestRule* rule =
      api && !graphql ? FindRoute(*api, input.method, PathOf(input.target)) : nullptr;
  if (auto fault = RefuseRequest(input, rule)) return *std::move(fault);
  if (graphql) return ClassifyGraphql(*api, input);
  return ClassifyRest(api, rule, input);
}

std::variant<Upgrade, Malformed> ClassifyUpgrade(const Packs& packs, const HttpInput& input) {
  std::vector<http1::Field> fields(input.fields.begin(), input.fields.end());
  std::erase_if(fields, [](const http1::Field& f) { return websocket::IsHandshakeField(f.name); });
  HttpInput plain = input;
  plain.fields = fields;
  if (auto fault = RefuseRequest(plain)) return *std::move(fault);
  const Api* api = packs.Find(input.host);
  const RestRule* rule = api ? FindRoute(*api, input.method, PathOf(input.target)) : nullptr;
  if (rule == nullptr || !rule->websocket) {
    return Malformed{"upgrade",
                     "connections are upgraded to WebSocket only where the pack of the host says "
                     "how what is said there is judged",
                     501};
  }
  auto operation = JudgeRest(api, input.method, input.target);
  if (!operation) return std::move(operation.error());
  Upgrade out{Begin(api, plain), &*rule->websocket};
  out.action.operations.push_back(*std::move(operation));
  Summarize(out.action);
  return out;
}

BodyPlan PlanBody(const Packs& packs, std::string_view host, std::string_view method,
                  std::string_view target) {
  BodyPlan plan;
  if (IsSafeMethod(method)) {
    plan.needed = false;
    return plan;
  }
  const Api* api = packs.Find(host);
  if (!api || IsGraphqlPath(*api, target)) return plan;
  const RestRule* rule = FindRoute(*api, method, PathOf(target));
  if (!rule) return plan;
  plan.needed = rule->inspect;
  if (rule->body) {
    plan.bytes_max = rule->body->bytes_max;
    plan.is_prompt = true;
  }
  if (rule->refreshes) plan.refreshes = &*rule->refreshes;
  return plan;
}

bool NeedsBody(const Packs& packs, std::string_view host, std::string_view method,
               std::string_view target) {
  return PlanBody(packs, host, method, target).needed;
}

HostedTools HostedToolsOf(const Action& action) {
  HostedTools out;
  for (const Operation& operation : action.operations) {
    const json::object* hosted = FindObject(operation.arguments, "hosted");
    const json::array* names = hosted ? FindArray(*hosted, "tools") : nullptr;
    const json::value* entries = hosted ? Find(*hosted, "entries") : nullptr;
    if (!names || !entries) continue;
    for (const json::value& name : *names) {
      if (const json::string* text = name.if_string()) out.names.emplace_back(*text);
    }
    out.entries += Canonical(*entries);
  }
  return out;
}

}  // namespace interlock::classify
