#include <re2/re2.h>

#include <algorithm>
#include <array>

#include "base/file.h"
#include "base/yaml.h"
#include "credential/detect/checks.h"
#include "credential/detect/coded.h"
#include "credential/detect/rule.h"

namespace interlock::credential {
namespace {

constexpr std::size_t kRulesMax = 4096;
constexpr std::size_t kPatternMax = 1024;

using Keys = std::span<const std::string_view>;

void OnlyKeys(const YamlNode& map, Keys keys, Problems& problems) {
  for (const YamlEntry& entry : map.entries) {
    if (std::ranges::find(keys, entry.key) == keys.end())
      problems.Add(entry.line, entry.column, "unknown key \"" + entry.key + "\"");
  }
}

std::string Text(const YamlNode& map, std::string_view key, Problems& problems, bool wanted) {
  const YamlNode* node = map.Find(key);
  if (node == nullptr || node->kind != YamlKind::text) {
    if (wanted || node != nullptr) problems.Add(map, "\"" + std::string(key) + "\" must be a text");
    return "";
  }
  return node->text;
}

// Reports once where a pattern can first match: one that ends with "{20,255}" as "{20}".
std::string ShortestEnd(std::string_view pattern) {
  std::string out(pattern);
  RE2::Replace(&out, R"(\{([1-9][0-9]*),[0-9]*\}(?:=\{0,[0-9]\})?(\)?)$)", R"({\1}\2)");
  return out;
}

class Reader {
 public:
  Reader(RuleBook& book, std::vector<Rule>& rules, Problems& problems)
      : book_(book), rules_(rules), problems_(problems) {}

  void ReadDocument(const YamlNode& root) {
    constexpr std::array<std::string_view, 2> kKeys = {"credentials", "providers"};
    OnlyKeys(root, kKeys, problems_);
    Text(root, "credentials", problems_, true);
    const YamlNode* providers = root.Find("providers");
    if (providers == nullptr || providers->kind != YamlKind::list) {
      problems_.Add(root, "\"providers\" must be a list");
      return;
    }
    for (const YamlNode& provider : providers->items) ReadProvider(provider);
  }

 private:
  void ReadProvider(const YamlNode& node) {
    constexpr std::array<std::string_view, 4> kKeys = {"name", "revoke", "could", "kinds"};
    OnlyKeys(node, kKeys, problems_);
    provider_ = book_.Keep(Text(node, "name", problems_, true));
    revoke_ = book_.Keep(Text(node, "revoke", problems_, true));
    could_ = book_.Keep(Text(node, "could", problems_, true));
    const YamlNode* kinds = node.Find("kinds");
    if (kinds == nullptr || kinds->kind != YamlKind::list) {
      problems_.Add(node, "\"kinds\" must be a list");
      return;
    }
    for (const YamlNode& kind : kinds->items) ReadKind(kind);
  }

  void ReadKind(const YamlNode& node) {
    constexpr std::array<std::string_view, 16> kKeys = {
        "id",    "kind",  "words",  "value", "token", "trigger",  "code",   "check",
        "match", "holds", "random", "ask",   "could", "examples", "revoke", "published"};
    OnlyKeys(node, kKeys, problems_);
    Rule rule;
    rule.id = book_.Keep(Text(node, "id", problems_, true));
    rule.kind = book_.Keep(Text(node, "kind", problems_, true));
    rule.provider = provider_;
    rule.could = node.Find("could") ? book_.Keep(Text(node, "could", problems_, true)) : could_;
    rule.revoke = node.Find("revoke") ? book_.Keep(Text(node, "revoke", problems_, true)) : revoke_;
    rule.check = book_.Keep(Text(node, "check", problems_, false));
    rule.match = book_.Keep(Text(node, "match", problems_, false));
    if (!rule.check.empty() && !IsCheck(rule.check))
      problems_.Add(node, "there is no check \"" + std::string(rule.check) + "\"");
    ReadForm(node, rule);
    ReadDemands(node, rule);
    if (std::ranges::find(rules_, rule.id, &Rule::id) != rules_.end())
      problems_.Add(node, "the id \"" + std::string(rule.id) + "\" is there twice");
    if (rules_.size() >= kRulesMax) {
      problems_.Add(node, "more rules than " + std::to_string(kRulesMax));
      return;
    }
    rules_.push_back(rule);
  }

