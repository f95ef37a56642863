// An answer that hands out credentials: they are taken out of it, and what the agent may hold is
// put in their place.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace interlock::credential {

// Where in the answer's JSON they stand: names of members from the top; a list on the way means all
// of its items, "*" every member. What stands there or anywhere below is disclosed.
struct DisclosedPath {
  std::vector<std::string> path;
  std::string name;
  std::string kind;
};

// One of them, as it was found.
struct DisclosedValue {
  std::string name;    // of its place
  std::string member;  // the member it stands in, "" when it has none of its own below the place
  std::string kind;
  Secret value;
};

// Keeps the value and says what stands in its place from now on: of the same length, never empty.
// An error ends the whole replacement.
using KeepDisclosed = std::function<Result<std::string>(DisclosedValue value)>;

inline constexpr std::size_t kDisclosedMax = 64;  // values of one answer

// The JSON with every disclosed value replaced. Of a URL the password alone is replaced, so that
// what it leads to stays readable; what can't be a secret (a flag, a port, a host, a plain word
// that isn't named like a secret) stays; what can't be kept (too short or too long for the vault,
// or several lines) becomes asterisks. Errors: invalid_input when the answer isn't JSON, when a
// place isn't there, or isn't text where text was promised; limit; those of `keep`. None of them
// quotes the answer.
Result<std::string> ReplaceDisclosed(std::string_view json, std::span<const DisclosedPath> places,
                                     const KeepDisclosed& keep);

}  // namespace interlock::credential
