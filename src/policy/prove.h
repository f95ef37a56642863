// Proofs about a policy: what it can never allow, for all inputs, or an input that it does allow.
//
// Exhaustive over a finite abstraction, no solver. Everything but text has finitely many values. Of
// text, only what an `allow` rule asks for can lead to an allowed action, and of all the texts that
// one of its patterns matches, the one in which every `*` stands for a character that no pattern
// has is matched by the fewest other patterns: a `hold` or `deny` rule that matches it matches them
// all. So if that one is not allowed, none is.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/policy.h"

namespace interlock::policy {

struct Counterexample {
  Action action;
  Facts facts;
  Decision decision;
};

struct Theorem {
  std::string_view name;                         // "irreversible-is-signed"
  std::string_view says;                         // one sentence
  std::optional<Counterexample> counterexample;  // none: it holds for all inputs
};

struct Proof {
  std::vector<Theorem> theorems;
  std::size_t inputs = 0;  // how many were tried
  bool Holds() const;
};

Proof Prove(const Policy& policy);

// "a rule that allows it: …": the counterexample in one line.
std::string Describe(const Counterexample& counterexample);

}  // namespace interlock::policy
