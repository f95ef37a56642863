// For any bytes at all: what reads as a statement is written back as exactly those bytes; its page
// is either refused or holds no control character and no text direction mark; and its PAE reads
// back.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "approval/agent_text.h"
#include "approval/render.h"
#include "approval/statement.h"

using namespace interlock::approval;

namespace {

void CheckPage(std::string_view page) {
  for (const char c : page) {
    if (c != '\n' && static_cast<unsigned char>(c) < 0x20) std::abort();
  }
  for (const std::string_view mark : {"\xe2\x80\xae", "\xe2\x80\xad", "\xe2\x81\xa6"}) {
    if (page.find(mark) != std::string_view::npos) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  (void)StatementJsonFromPae(input);
  const auto statement = ParseStatement(input);
  if (!statement) return 0;
  if (StatementJson(*statement) != input) std::abort();
  if (StatementJsonFromPae(Pae(input)) != input) std::abort();
  if (const auto page = Render(*statement, {.now = statement->created})) CheckPage(*page);
  for (const char c : AgentHoldText(*statement, {{"alice"}, ""})) {
    if (c != '\n' && (c < 0x20 || c > 0x7e)) std::abort();
  }
  return 0;
}
