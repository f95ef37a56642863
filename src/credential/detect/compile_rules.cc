// compile_rules RULES_DIRECTORY OUT_DIRECTORY: what is compiled into the program. Writes the rules
// as C++ and the databases of the first pass for the kinds of processors there are.
#include <cstdio>
#include <filesystem>
#include <string>

#include "base/file.h"
#include "credential/detect/detector.h"

namespace {

using namespace interlock;
using namespace interlock::credential;

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string AsCpp(const Rule& rule) {
  std::string out = "    {";
  for (std::string_view text : {rule.id, rule.provider, rule.kind, rule.could, rule.revoke})
    out += Quoted(text) + ", ";
  out += "static_cast<RuleForm>(" + std::to_string(static_cast<int>(rule.form)) + "), ";
  for (std::string_view text :
       {rule.pattern, rule.trigger, rule.words, rule.code, rule.check, rule.published, rule.match})
    out += Quoted(text) + ", ";
  out += "static_cast<Randomness>(" + std::to_string(static_cast<int>(rule.randomness)) + ")";
  for (bool flag : {rule.digits, rule.letters, rule.asks_credential, rule.placeholders_too})
    out += flag ? ", true" : ", false";
  return out + "},\n";
}

Result<void> Write(const std::filesystem::path& from, const std::filesystem::path& to) {
  ILK_TRY(book, ReadRules(from));
  std::string cpp =
      "#include \"credential/detect/standard.h\"\nnamespace interlock::credential {\nnamespace {\n"
      "constexpr Rule kRules[] = {\n";
  for (const Rule& rule : book.rules()) cpp += AsCpp(rule);
  cpp += "};\n}\nstd::span<const Rule> StandardRules() { return kRules; }\n}\n";
  ILK_TRY_VOID(ReplaceFile(to / "standard_rules.cc", cpp, 0644));
  for (const auto& [look, name] :
       {std::pair(Look::formats, "formats"), std::pair(Look::everything, "everything")}) {
    for (const auto& [processor, suffix] :
         {std::pair(Processor::any, "any"), std::pair(Processor::avx2, "avx2")}) {
      ILK_TRY(bytes, CompileFirstPass(book.rules(), look, processor));
      ILK_TRY_VOID(ReplaceFile(to / (std::string(name) + "_" + suffix + ".hs"), bytes, 0644));
    }
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: compile_rules RULES_DIRECTORY OUT_DIRECTORY\n");
    return 2;
  }
  if (const auto written = Write(argv[1], argv[2]); !written) {
    std::fprintf(stderr, "compile_rules: %s\n", written.error().message.c_str());
    return 1;
  }
  return 0;
}
