#include "classify/mint_reader.h"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>

#include "classify/pack_fields.h"

namespace interlock::classify {
namespace {

constexpr std::array<std::string_view, 4> kForms = {"text", "number", "list", "json"};
constexpr std::array<std::string_view, 3> kProofs = {"place", "jwt", "sigv4"};
constexpr std::array<std::string_view, 5> kMethods = {"GET", "POST", "PUT", "PATCH", "DELETE"};

template <typename Enum, std::size_t N>
Enum ChoiceAt(const YamlNode& node, std::string_view key,
              const std::array<std::string_view, N>& names, Problems& problems) {
  const std::string word = TextAt(node, key, Need::optional, problems);
  if (word.empty()) return Enum{};
  const auto it = std::ranges::find(names, word);
  if (it == names.end()) problems.Add(*node.Find(key), "'" + word + "' is none of the choices");
  return it == names.end() ? Enum{} : static_cast<Enum>(it - names.begin());
}

// Every "${…}" of the text names something that will have a value.
void CheckTemplate(const YamlNode& node, std::string_view text,
                   const std::vector<std::string>& known, Problems& problems) {
  for (std::size_t at = text.find("${"); at != std::string_view::npos;
       at = text.find("${", at + 2)) {
    const std::size_t end = text.find('}', at);
    const std::string name(text.substr(at + 2, end == std::string_view::npos ? end : end - at - 2));
    if (end == std::string_view::npos || std::ranges::find(known, name) == known.end())
      problems.Add(node, "'${" + name + "}' is none of the terms");
  }
}

void CheckJson(const YamlNode& node, const json::value& value,
               const std::vector<std::string>& known, Problems& problems) {
  // The depth is bounded by ParseJson.
  if (const json::string* text = value.if_string())
    CheckTemplate(node, *text, known, problems);
  else if (const json::array* items = value.if_array())
    for (const json::value& item : *items) CheckJson(node, item, known, problems);
  else if (const json::object* members = value.if_object())
    for (const auto& member : *members) CheckJson(node, member.value(), known, problems);
}

MintCall CallOf(const YamlNode& node, const std::vector<std::string>& known, Problems& problems) {
  MintCall call;
  const std::string route = TextAt(node, "route", Need::required, problems);
  const std::size_t space = route.find(' ');
  if (space != std::string::npos) {
    call.method = route.substr(0, space);
    call.path = route.substr(space + 1);
  }
  if (std::ranges::find(kMethods, call.method) == kMethods.end() || !call.path.starts_with('/'))
    problems.Add(node, "'route' must be a method and a path, like 'POST /v1/tokens'");
  CheckTemplate(node, call.path, known, problems);
  const std::string text = TextAt(node, "json", Need::optional, problems);
  if (!text.empty()) {
    auto body = ParseJson(text);
    if (!body) {
      problems.Add(*node.Find("json"), body.error().message);
    } else {
      CheckJson(node, *body, known, problems);
      call.body = std::move(*body);
    }
  }
  if (const YamlNode* form = node.Find("form")) {
    if (form->kind != YamlKind::map) problems.Add(*form, "'form' must be a map");
    for (const YamlEntry& entry : form->entries) {
      CheckTemplate(entry.value, entry.value.text, known, problems);
      call.form.emplace_back(entry.key, entry.value.text);
    }
    if (!call.body.is_null()) problems.Add(*form, "'form' and 'json' exclude each other");
  }
  call.with_token = FlagAt(node, "with_token", false, problems);
  return call;
}

MintTerm TermOf(const YamlNode& node, Problems& problems) {
  MintTerm term;
  if (!IsMapOf(node, {"name", "what", "form", "optional", "otherwise"}, problems)) return term;
  term.name = TextAt(node, "name", Need::required, problems);
  term.what = TextAt(node, "what", Need::required, problems);
  term.form = ChoiceAt<MintTerm::Form>(node, "form", kForms, problems);
  term.optional = FlagAt(node, "optional", false, problems);
  term.otherwise = TextAt(node, "otherwise", Need::optional, problems);
  return term;
}

void ReadFind(const YamlNode& node, std::vector<std::string>& known, MintRule& rule,
              Problems& problems) {
  if (!IsMapOf(node, {"route", "json", "form", "list", "name", "id"}, problems)) return;
  rule.find = CallOf(node, known, problems);
  rule.find_list = TextAt(node, "list", Need::required, problems);
  rule.find_name = TextAt(node, "name", Need::required, problems);
  rule.find_id = TextAt(node, "id", Need::required, problems);
  known.push_back("id");
}

MintRule RuleOf(const YamlNode& node, Problems& problems) {
  MintRule rule;
  if (!IsMapOf(node,
               {"kind", "with", "host", "proof", "issuer", "terms", "ask", "answer", "token",
                "expires", "find", "revoke"},
               problems))
    return rule;
  rule.kind = TextAt(node, "kind", Need::required, problems);
  rule.with = TextAt(node, "with", Need::required, problems);
  std::vector<std::string> known = {"name"};
  for (const YamlNode& item : ListAt(node, "terms", problems)) {
    rule.terms.push_back(TermOf(item, problems));
    known.push_back(rule.terms.back().name);
  }
  rule.host = TextAt(node, "host", Need::optional, problems);
  rule.proof = ChoiceAt<MintProof>(node, "proof", kProofs, problems);
  rule.issuer = TextAt(node, "issuer", Need::optional, problems);
  CheckTemplate(node, rule.host, known, problems);
  CheckTemplate(node, rule.issuer, known, problems);
  if ((rule.proof == MintProof::jwt) == rule.issuer.empty())
    problems.Add(node, "'issuer' belongs to 'proof: jwt', and to nothing else");
  if (const YamlNode* ask = node.Find("ask")) {
    if (IsMapOf(*ask, {"route", "json", "form"}, problems))
      rule.ask = CallOf(*ask, known, problems);
  } else {
    problems.Add(node, "a mint needs 'ask'");
  }
  const std::string answer = TextAt(node, "answer", Need::optional, problems);
  rule.xml = answer == "xml";
  if (!answer.empty() && answer != "json" && !rule.xml)
    problems.Add(*node.Find("answer"), "expected 'json' or 'xml'");
  rule.token = TextsAt(node, "token", Need::required, problems);
  rule.expires = TextAt(node, "expires", Need::optional, problems);
  if (const YamlNode* find = node.Find("find")) ReadFind(*find, known, rule, problems);
  if (const YamlNode* revoke = node.Find("revoke")) {
    if (IsMapOf(*revoke, {"route", "json", "form", "with_token"}, problems))
      rule.revoke = CallOf(*revoke, known, problems);
  }
  // What neither ends by itself nor can be taken back would outlive its session for good.
  if (rule.expires.empty() && !rule.revoke)
    problems.Add(node, "a token without 'expires' needs 'revoke'");
  return rule;
}

}  // namespace

std::vector<MintRule> ReadMintRules(const YamlNode& api, Problems& problems) {
  std::vector<MintRule> rules;
  for (const YamlNode& item : ListAt(api, "mint", problems))
    rules.push_back(RuleOf(item, problems));
  return rules;
}

}  // namespace interlock::classify
