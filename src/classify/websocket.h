// What an agent says on a WebSocket, as the calls it amounts to; and how a refusal is said there.
// Pure and total.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"
#include "classify/malformed.h"
#include "classify/pack.h"
#include "classify/yaml.h"

namespace interlock::classify {

// How the two ends talk once the connection is open.
enum class Talk : std::uint8_t {
  pass,
  as,
  transport_ws,  // subprotocol graphql-transport-ws
  graphql_ws,    // subprotocol graphql-ws, its predecessor
};

// `websocket: pass`, `graphql` or `{ as: POST /path, words: {…}, members: […] }` of a pack file.
WebSocketRule ReadWebSocketRule(const YamlNode& node, Problems& problems);

// The subprotocols of the client's offer that go on to the provider.
std::vector<std::string> ProtocolsFor(const WebSocketRule& rule,
                                      const std::vector<std::string>& offered);
// nullopt: what is said under that subprotocol can't be judged by this rule.
std::optional<Talk> TalkOf(const WebSocketRule& rule, std::string_view protocol);

// Goes on in these words, once no credential was found in it.
struct Plain {
  std::string text;
  bool operator==(const Plain&) const = default;
};
// Is judged as the JSON body of a call.
struct Call {
  std::string id;         // of the operation; "" for `as`
  std::string body;       // in our own words
  json::object envelope;  // the members around it
};

inline constexpr std::size_t kOperationIdMax = 128;

// A text message of the agent, for every talk but `pass`. Refused is what isn't understood whole:
// other members or types than the protocol's, a key that is there twice.
std::variant<Plain, Call, Malformed> ReadSpoken(const WebSocketRule& rule, Talk talk,
                                                std::string_view text);

// The message that carries `body`, the call as it was judged.
std::string WriteCall(Talk talk, const Call& call, std::string_view body);

// Why a call did not go out.
struct SpokenRefusal {
  int status = 403;
  std::string code;     // INTERLOCK_HOLD, INTERLOCK_DENIED
  std::string id;       // of the hold or the decision, "" when none
  std::string message;  // begins with the machine-stable line
};
// The message to the agent that ends this one call, in its own protocol. For `as` it has the form
// in which the APIs of models say errors.
std::string WriteRefusal(Talk talk, const Call& call, const SpokenRefusal& refusal);

}  // namespace interlock::classify
