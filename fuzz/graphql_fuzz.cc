// For any bytes at all: they are refused with a reason, or they are a document of which every
// operation prints to one line that parses to the same structure and prints to the same line; and
// every walk ends, in a list or in a reason.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/json.h"
#include "lang/graphql/fields.h"
#include "lang/graphql/parser.h"
#include "lang/graphql/print.h"
#include "lang/graphql/structure_for_test.h"

using namespace interlock::graphql;

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

void CheckOperation(const Document& document, const Operation& operation) {
  const std::string printed = Print(document, operation);
  Check(printed.find('\n') == std::string::npos);
  // Printing may be longer than the text (escapes), so the round trip has room.
  const auto again = Parse(printed, {.bytes_max = 16u << 20, .tokens_max = 1'000'000});
  Check(again.has_value() && again->operations.size() == 1);
  Check(Structure::Of(*again, again->operations[0]) == Structure::Of(document, operation));
  Check(Print(*again, again->operations[0]) == printed);

  const interlock::json::object variables{{"a", "x"}, {"id", 7}};
  const auto fields = RootFields(document, operation, variables);
  Check(fields ? !fields->empty() : !fields.error().message.empty());
  const auto visited = VisitFields(document, operation, [](auto path, const Selection& field) {
    Check(!path.empty() && path.back() == field.name);
    return true;
  });
  Check(visited || !visited.error().message.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto document = Parse(text);
  if (!document) {
    Check(!document.error().message.empty());
    return 0;
  }
  Check(document->source() == text);
  for (const Operation& operation : document->operations) CheckOperation(*document, operation);
  return 0;
}
