// Takes real credentials out of what goes back to the agent.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"

namespace interlock::credential {

struct Replacement {
  std::shared_ptr<const Secret> secret;
  std::string phantom;  // cut or repeated to the secret's length, so that no length changes
};

// Replaces secrets in a stream, however it is cut into chunks; where several could begin at one
// place, the longest. Output lags behind by the longest secret less one byte, but not beyond a
// control character, which no secret holds: a line, and with it an event of a stream, comes out
// whole. It never depends on how much of a secret was seen, which would give the secret away byte
// by byte. Not thread-safe.
class Scrubber {
 public:
  explicit Scrubber(std::vector<Replacement> replacements);

  // What is certain after this chunk.
  std::string Feed(std::string_view chunk);
  // The rest, at the end of the stream.
  std::string Finish();

  std::size_t replaced() const { return replaced_; }

 private:
  std::string Emit(bool finished);
  std::size_t AfterLastBreak() const;
  std::vector<Replacement> replacements_;  // longest first
  std::array<bool, 256> starts_{};         // first bytes of all secrets
  std::array<bool, 32> inside_{};          // control characters that a secret holds after all
  std::size_t longest_ = 0;
  std::string pending_;
  std::size_t replaced_ = 0;
};

}  // namespace interlock::credential
