#include "sandbox/output_filter.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace interlock::sandbox {
namespace {

constexpr unsigned char kEscape = 0x1b;
constexpr unsigned char kBell = 0x07;
constexpr unsigned char kEnquiry = 0x05;  // the terminal answers with a text that can be set

// Operating system commands that change what is seen and nothing else: titles, colours, the current
// directory, links, prompt marks.
constexpr std::array<int, 15> kHarmlessCommands = {0,  1,  2,   4,   7,   8,   10, 11,
                                                   12, 17, 104, 110, 111, 112, 133};

// Modes whose loss a shell prompt doesn't survive well (xterm's control sequences, DECSET).
constexpr std::array<int, 12> kModes = {1,    9,    47,   1000, 1002, 1003,
                                        1004, 1005, 1006, 1015, 1049, 2004};
constexpr int kCursorVisible = 25;

template <std::size_t N>
bool Has(const std::array<int, N>& list, int value) {
  return std::ranges::find(list, value) != list.end();
}

int NumberAt(std::string_view text) {
  int number = -1;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

std::string OutputFilter::Feed(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (const char c : bytes) Take(static_cast<unsigned char>(c), out);
  return out;
}

void OutputFilter::Take(unsigned char byte, std::string& out) {
  const char c = static_cast<char>(byte);
  switch (state_) {
    case State::text:
      if (byte == kEscape) {
        state_ = State::escape;
        pending_ = c;
      } else if (byte != kEnquiry) {
        // Bytes above 0x7f are parts of UTF-8 characters: terminals that take them for 8-bit
        // controls are set up for another encoding than everything else on the machine.
        out += c;
      }
      return;
    case State::escape:
      if (byte == '[') {
        state_ = State::control;
        pending_ += c;
      } else if (byte == ']' || byte == 'P' || byte == 'X' || byte == '^' || byte == '_') {
        state_ = State::string;
        kind_ = byte;
        pending_ += c;
        too_long_ = false;
      } else if (byte >= 0x20 && byte <= 0x2f) {
        state_ = State::intermediate;
        pending_ += c;
      } else if (byte == kEscape) {
        pending_ = c;
      } else {
        // 'Z' asks for an answer, and a string's end without its string means nothing.
        if (byte != 'Z' && byte != '\\') out += pending_ + c;
        state_ = State::text;
      }
      return;
    case State::intermediate:
      pending_ += c;
      if (byte >= 0x20 && byte <= 0x2f && pending_.size() < kControlBytesMax) return;
      out += pending_;
      state_ = State::text;
      return;
    case State::control:
      if (byte == kEscape || byte == 0x18 || byte == 0x1a) {  // CAN and SUB abandon a sequence
        state_ = byte == kEscape ? State::escape : State::text;
        pending_ = c;
        return;
      }
      if (byte < 0x20) {
        // Terminals execute these in the middle of a sequence.
        if (byte != kEnquiry) out += c;
        return;
      }
      if (byte >= 0x40) {
        EndControl(byte, out);
        state_ = State::text;
        return;
      }
      if (pending_.size() < kControlBytesMax) {
        pending_ += c;
      } else {
        state_ = State::text;
      }
      return;
    case State::string:
      if (byte == kBell && kind_ == ']') {
        EndString(out);
      } else if (byte == 0x18 || byte == 0x1a) {
        state_ = State::text;
      } else if (byte == kEscape) {
        state_ = State::string_escape;
      } else if (pending_.size() < kStringBytesMax) {
        pending_ += c;
      } else {
        too_long_ = true;
      }
      return;
    case State::string_escape:
      if (byte == '\\') {
        EndString(out);
        return;
      }
      // Anything else abandons the string and begins a sequence of its own.
      state_ = State::escape;
      pending_ = static_cast<char>(kEscape);
      Take(byte, out);
      return;
  }
}

void OutputFilter::EndControl(unsigned char final, std::string& out) {
  const std::string_view parameters = std::string_view(pending_).substr(2);
  // XTWINOPS: 20 and 21 make the terminal type its icon label and title, both of which were set
  // from inside. DECRQCRA makes it type checksums of what is on the screen.
  if (final == 't' && (NumberAt(parameters) == 20 || NumberAt(parameters) == 21)) return;
  if (final == 'y' && parameters.ends_with('*')) return;
  if ((final == 'h' || final == 'l') && parameters.starts_with('?')) {
    for (std::size_t at = 1; at < parameters.size();) {
      const std::size_t end = std::min(parameters.find(';', at), parameters.size());
      const int mode = NumberAt(parameters.substr(at, end - at));
      const bool on = (final == 'h') != (mode == kCursorVisible);
      if (Has(kModes, mode) || mode == kCursorVisible) {
        if (on)
          modes_on_.insert(mode);
        else
          modes_on_.erase(mode);
      }
      at = end + 1;
    }
  }
  out += pending_;
  out += static_cast<char>(final);
}

void OutputFilter::EndString(std::string& out) {
  state_ = State::text;
  if (kind_ != ']' || too_long_) return;
  const std::string_view body = std::string_view(pending_).substr(2);
  const int number = NumberAt(body);
  if (!Has(kHarmlessCommands, number)) return;
  // A line break in a title would be typed by a terminal that reports titles.
  if (std::ranges::any_of(body, [](char b) { return static_cast<unsigned char>(b) < 0x20; }))
    return;
  out += pending_;
  out += "\x1b\\";
}

std::string OutputFilter::Reset() const {
  std::string out;
  for (const int mode : modes_on_)
    out += "\x1b[?" + std::to_string(mode) + (mode == kCursorVisible ? "h" : "l");
  return out;
}

}  // namespace interlock::sandbox
