// The kinds that a pattern can't tell alone. Pure functions over a text and the place where the
// first pass saw a sign.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string_view>

#include "credential/detect/assignment.h"

namespace interlock::credential {

// offset and size of what is secret.
using Emit = std::function<void(std::size_t, std::size_t)>;

struct CodedKind {
  std::string_view code;
  std::string_view trigger;  // "": judged from assignments
  void (*look)(std::string_view text, std::size_t end_of_trigger, const Emit& emit);
  bool is_format = false;  // distinctive enough to count in a request
};

std::span<const CodedKind> CodedKinds();
bool IsCoded(std::string_view code);

// The name speaks of a password, and the value is one rather than a word that stands for it.
bool IsAssignedPassword(const Assignment& assignment);
// The same for keys, tokens and other secrets, whose values are random.
bool IsAssignedSecret(const Assignment& assignment);

}  // namespace interlock::credential
