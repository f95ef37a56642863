// The patterns of the first pass, and their compilation.
#include <hs/hs.h>

#include <algorithm>
#include <array>
#include <set>

#include "credential/detect/coded.h"
#include "credential/detect/detector.h"

namespace interlock::credential {
namespace {

// Names of secrets whatever the provider. Each has to be followed by a sign and a value.
constexpr std::array<std::string_view, 14> kNames = {
    "passw",
    "pwd",
    "passphrase",
    "secret",
    "token",
    "api[_. -]?key",
    "access[_. -]?key",
    "credential",
    "authorization",
    "bearer",
    "creds",
    "(?:private|auth|signing|encryption|encrypt|account|master|shared|storage|service|client|app|"
    "admin|licen[sc]e|deploy|webhook|session)[_. -]?key",
    "[a-z]key",
    "_auth"};

constexpr std::string_view kBetween =
    R"([\w .$-]{0,24}["'`\\\])]{0,4}\s{0,6}[?]?[=:>,(|]["'`\s=:>,(|?\\{]{0,8})";

std::string AfterName(std::string_view name, std::string_view value) {
  return "(?i)" + std::string(name) + std::string(kBetween) + std::string(value);
}

std::string Loosely(std::string_view word) {
  std::string out;
  for (char c : word) {
    if (c == '-' || c == '_')
      out += "[_. -]?";
    else
      out += c;
  }
  return out;
}

}  // namespace

std::vector<FirstPassPattern> FirstPass(std::span<const Rule> rules, Look look) {
  std::vector<FirstPassPattern> out;
  std::set<std::string, std::less<>> words;
  bool assigned = false;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const Rule& rule = rules[i];
    const auto number = static_cast<unsigned>(i);
    if (rule.form == RuleForm::token) {
      out.push_back({std::string(rule.trigger), number});
    } else if (rule.form == RuleForm::named) {
      // A name that has to speak of a credential is seen by that.
      if (rule.asks_credential) continue;
      for (std::string_view rest = rule.words; !rest.empty();) {
        const std::size_t comma = std::min(rest.find(','), rest.size());
        words.insert(std::string(rest.substr(0, comma)));
        rest.remove_prefix(std::min(comma + 1, rest.size()));
      }
    } else {
      const auto kinds = CodedKinds();
      const auto kind = std::ranges::find(kinds, rule.code, &CodedKind::code);
      if (kind == kinds.end()) continue;
      if (kind->trigger.empty())
        assigned = true;
      else if (kind->is_format || look == Look::everything)
        out.push_back({std::string(kind->trigger), number});
    }
  }
  if (look == Look::formats) return out;
  for (const std::string& word : words) {
    out.push_back(
        {"(?i)" + Loosely(word) +
             R"([\w .$-]{0,24}["'`\\\])]{0,4}[\s=:>,(|]["'`\s=:>,(|?\\{]{0,8}[\w+/=|~.!@#$%^*:-]{12})",
         kLineNumber});
  }
  if (assigned) {
    for (std::string_view name : kNames)
      out.push_back({AfterName(name, R"([\w+/=~.!@#$%^&*-]{8})"), kLineNumber});
    // --token VALUE, ENV TOKEN VALUE
    out.push_back(
        {R"((?i)(?:token|password|secret|key)["']?[ \t]{1,4}["']?[\w+/=.-]{0,24}[0-9][\w+/=.-]{12})",
         kLineNumber});
    // A name and a value beside each other: <add key="Password" value="…"/>, "- name: TOKEN".
    out.push_back(
        {R"((?i)(?:name|key)["']?[ \t]{0,3}[:=][ \t]{0,3}["']?[\w.-]{3,64}["']?\s{1,40}(?:secret_)?value["']?[ \t]{0,3}[=:])",
         kLineNumber});
  }
  return out;
}

Result<std::string> CompileFirstPass(std::span<const Rule> rules, Look look, Processor processor) {
  const std::vector<FirstPassPattern> patterns = FirstPass(rules, look);
  std::vector<const char*> texts;
  std::vector<unsigned> numbers;
  std::vector<unsigned> flags(patterns.size(), 0);
  for (const FirstPassPattern& pattern : patterns) {
    texts.push_back(pattern.pattern.c_str());
    numbers.push_back(pattern.number);
  }
  hs_platform_info_t platform{};
  if (processor == Processor::avx2) platform.cpu_features = HS_CPU_FEATURES_AVX2;
  hs_database_t* database = nullptr;
  hs_compile_error_t* failed = nullptr;
  if (hs_compile_multi(texts.data(), flags.data(), numbers.data(),
                       static_cast<unsigned>(texts.size()), HS_MODE_BLOCK,
                       processor == Processor::here ? nullptr : &platform, &database,
                       &failed) != HS_SUCCESS) {
    std::string what = failed->message;
    if (failed->expression >= 0)
      what = patterns[static_cast<std::size_t>(failed->expression)].pattern + ": " + what;
    hs_free_compile_error(failed);
    return Fail(Code::invalid_input, "compiling rules: " + what);
  }
  char* bytes = nullptr;
  std::size_t size = 0;
  const hs_error_t error = hs_serialize_database(database, &bytes, &size);
  hs_free_database(database);
  if (error != HS_SUCCESS) return Fail(Code::internal, "a compiled database can't be kept");
  std::string out(bytes, size);
  ::free(bytes);
  return out;
}

}  // namespace interlock::credential
