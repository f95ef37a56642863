// A plan as JSON, for `interlock run --print-plan` and for golden tests.
#pragma once

#include <boost/json/object.hpp>

#include "base/json.h"
#include "sandbox/plan.h"

namespace interlock::sandbox {

// Everything in the plan except the values of session variables and the contents of files (their
// sizes are given): a printed plan can be shown to anybody.
json::object ToJson(const Plan& plan);

}  // namespace interlock::sandbox
