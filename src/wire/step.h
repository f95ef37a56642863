// What every parser of wire/ answers: a value, "not yet", or a refusal with its name. Parsers look
// at the front of the bytes, consume nothing and keep no state unless their header says so.
#pragma once

#include <cstddef>
#include <string_view>
#include <variant>

namespace interlock::wire {

// The bytes so far are a prefix of something acceptable; at least `bytes_min` (> 0) more are
// needed.
struct NeedMore {
  std::size_t bytes_min = 1;
  bool operator==(const NeedMore&) const = default;
};

// The peer's bytes are refused. Both texts have static lifetime and hold nothing of the peer's.
struct Malformed {
  std::string_view reason;  // for humans: what is wrong, half a sentence
  std::string_view name;    // stable kebab-case; ends the problem type URI of the answer
  int http_status = 400;    // what an HTTP front answers; 502 when the upstream sent it
  bool operator==(const Malformed&) const = default;
};

template <typename T>
using Step = std::variant<T, NeedMore, Malformed>;

}  // namespace interlock::wire
