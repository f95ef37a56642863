// Answers a plan's fields out of the world: links between objects, connections, projection.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "plan.h"
#include "world.h"

namespace interlock::railsim {

// One row of the world, shown as an object of `type`.
struct Object {
  std::string type;
  json::object row;
};

// The error every refused request ends in, whatever the reason.
inline constexpr const char* kNotAuthorized = "Not Authorized";
inline std::unexpected<Error> NotAuthorized() { return Fail(Code::denied, kNotAuthorized); }

class Reader {
 public:
  Reader(World& world, const Caller& caller) : world_(world), caller_(caller) {}

  // Any object of `type` by id, as far as the caller sees it; not_found otherwise.
  Result<Object> One(std::string_view type, std::string_view id);
  // The value of one field of `owner`. The root is {"Query", {}}.
  Result<json::value> Answer(const Object& owner, const PlannedField& field);
  // The selected fields of `object`.
  Result<json::value> Project(const Object& object, const std::vector<PlannedField>& fields);

 private:
  // Rows of `type` under `where`, which uses parameters from ?3 on; ?1 is the caller's environment
  // and ?2 its project ("" for an account).
  Result<std::vector<Object>> Many(std::string_view type, const std::string& where,
                                   std::initializer_list<json::value> parameters = {});
  Result<std::vector<Object>> Linked(const Object& owner, const PlannedField& field);
  Result<std::vector<Object>> FromRoot(const PlannedField& field);
  Result<std::vector<Object>> Credentials(std::string_view name, const json::object& arguments);
  Result<json::value> Scalar(const Object& owner, const PlannedField& field);
  Result<json::value> Variables(const json::object& arguments);
  Result<json::value> Connection(std::string_view owner, const PlannedField& field,
                                 std::vector<Object> all);
  Result<json::value> Edges(const std::string& type_name, const PlannedField& edges,
                            const std::vector<Object>& shown);
  void Measure(Object& object);
  bool IsAccount() const { return caller_.kind == Caller::Kind::account; }

  World& world_;
  const Caller& caller_;
  std::size_t answered_ = 0;
};

}  // namespace interlock::railsim
