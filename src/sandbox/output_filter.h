// What a program in the room writes to the human's terminal, without what would act on the human:
// sequences that write the clipboard, make the terminal type an answer, download or execute.
//
// Control strings (ECMA-48, 5.6) are passed only where this knows what they do: a list of OSC
// numbers (title, colours, links, prompt marks). Everything else that is text, cursor movement or
// mode passes unchanged, whatever pieces it arrives in. Also remembers which modes were switched
// on, so that a room that ends in the middle of a full-screen program leaves a usable terminal.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace interlock::sandbox {

class OutputFilter {
 public:
  // What may be written to the terminal now; the beginning of a sequence is kept until its end.
  std::string Feed(std::string_view bytes);

  // Switches off what is still on: alternate screen, mouse, bracketed paste, a hidden cursor.
  std::string Reset() const;

 private:
  enum class State { text, escape, intermediate, control, string, string_escape };

  void Take(unsigned char byte, std::string& out);
  void EndControl(unsigned char final, std::string& out);
  void EndString(std::string& out);

  static constexpr std::size_t kControlBytesMax = 256;
  static constexpr std::size_t kStringBytesMax = 8192;

  State state_ = State::text;
  unsigned char kind_ = 0;  // of a control string: ']' OSC, 'P' DCS, 'X' SOS, '^' PM, '_' APC
  std::string pending_;     // the sequence so far, with its introducer
  bool too_long_ = false;   // the string goes on and is dropped
  std::set<int> modes_on_;  // DEC private modes
};

}  // namespace interlock::sandbox
