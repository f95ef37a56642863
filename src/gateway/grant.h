// What a grant opens, for whom and for how long: the terms that a human signs, as a value. Nothing
// here knows of sockets or of time; grants.h keeps those that are open.
//
// Asking for one is an operation of the gateway's own ("interlock.grant"), held like any request
// and signed like any hold. Only a command outside of every room can ask (the control socket).
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "action/action.h"
#include "base/json.h"
#include "base/result.h"

namespace interlock::gateway {

// The provider and scheme of the gateway's own operations. No request of an agent has that scheme:
// theirs come from the connection and are "http" or "https".
inline constexpr std::string_view kOwnProvider = "interlock";
inline constexpr std::string_view kGrantOperation = "interlock.grant";
bool IsOwnOperation(const Action& action);

enum class GrantProtocol {
  judged_http,  // "http": the host joins the session's egress: every request is judged as
                // everywhere
  unseen_tcp,   // "tcp": bytes pass unseen: nothing that goes through can be judged
};
std::string_view ToString(GrantProtocol protocol);

inline constexpr std::chrono::seconds kGrantLastsMax = std::chrono::hours(8);
inline constexpr std::size_t kGrantReasonMax = 300;  // bytes

struct GrantTerms {
  std::string session;
  std::string host;   // one exact name or address, as wire::ParseHost writes it
  unsigned port = 0;  // 0: 80 and 443, of judged_http alone
  GrantProtocol protocol = GrantProtocol::judged_http;
  std::chrono::seconds lasts{};  // from the moment it is opened
  std::string reason;            // the asker's words; may be empty
  bool operator==(const GrantTerms&) const = default;
};

// "registry.example:8443", or the host alone.
std::string PlaceOf(const GrantTerms& terms);
bool Covers(const GrantTerms& terms, GrantProtocol protocol, std::string_view host, unsigned port);

// Out of the members session, place ("HOST[:PORT]"), protocol, seconds and reason. The error says
// which of them can't be granted and why, in words for who typed it.
Result<GrantTerms> ReadGrantTerms(const json::object& request);

// The operation that is held, and the terms back out of it. The latter refuses (verification) what
// differs in anything from what the former makes.
Action GrantAction(const GrantTerms& terms);
Result<GrantTerms> GrantTermsOf(const Action& action);

// What a human would type to open it for this session; "" when nothing can be granted there.
std::string GrantCommand(std::string_view session, std::string_view host, unsigned port);

}  // namespace interlock::gateway
