#include "classify/examples.h"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>
#include <optional>

#include "base/bytes.h"
#include "base/file.h"
#include "base/json.h"
#include "classify/classify.h"
#include "classify/pack_fields.h"
#include "classify/websocket.h"
#include "classify/yaml.h"

namespace interlock::classify {
namespace {

// Owns what an HttpInput points at.
struct Request {
  std::string host;
  std::string method = "POST";
  std::string target;
  std::string body;
  std::vector<http1::Field> fields;

  HttpInput View() const { return {"https", host, 443, method, target, fields, body}; }
};

struct Example {
  std::string name;
  Request request;
  std::optional<std::string> message;  // said on the WebSocket that `request` opens
  std::string refused;                 // the Malformed's name, or ""
  std::string operation;               // "" when not asked for
  std::string effect;
  std::string discloses = "none";
  std::vector<std::string> targets;
  std::vector<std::string> hosted;
};

class ExampleReader {
 public:
  ExampleReader(const Packs& packs, Problems& problems) : packs_(packs), problems_(problems) {}

  Example Read(const YamlNode& node) const {
    Example out;
    if (!IsMapOf(node,
                 {"name", "host", "document", "variables", "operation_name", "body", "request",
                  "content_type", "message", "expect"},
                 problems_)) {
      return out;
    }
    out.name = TextAt(node, "name", Need::required, problems_);
    out.request.host = HostOf(node);
    if (node.Find("request")) {
      ReadLine(node, out.request);
    } else {
      ReadDocument(node, out.request);
    }
    std::string type = TextAt(node, "content_type", Need::optional, problems_);
    if (type.empty()) type = "application/json";
    if (out.request.method != "GET") out.request.fields.push_back({"content-type", type});
    if (node.Find("message")) out.message = TextAt(node, "message", Need::required, problems_);
    if (const YamlNode* expect = node.Find("expect")) ReadExpectation(*expect, out);
    if (!node.Find("expect")) problems_.Add(node, "'expect' is missing");
    return out;
  }

 private:
  // Without a host: the first one of the first pack.
  std::string HostOf(const YamlNode& node) const {
    const std::string host = TextAt(node, "host", Need::optional, problems_);
    if (!host.empty()) return host;
    for (const auto& pack : packs_.all()) {
      for (const Api& api : pack->apis) {
        if (!api.hosts.empty()) return api.hosts.front();
      }
    }
    problems_.Add(node, "'host' is missing");
    return {};
  }

  void ReadLine(const YamlNode& node, Request& request) const {
    const std::string line = TextAt(node, "request", Need::required, problems_);
    const std::size_t space = line.find(' ');
    if (space == std::string::npos) problems_.Add(node, "'request' must be a method and a target");
    request.method = line.substr(0, space);
    request.target = line.substr(std::min(line.size(), space + 1));
    request.body = TextAt(node, "body", Need::optional, problems_);
  }

  void ReadDocument(const YamlNode& node, Request& request) const {
    const Api* api = packs_.Find(request.host);
    if (!api || !api->graphql || api->graphql->paths.empty()) {
      problems_.Add(node, "the host speaks no GraphQL; give 'request'");
      return;
    }
    request.target = api->graphql->paths.front();
    if (node.Find("body")) {
      request.body = TextAt(node, "body", Need::required, problems_);
      return;
    }
    json::object body{{"query", TextAt(node, "document", Need::required, problems_)}};
    const std::string name = TextAt(node, "operation_name", Need::optional, problems_);
    if (!name.empty()) body["operationName"] = name;
    const std::string variables = TextAt(node, "variables", Need::optional, problems_);
    if (!variables.empty()) {
      Result<json::value> value = ParseJson(variables);
      if (!value) problems_.Add(*node.Find("variables"), value.error().message);
      if (value) body["variables"] = *std::move(value);
    }
    request.body = Canonical(body);
  }

  void ReadExpectation(const YamlNode& node, Example& out) const {
    if (!IsMapOf(node, {"refused", "operation", "effect", "discloses", "targets", "hosted"},
                 problems_))
      return;
    out.refused = TextAt(node, "refused", Need::optional, problems_);
    if (!out.refused.empty()) return;
    out.operation = TextAt(node, "operation", Need::optional, problems_);
    out.effect = ToString(EffectAt(node, "effect", problems_));
    out.discloses = ToString(DisclosureAt(node, "discloses", problems_));
    out.targets = TextsAt(node, "targets", Need::optional, problems_);
    std::ranges::sort(out.targets);
    out.hosted = TextsAt(node, "hosted", Need::optional, problems_);
    std::ranges::sort(out.hosted);
  }

