#include "classify/body_reader.h"

#include <algorithm>
#include <charconv>

#include "classify/operation_reader.h"

namespace interlock::classify {
namespace {

constexpr std::size_t kInspectMiBMax = 64;

std::vector<std::string> UpperAscii(std::vector<std::string> words) {
  for (std::string& word : words) {
    for (char& c : word) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
  }
  return words;
}

class BodyReader {
 public:
  explicit BodyReader(Problems& problems)
      : problems_(problems), operations_("", lists_, problems) {}

  BodyRule Read(std::string_view name, const YamlNode& node) const {
    BodyRule rule;
    rule.name = name;
    if (!IsMapOf(node, {"inspect", "members", "within", "except", "tools", "fetches", "switches"},
                 problems_)) {
      return rule;
    }
    rule.bytes_max = Mebibytes(node);
    if (const YamlNode* members = node.Find("members")) {
      rule.members = operations_.Arguments(*members);
    } else {
      problems_.Add(node, "'members' is missing: what isn't listed counts as a hosted tool");
    }
    rule.within = TextsAt(node, "within", Need::optional, problems_);
    rule.except = TextsAt(node, "except", Need::optional, problems_);
    for (const YamlNode& item : ListAt(node, "tools", problems_))
      rule.tools.push_back(ToolsOf(item));
    for (const YamlNode& item : ListAt(node, "fetches", problems_))
      rule.fetches.push_back(FetchOf(item));
    for (const YamlNode& item : ListAt(node, "switches", problems_))
      rule.switches.push_back(SwitchOf(item));
    const bool deep = std::ranges::any_of(rule.tools, &ToolPlace::deep);
    if ((deep || !rule.fetches.empty()) && rule.within.empty())
      problems_.Add(node, "'within' is missing: where 'fetches' and deep tools are looked for");
    return rule;
  }

 private:
  // "32MiB"; 0 when absent.
  std::size_t Mebibytes(const YamlNode& node) const {
    const std::string text = TextAt(node, "inspect", Need::optional, problems_);
    if (text.empty()) return 0;
    std::size_t count = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, count);
    if (error != std::errc() || std::string_view(rest, end) != "MiB" || count < 1 ||
        count > kInspectMiBMax) {
      problems_.Add(*node.Find("inspect"), "'inspect' must be a size from 1MiB to 64MiB");
      return 0;
    }
    return count << 20;
  }

  ToolPlace ToolsOf(const YamlNode& node) const {
    ToolPlace place;
    if (!IsMapOf(node, {"at", "deep", "by", "hosted", "client", "untyped", "groups"}, problems_))
      return place;
    place.at = operations_.PathOf(node, TextAt(node, "at", Need::required, problems_));
    place.deep = FlagAt(node, "deep", false, problems_);
    place.by = TextAt(node, "by", Need::optional, problems_);
    place.hosted = TextAt(node, "hosted", Need::optional, problems_);
    if (place.by.empty() == place.hosted.empty())
      problems_.Add(node, "give 'by', or 'hosted' for a place where everything is hosted");
    if (const YamlNode* client = node.Find("client")) {
      if (client->kind != YamlKind::list) problems_.Add(*client, "'client' must be a list");
      for (const YamlNode& item : client->items) place.client.push_back(ClientOf(item));
    }
    place.untyped = TextsAt(node, "untyped", Need::optional, problems_);
    if (const YamlNode* groups = node.Find("groups")) {
      if (groups->kind != YamlKind::map) problems_.Add(*groups, "'groups' must be a map");
      for (const YamlEntry& entry : groups->entries) {
        place.groups[entry.key] = entry.value.text;
        if (entry.value.kind != YamlKind::text || entry.value.text.empty())
          problems_.Add(entry.value, "expected the member that holds more entries");
      }
    }
    if (place.by.empty() && (!place.client.empty() || !place.untyped.empty()))
      problems_.Add(node, "without 'by' nothing here is the client's");
    return place;
  }

  ClientTool ClientOf(const YamlNode& node) const {
    ClientTool tool;
    if (node.kind == YamlKind::text) {
      tool.kind = node.text;
      if (node.text.empty()) problems_.Add(node, "expected the kind of a tool");
      return tool;
    }
    if (!IsMapOf(node, {"kind", "when", "keys", "because"}, problems_)) return tool;
    tool.kind = TextAt(node, "kind", Need::required, problems_);
    for (const YamlNode& item : ListAt(node, "when", problems_))
      tool.when.push_back(operations_.ConditionOf(item));
    tool.keys = TextsAt(node, "keys", Need::optional, problems_);
    if (TextAt(node, "because", Need::optional, problems_).empty())
      problems_.Add(node, "say in 'because' why this reaches nothing beyond the request");
    return tool;
  }

  FetchPlace FetchOf(const YamlNode& node) const {
    FetchPlace fetch;
    if (!IsMapOf(node, {"key", "member", "objects", "plain"}, problems_)) return fetch;
    fetch.key = TextAt(node, "key", Need::required, problems_);
    fetch.member = TextAt(node, "member", Need::optional, problems_);
    fetch.objects = FlagAt(node, "objects", false, problems_);
    fetch.plain = UpperAscii(TextsAt(node, "plain", Need::optional, problems_));
    return fetch;
  }

  SwitchPlace SwitchOf(const YamlNode& node) const {
    SwitchPlace one;
    if (!IsMapOf(node, {"at", "matches", "hosted"}, problems_)) return one;
    one.at = operations_.PathOf(node, TextAt(node, "at", Need::required, problems_));
    one.matches = UpperAscii(TextsAt(node, "matches", Need::required, problems_));
    one.hosted = TextAt(node, "hosted", Need::required, problems_);
    return one;
  }

  Problems& problems_;
  const WordLists lists_;
  const OperationReader operations_;
};

}  // namespace

BodyRules ReadBodyRules(const YamlNode& map, Problems& problems) {
  BodyRules rules;
  if (map.kind != YamlKind::map) problems.Add(map, "'bodies' must be a map");
  const BodyReader reader(problems);
  for (const YamlEntry& entry : map.entries) {
    rules.emplace(entry.key, std::make_shared<const BodyRule>(reader.Read(entry.key, entry.value)));
  }
  return rules;
}

RefreshRule ReadRefreshRule(const YamlNode& node, Problems& problems) {
  RefreshRule rule;
  if (!IsMapOf(node, {"token", "words", "members", "learns"}, problems)) return rule;
  rule.token = TextAt(node, "token", Need::required, problems);
  if (const YamlNode* words = node.Find("words")) {
    if (words->kind != YamlKind::map) problems.Add(*words, "'words' must be a map");
    for (const YamlEntry& entry : words->entries)
      rule.words[entry.key] = TextsOf(entry.value, problems);
  }
  rule.members = TextsAt(node, "members", Need::optional, problems);
  rule.learns = TextsAt(node, "learns", Need::required, problems);
  return rule;
}

}  // namespace interlock::classify
