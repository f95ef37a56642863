// Messages → Action: what a request would do, by the packs. Pure and total: any bytes give an
// Action or a refusal, and what isn't understood is never a read.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "action/action.h"
#include "classify/malformed.h"
#include "classify/packs.h"
#include "wire/http1/message.h"

namespace interlock::classify {

// One request after its framing was taken off. Views live until Classify returns.
struct HttpInput {
  std::string_view scheme;  // "https" or "http"
  std::string_view host;    // lower case
  unsigned port = 443;
  std::string_view method;
  std::string_view target;  // origin form
  std::span<const http1::Field> fields;
  std::string_view body;  // whole; empty when NeedsBody said that it may stream past
};

using Classified = std::variant<Action, Malformed>;

// The Action carries every operation of the request, and the request as Interlock sends it: headers
// that the pack passes on, JSON bodies in canonical form, GraphQL as a POST of the one operation
// that would run. It carries no credential yet; headers in which the pack expects one are left out.
Classified Classify(const Packs& packs, const HttpInput& input);

// The request that asks for a WebSocket, judged by its route. `fields` may hold those of the
// handshake. Refused (501, "upgrade") where the pack's route says nothing of WebSockets.
struct Upgrade {
  Action action;
  const WebSocketRule* rule = nullptr;  // lives as long as the packs
};
std::variant<Upgrade, Malformed> ClassifyUpgrade(const Packs& packs, const HttpInput& input);

// How the body of a call is to be taken in, before it is there.
struct BodyPlan {
  bool needed = true;         // false: see NeedsBody
  std::size_t bytes_max = 0;  // the pack's own limit for inspecting it; 0: the gateway's
  // The body is text for a model: whatever the agent may read may stand in it. What hosted tools of
  // it would be given is in HostedTools::entries.
  bool is_prompt = false;
  const RefreshRule* refreshes = nullptr;  // lives as long as the packs
};
BodyPlan PlanBody(const Packs& packs, std::string_view host, std::string_view method,
                  std::string_view target);

// What the provider would carry out itself, by the body rule of the call.
struct HostedTools {
  std::vector<std::string> names;  // sorted, each once
  std::string entries;             // the JSON that asks for them
};
HostedTools HostedToolsOf(const Action& action);

// False when the pack says that the body of this call decides nothing (a prompt to a model): it may
// be forwarded while it arrives, and Classify is asked without it.
bool NeedsBody(const Packs& packs, std::string_view host, std::string_view method,
               std::string_view target);

}  // namespace interlock::classify
