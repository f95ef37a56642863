// One normal form of what would run.
#pragma once

#include <string>

#include "lang/graphql/document.h"

namespace interlock::graphql {

// The selected operation and the fragments it reaches (sorted by name), on one line: no comments,
// no other operation, strings re-escaped, block strings as ordinary strings, numbers as written.
// Parsing it again gives the same structure. Spreads of unknown fragments are printed as they are.
std::string Print(const Document& document, const Operation& operation);

}  // namespace interlock::graphql
