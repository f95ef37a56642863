// Speaking over the network, and telling an answer of the world's from one of the gateway's.
#pragma once

#include <netinet/in.h>

#include <optional>
#include <string>
#include <string_view>

#include "attempt.h"

namespace interlock::probe {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  int family() const { return storage.ss_family; }
};
// "1.2.3.4" or "2001:db8::1"; with a scope ("fe80::1%lo") where the system knows it.
std::optional<Address> Literal(const std::string& text, int port);

// Where the gateway expects a request for `host` (a name, perhaps with a port): the address that it
// invented for the name, or any address of the internet where it invented none.
Address TowardsHost(std::string_view host, int port);

// Connects, sends `bytes` and judges what comes back within some seconds.
Attempt DialTcp(const Facts& facts, const Address& to, std::string_view bytes);
enum class Manner { connected, sendto, sendmmsg };
Attempt AskUdp(const Facts& facts, const Address& to, std::string_view bytes, Manner manner);

// An answer counts as the world's if it holds the canary, or, inside, if it is neither empty nor a
// refusal of the gateway's.
Attempt JudgeStream(const Facts& facts, std::string_view answer);
// A name server's: inside, addresses that the gateway invented (198.18.0.0/15) lead nowhere.
Attempt JudgeNames(const Facts& facts, std::string_view answer);

// A question for `name`, of a record type (1 A, 16 TXT, 28 AAAA, ...).
std::string NameQuestion(std::string_view name, int type);

}  // namespace interlock::probe
