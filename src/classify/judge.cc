#include "classify/judge.h"

#include <algorithm>
#include <span>

#include "base/bytes.h"

namespace interlock::classify {
namespace {

using Test = Condition::Test;
using Steps = std::span<const std::string>;

constexpr std::size_t kIdBytesMax = 256;
constexpr std::size_t kTargetsMax = 200;

std::string UpperAscii(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

bool MatchesOne(std::string_view text, const std::vector<std::string>& globs) {
  const std::string upper = UpperAscii(text);
  return std::ranges::any_of(globs,
                             [&](const std::string& glob) { return GlobMatch(glob, upper); });
}

bool IsOneOf(std::string_view text, const std::vector<std::string>& words) {
  return std::ranges::find(words, UpperAscii(text)) != words.end();
}

// One value, and no step through a list: what a condition looks at.
const json::value* At(const json::object& object, Steps path) {
  const json::object* at = &object;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const json::value* value = Find(*at, path[i]);
    if (!value || i + 1 == path.size()) return value;
    at = value->if_object();
    if (!at) return nullptr;
  }
  return nullptr;
}

bool IsEmpty(const json::value& value) {
  if (const auto* list = value.if_array()) return list->empty();
  if (const auto* object = value.if_object()) return object->empty();
  if (const auto* text = value.if_string()) return text->empty();
  return false;
}

bool IsFalse(const json::value& value) {
  const bool* flag = value.if_bool();
  return flag && !*flag;
}

bool IsContainerOrText(const json::value& value) {
  return value.is_array() || value.is_object() || value.is_string();
}

// True as well when the nesting is too deep to say.
template <typename Claim>
bool SomewhereIn(const json::value& value, const Claim& claim, std::size_t depth = 0) {
  if (depth > kArgumentDepthMax) return true;
  if (claim(std::string_view(), value)) return true;
  if (const auto* list = value.if_array()) {
    return std::ranges::any_of(
        *list, [&](const auto& item) { return SomewhereIn(item, claim, depth + 1); });
  }
  if (const auto* object = value.if_object()) {
    return std::ranges::any_of(*object, [&](const auto& entry) {
      return claim(std::string_view(entry.key()), entry.value()) ||
             SomewhereIn(entry.value(), claim, depth + 1);
    });
  }
  return false;
}

bool HoldsNull(const json::value& value) {
  return SomewhereIn(value, [](std::string_view, const json::value& at) { return at.is_null(); });
}

bool HoldsKey(const json::value& value, const std::vector<std::string>& globs) {
  return SomewhereIn(value, [&](std::string_view key, const json::value&) {
    return !key.empty() && MatchesOne(key, globs);
  });
}

bool IsShape(const Path& shape, std::span<const std::string_view> at) {
  return std::ranges::equal(shape, at, [](const std::string& step, std::string_view key) {
    return step == "*" || step == key;
  });
}

// Every leaf below lies at one of the shapes. Lists and empty objects lie at none.
bool HasOnly(const json::value& value, const std::vector<Path>& shapes,
             std::vector<std::string_view>& at) {
  if (at.size() > kArgumentDepthMax || value.is_array()) return false;
  const json::object* object = value.if_object();
  if (!object) {
    return std::ranges::any_of(shapes, [&](const Path& shape) { return IsShape(shape, at); });
  }
  if (object->empty()) return false;
  for (const auto& entry : *object) {
    at.push_back(entry.key());
    const bool fits = HasOnly(entry.value(), shapes, at);
    at.pop_back();
    if (!fits) return false;
  }
  return true;
}

bool HoldsFor(const Condition& condition, const json::value& value) {
  const json::string* text = value.if_string();
  switch (condition.test) {
    case Test::present:
      return true;
    case Test::absent:
      return value.is_null();
    case Test::given:
      return !value.is_null();
    case Test::cleared:
      return value.is_null();
    case Test::set:
      return !value.is_null() && !IsFalse(value);
    case Test::disabled:
      return IsFalse(value);
    case Test::text:
      return text && !text->empty();
    case Test::opaque:
      return text != nullptr;
    case Test::empty:
      return IsContainerOrText(value) && IsEmpty(value);
    case Test::nonempty:
      return IsContainerOrText(value) && !IsEmpty(value);
    case Test::one_of:
      return text && IsOneOf(*text, condition.words);
    case Test::matches:
      return text && MatchesOne(*text, condition.words);
    case Test::holds_key:
      return HoldsKey(value, condition.words);
    case Test::holds_null:
      return HoldsNull(value);
    case Test::no_null:
      return !HoldsNull(value);
    case Test::only: {
      std::vector<std::string_view> at;
      return value.is_object() && HasOnly(value, condition.shapes, at);
    }
  }
  return false;
}

// One part of a target's id: what was found, or that what is there can't be an id.
struct Found {
  std::vector<std::string_view> ids;
  bool unusable = false;
};

// '@' joins parts and '?' is nobody: an id that holds either could be read as another one.
bool IsUsableId(std::string_view id) {
  return !id.empty() && id.size() <= kIdBytesMax && std::ranges::all_of(id, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte != 0x7f && c != '@' && c != '?';
  });
}

// A UUID in capitals is the same resource to a server that keeps UUIDs (RFC 9562, 4: case is
// ignored on input), so rules and the provider's own listing must find it.
std::string NormalId(std::string_view id) {
  constexpr std::string_view kShape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  if (id.size() != kShape.size()) return std::string(id);
  for (std::size_t i = 0; i < id.size(); ++i) {
    const bool hex = (id[i] >= '0' && id[i] <= '9') || (id[i] >= 'a' && id[i] <= 'f') ||
                     (id[i] >= 'A' && id[i] <= 'F');
    if (kShape[i] == '-' ? id[i] != '-' : !hex) return std::string(id);
  }
  return ToLower(id);
}

void AddId(std::string_view id, Found& found) {
  if (!IsUsableId(id) || found.ids.size() >= kTargetsMax) {
    found.unusable = true;
  } else {
    found.ids.push_back(id);
  }
}

void Collect(const json::value& value, Steps path, Found& found) {
  if (value.is_null()) return;
  if (const json::array* list = value.if_array()) {
    // A list of lists is no list of ids; one level is what the schemas have.
    for (const json::value& item : *list) {
      if (item.is_array() || item.is_null())
        found.unusable = true;
      else
        Collect(item, path, found);
    }
    return;
  }
  if (path.empty()) {
    if (const json::string* text = value.if_string()) return AddId(*text, found);
    found.unusable = true;
    return;
  }
  const json::object* object = value.if_object();
  if (!object) {
    found.unusable = true;
    return;
  }
  if (path.front() == "{key}") {
    for (const auto& entry : *object) AddId(entry.key(), found);
    return;
  }
  if (const json::value* next = Find(*object, path.front())) Collect(*next, path.subspan(1), found);
}

Found CollectFrom(const json::object& arguments, const Path& path) {
  Found found;
  if (const json::value* first = Find(arguments, path.front())) {
    Collect(*first, Steps(path).subspan(1), found);
  }
  return found;
}

class TargetList {
 public:
  TargetList(std::string_view provider, std::vector<ResourceId>& out)
      : provider_(provider), out_(out) {}