  const Packs& packs_;
  Problems& problems_;
};

std::string Joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out.append(out.empty() ? "" : ", ").append(text);
  return "[" + out + "]";
}

std::string Difference(std::string_view what, std::string_view expected, std::string_view found) {
  std::string out(what);
  out.append(": expected ").append(expected).append(", found ").append(found);
  return out;
}

// What a message amounts to, GraphQL under the newer of its subprotocols.
Classified ClassifyMessage(const Packs& packs, const Example& example) {
  auto opened = ClassifyUpgrade(packs, example.request.View());
  if (auto* malformed = std::get_if<Malformed>(&opened)) return std::move(*malformed);
  Upgrade& upgrade = std::get<Upgrade>(opened);
  const auto talk = TalkOf(*upgrade.rule, "graphql-transport-ws");
  if (!talk) return Malformed{"websocket-protocol", "the rule has no way of talking"};
  auto spoken = ReadSpoken(*upgrade.rule, *talk, *example.message);
  if (auto* malformed = std::get_if<Malformed>(&spoken)) return std::move(*malformed);
  const auto* call = std::get_if<Call>(&spoken);
  if (call == nullptr) return std::move(upgrade.action);
  Request request = example.request;
  request.fields = {{"content-type", "application/json"}};
  request.method = "POST";
  if (*talk == Talk::as) {
    request.method = upgrade.rule->method;
    request.target = upgrade.rule->target;
  }
  request.body = call->body;
  return Classify(packs, request.View());
}

// "" when the example is met.
std::string Compare(const Example& example, const Classified& found) {
  if (const auto* malformed = std::get_if<Malformed>(&found)) {
    if (malformed->name == example.refused) return "";
    return Difference("refused", example.refused.empty() ? "an answer" : example.refused,
                      malformed->name + " (" + malformed->reason + ")");
  }
  const Action& action = std::get<Action>(found);
  if (!example.refused.empty()) return Difference("refused", example.refused, action.operation);
  if (!example.operation.empty() && action.operation != example.operation) {
    return Difference("operation", example.operation, action.operation);
  }
  if (ToString(action.effect) != example.effect) {
    return Difference("effect", example.effect,
                      std::string(ToString(action.effect)) + " (" + action.because + ")");
  }
  if (ToString(action.discloses) != example.discloses) {
    return Difference("discloses", example.discloses, ToString(action.discloses));
  }
  std::vector<std::string> targets;
  for (const ResourceId& target : action.targets) targets.push_back(ToString(target));
  std::ranges::sort(targets);
  if (targets != example.targets)
    return Difference("targets", Joined(example.targets), Joined(targets));
  const std::vector<std::string> hosted = HostedToolsOf(action).names;
  if (hosted != example.hosted) return Difference("hosted", Joined(example.hosted), Joined(hosted));
  return "";
}

}  // namespace

Result<CheckReport> CheckExamples(const Packs& packs, const std::filesystem::path& file) {
  ILK_TRY(text, ReadFile(file, 4u << 20));
  const Result<YamlNode> root = ParseYaml(text);
  if (!root) return Fail(root.error().code, file.string() + ":" + root.error().message);
  if (root->kind != YamlKind::list) {
    return Fail(Code::invalid_input, file.string() + ":1:1: expected a list of examples");
  }
  Problems problems;
  CheckReport report;
  for (const YamlNode& node : root->items) {
    const Example example = ExampleReader(packs, problems).Read(node);
    if (!problems.empty()) continue;
    const std::string difference =
        Compare(example, example.message ? ClassifyMessage(packs, example)
                                         : Classify(packs, example.request.View()));
    if (difference.empty()) {
      ++report.passed;
    } else {
      report.failures.push_back(file.filename().string() + ":" + std::to_string(node.line) + ":" +
                                std::to_string(node.column) + ": " + example.name + ": " +
                                difference);
    }
  }
  if (!problems.empty()) return std::unexpected(problems.ToError(file.string()));
  return report;
}

Result<CheckReport> CheckPack(const std::filesystem::path& directory) {
  ILK_TRY(pack, LoadPack(directory));
  const std::string name = pack.name;
  const bool unbound =
      std::ranges::any_of(pack.apis, [](const Api& api) { return api.hosts.empty(); });
  Packs packs;
  ILK_TRY_VOID(packs.Add(std::move(pack)));
  // Examples of an API whose hosts the operator names use this one.
  if (unbound) ILK_TRY_VOID(packs.Bind(name, "bound.example"));
  return CheckExamples(packs, directory / "examples.yaml");
}

}  // namespace interlock::classify
