// Takes real credentials out of what goes back to the agent: as they are, and in the encodings in
// which answers usually carry them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "credential/plain_reading.h"
#include "credential/vault.h"

namespace interlock::credential {

// What is looked for, compiled once: each value, its parts where it is a pair or a URL, in hex, in
// base64 at every alignment and in either alphabet, and base64 of that. Escapes (JSON, percent,
// HTML, line breaks within base64) are undone before, however many of them there are. Immutable;
// any thread. Holds the values in locked memory.
class ScrubSet {
 public:
  explicit ScrubSet(std::span<const LiveSecret> secrets);

  bool empty() const { return forms_.empty(); }
  bool Hides(const Secret& secret) const;

 private:
  friend class Scrubber;
  enum class Coding { plain, read, hex, hex_upper, base64, base64_twice };
  // Where in which encoding a piece of a value stands.
  struct Shape {
    Coding coding = Coding::plain;
    bool url_alphabet = false;
    std::uint8_t shift = 0;        // bytes before it within a group of three
    std::uint8_t shift_again = 0;  // the same for the base64 of the base64
  };
  struct Item {
    std::shared_ptr<const Secret> value;
    std::size_t begin = 0;  // of the part
    std::size_t size = 0;
    std::vector<std::string> entries;  // all that have this value
  };
  struct Form {
    Secret text;
    std::size_t item = 0;
    Shape shape;
  };
  static std::string Spell(std::string_view part, const Shape& shape);
  void AddItem(const LiveSecret& secret, std::size_t begin, std::size_t size);
  void AddForms(std::size_t item);
  void BuildTables();
  const Form* LongestAt(std::string_view text, std::size_t at) const;

  static constexpr std::size_t kBlock = 3;
  static constexpr std::size_t kSlots = 1u << 14;
  static std::size_t Slot(const char* block);

  std::vector<Item> items_;
  std::vector<Form> forms_;  // longest first
  std::size_t longest_ = 0;
  std::size_t window_ = 0;  // bytes of every form that are looked at together
  // How far the next form can begin at least, by the last three bytes of the window; and where that
  // is 0, the first form that could begin here and, form by form, the next one; kNone ends them.
  static constexpr std::uint32_t kNone = ~0u;
  std::vector<std::uint8_t> skip_;
  std::vector<std::uint32_t> first_;
  std::vector<std::uint32_t> next_;
};

// The phantom that stands for an entry of the vault in this session; "" when it has none.
using PhantomFor = std::function<std::string(std::string_view entry)>;

// Replaces secrets in a stream, however it is cut into chunks; where several could begin at one
// place, the longest. The phantom is written in the encoding that the secret had, and asterisks
// where the session has no phantom for it; no length changes. Output lags behind by the longest
// form less one character, but not beyond the end of a line, which no secret reaches over: an event
// of a stream comes out whole. It never depends on how much of a secret was seen, which would give
// the secret away byte by byte. Not thread-safe.
class Scrubber {
 public:
  Scrubber(std::shared_ptr<const ScrubSet> set, PhantomFor phantom_for)
      : set_(std::move(set)), phantom_for_(std::move(phantom_for)) {}

  // What is certain after this chunk.
  std::string Feed(std::string_view chunk) { return Both(chunk, false); }
  // The rest, at the end of the stream.
  std::string Finish() { return Both({}, true); }

  std::size_t replaced() const { return replaced_; }

 private:
  struct Stage {
    PlainReading reading;
    std::size_t ends_seen = 0;  // so far the reading was searched for ends of lines
    std::size_t after_end = 0;  // one beyond the last of them
  };
  std::string Both(std::string_view chunk, bool ended);
  std::string Take(Stage& stage, std::string_view chunk, bool ended);
  std::size_t Decidable(Stage& stage, bool ended) const;
  void AppendReplaced(const PlainReading& reading, const ScrubSet::Form& form, std::size_t at,
                      std::string& out) const;
  std::string InPlaceOf(const ScrubSet::Form& form) const;

  std::shared_ptr<const ScrubSet> set_;
  PhantomFor phantom_for_;
  Stage literal_{PlainReading(Escapes::kept)};
  Stage unescaped_{PlainReading(Escapes::undone)};
  std::size_t replaced_ = 0;
};

// The same for a text that is there as a whole.
std::string Scrub(const std::shared_ptr<const ScrubSet>& set, const PhantomFor& phantom_for,
                  std::string_view text);

}  // namespace interlock::credential
