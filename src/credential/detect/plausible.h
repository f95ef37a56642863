// Whether a text can be a credential's value, or only stands for one. Pure functions.
#pragma once

#include <string_view>

#include "credential/detect/rule.h"

namespace interlock::credential {

// Shannon entropy in bits for each character.
double EntropyOf(std::string_view text);

// A stand-in whatever its kind: "ghp_xxxxxxxx", "AKIA…EXAMPLE", "<token>", "${TOKEN}",
// "abcdefghijklmnopqrstuvwxyz".
bool IsPlaceholder(std::string_view value);

// A stand-in for a value of free form: also "changeme", "your-password", "process.env.TOKEN",
// "test1234".
bool IsWordy(std::string_view value);

// As random as the rule wants the part of the value behind its fixed beginning to be.
bool IsRandomEnough(std::string_view value, Randomness wanted);

struct Makeup {
  std::size_t lower = 0;
  std::size_t upper = 0;
  std::size_t digits = 0;
  std::size_t others = 0;
  std::size_t letters() const { return lower + upper; }
  int classes() const { return (lower > 0) + (upper > 0) + (digits > 0) + (others > 0); }
};
Makeup MakeupOf(std::string_view text);
bool IsHex(std::string_view text);

// Names in code rather than bytes: letters in words, hardly a digit.
bool LooksLikeIdentifier(std::string_view value);

}  // namespace interlock::credential
