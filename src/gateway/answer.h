// What the gateway itself says to an agent, in the agent's own protocol: held, denied, malformed,
// or a failure between us and the provider. Pure values; connection.cc sends them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "wire/http1/message.h"

namespace interlock::gateway {

struct Answer {
  int status = 200;
  std::vector<http1::Field> fields;
  std::string body;
  bool close = false;  // the connection can't be used after this
};

enum class Dialect { rest, graphql };  // how the client expects errors

// Held: `id` is the hold's; `text` begins with the machine-stable line of docs/agents.md.
Answer HoldAnswer(Dialect dialect, std::string_view id, std::string_view text, bool head_request);
// Denied: `id` is the ledger's decision.
Answer DenyAnswer(Dialect dialect, std::string_view id, std::string_view text, bool head_request);

// `name` is the reason's stable name and ends the problem type URI; the connection is closed, since
// where the next message begins can't be trusted.
Answer MalformedAnswer(int status, std::string_view name, std::string_view reason);

// The provider did not answer, or not as HTTP allows: 502 or 504.
Answer UpstreamAnswer(int status, std::string_view name, std::string_view reason);

Answer JsonAnswer(int status, const json::object& body);

}  // namespace interlock::gateway
