// Where the answer to an action hands out credentials, by the packs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "action/action.h"
#include "classify/pack.h"

namespace interlock::classify {

class Packs;

// A place in an answer's JSON: names of members from the top. Lists on the way mean every item, a
// step "*" every member. What stands there, or below it, is a credential.
struct DisclosedPlace {
  Path path;
  std::string name;  // for people: the field or the last member
  std::string kind;  // of the credential; "" when the pack has no place for it
};

// nullopt when the pack doesn't say it, or the request can't be read again: then nobody knows what
// of the answer is a credential. Never an empty list.
std::optional<std::vector<DisclosedPlace>> DisclosedPlacesOf(const Packs& packs,
                                                             const Action& action);

}  // namespace interlock::classify