  void Add(const TargetRule& rule, const json::object& arguments) {
    const Found first = CollectFrom(arguments, rule.parts.front());
    Found second;
    if (rule.parts.size() > 1) second = CollectFrom(arguments, rule.parts[1]);
    const bool whole = !first.ids.empty() && (rule.parts.size() < 2 || second.ids.size() == 1);
    const bool wrong = first.unusable || second.unusable || second.ids.size() > 1;
    if (wrong || (!whole && !rule.optional)) Put(rule.type, std::string(kNoId));
    if (!whole) return;
    for (const std::string_view id : first.ids) {
      std::string text = NormalId(id);
      if (rule.parts.size() > 1) text.append("@").append(NormalId(second.ids.front()));
      Put(rule.type, std::move(text));
    }
  }

 private:
  void Put(const std::string& type, std::string id) {
    ResourceId resource{std::string(provider_), type, std::move(id)};
    if (std::ranges::find(out_, resource) == out_.end()) out_.push_back(std::move(resource));
  }

  std::string_view provider_;
  std::vector<ResourceId>& out_;
};

// The first argument that was not known when the rule was written, as a dotted path.
std::optional<std::string> StrangeArgument(const ArgumentNames& names, const json::value& value,
                                           std::size_t depth) {
  if (names.open || value.is_null()) return std::nullopt;
  if (depth > kArgumentDepthMax) return "…";
  if (const json::array* list = value.if_array()) {
    for (const json::value& item : *list) {
      if (auto strange = StrangeArgument(names, item, depth + 1)) return strange;
    }
    return std::nullopt;
  }
  const json::object* object = value.if_object();
  if (!object) return names.children.empty() ? std::nullopt : std::optional<std::string>("");
  for (const auto& entry : *object) {
    const std::string_view key = entry.key();
    const auto it = names.children.find(key);
    if (it == names.children.end()) return std::string(key);
    if (auto strange = StrangeArgument(it->second, entry.value(), depth + 1)) {
      return std::string(key) + (strange->empty() ? "" : ".") + *strange;
    }
  }
  return std::nullopt;
}

std::optional<std::string> StrangeArgument(const ArgumentNames& names,
                                           const json::object& arguments) {
  for (const auto& entry : arguments) {
    const std::string_view key = entry.key();
    const auto it = names.children.find(key);
    if (it == names.children.end()) return std::string(key);
    if (auto strange = StrangeArgument(it->second, entry.value(), 1)) {
      return std::string(key) + (strange->empty() ? "" : ".") + *strange;
    }
  }
  return std::nullopt;
}

// The strictest of several effects, with the sentence that goes with it; of equals the first.
class Strictest {
 public:
  void Consider(Effect effect, const std::string& because) {
    if (because_ && effect <= effect_) return;
    effect_ = effect;
    because_ = &because;
  }
  Effect effect() const { return effect_; }
  const std::string& because() const { return *because_; }

