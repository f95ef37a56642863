// `interlock classify`: cases on stdin, one judgement a line on stdout.
#include <cstdio>
#include <iostream>
#include <string>

#include "base/json.h"
#include "commands.h"
#include "context.h"
#include "credential/detect/standard.h"
#include "text.h"

namespace interlock::app {
namespace {

constexpr std::size_t kCaseMax = 16u << 20;

// One line without its end; longer ones are read to their end and said to be too long.
enum class Read { line, too_long, end };
Read ReadCase(std::istream& in, std::string& line) {
  line.clear();
  std::streambuf& buffer = *in.rdbuf();
  bool some = false;
  bool too_long = false;
  for (int c = buffer.sbumpc(); c != EOF; c = buffer.sbumpc()) {
    some = true;
    if (c == '\n') break;
    if (line.size() < kCaseMax)
      line += static_cast<char>(c);
    else
      too_long = true;
  }
  return too_long ? Read::too_long : some ? Read::line : Read::end;
}

json::object Unknown(json::value id, std::string_view because) {
  return {{"id", std::move(id)},      {"effect", "unknown"}, {"operation", ""},
          {"targets", json::array()}, {"discloses", "none"}, {"because", because}};
}

json::object Judge(const std::string& line) {
  const auto parsed = ParseJson(line);
  if (!parsed) return Unknown(nullptr, "the line isn't JSON: " + parsed.error().message);
  const json::object* object = parsed->if_object();
  if (object == nullptr) return Unknown(nullptr, "the line isn't an object");
  const json::value* given = Find(*object, "id");
  json::value id = given != nullptr ? *given : json::value(nullptr);
  const std::string_view kind = FindString(*object, "kind");
  if (kind != "secret") {
    return Unknown(std::move(id), "this version judges cases of kind \"secret\" alone, not of \"" +
                                      std::string(kind) + "\"");
  }
  const json::object* input = FindObject(*object, "input");
  const json::value* text = input != nullptr ? Find(*input, "text") : nullptr;
  if (text == nullptr || !text->is_string())
    return Unknown(std::move(id), "a case of kind \"secret\" has a text in input.text");
  const credential::Detections found =
      credential::StandardDetector().Find(text->as_string(), credential::Look::everything);
  if (found.found.empty() && found.complete)
    return {{"id", std::move(id)}, {"verdict", "not_secret"}, {"rule", ""}};
  const std::string_view rule = found.found.empty() ? "too-large" : found.found.front().rule->id;
  return {{"id", std::move(id)}, {"verdict", "secret"}, {"rule", rule}};
}

}  // namespace

int Classify(const CommandLine&) {
  std::ios::sync_with_stdio(false);
  std::string line;
  for (;;) {
    const Read read = ReadCase(std::cin, line);
    if (read == Read::end) break;
    PrintJson(read == Read::line ? Judge(line)
                                 : Unknown(nullptr, "the line is longer than " +
                                                        std::to_string(kCaseMax) + " bytes"));
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    return Report({Code::unavailable, "writing the judgements to stdout failed"});
  return kDone;
}

}  // namespace interlock::app
