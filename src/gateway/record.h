// Ledger entries as text: RFC 8785 JSON with `type`, `at` and what the type needs. Secrets never
// stand in them, persons only as key fingerprints, bodies only as digests.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "action/action.h"
#include "base/clock.h"
#include "base/json.h"
#include "credential/foreign.h"
#include "gateway/refusals.h"

namespace interlock::gateway {

// `fields` must not hold "type" or "at".
std::string Entry(std::string_view type, TimePoint at, json::object fields);

// What was decided about one request. Built without a JSON tree: every request has one.
struct DecisionRecord {
  std::string_view id;  // "d-…"
  std::string_view session;
  const Action* action = nullptr;
  const Decision* decision = nullptr;
  const Facts* facts = nullptr;
  std::string_view hold;        // "" when none
  std::string_view login = {};  // fingerprint of the agent's own login, when it carried that
};
std::string DecisionEntry(const DecisionRecord& record, TimePoint at);

// Refusals that were counted together.
std::string RefusalsEntry(std::string_view session, const Refusals::Summary& summary, TimePoint at);

// A credential that should not be there: where it stood and where it lies, never what it is.
std::string LeakEntry(std::string_view session, std::string_view host,
                      const credential::Finding& finding, TimePoint at);

}  // namespace interlock::gateway
