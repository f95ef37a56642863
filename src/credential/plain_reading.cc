#include "credential/plain_reading.h"

#include <string.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace interlock::credential {
namespace {

constexpr std::size_t kBackslashesMax = 16;
constexpr std::size_t kPercentRounds = 4;
// So much that says nothing may lie between two characters of a credential; more ends it. It bounds
// what has to be kept of a text that never says anything.
constexpr std::size_t kSilentMax = 64;
// A line that ends in so many base64 digits goes on in the next one.
constexpr std::size_t kWrappedMin = 48;

constexpr std::array<bool, 256> kSpecial = [] {
  std::array<bool, 256> table{};
  for (std::size_t c = 0; c < 0x20; ++c) table[c] = true;
  table['\\'] = table['%'] = table['&'] = true;
  return table;
}();

bool IsDigit64(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '/' || c == '-' || c == '_';
}

std::optional<unsigned> HexAt(std::string_view text, std::size_t at, std::size_t digits) {
  unsigned value = 0;
  if (at + digits > text.size()) return std::nullopt;
  const char* end = text.data() + at + digits;
  const auto read = std::from_chars(text.data() + at, end, value, 16);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return value;
}

// A code point as a piece of that size: a printable character says itself, a line break or a tab
// nothing, and everything else ends what came before.
Unit Said(std::size_t size, unsigned value) {
  if (value == '\n' || value == '\r' || value == '\t') return {size, false, 0};
  if (value < 0x20 || value > 0x7e) return {size, true, 0};
  return {size, true, static_cast<char>(value)};
}

constexpr Unit kMore{0, true, 0};

Unit ReadBackslashes(std::string_view text, bool ended) {
  std::size_t count = 1;
  while (count < text.size() && count < kBackslashesMax && text[count] == '\\') ++count;
  if (count == text.size()) return ended ? Unit{count, false, 0} : kMore;
  const char next = text[count];
  if (std::string_view("nrtbf").find(next) != std::string_view::npos) return {count + 1, false, 0};
  const std::size_t digits = next == 'u' ? 4 : next == 'x' ? 2 : 0;
  if (digits != 0) {
    if (count + 1 + digits > text.size() && !ended) return kMore;
    if (const auto value = HexAt(text, count + 1, digits)) return Said(count + 1 + digits, *value);
  }
  return {count, false, 0};
}

// What was encoded more than once is decoded as often: "%2525" says "%".
Unit ReadPercent(std::string_view text, bool ended) {
  std::size_t size = 1;
  unsigned value = '%';
  for (std::size_t round = 0; round < kPercentRounds && value == '%'; ++round) {
    if (size + 2 > text.size() && !ended) {
      const auto rest = text.substr(size);
      const bool hopeful =
          std::ranges::all_of(rest, [](char c) { return HexAt({&c, 1}, 0, 1).has_value(); });
      if (hopeful) return kMore;
    }
    const auto decoded = HexAt(text, size, 2);
    if (!decoded) break;
    value = *decoded;
    size += 2;
  }
  return Said(size, value);
}

Unit ReadEntity(std::string_view text, bool ended) {
  constexpr std::size_t kEntityMax = 10;
  constexpr std::pair<std::string_view, char> kNamed[] = {
      {"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
  const std::size_t end = text.substr(0, kEntityMax).find(';');
  if (end == std::string_view::npos) {
    const bool open =
        std::ranges::all_of(text.substr(1), [](char c) { return IsDigit64(c) || c == '#'; });
    return !ended && open && text.size() < kEntityMax ? kMore : Unit{1, true, '&'};
  }
  const std::string_view name = text.substr(1, end - 1);
  for (const auto& [known, character] : kNamed) {
    if (name == known) return {end + 1, true, character};
  }
  if (name.starts_with('#')) {
    const bool hex = name.size() > 1 && (name[1] == 'x' || name[1] == 'X');
    const std::string_view digits = name.substr(hex ? 2 : 1);
    unsigned value = 0;
    const char* last = digits.data() + digits.size();
    const auto read = std::from_chars(digits.data(), last, value, hex ? 16 : 10);
    if (read.ec == std::errc() && read.ptr == last) return Said(end + 1, value);
  }
  return {1, true, '&'};
}

void Wipe(std::string& text) { explicit_bzero(text.data(), text.size()); }

// Shortens without leaving a copy of what goes behind the new end.
void Cut(std::string& text, std::size_t count) {
  const std::size_t before = text.size();
  text.erase(0, count);
  text.resize(before);
  explicit_bzero(text.data() + (before - count), count);
  text.resize(before - count);
}

}  // namespace

Unit ReadUnit(std::string_view text, bool ended) {
  switch (text.front()) {
    case '\\':
      return ReadBackslashes(text, ended);
    case '%':
      return ReadPercent(text, ended);
    case '&':
      return ReadEntity(text, ended);
    default:
      return {1, true, text.front()};
  }
}

std::string Respell(std::string_view original, char said, char instead) {
  if (original.size() == 1) return std::string(1, instead);
  if (said == instead) return std::string(original);
  std::string out(original);
  constexpr std::string_view kHex = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(instead);
  const bool entity = original.front() == '&';
  // The last two digits are what the character is; those before them say how it is written.
  const std::size_t end = entity ? out.size() - 1 : out.size();
  const bool hex = !entity || original.starts_with("&#x") || original.starts_with("&#X");
  if (hex && end >= 2 && out.size() > 2) {
    out[end - 2] = kHex[byte >> 4];
    out[end - 1] = kHex[byte & 15];
    return out;
  }
  out.assign(original.size(), '*');
  return out;
}

PlainReading::~PlainReading() {
  Wipe(text_);
  Wipe(said_);
}

std::size_t PlainReading::Origin(std::size_t index) const {
  if (escapes_ == Escapes::kept) return std::min(index, text_.size());
  return index < origin_.size() ? origin_[index] : read_;
}

std::size_t PlainReading::SizeAt(std::size_t index) const {
  if (escapes_ == Escapes::kept) return 1;
  // It was told apart before with as much of the text, or with all there will be.
  return ReadUnit(std::string_view(text_).substr(Origin(index)), true).size;
}

// How many base64 digits, up to kWrappedMin, stand right before the next byte.
void PlainReading::CountDigits(std::string_view run) {
  const auto other = std::ranges::find_if_not(run.rbegin(), run.rend(), IsDigit64);
  const auto tail = static_cast<std::size_t>(other - run.rbegin());
  digits_ = std::min(kWrappedMin, tail == run.size() ? digits_ + tail : tail);
}

// In long base64 a line break says nothing. Anywhere else it ends the line: no credential holds
// one. This looks at what kind of text there is and never at which.
Unit PlainReading::ReadLineBreak(char c) {
  const bool wraps = digits_ >= kWrappedMin;
  if (!wraps || c == '\n') digits_ = 0;
  return {1, !wraps, c};
}

void PlainReading::Add(std::string_view chunk, bool ended) {
  text_ += chunk;
  if (escapes_ == Escapes::kept) return;
  while (read_ < text_.size()) {
    std::size_t end = read_;
    while (end < text_.size() && !kSpecial[static_cast<unsigned char>(text_[end])]) ++end;
    if (end > read_) {
      said_.append(text_, read_, end - read_);
      const std::size_t had = origin_.size();
      origin_.resize(said_.size());
      for (std::size_t i = had; i < origin_.size(); ++i)
        origin_[i] = static_cast<std::uint32_t>(read_ + (i - had));
      CountDigits(std::string_view(text_).substr(read_, end - read_));
      read_ = end;
      silent_ = 0;
      continue;
    }
    const char c = text_[read_];
    Unit unit{1, true, c};
    if (c == '\n' || c == '\r') {
      unit = ReadLineBreak(c);
    } else {
      if (c >= kBreakBelow) unit = ReadUnit(std::string_view(text_).substr(read_), ended);
      if (unit.size == 0) return;
      digits_ = 0;
    }
    if (!unit.says && silent_ + unit.size > kSilentMax) unit = {unit.size, true, 0};
    if (unit.says) {
      said_ += unit.character;
      origin_.push_back(static_cast<std::uint32_t>(read_));
      silent_ = 0;
    } else {
      silent_ += unit.size;
    }
    read_ += unit.size;
  }
}

void PlainReading::Drop(std::size_t count) {
  if (count == 0) return;
  const std::size_t bytes = Origin(count);
  Cut(text_, bytes);
  if (escapes_ == Escapes::kept) return;
  Cut(said_, count);
  origin_.erase(origin_.begin(), origin_.begin() + static_cast<std::ptrdiff_t>(count));
  for (std::uint32_t& at : origin_) at -= static_cast<std::uint32_t>(bytes);
  read_ -= bytes;
}

std::string ReadPlain(std::string_view text) {
  PlainReading reading(Escapes::undone);
  reading.Add(text, true);
  return std::string(reading.said());
}

}  // namespace interlock::credential