 private:
  Effect effect_ = Effect::read;
  const std::string* because_ = nullptr;
};

}  // namespace

bool Holds(const Condition& condition, const json::object& arguments) {
  const json::value* value = At(arguments, condition.path);
  if (!value) return condition.test == Test::absent;
  return HoldsFor(condition, *value);
}

Operation Judge(const OperationRule& rule, std::string_view provider, json::object arguments) {
  Operation out;
  out.name = rule.name;
  out.discloses = rule.discloses;
  TargetList targets(provider, out.targets);
  Strictest strictest;
  bool targets_replaced = false;
  bool effect_replaced = false;
  const std::string* own_because = &rule.because;
  for (const Case& one : rule.cases) {
    const auto holds = [&](const Condition& condition) { return Holds(condition, arguments); };
    if (!std::ranges::all_of(one.when, holds)) continue;
    if (one.effect) {
      strictest.Consider(*one.effect, one.because);
      effect_replaced |= !one.instead.empty();
    } else if (!one.because.empty()) {
      own_because = &one.because;
    }
    if (one.targets) {
      for (const TargetRule& target : *one.targets) targets.Add(target, arguments);
      targets_replaced |= !one.instead.empty();
    }
    if (one.discloses == Disclosure::credential) out.discloses = Disclosure::credential;
  }
  if (!effect_replaced) strictest.Consider(rule.effect, *own_because);
  if (!targets_replaced) {
    for (const TargetRule& target : rule.targets) targets.Add(target, arguments);
  }
  out.effect = strictest.effect();
  out.because = strictest.because();
  if (rule.arguments) {
    if (const auto strange = StrangeArgument(*rule.arguments, arguments)) {
      out.effect = Effect::unknown;
      out.because = "the argument " + EscapeForHumans(*strange, 80) + " is not known to the pack";
    }
  }
  out.arguments = std::move(arguments);
  return out;
}

}  // namespace interlock::classify
