// The journey of one request, from the agent's bytes to an answer. Read pipeline.cc from the top.
#pragma once

#include <memory>

#include "gateway/core.h"
#include "gateway/exchange.h"
#include "gateway/session.h"
#include "gateway/upstream.h"

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

}  // namespace interlock::gateway
