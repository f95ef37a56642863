// Grants as people meet them: asked for, opened by a signature, shown, closed. Everything here is
// on the record before it takes effect, except an end, which waits for nothing.
//
// All but GrantsJson block on the disk: never call them on a worker's thread (use Blocking).
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "gateway/core.h"
#include "gateway/hold_desk.h"
#include "gateway/session.h"

namespace interlock::gateway {

// Holds the operation that opens a grant, for as many signatures as production asks for.
Result<Placed> AskForGrant(Core& core, const json::object& request, std::string_view asked_by);

// Carries out a signed one; answers the sentence that is its outcome. Refuses what has become
// impossible since it was asked for: the session is over, the host is guarded now.
Result<std::string> OpenGrant(Core& core, const HoldDesk::Loaded& hold);

// Tightening needs nobody's signature. not_found when none of that id is open.
Result<json::object> RevokeGrant(Core& core, std::string_view id);

// Those that are due, or may no longer be open under the configuration in force. Ending them waits
// for nothing; recording that they ended waits for the disk.
bool HasDueGrants(const Core& core);
std::vector<GrantSeen> EndDueGrants(Core& core);
void RecordEndsOfDue(Core& core, const std::vector<GrantSeen>& ended);
// All of a session that ends.
void EndGrantsOf(Core& core, Session& session);

json::array GrantsJson(const Session& session);

}  // namespace interlock::gateway