  void ReadForm(const YamlNode& node, Rule& rule) {
    const std::string token = Text(node, "token", problems_, false);
    const std::string value = Text(node, "value", problems_, false);
    const std::string code = Text(node, "code", problems_, false);
    if (!token.empty() + !value.empty() + !code.empty() != 1) {
      problems_.Add(node, "wants one of \"token\", \"value\" and \"code\"");
      return;
    }
    if (!code.empty()) {
      rule.form = RuleForm::coded;
      rule.code = book_.Keep(code);
      if (!IsCoded(code)) problems_.Add(node, "there is no routine \"" + code + "\"");
      return;
    }
    const std::string& pattern = token.empty() ? value : token;
    rule.pattern = book_.Keep(pattern);
    CheckPattern(node, pattern);
    if (rule.match.empty()) problems_.Add(node, "\"match\" must be an example");
    if (!token.empty()) {
      const std::string trigger = Text(node, "trigger", problems_, false);
      rule.trigger = book_.Keep(ShortestEnd(trigger.empty() ? token : trigger));
      return;
    }
    rule.form = RuleForm::named;
    rule.words = ReadWords(node, "words", "[a-z0-9_-]{2,40}");
  }

  // A list of texts as "a,b".
  std::string_view ReadWords(const YamlNode& node, std::string_view key, const char* form) {
    std::string words;
    const YamlNode* list = node.Find(key);
    if (list == nullptr || list->kind != YamlKind::list || list->items.empty()) {
      problems_.Add(node, "\"" + std::string(key) + "\" must be a list");
      return {};
    }
    for (const YamlNode& word : list->items) {
      if (!RE2::FullMatch(word.text, form))
        problems_.Add(word, "\"" + word.text + "\" isn't of the form " + form);
      words += (words.empty() ? "" : ",") + word.text;
    }
    return book_.Keep(std::move(words));
  }

  void CheckPattern(const YamlNode& node, const std::string& pattern) {
    if (pattern.size() > kPatternMax) {
      problems_.Add(node, "the pattern is longer than " + std::to_string(kPatternMax) + " bytes");
      return;
    }
    const RE2 compiled(pattern, RE2::Quiet);
    if (!compiled.ok()) problems_.Add(node, "the pattern: " + compiled.error());
  }

  void ReadDemands(const YamlNode& node, Rule& rule) {
    if (node.Find("published")) rule.published = ReadWords(node, "published", "[0-9a-f]{12}");
    const std::string random = Text(node, "random", problems_, false);
    if (random == "any")
      rule.randomness = Randomness::any;
    else if (random == "strong")
      rule.randomness = Randomness::strong;
    else if (random == "password")
      rule.randomness = Randomness::password;
    else if (!random.empty())
      problems_.Add(node, "\"random\" is one of any, strong, password");
    const std::string holds = Text(node, "holds", problems_, false);
    rule.digits = holds == "digits" || holds == "letters and digits";
    rule.letters = holds == "letters and digits";
    if (!holds.empty() && !rule.digits)
      problems_.Add(node, "\"holds\" is \"digits\" or \"letters and digits\"");
    const std::string ask = Text(node, "ask", problems_, false);
    rule.asks_credential = ask == "credential";
    if (!ask.empty() && !rule.asks_credential) problems_.Add(node, "\"ask\" is \"credential\"");
    const std::string examples = Text(node, "examples", problems_, false);
    rule.placeholders_too = examples == "real";
    if (!examples.empty() && !rule.placeholders_too)
      problems_.Add(node, "\"examples\" is \"real\"");
  }

  RuleBook& book_;
  std::vector<Rule>& rules_;
  Problems& problems_;
  std::string_view provider_;
  std::string_view revoke_;
  std::string_view could_;
};

}  // namespace

std::string_view RuleBook::Keep(std::string text) { return texts_.emplace_back(std::move(text)); }

Result<void> RuleBook::Read(std::string_view file_name, std::string_view text) {
  const auto root = ParseYaml(text);
  if (!root) return Fail(root.error().code, std::string(file_name) + ":" + root.error().message);
  Problems problems;
  Reader(*this, rules_, problems).ReadDocument(*root);
  if (!problems.empty()) return std::unexpected(problems.ToError(file_name));
  return {};
}

Result<RuleBook> ReadRules(const std::filesystem::path& directory) {
  std::error_code failed;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory, failed)) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  }
  if (failed)
    return Fail(Code::not_found,
                "reading rules in " + directory.string() + ": " + failed.message());
  std::ranges::sort(files);
  RuleBook book;
  for (const auto& file : files) {
    ILK_TRY(text, ReadFile(file, 4u << 20));
    ILK_TRY_VOID(book.Read(file.filename().string(), text));
  }
  return book;
}

std::string NameOf(const Rule& rule) {
  return std::string(rule.provider) + " " + std::string(rule.kind);
}

}  // namespace interlock::credential
