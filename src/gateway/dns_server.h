// The resolver of a room: every address, on UDP port 53 and TCP port 53, is this one. It invents an
// address for each name and asks nobody (fake_names.h).
#pragma once

#include <memory>

#include "base/unique_fd.h"
#include "gateway/session.h"
#include "gateway/stream.h"

namespace interlock::gateway {

// Answers one query as bytes; "" when nothing should be said.
std::string AnswerDns(Session& session, std::string_view query);

// Serves a UDP socket of the room (bound with *_PKTINFO) until the session ends. The source address
// of an answer is the address that was asked, whichever it was.
Task<void> ServeDns(std::shared_ptr<Session> session, UniqueFd socket, bool ipv6);

Task<void> ServeDnsOverTcp(Session& session, Stream& client);

}  // namespace interlock::gateway
