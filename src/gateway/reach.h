// Services of the host or its networks that one session may dial (`interlock run --reach
// HOST:PORT`). A reach opens the way to one host and port and nothing else: what is said there goes
// through the pipeline like everything, and what is neither HTTP nor TLS is refused.
//
// A room's own loopback is its own, so a service of the host's loopback has a name of its own
// inside: kHostAlias, at the same port.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gateway/stream.h"

namespace interlock::gateway {

inline constexpr std::string_view kHostAlias = "host.interlock.internal";
inline constexpr std::size_t kReachesMax = 64;  // of one session

struct Reach {
  std::string host;  // as the room dials it, in the form of wire::Host
  std::uint16_t port = 0;
  std::string dials;  // what the gateway dials: "localhost", a bare address, or a name
  bool operator==(const Reach&) const = default;
};

// "db.lan:5432", "10.0.0.7:8080", "[fd00::7]:80", "localhost:3000". Code::invalid_input says what
// is wrong and what would be right.
Result<Reach> ParseReach(std::string_view text);
// As somebody typed it: "localhost:3000".
std::string ToString(const Reach& reach);

// "" when a reach may lead to this address, otherwise why none ever does. Loopback and private
// ranges are what reaches are for; link-local addresses and the others from which clouds hand out
// credentials never are.
std::string_view NeverReached(const boost::asio::ip::address& address);

// Ports of this machine's loopback at which Interlock itself listens: the explicit proxy, and what
// running sessions publish. No reach leads there. Thread-safe.
class OwnPorts {
 public:
  void Add(std::uint16_t port);
  void Remove(std::uint16_t port);
  bool Has(std::uint16_t port) const;

 private:
  mutable std::mutex mutex_;
  std::multiset<std::uint16_t> ports_;  // two sessions may have named the same one for a moment
};

// What is spoken on a reached port, as the first byte tells.
enum class Spoken { tls, http, nothing, other };
struct ReachedProtocol {
  Spoken spoken = Spoken::other;
  std::string_view name;  // for people
};
// `first` is -1 when the client said nothing.
ReachedProtocol ProtocolOf(int first);

class Core;
struct Session;
struct Destination;

// Answers a client of a reached port that speaks what is not judged, on the record. The connection
// is over afterwards.
Task<void> RefuseProtocol(Core& core, Session& session, const Destination& destination,
                          ReachedProtocol protocol, Stream& client);

}  // namespace interlock::gateway
