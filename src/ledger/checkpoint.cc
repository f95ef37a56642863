#include "ledger/checkpoint.h"

#include <charconv>
#include <limits>

#include "base/bytes.h"

namespace interlock::ledger {
namespace {

// The next line without its newline; nullopt when the text has no further complete line.
std::optional<std::string_view> TakeLine(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

}  // namespace

std::optional<std::uint64_t> ParseDecimal(std::string_view text) {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return std::nullopt;
  }
  return value;
}

std::string FormatCheckpoint(const Checkpoint& checkpoint) {
  return checkpoint.origin + "\n" + std::to_string(checkpoint.size) + "\n" +
         Base64(AsText(checkpoint.root)) + "\n";
}

Result<Checkpoint> ParseCheckpoint(std::string_view text) {
  const auto origin = TakeLine(text);
  const auto size_line = TakeLine(text);
  const auto root_line = TakeLine(text);
  if (!root_line) return Fail(Code::invalid_input, "checkpoint: fewer than three lines");
  if (origin->empty()) return Fail(Code::invalid_input, "checkpoint: the origin is empty");
  const auto size = ParseDecimal(*size_line);
  if (!size) return Fail(Code::invalid_input, "checkpoint: the size isn't a decimal number");
  const auto bytes = FromBase64(*root_line);
  const auto root = bytes ? HashFrom(*bytes) : std::nullopt;
  if (!root) return Fail(Code::invalid_input, "checkpoint: the root isn't base64 of 32 bytes");
  while (!text.empty()) {
    const auto extension = TakeLine(text);
    if (!extension || extension->empty()) {
      return Fail(Code::invalid_input, "checkpoint: an empty or unfinished extension line");
    }
  }
  return Checkpoint{.origin = std::string(*origin), .size = *size, .root = *root};
}

Result<Checkpoint> OpenCheckpoint(std::string_view note, const VerifierKey& key) {
  ILK_TRY(verified, VerifyNote(note, {&key, 1}));
  ILK_TRY(checkpoint, ParseCheckpoint(verified.text));
  if (checkpoint.origin != key.name) {
    return Fail(Code::verification, "checkpoint: its origin '" +
                                        EscapeForHumans(checkpoint.origin, 200) +
                                        "' is not the log " + key.name);
  }
  return checkpoint;
}

}  // namespace interlock::ledger
