// What people's commands do to the vault of a running gateway.
#pragma once

#include "base/json.h"
#include "base/result.h"
#include "gateway/core.h"

namespace interlock::gateway {

// `request` is a message of the control socket. Values go in and never come out. These block on the
// disk; every change is on the record.
Result<json::value> AddToVault(Core& core, const json::object& request);
Result<json::value> ListVault(Core& core);
Result<json::value> RemoveFromVault(Core& core, const json::object& request);

// Protections that the vault's entries lack, appended as `status` shows them.
void AddVaultWeaknesses(Core& core, json::array& weaknesses);

}  // namespace interlock::gateway
