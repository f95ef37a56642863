#include "wire/http1/message.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "wire/http1/field_block.h"

namespace interlock::http1 {

std::string_view RequestHead::PathAndQuery() const {
  if (form == TargetForm::authority || form == TargetForm::asterisk) return {};
  if (path_offset >= target.size()) return "/";
  return std::string_view(target).substr(path_offset);
}

std::string_view RequestHead::Path() const {
  const std::string_view both = PathAndQuery();
  return both.substr(0, both.find('?'));
}

std::string_view RequestHead::Query() const {
  const std::string_view both = PathAndQuery();
  const std::size_t mark = both.find('?');
  return mark == std::string_view::npos ? std::string_view() : both.substr(mark + 1);
}

const std::string* Find(const std::vector<Field>& fields, std::string_view name) {
  const auto found = std::ranges::find(fields, name, &Field::name);
  return found == fields.end() ? nullptr : &found->value;
}

bool HasDuplicate(const std::vector<Field>& fields, std::string_view name) {
  return std::ranges::count(fields, name, &Field::name) > 1;
}

bool HasDuplicate(const RequestHead& head, std::string_view name) {
  return HasDuplicate(head.fields, name);
}

bool IsHopByHop(std::string_view name) {
  static constexpr std::array<std::string_view, 10> kHopByHop = {"connection",
                                                                 "keep-alive",
                                                                 "proxy-connection",
                                                                 "proxy-authenticate",
                                                                 "proxy-authorization",
                                                                 "te",
                                                                 "trailer",
                                                                 "transfer-encoding",
                                                                 "upgrade",
                                                                 "http2-settings"};
  return std::ranges::find(kHopByHop, name) != kHopByHop.end();
}

void StripHopByHop(std::vector<Field>& fields) {
  std::vector<std::string> named;
  for (const Field& field : fields) {
    if (field.name != "connection") continue;
    ForEachElement(field.value, [&](std::string_view option) { named.push_back(ToLower(option)); });
  }
  std::erase_if(fields, [&](const Field& field) {
    return IsHopByHop(field.name) || std::ranges::find(named, field.name) != named.end();
  });
}

bool IsMethodOverride(std::string_view name) {
  static constexpr std::array<std::string_view, 8> kOverrides = {
      "x-http-method-override", "x-http-method", "x-method-override", "x-original-method",
      "http-method-override",   "x-method",      "_method",           "$httpmethod"};
  return std::ranges::find(kOverrides, name) != kOverrides.end();
}

}  // namespace interlock::http1
