#include "gateway/lend_watch.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/json.h"

namespace interlock::gateway {
namespace {

constexpr std::string_view kCodes[] = {"UNAUTHENTICATED", "UNAUTHORIZED"};
constexpr std::string_view kMessages[] = {"Not Authorized", "Unauthorized", "Unauthenticated",
                                          "Not Authenticated", "Authentication required"};

bool SaysNo(const json::value& error) {
  if (!error.is_object()) return false;
  const json::object* extensions = FindObject(error.as_object(), "extensions");
  const std::string_view code = extensions ? FindString(*extensions, "code") : "";
  const std::string_view message = FindString(error.as_object(), "message");
  return std::ranges::find(kCodes, code) != std::end(kCodes) ||
         std::ranges::any_of(
             kMessages, [&](std::string_view known) { return EqualsIgnoreCase(known, message); });
}

bool IsNothing(const json::value* data) {
  if (data == nullptr || data->is_null()) return true;
  const json::object* fields = data->if_object();
  return fields != nullptr &&
         std::ranges::all_of(*fields, [](const auto& field) { return field.value().is_null(); });
}

}  // namespace

bool LendWatch::RefusedBy(int status) const {
  return std::ranges::find(refusals, status) != refusals.end();
}

bool IsGraphqlRefusal(std::string_view body) {
  if (body.find("\"errors\"") == std::string_view::npos) return false;
  const auto parsed = ParseJson(body);
  const json::object* answer = parsed ? parsed->if_object() : nullptr;
  const json::array* errors = answer ? FindArray(*answer, "errors") : nullptr;
  return errors != nullptr && !errors->empty() && IsNothing(Find(*answer, "data")) &&
         std::ranges::all_of(*errors, SaysNo);
}

std::string LendHeaderFor(std::string_view entry) { return std::string(entry) + "; refused"; }

}  // namespace interlock::gateway
