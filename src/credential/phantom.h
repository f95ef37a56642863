// What an agent holds instead of a credential: a token of the same shape that opens nothing.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "credential/token_index.h"
#include "credential/vault.h"

namespace interlock::credential {

// The same length, the same alphabet, the provider's prefix kept, a UUID for a UUID, a checksum
// that is right where the real one has one; of a JWT the signature alone is replaced, since clients
// read the claims. A value of several parts ("user:password", "one,two") is replaced part by part;
// a user that is an address or the same for everybody stays. Equal seeds give equal phantoms.
std::string MakePhantom(const Secret& real, std::string_view seed);

// Whose a phantom is.
struct PhantomOwner {
  std::string session;
  std::string entry;
  int version = 0;
  bool ended = false;  // its session is over
  bool operator==(const PhantomOwner&) const = default;
};

struct PhantomSeen {
  std::size_t offset = 0;
  std::size_t size = 0;
  PhantomOwner owner;
};

// All phantoms of this gateway, those of ended sessions too (the last 4096), so that they are
// recognised for what they are. Thread-safe.
class PhantomTable {
 public:
  // With the same key the same session gets the same phantoms again, also after a restart.
  explicit PhantomTable(Secret key) : key_(std::move(key)) {}

  // The phantom of this entry in this session; asking again gives the same one.
  std::string Issue(std::string_view session, const VaultEntry& entry, const Secret& value);

  // From now on the phantoms of this entry stand for its new version.
  void Rotate(std::string_view entry, int version);
  // Every phantom of the entry is over, in whatever session: from now on it is a foreign
  // credential.
  void EndEntry(std::string_view entry);
  void EndSession(std::string_view session);

  std::optional<PhantomOwner> Find(std::string_view phantom) const;
  // Every phantom anywhere in the text.
  std::vector<PhantomSeen> FindAll(std::string_view text) const;
  // The phantoms of a running session, with their owners.
  std::vector<std::pair<std::string, PhantomOwner>> Of(std::string_view session) const;

 private:
  void ForgetOldest();
  const Secret key_;
  mutable std::shared_mutex mutex_;
  // Under mutex_.
  std::map<std::string, PhantomOwner, std::less<>> owners_;
  std::deque<std::string> ended_;
  TokenIndex index_;
};

}  // namespace interlock::credential
