// Members of JSON objects to values and back, for the formats of src/approval.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/json.h"

namespace interlock::approval {

// A string, or {"base64": …} when the bytes are not UTF-8.
json::value TextValue(std::string_view bytes);

// Reads members and remembers the first that is missing or of another kind; what it returns after
// that is empty and not to be used.
class FieldReader {
 public:
  bool ok() const { return fault_.empty(); }
  const std::string& fault() const { return fault_; }

  std::string Text(const json::object& object, std::string_view key);
  bool Flag(const json::object& object, std::string_view key);
  // A decimal string without sign or leading zeros, 1 to 9999.
  int Count(const json::object& object, std::string_view key);
  TimePoint Time(const json::object& object, std::string_view key);
  const json::array& List(const json::object& object, std::string_view key);
  const json::object& Object(const json::object& object, std::string_view key);
  const json::object& AsObject(const json::value& value, std::string_view key);
  std::string AsText(const json::value& value, std::string_view key);
  void Say(std::string_view key);

 private:
  std::string fault_;
};

}  // namespace interlock::approval
