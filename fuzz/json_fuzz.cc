// For any bytes at all: what ParseJson accepts, Boost.JSON accepts too and reads as the same value,
// and its canonical form is accepted and is its own canonical form. What is refused has a reason.
#include <boost/json/parse.hpp>
#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "base/json.h"

namespace {

namespace json = interlock::json;

// Boost 1.81 may differ in the last digit of a double, and calls -0 an integer.
bool SameNumber(const json::value& a, const json::value& b) {
  const double x = a.to_number<double>();
  const double y = b.to_number<double>();
  return x == y || std::abs(x - y) <= 1e-13 * std::abs(x) || std::abs(x) < 1e-300;
}

bool Same(const json::value& a, const json::value& b) {
  if (a.is_number()) return b.is_number() && SameNumber(a, b);
  if (a.is_object()) {
    if (!b.is_object() || a.get_object().size() != b.get_object().size()) return false;
    for (const auto& member : a.get_object()) {
      const json::value* other = b.get_object().if_contains(member.key());
      if (!other || !Same(member.value(), *other)) return false;
    }
    return true;
  }
  if (a.is_array()) {
    if (!b.is_array() || a.get_array().size() != b.get_array().size()) return false;
    for (std::size_t i = 0; i < a.get_array().size(); ++i) {
      if (!Same(a.get_array()[i], b.get_array()[i])) return false;
    }
    return true;
  }
  return a == b;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto value = interlock::ParseJson(text);
  if (!value) {
    if (value.error().message.empty()) std::abort();
    return 0;
  }
  json::error_code error;
  json::parse_options options;
  options.max_depth = 64;
  const json::value theirs = json::parse(json::string_view(text), error, {}, options);
  if (error || !Same(*value, theirs)) std::abort();
  const std::string canonical = interlock::Canonical(*value);
  const auto again = interlock::ParseJson(canonical);
  if (!again || interlock::Canonical(*again) != canonical) std::abort();
  return 0;
}
