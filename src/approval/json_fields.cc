#include "approval/json_fields.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>

#include "base/bytes.h"

namespace interlock::approval {

json::value TextValue(std::string_view bytes) {
  if (IsUtf8(bytes)) return json::string(bytes);
  return json::object{{"base64", Base64(bytes)}};
}

void FieldReader::Say(std::string_view key) {
  if (ok()) fault_ = key;
}

std::string FieldReader::AsText(const json::value& value, std::string_view key) {
  if (const json::string* text = value.if_string()) return std::string(*text);
  if (const json::object* wrapped = value.if_object()) {
    if (auto bytes = FromBase64(FindString(*wrapped, "base64"))) return *std::move(bytes);
  }
  Say(key);
  return {};
}

std::string FieldReader::Text(const json::object& object, std::string_view key) {
  const json::value* const value = Find(object, key);
  if (value != nullptr) return AsText(*value, key);
  Say(key);
  return {};
}

bool FieldReader::Flag(const json::object& object, std::string_view key) {
  const json::value* const value = Find(object, key);
  if (value != nullptr && value->is_bool()) return value->get_bool();
  Say(key);
  return false;
}

int FieldReader::Count(const json::object& object, std::string_view key) {
  const std::string_view text = FindString(object, key);
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9' || text.size() > 4) {
      value = 0;
      break;
    }
    value = value * 10 + (c - '0');
  }
  if (value < 1 || text.front() == '0') {
    Say(key);
    return 0;
  }
  return value;
}

TimePoint FieldReader::Time(const json::object& object, std::string_view key) {
  const auto time = ParseTime(FindString(object, key));
  if (time) return *time;
  Say(key);
  return {};
}

const json::array& FieldReader::List(const json::object& object, std::string_view key) {
  static const json::array kNone;
  const json::array* const list = FindArray(object, key);
  if (list != nullptr) return *list;
  Say(key);
  return kNone;
}

const json::object& FieldReader::Object(const json::object& object, std::string_view key) {
  static const json::object kNone;
  const json::object* const member = FindObject(object, key);
  if (member != nullptr) return *member;
  Say(key);
  return kNone;
}

const json::object& FieldReader::AsObject(const json::value& value, std::string_view key) {
  static const json::object kNone;
  if (const json::object* object = value.if_object()) return *object;
  Say(key);
  return kNone;
}

}  // namespace interlock::approval
