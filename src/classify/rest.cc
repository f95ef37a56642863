#include "classify/rest.h"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>
#include <string>

#include "base/bytes.h"
#include "base/json.h"
#include "wire/http1/target.h"

namespace interlock::classify {
namespace {

constexpr std::size_t kNamedPathMax = 200;

struct Parts {
  std::string_view path;
  std::string_view query;
};

Parts Split(std::string_view target) {
  const std::size_t mark = target.find('?');
  if (mark == std::string_view::npos) return {target, {}};
  return {target.substr(0, mark), target.substr(mark + 1)};
}

std::unexpected<Malformed> Refuse(std::string_view name, std::string_view reason,
                                  int status = 400) {
  return std::unexpected(Malformed{std::string(name), std::string(reason), status});
}

// The path check with "%2F" as an ordinary character, for APIs in which it is one
// ("/@scope%2fname").
std::string WithoutEncodedSlashes(std::string_view target, char instead) {
  std::string out;
  for (std::size_t i = 0; i < target.size(); ++i) {
    const std::string_view rest = target.substr(i, 3);
    if (rest == "%2f" || rest == "%2F") {
      out += instead;
      i += 2;
    } else {
      out += target[i];
    }
  }
  return out;
}

bool IsCredentialPlace(const Api& api, std::string_view name) {
  return std::ranges::any_of(api.credentials, [&](const CredentialPlace& place) {
    return place.stand == CredentialStand::query && place.name == name;
  });
}

std::expected<void, Malformed> CheckQuery(const Api& api, const RestRule& rule,
                                          std::string_view query) {
  if (query.empty()) return {};
  const auto parameters = http1::ParseQuery(query);
  if (!parameters) return Refuse("query-string", parameters.error().message);
  for (const auto& [name, value] : *parameters) {
    const auto allows = [&](const std::string& known) { return known == "*" || known == name; };
    if (std::ranges::any_of(rule.query, allows) || IsCredentialPlace(api, name)) continue;
    return Refuse("query-parameter", "the parameter '" + EscapeForHumans(name, 60) +
                                         "' is not one that this call is known to take");
  }
  return {};
}

Operation Unlisted(const Api* api, std::string_view method, std::string_view path) {
  Operation out;
  out.name = (api ? api->provider : "http") + "." + std::string(method) + " " +
             EscapeForHumans(path, kNamedPathMax);
  if (!api && (method == "GET" || method == "HEAD" || method == "OPTIONS")) {
    out.effect = Effect::read;
    out.because = "the method only reads";
  } else {
    out.effect = Effect::unknown;
    out.because = api ? "is not known to the pack" : "no pack knows this host";
  }
  return out;
}

}  // namespace

bool RouteMatches(std::string_view pattern, std::string_view path) {
  // Greedy with one point to fall back to. That is enough: no '*' reaches over a '/', so giving an
  // earlier one more never helps a later one.
  std::size_t p = 0, t = 0, star = std::string_view::npos, mark = 0;
  while (t < path.size()) {
    if (pattern.substr(p) == "**") return true;
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
    } else if (p < pattern.size() && pattern[p] == path[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos && path[mark] != '/') {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

const RestRule* FindRoute(const Api& api, std::string_view method, std::string_view path) {
  const std::string_view like = method == "HEAD" ? "GET" : method;
  for (const RestRule& rule : api.rest) {
    if (rule.method == like && RouteMatches(rule.path, path)) return &rule;
  }
  return nullptr;
}

std::expected<Operation, Malformed> JudgeRest(const Api* api, std::string_view method,
                                              std::string_view target) {
  const bool lenient = api && api->encoded_slashes;
  auto fault =
      http1::CheckTarget(lenient ? WithoutEncodedSlashes(target, '_') : std::string(target));
  // A server that reads it as a slash must not find dot segments between them.
  if (!fault && lenient) fault = http1::CheckTarget(WithoutEncodedSlashes(target, '/'));
  if (fault) return Refuse(fault->name, fault->reason, fault->http_status);
  const auto [path, query] = Split(target);
  const RestRule* rule = api ? FindRoute(*api, method, path) : nullptr;
  Operation out;
  if (rule) {
    if (auto checked = CheckQuery(*api, *rule, query); !checked)
      return std::unexpected(checked.error());
    out.name = rule->name;
    out.effect = rule->effect;
    out.discloses = rule->discloses;
    out.because = rule->because;
  } else {
    out = Unlisted(api, method, path);
  }
  out.arguments["path"] = path;
  if (!query.empty()) out.arguments["query"] = query;
  return out;
}

}  // namespace interlock::classify
