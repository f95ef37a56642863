// Sends a request that was allowed, and streams the provider's answer back. Also the one-shot
// exchange of an execution. The real credential is put in here, last, and taken out of the answer.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "action/action.h"
#include "base/secret.h"
#include "gateway/core.h"
#include "gateway/cover.h"
#include "gateway/exchange.h"
#include "gateway/lend_watch.h"

namespace interlock::gateway {

// The credential a request is sent with, and what stands in its place in the answer.
struct Injection {
  CredentialRef place;  // where it goes; entry and version for messages alone
  std::shared_ptr<const Secret> real;
  std::string phantom;  // of the same length; "" when the agent holds the real one itself
  bool Scrubs() const { return !phantom.empty(); }
};

// Told the status and the whole body of an answer before the client gets any of it.
using WholeAnswer = std::function<void(int status, std::string_view body)>;
inline constexpr std::size_t kWholeAnswerMax = 256u << 10;

// Turns the body of a successful answer that hands out credentials into the one the agent gets, and
// says what is hidden from then on. An error withholds the answer.
struct Rewritten {
  std::string body;
  Cover cover;
};
using Rewrite = std::function<Task<Result<Rewritten>>(std::string body)>;

struct Outgoing {
  const UpstreamRequest& request;
  Effect effect = Effect::unknown;  // only reads may reuse a connection that died and go out again
  std::optional<Injection> injection;
  BodySource* body = nullptr;  // streamed instead of request.body
  http1::Framing framing;      // of the streamed body
  WholeAnswer on_answer =
      {};                  // for answers of up to kWholeAnswerMax bytes; a larger one is refused
  std::string dials = {};  // Destination::dials
  Cover cover = {};        // what must not come back
  Rewrite rewrite = {};    // for answers of up to kWholeAnswerMax bytes; a larger one is refused
  LendWatch lend = {};
};

// Writes the request's head with the credential in it; no body follows. denied when the credential
// belongs into a body.
Task<Result<void>> SendHead(Core& core, Stream& upstream, const UpstreamRequest& request,
                            const std::optional<Injection>& injection);
// True while the client's connection can be used for another request.
Task<bool> Forward(Core& core, Worker& worker, Stream& client, const http1::RequestHead& asked,
                   Outgoing out);

// One request on one fresh connection, its whole answer read. Never repeated, whatever happens.
enum class Reached { nothing_sent, maybe_sent, answered };
// As it came, for the caller to hide what must be hidden.
struct OneShot {
  Reached reached = Reached::nothing_sent;
  int status = 0;
  std::string content_type;
  std::string body;
  std::string error;     // when not answered
  std::string withheld;  // why nobody may see the body; filled in by whoever withholds it
};
// `before_sending` runs after the connection stands and before the first byte; an error of it means
// that nothing was sent. `dials` is that of the destination.
using BeforeSending = std::function<Task<Result<void>>()>;
Task<OneShot> SendOnce(Core& core, Worker& worker, const UpstreamRequest& request,
                       std::optional<Injection> injection, BeforeSending before_sending,
                       std::size_t answer_bytes_max, std::string dials = "");

}  // namespace interlock::gateway
