#include "classify/body_rule.h"

#include <algorithm>
#include <set>
#include <span>

#include "base/bytes.h"
#include "classify/judge.h"

namespace interlock::classify {
namespace {

using Steps = std::span<const std::string>;

constexpr std::size_t kNameBytesMax = 64;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool Holds(const std::vector<std::string>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

bool MatchesOne(std::string_view text, const std::vector<std::string>& globs) {
  std::string upper(text);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return std::ranges::any_of(globs,
                             [&](const std::string& glob) { return GlobMatch(glob, upper); });
}

class Finder {
 public:
  explicit Finder(const BodyRule& rule) : rule_(rule) {}

  HostedUse Find(const json::object& body) {
    Members(rule_.members, body, "");
    for (const ToolPlace& place : rule_.tools) AtPath(body, place.at, place);
    for (const SwitchPlace& one : rule_.switches) Switch(body, one.at, one);
    for (const std::string& member : rule_.within) {
      if (const json::value* value = WithinPath(body, member)) Descend(*value, 0);
    }
    use_.names.assign(names_.begin(), names_.end());
    return std::move(use_);
  }

 private:
  void Add(std::string_view name, const json::value& entry) {
    names_.insert(EscapeForHumans(name, kNameBytesMax));
    if (use_.entries.size() < kHostedEntriesMax) use_.entries.push_back(entry);
  }

  // An API grows: what was not known when the pack was written may be a tool.
  void Members(const ArgumentNames& names, const json::object& object, const std::string& above) {
    for (const auto& entry : object) {
      const std::string_view key = entry.key();
      const auto it = names.children.find(key);
      if (entry.value().is_null()) continue;
      if (it == names.children.end()) {
        Add(above + std::string(key), entry.value());
      } else if (!it->second.children.empty() && !it->second.open) {
        const json::object* inner = entry.value().if_object();
        if (inner)
          Members(it->second, *inner, above + std::string(key) + ".");
        else
          Add(above + std::string(key), entry.value());
      }
    }
  }

  void AtPath(const json::value& value, Steps path, const ToolPlace& place) {
    if (value.is_null()) return;
    if (path.empty()) return Place(value, place, 0);
    if (const json::array* list = value.if_array()) {
      for (const json::value& item : *list) {
        if (!item.is_array()) AtPath(item, path, place);
      }
      return;
    }
    if (const json::object* object = value.if_object()) AtPath(*object, path, place);
  }
  void AtPath(const json::object& object, Steps path, const ToolPlace& place) {
    if (const json::value* next = interlock::Find(object, path.front()))
      AtPath(*next, path.subspan(1), place);
  }

  // A place holds a list; some servers read a single object as a list of one.
  void Place(const json::value& value, const ToolPlace& place, std::size_t depth) {
    if (value.is_null()) return;
    if (const json::array* list = value.if_array()) {
      for (const json::value& item : *list) Entry(item, place, depth);
      return;
    }
    Entry(value, place, depth);
  }

  void Entry(const json::value& value, const ToolPlace& place, std::size_t depth) {
    if (place.by.empty()) return Add(place.hosted, value);
    const json::object* entry = value.if_object();
    if (!entry || depth > kArgumentDepthMax) return Add(kUnreadableTool, value);
    if (place.by == "{key}") {
      for (const auto& member : *entry) {
        if (!Client(place, member.key(), *entry) && !member.value().is_null())
          Add(member.key(), value);
      }
      return;
    }
    const json::value* told = interlock::Find(*entry, place.by);
    if (!told || told->is_null()) {
      const auto known = [&](const auto& member) {
        return std::string_view(member.key()) == place.by || Holds(place.untyped, member.key());
      };
      if (place.untyped.empty() || entry->empty() || !std::ranges::all_of(*entry, known))
        Add(kUnreadableTool, value);
      return;
    }
    const json::string* text = told->if_string();
    if (!text) return Add(kUnreadableTool, value);
    const std::string_view kind = WithoutDate(std::string_view(*text));
    if (const auto group = place.groups.find(std::string(kind)); group != place.groups.end()) {
      if (const json::value* more = interlock::Find(*entry, group->second))
        Place(*more, place, depth + 1);
      return;
    }
    if (!Client(place, kind, *entry)) Add(kind, value);
  }

  static bool Client(const ToolPlace& place, std::string_view kind, const json::object& entry) {
    return std::ranges::any_of(place.client, [&](const ClientTool& tool) {
      if (tool.kind != kind) return false;
      const auto holds = [&](const Condition& condition) {
        return classify::Holds(condition, entry);
      };
      const auto known = [&](const auto& member) {
        return tool.keys.empty() || Holds(tool.keys, member.key());
      };
      return std::ranges::all_of(tool.when, holds) && std::ranges::all_of(entry, known);
    });
  }

  void Switch(const json::object& object, Steps path, const SwitchPlace& one) {
    const json::value* value = interlock::Find(object, path.front());
    if (!value) return;
    if (path.size() > 1) {
      if (const json::object* next = value->if_object()) Switch(*next, path.subspan(1), one);
    } else if (const json::array* list = value->if_array()) {
      for (const json::value& item : *list) SwitchValue(item, one);
    } else {
      SwitchValue(*value, one);
    }
  }
  void SwitchValue(const json::value& value, const SwitchPlace& one) {
    const json::string* text = value.if_string();
    if (text && MatchesOne(*text, one.matches)) Add(one.hosted, value);
  }

  // "request.contents": a member of a member.
  static const json::value* WithinPath(const json::object& body, std::string_view path) {
    const json::object* at = &body;
    for (;;) {
      const std::size_t dot = path.find('.');
      const json::value* value = interlock::Find(*at, path.substr(0, dot));
      if (!value || dot == std::string_view::npos) return value;
      at = value->if_object();
      if (!at) return nullptr;
      path.remove_prefix(dot + 1);
    }
  }

  // As deep as the parser lets anything be.
  void Descend(const json::value& value, std::size_t depth) {
    if (depth > kArgumentDepthMax) return Add(kUnreadableTool, value);
    if (const json::array* list = value.if_array()) {
      for (const json::value& item : *list) Descend(item, depth + 1);
      return;
    }
    const json::object* object = value.if_object();
    if (!object) return;
    for (const auto& member : *object) {
      const std::string_view key = member.key();
      if (Holds(rule_.except, key)) continue;
      if (const ToolPlace* place = DeepPlace(key)) {
        Place(member.value(), *place, 0);
        continue;
      }
      for (const FetchPlace& fetch : rule_.fetches) {
        if (fetch.key == key && Fetches(member.value(), fetch)) Add(kUrlTool, member.value());
      }
      Descend(member.value(), depth + 1);
    }
  }

  const ToolPlace* DeepPlace(std::string_view key) const {
    const auto is = [&](const ToolPlace& place) { return place.deep && place.at.back() == key; };
    const auto it = std::ranges::find_if(rule_.tools, is);
    return it == rule_.tools.end() ? nullptr : &*it;
  }

  static bool Fetches(const json::value& value, const FetchPlace& fetch) {
    if (value.is_null()) return false;
    if (const json::string* text = value.if_string())
      return !fetch.objects && !MatchesOne(*text, fetch.plain);
    const json::object* object = value.if_object();
    const json::value* told =
        object && !fetch.member.empty() ? interlock::Find(*object, fetch.member) : nullptr;
    const json::string* text = told ? told->if_string() : nullptr;
    return !text || !MatchesOne(*text, fetch.plain);
  }

  const BodyRule& rule_;
  std::set<std::string> names_;
  HostedUse use_;
};

// The length of a date at the end, with its separators: "_20250124", "_2025_03_11", "-2025-03-11".
std::size_t DateSize(std::string_view kind, std::string_view shape) {
  if (kind.size() <= shape.size()) return 0;
  const std::string_view end = kind.substr(kind.size() - shape.size());
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == '#' ? !IsDigit(end[i]) : end[i] != shape[i]) return 0;
  }
  return shape.size();
}

}  // namespace

std::string_view WithoutDate(std::string_view kind) {
  for (const std::string_view shape : {"_########", "_####_##_##", "-####-##-##"}) {
    if (const std::size_t size = DateSize(kind, shape)) return kind.substr(0, kind.size() - size);
  }
  return kind;
}

HostedUse FindHosted(const BodyRule& rule, const json::object& body) {
  return Finder(rule).Find(body);
}

}  // namespace interlock::classify
