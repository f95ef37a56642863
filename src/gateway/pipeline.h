// The journey of one request, from the agent's bytes to an answer. Read pipeline.cc from the top.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "classify/classify.h"
#include "gateway/core.h"
#include "gateway/exchange.h"
#include "gateway/forward.h"
#include "gateway/session.h"
#include "gateway/upstream.h"
#include "wire/websocket/handshake.h"

namespace interlock::gateway {

// The name under which the gateway itself answers inside every room.
inline constexpr std::string_view kOwnHost = "interlock.internal";

// One request whose head was read and whose destination is certain.
struct Exchange {
  std::shared_ptr<Session> session;
  Destination destination;
  http1::RequestHead head;
  Stream& client;
  Inbox& inbox;
};

// Judges the request and carries the verdict out. True while the client's connection can be used
// for another request. Whatever fails on the way is answered and not sent.
Task<bool> HandleRequest(Core& core, Worker& worker, Exchange& exchange);

// --- The same journey for what is said on a WebSocket (gateway/websocket.h). Nothing is written to
// the client here, and nothing is sent: the caller does both.

// Allowed and on the record: what may go out now, with the credential it goes out with.
struct Passed {
  Action action;
  std::optional<Injection> injection;
  std::string decision;  // "d-…"
};
// Passed, or what the agent is told instead.
using Judged = std::variant<Passed, Answer>;

// The request that asks for the upgrade. One that would have to be held is denied: nothing would be
// there to execute later.
struct UpgradeTerms {
  websocket::Offer offer;
  const classify::WebSocketRule* rule = nullptr;
};
Task<Judged> JudgeUpgrade(Core& core, Worker& worker, Exchange& exchange, UpgradeTerms& terms);

// A message as the call it amounts to: `exchange.head` is that call's, `body` its JSON body.
Task<Judged> JudgeMessage(Core& core, Worker& worker, Exchange& exchange, std::string body);

// A message that isn't judged further. nullopt: it carries no credential, and what the connection
// was opened with is still lent; else the refusal, on the record.
Task<std::optional<Answer>> CheckMessage(Core& core, Worker& worker, Exchange& exchange,
                                         std::string body);

}  // namespace interlock::gateway
