#include "credential/decoded.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace interlock::credential {
namespace {

constexpr int kRounds = 2;
// Eight bytes, the shortest secret, need eleven base64 digits.
constexpr std::size_t kRunMin = 11;
constexpr std::size_t kPrintableMin = 8;

constexpr std::array<signed char, 256> kDigits64 = [] {
  std::array<signed char, 256> table{};
  table.fill(-1);
  for (int i = 0; i < 26; ++i) {
    table[static_cast<std::size_t>('A' + i)] = static_cast<signed char>(i);
    table[static_cast<std::size_t>('a' + i)] = static_cast<signed char>(26 + i);
  }
  for (int i = 0; i < 10; ++i)
    table[static_cast<std::size_t>('0' + i)] = static_cast<signed char>(52 + i);
  table['+'] = table['-'] = 62;
  table['/'] = table['_'] = 63;
  return table;
}();
int Digit64(char c) { return kDigits64[static_cast<unsigned char>(c)]; }

bool HexByte(std::string_view text, std::size_t at, std::size_t digits, unsigned& value) {
  if (at + digits > text.size()) return false;
  const char* end = text.data() + at + digits;
  return std::from_chars(text.data() + at, end, value, 16).ptr == end;
}

std::string WithoutPercent(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && HexByte(text, i + 1, 2, value)) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// Credentials are ASCII, so higher code points only need to be something that isn't.
std::string WithoutEscapes(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 >= text.size()) {
      out += text[i];
      continue;
    }
    unsigned value = 0;
    ++i;
    if (text[i] == 'u' && HexByte(text, i + 1, 4, value)) {
      out += value < 0x80 ? static_cast<char>(value) : '?';
      i += 4;
    } else if (text[i] == 'x' && HexByte(text, i + 1, 2, value)) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      constexpr std::string_view kNames = "bfnrt";
      constexpr std::string_view kBytes = "\b\f\n\r\t";
      const std::size_t name = kNames.find(text[i]);
      out += name == std::string_view::npos ? text[i] : kBytes[name];
    }
  }
  return out;
}

bool IsPrintable(std::uint32_t byte) { return byte >= 0x20 && byte <= 0x7e; }

// Whether eight printable bytes can be there when decoding starts at the digit `skip`: they would
// fill two neighbouring groups of three. Words and binary data hardly ever do, and this is the one
// step that every byte of every request goes through.
bool MayBeText(std::span<const std::uint8_t> digits, std::size_t skip) {
  bool before = false;
  for (std::size_t i = skip; i + 4 <= digits.size(); i += 4) {
    const std::uint32_t group = static_cast<std::uint32_t>(digits[i]) << 18 |
                                static_cast<std::uint32_t>(digits[i + 1]) << 12 |
                                static_cast<std::uint32_t>(digits[i + 2]) << 6 | digits[i + 3];
    const bool text =
        IsPrintable(group >> 16) && IsPrintable(group >> 8 & 0xff) && IsPrintable(group & 0xff);
    if (text && before) return true;
    before = text;
  }
  return false;
}

// Appends what is printable for at least eight bytes of what the digits say, each stretch with a
// line break after it so that two don't join.
void AppendDecoded(std::span<const std::uint8_t> digits, std::string& out) {
  std::size_t start = out.size();  // of the stretch being read
  const auto end_stretch = [&] {
    if (out.size() - start < kPrintableMin)
      out.resize(start);
    else
      out += '\n';
    start = out.size();
  };
  std::uint32_t group = 0;
  unsigned bits = 0;
  for (const std::uint8_t digit : digits) {
    group = (group << 6 | digit) & 0xffffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    const std::uint32_t byte = group >> bits & 0xff;
    if (IsPrintable(byte))
      out += static_cast<char>(byte);
    else
      end_stretch();
  }
  end_stretch();
}

// The runs of base64 digits that may hold text, decoded at each of the four alignments.
std::string WithoutBase64(std::string_view text) {
  std::string out;
  std::vector<std::uint8_t> digits;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    while (end < text.size() && Digit64(text[end]) >= 0) ++end;
    if (end - at >= kRunMin) {
      digits.clear();
      for (char c : text.substr(at, end - at))
        digits.push_back(static_cast<std::uint8_t>(Digit64(c)));
      for (std::size_t skip = 0; skip < 4; ++skip) {
        if (MayBeText(digits, skip)) AppendDecoded(std::span(digits).subspan(skip), out);
      }
    }
    at = end + 1;
  }
  return out;
}

// Line breaks and tabs hide nothing; any other escape could stand for a byte of a credential.
bool HasTellingEscape(std::string_view text) {
  for (std::size_t at = text.find('\\'); at < text.size(); at = text.find('\\', at + 2)) {
    if (at + 1 >= text.size()) return false;
    if (std::string_view("nrtbf").find(text[at + 1]) == std::string_view::npos) return true;
  }
  return false;
}

class Visitor {
 public:
  Visitor(std::size_t budget, const std::function<void(std::string_view)>& visit)
      : budget_(budget), visit_(visit) {}

  void Visit(std::string_view text, int round) {
    visit_(text);
    if (round == kRounds) return;
    if (text.find('%') != std::string_view::npos) Derived(text, WithoutPercent(text), round);
    if (HasTellingEscape(text)) Derived(text, WithoutEscapes(text), round);
    Derived(text, WithoutBase64(text), round);
  }
  bool complete() const { return complete_; }

 private:
  void Derived(std::string_view from, const std::string& text, int round) {
    if (text.empty() || text == from) return;
    if (text.size() > budget_) {
      complete_ = false;
      return;
    }
    budget_ -= text.size();
    Visit(text, round + 1);
  }
  std::size_t budget_;
  const std::function<void(std::string_view)>& visit_;
  bool complete_ = true;
};

}  // namespace

bool VisitReadings(std::string_view text, const std::function<void(std::string_view)>& visit) {
  Visitor visitor(text.size() * 32 + (1u << 20), visit);
  visitor.Visit(text, 0);
  return visitor.complete();
}

}  // namespace interlock::credential
