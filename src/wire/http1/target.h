// Paths and queries of guarded hosts. A rule's path and the upstream's path must be the same thing,
// so a path that any server is known to rewrite is refused; hosts that are only passed through (a
// package registry with "/@scope%2fname") don't go through here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "wire/step.h"

namespace interlock::http1 {

// Refuses dot segments, backslashes, encoded slashes, encoded unreserved characters, double
// encoding, path parameters (";x"), NUL and control characters, overlong UTF-8, bytes outside ASCII
// and segments that end in a dot or space, raw or encoded. Empty segments ("//") and case are left
// to the rule, which does not match them. `path` holds no query.
std::optional<wire::Malformed> CheckPath(std::string_view path);

// CheckPath, and the query: escapes and UTF-8 must be sound, and no parameter overrides the method.
std::optional<wire::Malformed> CheckTarget(std::string_view path_and_query);

// The parameters in order, duplicates kept; '+' is a space (application/x-www-form-urlencoded, so
// form bodies too). invalid_input on a broken escape, on bytes that aren't UTF-8 after decoding
// and on NUL; limit over 1000 parameters.
Result<std::vector<std::pair<std::string, std::string>>> ParseQuery(std::string_view query);

}  // namespace interlock::http1
