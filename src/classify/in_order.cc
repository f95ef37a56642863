#include "classify/in_order.h"

namespace interlock::classify {
namespace {

// Recurses as deep as the value is, which the parser bounds.
void Append(std::string& out, const json::value& value) {
  if (const json::object* object = value.if_object()) {
    char before = '{';
    for (const auto& member : *object) {
      out += before;
      out += Canonical(json::value(member.key()));
      out += ':';
      Append(out, member.value());
      before = ',';
    }
    out += object->empty() ? "{}" : "}";
  } else if (const json::array* list = value.if_array()) {
    char before = '[';
    for (const json::value& item : *list) {
      out += before;
      Append(out, item);
      before = ',';
    }
    out += list->empty() ? "[]" : "]";
  } else {
    out += Canonical(value);
  }
}

}  // namespace

std::string InOrder(const json::value& value) {
  std::string out;
  Append(out, value);
  return out;
}

bool CountsMoreValues(std::string_view text, std::size_t values_max) {
  std::size_t values = 1;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size() && values <= values_max; ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == ',' || c == '[' || c == '{') {
      ++values;
    }
  }
  return values > values_max;
}

}  // namespace interlock::classify
