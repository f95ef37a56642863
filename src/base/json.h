// JSON as Interlock accepts it, and its one canonical form.
//
// Two parsers that disagree are a hole, so ParseJson refuses whatever parsers read differently:
// duplicate keys, invalid UTF-8, lone surrogates, a byte-order mark, comments, trailing commas,
// NaN and Infinity, text after the value.
#pragma once

#include <boost/json/value.hpp>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace interlock {

namespace json = boost::json;

struct JsonLimits {
  std::size_t depth_max = 64;
};

// The error names the first fault and its byte offset.
Result<json::value> ParseJson(std::string_view text, JsonLimits limits = {});

// RFC 8785 (JCS): keys sorted by UTF-16 code units, shortest number form, minimal escapes.
std::string Canonical(const json::value& value);

// Typed look-ups that never throw: nullptr / nullopt-like when absent or of another kind.
const json::value* Find(const json::object& object, std::string_view key);
const json::object* FindObject(const json::object& object, std::string_view key);
const json::array* FindArray(const json::object& object, std::string_view key);
// "" when absent or not a string.
std::string_view FindString(const json::object& object, std::string_view key);

}  // namespace interlock
