// The human's terminal, seen from outside the room. Inside there is another one, made by the room's
// own devpts; what is typed goes in, what is printed comes out through a filter, and nothing inside
// ever holds the human's (docs/threat-model.md#reach: no keystrokes into it, no answers from it).
#pragma once

#include <sys/ioctl.h>
#include <termios.h>

#include <array>
#include <string>

#include "base/unique_fd.h"
#include "sandbox/output_filter.h"

namespace interlock::sandbox {

// Which of the standard three are the caller's terminal; each by itself, so that
// `cmd | interlock run -- x` reads the pipe and shows on the terminal.
struct Shown {
  std::array<bool, 3> fd{};
  bool any() const { return fd[0] || fd[1] || fd[2]; }
};

// The pair of terminals. One thread. The human's is given its settings back when this goes, and
// before the launcher stops.
class Terminal {
 public:
  Terminal() = default;
  Terminal(Terminal&&) = default;
  // Restores first: moving over a raw terminal would leave it raw.
  Terminal& operator=(Terminal&& other) noexcept;
  ~Terminal() { Restore(); }

  // The caller's controlling terminal with which of 0, 1, 2 lead to it. Without one, not valid().
  static Terminal OfCaller();
  bool valid() const { return human_.valid(); }
  const Shown& shown() const { return shown_; }
  const termios& settings() const { return before_; }
  winsize Size() const;

  // From now on what is typed goes to `inside`, the master of the room's terminal.
  void Connect(UniqueFd inside);
  bool connected() const { return inside_.valid(); }

  // For poll(): -1 where nothing is to be waited for.
  int ReadableHuman() const;
  int inside() const { return inside_.get(); }
  // POLLIN, and POLLOUT while something that was typed waits.
  short WantedInside() const;

  void OnHuman();  // typed
  // False: the room's terminal is gone.
  bool OnInside(bool readable, bool writable);
  void OnResize();  // SIGWINCH

  bool InForeground() const;
  void MakeRaw();  // if typing goes to the room and this process is in the foreground
  void Restore();
  // What was printed and not yet shown, at the end. Bounded.
  void Drain();

 private:
  void Show(std::string_view bytes);

  UniqueFd human_;
  UniqueFd inside_;
  Shown shown_;
  termios before_{};
  bool raw_ = false;
  bool typed_all_ = false;  // the human's terminal is at its end
  std::string typed_;       // not yet taken by the room
  OutputFilter filter_;
};

// For the process inside: a terminal of the room's own devpts with the caller's settings and size.
struct PtyPair {
  UniqueFd master;
  UniqueFd slave;
};
PtyPair OpenPty(const termios& settings, const winsize& size);

}  // namespace interlock::sandbox
