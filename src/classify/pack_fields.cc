#include "classify/pack_fields.h"

#include <algorithm>
#include <span>

#include "base/bytes.h"

namespace interlock::classify {
namespace {

std::string Quoted(std::string_view word) { return "'" + EscapeForHumans(word, 60) + "'"; }

}  // namespace

std::string Suggestion(std::string_view word, std::initializer_list<std::string_view> known) {
  const auto near = Nearest(word, std::span(known.begin(), known.size()));
  return near ? "; did you mean '" + *near + "'?" : "";
}

bool IsMapOf(const YamlNode& node, std::initializer_list<std::string_view> known,
             Problems& problems) {
  if (node.kind != YamlKind::map) {
    problems.Add(node, "expected a map");
    return false;
  }
  for (const YamlEntry& entry : node.entries) {
    if (std::ranges::find(known, entry.key) != known.end()) continue;
    problems.Add(entry.line, entry.column,
                 "unknown key " + Quoted(entry.key) + Suggestion(entry.key, known));
  }
  return true;
}

std::string TextAt(const YamlNode& map, std::string_view key, Need need, Problems& problems) {
  const YamlNode* node = map.Find(key);
  if (!node) {
    if (need == Need::required) problems.Add(map, "'" + std::string(key) + "' is missing");
    return {};
  }
  const bool empty = node->kind != YamlKind::text || (need == Need::required && node->text.empty());
  if (empty) problems.Add(*node, "'" + std::string(key) + "' must be a text");
  return node->text;
}

std::vector<std::string> TextsOf(const YamlNode& node, Problems& problems) {
  if (node.kind == YamlKind::text) return {node.text};
  std::vector<std::string> out;
  if (node.kind != YamlKind::list) problems.Add(node, "expected a list of texts");
  for (const YamlNode& item : node.items) {
    if (item.kind != YamlKind::text || item.text.empty()) problems.Add(item, "expected a text");
    out.push_back(item.text);
  }
  return out;
}

std::vector<std::string> TextsAt(const YamlNode& map, std::string_view key, Need need,
                                 Problems& problems) {
  if (const YamlNode* node = map.Find(key)) return TextsOf(*node, problems);
  if (need == Need::required) problems.Add(map, "'" + std::string(key) + "' is missing");
  return {};
}

bool FlagAt(const YamlNode& map, std::string_view key, bool otherwise, Problems& problems) {
  const YamlNode* node = map.Find(key);
  if (!node) return otherwise;
  if (node->kind == YamlKind::text && node->text == "true") return true;
  if (node->kind == YamlKind::text && node->text == "false") return false;
  problems.Add(*node, "'" + std::string(key) + "' must be true or false");
  return otherwise;
}

const std::vector<YamlNode>& ListAt(const YamlNode& map, std::string_view key, Problems& problems) {
  static const std::vector<YamlNode> kNone;
  const YamlNode* node = map.Find(key);
  if (!node) return kNone;
  if (node->kind != YamlKind::list)
    problems.Add(*node, "'" + std::string(key) + "' must be a list");
  return node->items;
}

Effect EffectAt(const YamlNode& map, std::string_view key, Problems& problems) {
  const std::string text = TextAt(map, key, Need::required, problems);
  if (text.empty()) return Effect::unknown;
  const auto effect = ParseEffect(text);
  if (!effect) {
    problems.Add(*map.Find(key),
                 Quoted(text) + " is no effect" +
                     Suggestion(text, {"read", "reversible", "irreversible", "unknown"}));
  }
  return effect.value_or(Effect::unknown);
}

Disclosure DisclosureAt(const YamlNode& map, std::string_view key, Problems& problems) {
  const std::string text = TextAt(map, key, Need::optional, problems);
  if (text.empty() || text == "none") return Disclosure::none;
  if (text != "credential") problems.Add(*map.Find(key), "expected 'none' or 'credential'");
  return Disclosure::credential;
}

std::vector<HandOut> HandsOutAt(const YamlNode& map, Disclosure discloses, Problems& problems) {
  const YamlNode* node = map.Find("hands_out");
  if (!node) return {};
  if (discloses == Disclosure::none)
    problems.Add(*node, "'hands_out' says where a credential stands: 'discloses' is missing");
  if (node->kind == YamlKind::text) return {{{}, node->text}};
  std::vector<HandOut> out;
  for (const YamlNode& item : ListAt(map, "hands_out", problems)) {
    if (!IsMapOf(item, {"at", "kind"}, problems)) continue;
    HandOut one{{}, TextAt(item, "kind", Need::optional, problems)};
    const std::string at = TextAt(item, "at", Need::required, problems);
    for (std::size_t begin = 0; begin <= at.size();) {
      const std::size_t end = std::min(at.find('.', begin), at.size());
      if (end == begin) problems.Add(item, "'at' is a path of names, like 'data.token'");
      one.at.push_back(at.substr(begin, end - begin));
      begin = end + 1;
    }
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace interlock::classify
