#include "classify/refresh.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "base/json.h"
#include "classify/in_order.h"

namespace interlock::classify {
namespace {

using Members = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kForm = "application/x-www-form-urlencoded";
constexpr std::string_view kJson = "application/json";

std::unexpected<Malformed> Refuse(std::string reason) {
  return std::unexpected(Malformed{"login-refresh", std::move(reason)});
}

std::optional<std::string> FormDecode(std::string_view text) {
  std::string plain(text);
  std::ranges::replace(plain, '+', ' ');
  return PercentDecode(plain);
}

std::string FormEncode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

std::expected<Members, Malformed> ReadForm(std::string_view body) {
  Members members;
  while (!body.empty()) {
    const std::size_t end = std::min(body.find('&'), body.size());
    const std::string_view pair = body.substr(0, end);
    body.remove_prefix(std::min(end + 1, body.size()));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) return Refuse("a member of the form has no value");
    auto name = FormDecode(pair.substr(0, equals));
    auto value = FormDecode(pair.substr(equals + 1));
    if (!name || !value) return Refuse("the form is not well encoded");
    members.emplace_back(*std::move(name), *std::move(value));
  }
  return members;
}

std::expected<Members, Malformed> ReadJson(std::string_view body) {
  const Result<json::value> value = ParseJson(body);
  if (!value) return std::unexpected(Malformed{"json", value.error().message});
  const json::object* object = value->if_object();
  if (!object) return Refuse("the body is not an object");
  Members members;
  for (const auto& member : *object) {
    const json::string* text = member.value().if_string();
    if (!text) return Refuse("a member is not a text");
    members.emplace_back(member.key(), *text);
  }
  return members;
}

std::string Written(const Members& members, bool json) {
  if (json) {
    json::object object;
    for (const auto& [name, value] : members) object[name] = value;
    return InOrder(object);
  }
  std::string out;
  for (const auto& [name, value] : members) {
    if (!out.empty()) out += '&';
    out += FormEncode(name) + "=" + FormEncode(value);
  }
  return out;
}

}  // namespace

std::expected<RefreshRequest, Malformed> ReadRefresh(const RefreshRule& rule,
                                                     std::string_view content_type,
                                                     std::string_view body) {
  if (body.size() > kRefreshBytesMax) {
    return std::unexpected(Malformed{"login-refresh", "the request is too large", 413});
  }
  const std::string type = ToLower(content_type.substr(0, content_type.find(';')));
  const bool json = type == kJson;
  if (!json && type != kForm) {
    return std::unexpected(
        Malformed{"login-refresh", "a login is renewed as JSON or as a form", 415});
  }
  auto members = json ? ReadJson(body) : ReadForm(body);
  if (!members) return std::unexpected(std::move(members.error()));
  RefreshRequest out;
  Members rest;
  std::vector<std::string> seen;
  for (const auto& [name, value] : *members) {
    if (std::ranges::find(seen, name) != seen.end()) return Refuse("a member is there twice");
    seen.push_back(name);
    if (name == rule.token) {
      out.token = value;
      continue;
    }
    const auto words = rule.words.find(name);
    const bool known =
        words != rule.words.end() || std::ranges::find(rule.members, name) != rule.members.end();
    if (!known)
      return Refuse("the member '" + EscapeForHumans(name, 60) + "' is not one of this call");
    if (words != rule.words.end() &&
        std::ranges::find(words->second, value) == words->second.end()) {
      return Refuse("only a login that is there already can be renewed here; log in outside");
    }
    rest.emplace_back(name, value);
  }
  for (const auto& [name, words] : rule.words) {
    if (std::ranges::find(seen, name) == seen.end())
      return Refuse("the member '" + name + "' is missing");
  }
  if (out.token.empty()) return Refuse("the member '" + rule.token + "' is missing");
  out.body = Written(*members, json);
  out.rest = Written(rest, json);
  out.content_type = json ? kJson : kForm;
  return out;
}

std::vector<std::string> ReadRefreshed(const RefreshRule& rule, std::string_view answer) {
  std::vector<std::string> tokens;
  const Result<json::value> value = ParseJson(answer);
  const json::object* object = value ? value->if_object() : nullptr;
  if (!object) return tokens;
  for (const std::string& name : rule.learns) {
    const std::string_view token = FindString(*object, name);
    if (!token.empty()) tokens.emplace_back(token);
  }
  return tokens;
}

}  // namespace interlock::classify
