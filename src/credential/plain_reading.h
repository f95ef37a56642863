// What a text says once the escapes that formats put into it are undone: JSON's backslashes,
// percent encoding, HTML's entities, the line breaks within long base64. Every character keeps the
// place it was read from, so that what is found in the reading can be replaced in the text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace interlock::credential {

// One piece of the text: a character as it is, an escape that stands for one, or something that
// says nothing (a backslash before a quote, a line break within base64).
struct Unit {
  std::size_t size = 0;  // bytes of the text; 0: more of the text is needed to tell
  bool says = true;      // false: it adds nothing to the reading
  char character = 0;    // what it says
};

// No piece is longer, so a text that goes on for this much is always readable.
inline constexpr std::size_t kUnitBytesMax = 32;
// Below it in a reading: no credential reaches over this character.
inline constexpr char kBreakBelow = 0x20;

// The piece at the front of `text`, which isn't empty. `ended`: nothing follows the text.
Unit ReadUnit(std::string_view text, bool ended);

// `original` is a piece that says `said`; the same kind of piece, of the same size, for another
// printable character. Where there is none ("&lt;" has no sibling for "a"), '*' fills the place.
std::string Respell(std::string_view original, char said, char instead);

// `kept`: every byte says itself. A backslash before "npm_…" may be the beginning of an escape and
// may be a backslash, so a text has both readings.
enum class Escapes { kept, undone };

// Reads a stream, however it is cut. Not thread-safe. Its buffers are wiped when they go.
class PlainReading {
 public:
  explicit PlainReading(Escapes escapes) : escapes_(escapes) {}
  PlainReading(const PlainReading&) = delete;
  PlainReading& operator=(const PlainReading&) = delete;
  ~PlainReading();

  // Takes on more of the text, and reads as far as it can; `ended`: to its end.
  void Add(std::string_view chunk, bool ended);
  // Forgets the first `count` characters of the reading and the text they came from.
  void Drop(std::size_t count);

  // What was read. A character below kBreakBelow ends whatever came before it.
  std::string_view said() const { return escapes_ == Escapes::kept ? text_ : said_; }
  // Where the character at `index` begins in text(); for index == said().size(), the end.
  std::size_t Origin(std::size_t index) const;
  // How many bytes of the text say the character at `index` themselves; what follows them up to the
  // next character says nothing.
  std::size_t SizeAt(std::size_t index) const;
  // The text that said() came from, and behind it what could not be read yet.
  std::string_view text() const { return text_; }

 private:
  void CountDigits(std::string_view run);
  Unit ReadLineBreak(char c);
  const Escapes escapes_;
  std::string text_;
  std::string said_;                   // when escapes are undone
  std::vector<std::uint32_t> origin_;  // of each character of said_
  std::size_t read_ = 0;               // how much of text_ is in said_
  std::size_t silent_ = 0;             // bytes that said nothing since the last character
  std::size_t digits_ = 0;             // base64 digits before read_, as far as they matter
};

// The reading of a whole text, with its escapes undone.
std::string ReadPlain(std::string_view text);

}  // namespace interlock::credential
