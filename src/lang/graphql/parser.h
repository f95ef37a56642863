// Text → Document: the executable half of the GraphQL grammar, October 2021, sections 2.1–2.12.
//
// Refused beside syntax errors, because servers read them differently or an executable document has
// no use for them: duplicate names of arguments, object entries, variables, operations and
// fragments; an anonymous operation beside others; type-system definitions; a byte-order mark;
// invalid UTF-8; control characters; escaped lone surrogates.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "lang/graphql/document.h"

namespace interlock::graphql {

struct Limits {
  std::size_t bytes_max = 1u << 20;
  std::size_t depth_max = 64;  // selection sets, list and object values, list types: each by itself
  std::size_t tokens_max = 100'000;
};

// The error reads "line:column: expected …, found …", both counted from 1, columns in bytes. Code
// `limit` when a bound was reached, `invalid_input` otherwise.
Result<Document> Parse(std::string_view text, Limits limits = {});

}  // namespace interlock::graphql
