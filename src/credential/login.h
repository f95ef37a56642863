// The agent's own login: tokens that the agent program already had and needs as they are.
//
// They are the one exception to "no usable credential in the agent's hands", so they are bound: to
// the hosts they were named for, and there to the places where a login belongs. Anywhere else they
// are foreign like any other.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "credential/token_index.h"

namespace interlock::credential {

inline constexpr std::size_t kLoginsMax = 16;         // at a session's start
inline constexpr std::size_t kLoginTokensMax = 256;   // with those learnt later; the oldest go
inline constexpr std::size_t kLoginBytesMin = 16;     // shorter ones would be "found" in every text
inline constexpr std::size_t kLoginBytesMax = 16384;  // a JWT with many claims
inline constexpr std::size_t kLoginHostsMax = 16;

// One session's. In memory alone, gone with the session. Thread-safe.
class Logins {
 public:
  // invalid_input: too short, too long, not printable ASCII, no host or too many. limit: more than
  // kLoginsMax. Hosts are exact names in lower case. A token that is there already keeps its hosts.
  Result<void> Add(std::string token, std::vector<std::string> hosts);

  // The provider gave these in the place of `sent`, which may still be good: they pass where it
  // does. Returns how many were taken; what Add would refuse isn't.
  std::size_t Learn(std::string_view sent, std::vector<std::string> fresh);

  // nullptr when the token is none of this session's, or not for this host.
  std::shared_ptr<const Secret> PassingTo(std::string_view host, std::string_view token) const;

  // Recognises every token; labels are "own login". A snapshot.
  std::shared_ptr<const TokenIndex> Index() const;
  bool empty() const;

 private:
  struct Login {
    std::shared_ptr<const Secret> token;
    std::vector<std::string> hosts;
  };
  void Put(std::string token, std::vector<std::string> hosts);

  mutable std::mutex mutex_;
  // Under mutex_.
  std::map<std::string, Login, std::less<>> by_digest_;
  std::deque<std::string> order_;  // digests, oldest first
  std::size_t added_ = 0;
  std::shared_ptr<const TokenIndex> index_ = std::make_shared<TokenIndex>();
};

}  // namespace interlock::credential
