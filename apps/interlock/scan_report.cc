#include "scan_report.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

#include "base/bytes.h"
#include "text.h"

namespace interlock::app {
namespace {

using credential::ScanFind;

constexpr std::size_t kGapsShown = 10;
constexpr std::size_t kPlaceShown = 120;

// "src/app.ts:14"
std::string Where(const ScanFind& find) {
  std::string where = EscapeForHumans(find.place, kPlaceShown);
  if (find.line > 0 && !find.place.starts_with("environment "))
    where += ":" + std::to_string(find.line);
  return where;
}

// JSON strings are UTF-8; names of files may be anything.
std::string Utf8(const std::string& text) { return IsUtf8(text) ? text : EscapeForHumans(text); }

}  // namespace

json::object JsonOf(const std::vector<ScanFind>& finds, const ScanSummary& summary) {
  json::array list;
  for (const ScanFind& find : finds) {
    list.push_back(json::object{{"rule", find.rule->id},
                                {"provider", find.rule->provider},
                                {"kind", find.rule->kind},
                                {"place", Utf8(find.place)},
                                {"file", Utf8(find.file)},
                                {"line", find.line},
                                {"column", find.column},
                                {"fingerprint", find.fingerprint},
                                {"proven", find.proven},
                                {"could", find.rule->could},
                                {"revoke", find.rule->revoke}});
  }
  json::array gaps;
  for (const std::string& gap : summary.gaps) gaps.push_back(json::string(Utf8(gap)));
  return {{"findings", std::move(list)},  {"files", summary.files},     {"bytes", summary.bytes},
          {"commits", summary.commits},   {"ignored", summary.ignored}, {"known", summary.known},
          {"complete", summary.complete}, {"gaps", std::move(gaps)}};
}

json::object SarifOf(const std::vector<ScanFind>& finds, const ScanSummary& summary) {
  json::array results;
  std::map<std::string_view, const credential::Rule*> rules;
  for (const ScanFind& find : finds) {
    rules.emplace(find.rule->id, find.rule);
    json::object location{
        {"artifactLocation", {{"uri", Utf8(find.file.empty() ? find.place : find.file)}}}};
    if (find.line > 0)
      location["region"] = {{"startLine", find.line}, {"startColumn", find.column}};
    results.push_back(json::object{
        {"ruleId", find.rule->id},
        {"level", "error"},
        {"message", {{"text", NameOf(*find.rule) + " " + find.fingerprint + " in " + Where(find)}}},
        {"locations", json::array{json::object{{"physicalLocation", std::move(location)}}}},
        {"partialFingerprints", {{"value/v1", find.fingerprint}}}});
  }
  json::array described;
  for (const auto& [id, rule] : rules) {
    described.push_back(json::object{{"id", id},
                                     {"shortDescription", {{"text", NameOf(*rule)}}},
                                     {"help",
                                      {{"text", "Could: " + std::string(rule->could) +
                                                    ". Revoke: " + std::string(rule->revoke)}}}});
  }
  json::array notices;
  for (const std::string& gap : summary.gaps)
    notices.push_back(json::object{{"message", {{"text", Utf8(gap)}}}, {"level", "warning"}});
  return {
      {"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
      {"version", "2.1.0"},
      {"runs",
       json::array{json::object{
           {"tool",
            {{"driver",
              {{"name", "interlock"}, {"version", ILK_VERSION}, {"rules", std::move(described)}}}}},
           {"invocations",
            json::array{json::object{{"executionSuccessful", summary.complete},
                                     {"toolExecutionNotifications", std::move(notices)}}}},
           {"results", std::move(results)}}}}};
}

void PrintFinds(const std::vector<ScanFind>& finds, const ScanSummary& summary) {
  if (!finds.empty()) {
    std::vector<std::vector<std::string>> rows = {{"WHERE", "WHAT", "FINGERPRINT"}};
    for (const ScanFind& find : finds)
      rows.push_back({Where(find), NameOf(*find.rule), find.fingerprint});
    PrintTable(rows);
    std::printf("\n");
    std::set<std::string_view> told;
    for (const ScanFind& find : finds) {
      if (!told.insert(find.rule->id).second) continue;
      std::printf("%s\n  could   %s\n  revoke  %s\n",
                  Tinted(NameOf(*find.rule), Tint::bold).c_str(),
                  std::string(find.rule->could).c_str(), std::string(find.rule->revoke).c_str());
    }
    std::printf("\n");
  }
  std::string said = Grouped(static_cast<std::int64_t>(summary.files)) + " files";
  if (summary.commits > 0)
    said += ", " + Grouped(static_cast<std::int64_t>(summary.commits)) + " commits";
  if (summary.ignored > 0) said += ", " + std::to_string(summary.ignored) + " finds ignored";
  if (summary.known > 0) said += ", " + std::to_string(summary.known) + " known from the baseline";
  std::printf("%s  %s\n",
              finds.empty() ? "no credentials found"
                            : (Grouped(static_cast<std::int64_t>(finds.size())) + " found").c_str(),
              said.c_str());
  for (std::size_t i = 0; i < std::min(summary.gaps.size(), kGapsShown); ++i)
    std::fprintf(stderr, "interlock: not looked at: %s\n",
                 EscapeForHumans(summary.gaps[i]).c_str());
  if (summary.gaps.size() > kGapsShown)
    std::fprintf(stderr, "interlock: and %zu more (see --json)\n",
                 summary.gaps.size() - kGapsShown);
  if (!summary.complete) std::fprintf(stderr, "interlock: the scan is incomplete\n");
}

}  // namespace interlock::app
