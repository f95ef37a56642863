// A TCP connection that a human has opened by a grant: bytes are carried, counted and not looked
// at. No credential is ever put into one.
#pragma once

#include <functional>
#include <memory>

#include "gateway/core.h"
#include "gateway/grants.h"
#include "gateway/session.h"
#include "gateway/upstream.h"

namespace interlock::gateway {

// What shuts a stream from any thread, while the stream lives. Made and destroyed on the stream's
// worker.
class StreamCut {
 public:
  StreamCut(Stream& stream, asio::io_context& context);
  ~StreamCut() { *stream_ = nullptr; }
  StreamCut(const StreamCut&) = delete;
  StreamCut& operator=(const StreamCut&) = delete;
  // Both directions end at once; whoever waits for the stream wakes and finds its end.
  std::function<void()> Closer() const;

 private:
  std::shared_ptr<Stream*> stream_;  // touched on the worker's thread alone
  asio::io_context& context_;
};

// Carries `client`, whose socket it takes, to `destination` until both sides have ended, the grant
// or the session. The connection is on the record before it is dialled; what can't be recorded or
// reached is closed.
Task<void> PassTcp(Core& core, Worker& worker, std::shared_ptr<Session> session, Stream& client,
                   Destination destination, std::shared_ptr<GrantPass> pass);

}  // namespace interlock::gateway
