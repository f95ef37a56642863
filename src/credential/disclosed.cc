#include "credential/disclosed.h"

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "base/bytes.h"
#include "base/json.h"
#include "credential/shapes.h"

namespace interlock::credential {
namespace {

constexpr std::size_t kKeptMin = 8;  // the vault's own bounds
constexpr std::size_t kKeptMax = 8192;
constexpr std::size_t kWordMax = 12;
constexpr std::size_t kNumberMax = 6;  // digits: a port, a count, not a code or a PIN's worth
constexpr std::size_t kUrlStepMax = 16;
constexpr int kDepthMax = 64;

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsNamedLikeASecret(std::string_view member) {
  constexpr std::string_view kParts[] = {"pass", "pwd",  "secret", "token", "key",
                                         "cred", "auth", "dsn",    "code",  "salt"};
  const std::string lower = ToLower(member);
  return std::ranges::any_of(kParts, [&](std::string_view part) { return lower.contains(part); });
}

// "db.internal", "web.up.example.app": names that lead somewhere and open nothing.
bool IsHost(std::string_view text) {
  constexpr std::string_view kLast[] = {"internal", "local", "localhost", "com", "net",
                                        "org",      "app",   "dev",       "io",  "cloud"};
  constexpr std::size_t kLabelMax = 32;
  const std::size_t dot = text.rfind('.');
  const std::string_view last = dot == std::string_view::npos ? text : text.substr(dot + 1);
  if (std::ranges::find(kLast, last) == std::end(kLast)) return false;
  std::size_t label = 0;
  for (char c : text) {
    label = c == '.' ? 0 : label + 1;
    if ((!IsLower(c) && !IsDigit(c) && c != '-' && c != '.') || label > kLabelMax) return false;
  }
  return true;
}

bool IsPlain(std::string_view text, std::string_view member) {
  if (text.empty()) return true;
  constexpr std::string_view kFlags[] = {"true", "false", "yes", "no", "on", "off", "null", "none"};
  if (std::ranges::find(kFlags, text) != std::end(kFlags)) return true;
  if (IsNamedLikeASecret(member)) return false;
  if (text.size() <= kNumberMax && std::ranges::all_of(text, IsDigit)) return true;
  if (text.size() <= kWordMax && std::ranges::all_of(text, IsLower)) return true;
  if (IsUuid(text) && (member.ends_with("_ID") || member.ends_with("Id"))) return true;
  return IsHost(text);
}

struct Part {
  std::size_t begin = 0;
  std::size_t size = 0;
};

// The part of a value that is secret; size 0 when none is.
Part SecretPartOf(std::string_view text, std::string_view member) {
  const Part whole{0, text.size()};
  if (IsPlain(text, member)) return {};
  const std::size_t scheme = text.find("://");
  if (scheme == std::string_view::npos || scheme == 0 || scheme > kWordMax) return whole;
  const std::size_t begin = scheme + 3;
  const std::size_t rest = std::min(text.find_first_of("/?#", begin), text.size());
  const std::string_view authority = text.substr(begin, rest - begin);
  // Behind the host a token may stand in the path or in the query.
  const std::string_view behind = text.substr(rest);
  const bool plain_path =
      behind.find_first_of("?#") == std::string_view::npos && behind.size() <= kUrlStepMax;
  const std::size_t at = authority.rfind('@');
  if (at == std::string_view::npos) {
    const std::size_t port = std::min(authority.find(':'), authority.size());
    return plain_path && IsHost(authority.substr(0, port)) ? Part{} : whole;
  }
  const std::size_t colon = authority.find(':');
  if (colon > at || colon + 1 == at || !plain_path) return whole;
  return {begin + colon + 1, at - colon - 1};
}

bool CanBeKept(std::string_view value) {
  return value.size() >= kKeptMin && value.size() <= kKeptMax &&
         std::ranges::all_of(value, [](char c) { return c >= 0x20 && c <= 0x7e; });
}

class Replacing {
 public:
  explicit Replacing(const KeepDisclosed& keep) : keep_(keep) {}

  // Down to the place, through every list on the way. Null on the way discloses nothing.
  Result<void> Descend(json::value& value, const DisclosedPath& place, std::size_t step) {
    if (value.is_null()) {
      found_ = true;
      return {};
    }
    if (json::array* list = value.if_array()) {
      found_ = found_ || list->empty();
      for (json::value& item : *list) ILK_TRY_VOID(Descend(item, place, step));
      return {};
    }
    if (step == place.path.size()) {
      found_ = true;
      return All(value, place, "", 0);
    }
    json::object* object = value.if_object();
    if (object == nullptr) return {};
    if (place.path[step] == "*") {
      found_ = found_ || object->empty();
      for (auto& member : *object) ILK_TRY_VOID(Descend(member.value(), place, step + 1));
      return {};
    }
    if (json::value* next = object->if_contains(place.path[step]))
      return Descend(*next, place, step + 1);
    // A GraphQL answer without data: nothing was executed.
    if (step == 0 && place.path[0] == "data" && object->contains("errors")) found_ = true;
    return {};
  }
  // Whether the place was there, if only as null.
  bool TakeFound() { return std::exchange(found_, false); }

 private:
  Result<void> All(json::value& value, const DisclosedPath& place, std::string_view member,
                   int depth) {
    if (depth > kDepthMax) return Fail(Code::limit, "it is nested too deep");
    if (json::object* object = value.if_object()) {
      for (auto& each : *object)
        ILK_TRY_VOID(All(each.value(), place, std::string_view(each.key()), depth + 1));
    } else if (json::array* list = value.if_array()) {
      for (json::value& each : *list) ILK_TRY_VOID(All(each, place, member, depth + 1));
    } else if (value.is_string()) {
      return Text(value, place, member);
    } else if (value.is_number()) {
      // A long number may be a code; it has no form that could be kept.
      const std::string digits = json::serialize(value);
      if (digits.size() > kNumberMax || IsNamedLikeASecret(member))
        value = std::string(digits.size(), '*');
    }
    return {};
  }

  Result<void> Text(json::value& value, const DisclosedPath& place, std::string_view member) {
    const std::string_view text(value.get_string());
    const Part part = SecretPartOf(text, member.empty() ? place.name : member);
    if (part.size == 0) return {};
    const std::string_view secret = text.substr(part.begin, part.size);
    std::string instead(secret.size(), '*');
    if (CanBeKept(secret)) {
      if (++count_ > kDisclosedMax)
        return Fail(Code::limit, "it hands out more than " + std::to_string(kDisclosedMax) +
                                     " credentials at once");
      ILK_TRY(phantom,
              keep_({place.name, std::string(member), place.kind, Secret(std::string(secret))}));
      instead = std::move(phantom);
    }
    value = std::string(text.substr(0, part.begin)) + instead +
            std::string(text.substr(part.begin + part.size));
    return {};
  }

  const KeepDisclosed& keep_;
  bool found_ = false;
  std::size_t count_ = 0;
};

}  // namespace

Result<std::string> ReplaceDisclosed(std::string_view text, std::span<const DisclosedPath> places,
                                     const KeepDisclosed& keep) {
  auto parsed = ParseJson(text);
  if (!parsed) return Fail(Code::invalid_input, "it is not JSON as it should be");
  Replacing replacing(keep);
  for (const DisclosedPath& place : places) {
    ILK_TRY_VOID(replacing.Descend(*parsed, place, 0));
    if (!replacing.TakeFound())
      return Fail(Code::invalid_input, "nothing stands where " + EscapeForHumans(place.name, 60) +
                                           " should hand out a credential");
  }
  return json::serialize(*parsed);
}

}  // namespace interlock::credential
