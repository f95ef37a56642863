#include "classify/operation_reader.h"

#include <algorithm>
#include <array>

#include "classify/pack_fields.h"

namespace interlock::classify {
namespace {

using Test = Condition::Test;

struct NamedTest {
  std::string_view name;
  Test test;
};

// What may stand after `is:`.
constexpr std::array kPlainTests = {
    NamedTest{"present", Test::present}, NamedTest{"absent", Test::absent},
    NamedTest{"given", Test::given},     NamedTest{"cleared", Test::cleared},
    NamedTest{"set", Test::set},         NamedTest{"disabled", Test::disabled},
    NamedTest{"text", Test::text},       NamedTest{"opaque", Test::opaque},
    NamedTest{"empty", Test::empty},     NamedTest{"nonempty", Test::nonempty},
};

// Keys that name a test and hold its words.
constexpr std::array kWordTests = {
    NamedTest{"one_of", Test::one_of},
    NamedTest{"matches", Test::matches},
    NamedTest{"holds_key", Test::holds_key},
};

std::string UpperAscii(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

std::vector<std::string_view> SplitAt(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  for (;;) {
    const std::size_t end = text.find(separator);
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

Path OperationReader::PathOf(const YamlNode& where, std::string_view text) const {
  Path path;
  for (const std::string_view step : SplitAt(text, '.')) {
    if (step.empty()) problems_.Add(where, "a path has an empty step");
    path.emplace_back(step);
  }
  return path;
}

std::vector<TargetRule> OperationReader::Targets(const YamlNode& map) const {
  std::vector<TargetRule> out;
  if (map.kind != YamlKind::map) problems_.Add(map, "'targets' must be a map of path to type");
  for (const YamlEntry& entry : map.entries) {
    TargetRule rule;
    std::string_view path = entry.key;
    if (path.ends_with('?')) {
      rule.optional = true;
      path.remove_suffix(1);
    }
    for (const std::string_view part : SplitAt(path, '@')) rule.parts.push_back(PathOf(map, part));
    if (rule.parts.size() > 2) problems_.Add(entry.line, entry.column, "more than two parts");
    rule.type = entry.value.text;
    if (entry.value.kind != YamlKind::text || rule.type.empty() ||
        rule.type.find_first_of(":/?") != std::string::npos) {
      problems_.Add(entry.value, "expected the type of a resource");
    }
    out.push_back(std::move(rule));
  }
  return out;
}

std::vector<std::string> OperationReader::Words(const YamlNode& node) const {
  std::vector<std::string> words;
  if (node.kind == YamlKind::text) {
    const auto it = lists_.find(node.text);
    if (it == lists_.end()) problems_.Add(node, "there is no list '" + node.text + "'");
    if (it != lists_.end()) words = it->second;
  } else {
    words = TextsOf(node, problems_);
  }
  return words;
}

Condition OperationReader::ConditionOf(const YamlNode& node) const {
  Condition condition;
  if (!IsMapOf(node, {"path", "is", "one_of", "matches", "holds_key", "holds_null", "only"},
               problems_)) {
    return condition;
  }
  condition.path = PathOf(node, TextAt(node, "path", Need::required, problems_));
  if (node.entries.size() != 2) problems_.Add(node, "a condition has a path and one test");
  if (const YamlNode* is = node.Find("is")) {
    const auto it = std::ranges::find(kPlainTests, is->text, &NamedTest::name);
    if (it == kPlainTests.end()) problems_.Add(*is, "'" + is->text + "' is no test");
    if (it != kPlainTests.end()) condition.test = it->test;
  }
  for (const NamedTest& test : kWordTests) {
    const YamlNode* words = node.Find(test.name);
    if (!words) continue;
    condition.test = test.test;
    for (const std::string& word : Words(*words)) condition.words.push_back(UpperAscii(word));
  }
  if (node.Find("holds_null")) {
    condition.test = FlagAt(node, "holds_null", true, problems_) ? Test::holds_null : Test::no_null;
  }
  if (const YamlNode* only = node.Find("only")) {
    condition.test = Test::only;
    for (const std::string& shape : Words(*only)) {
      condition.shapes.push_back(PathOf(*only, shape));
    }
  }
  return condition;
}

Case OperationReader::CaseOf(const OperationRule& rule, const YamlNode& node) const {
  Case out;
  if (!IsMapOf(node, {"when", "effect", "targets", "discloses", "because", "instead"}, problems_)) {
    return out;
  }
  for (const YamlNode& item : ListAt(node, "when", problems_))
    out.when.push_back(ConditionOf(item));
  if (out.when.empty()) problems_.Add(node, "a case needs conditions in 'when'");
  if (node.Find("effect")) out.effect = EffectAt(node, "effect", problems_);
  if (const YamlNode* targets = node.Find("targets")) out.targets = Targets(*targets);
  out.discloses = DisclosureAt(node, "discloses", problems_);
  out.because = TextAt(node, "because", out.effect ? Need::required : Need::optional, problems_);
  out.instead = TextAt(node, "instead", Need::optional, problems_);
  if (!out.effect && !out.targets && out.discloses == Disclosure::none) {
    problems_.Add(node, "a case that changes nothing");
  }
  if (out.effect && *out.effect < rule.effect && out.instead.empty()) {
    problems_.Add(node,
                  "a case weaker than its rule never decides; say in 'instead' why it is safe");
  }
  return out;
}

ArgumentNames OperationReader::Arguments(const YamlNode& list) const {
  ArgumentNames root;
  for (const std::string& text : TextsOf(list, problems_)) {
    ArgumentNames* at = &root;
    for (const std::string_view step : SplitAt(text, '.')) {
      if (step == "**") {
        at->open = true;
        break;
      }
      at = &at->children[std::string(step)];
    }
  }
  return root;
}

OperationRule OperationReader::Rule(std::string_view name, const YamlNode& node) const {
  OperationRule rule;
  rule.name = provider_ + "." + std::string(name);
  if (!IsMapOf(node,
               {"effect", "targets", "discloses", "hands_out", "because", "cases", "arguments"},
               problems_)) {
    return rule;
  }
  rule.effect = EffectAt(node, "effect", problems_);
  if (const YamlNode* targets = node.Find("targets")) rule.targets = Targets(*targets);
  rule.discloses = DisclosureAt(node, "discloses", problems_);
  rule.hands_out = HandsOutAt(node, rule.discloses, problems_);
  rule.because = TextAt(node, "because", Need::required, problems_);
  if (const YamlNode* arguments = node.Find("arguments")) rule.arguments = Arguments(*arguments);
  for (const YamlNode& item : ListAt(node, "cases", problems_)) {
    rule.cases.push_back(CaseOf(rule, item));
  }
  return rule;
}

ByName<OperationRule> OperationReader::Mutations(const YamlNode& map) const {
  ByName<OperationRule> out;
  if (map.kind != YamlKind::map) problems_.Add(map, "'mutations' must be a map");
  for (const YamlEntry& entry : map.entries) out.emplace(entry.key, Rule(entry.key, entry.value));
  return out;
}

ByName<OperationRule> OperationReader::Queries(const YamlNode& list) const {
  ByName<OperationRule> out;
  if (list.kind != YamlKind::list) problems_.Add(list, "'queries' must be a list of groups");
  for (const YamlNode& group : list.items) {
    if (!IsMapOf(group, {"names", "targets", "discloses", "hands_out", "because"}, problems_))
      continue;
    OperationRule rule;
    rule.effect = Effect::read;
    if (const YamlNode* targets = group.Find("targets")) rule.targets = Targets(*targets);
    rule.discloses = DisclosureAt(group, "discloses", problems_);
    rule.hands_out = HandsOutAt(group, rule.discloses, problems_);
    rule.because = TextAt(group, "because", Need::optional, problems_);
    if (rule.because.empty()) rule.because = "reads only";
    for (const std::string& name : TextsAt(group, "names", Need::required, problems_)) {
      rule.name = provider_ + "." + name;
      if (!out.emplace(name, rule).second) problems_.Add(group, "'" + name + "' is there twice");
    }
  }
  return out;
}

}  // namespace interlock::classify
