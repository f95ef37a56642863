#include "credential/phantom.h"

#include <algorithm>
#include <iterator>
#include <mutex>

#include "credential/checksum.h"
#include "credential/shapes.h"
#include "crypto/hash.h"

namespace interlock::credential {
namespace {

constexpr std::size_t kEndedMax = 4096;
constexpr std::size_t kRandomMin = 8;  // characters that must differ from the real one's

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlnum(char c) { return IsLower(c) || IsUpper(c) || IsDigit(c); }

// Unbiased choices out of an endless stream of HMAC blocks.
class Choices {
 public:
  explicit Choices(std::string_view seed) : seed_(seed) {}

  char Pick(std::string_view alphabet) {
    const std::size_t bound = 256 - 256 % alphabet.size();
    for (;;) {
      const std::size_t byte = NextByte();
      if (byte < bound) return alphabet[byte % alphabet.size()];
    }
  }

 private:
  std::size_t NextByte() {
    if (at_ == block_.size()) {
      block_ = crypto::HmacSha256(seed_, "phantom " + std::to_string(counter_++));
      at_ = 0;
    }
    return static_cast<unsigned char>(block_[at_++]);
  }
  std::string seed_;
  std::string block_;
  std::size_t at_ = 0;
  unsigned counter_ = 0;
};

constexpr std::string_view kBase32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::size_t kBase32Min = 16;  // shorter texts of these alone are chance

std::string AlphabetOf(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789";
  if (text.size() >= kBase32Min && text.find_first_not_of(kBase32) == std::string_view::npos)
    return std::string(kBase32);  // RFC 4648 6: an AWS access key's account number
  const bool lower = std::ranges::any_of(text, IsLower);
  const bool upper = std::ranges::any_of(text, IsUpper);
  const bool hex = std::ranges::all_of(text, [](char c) {
    return !IsAlnum(c) || IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
  std::string out;
  if (std::ranges::any_of(text, IsDigit) || hex) out += kDigits;
  if (lower) out += hex ? "abcdef" : "abcdefghijklmnopqrstuvwxyz";
  if (upper) out += hex ? "ABCDEF" : "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  return out;
}

// Users beside a token that name nobody: the same for everyone who uses the provider.
constexpr std::string_view kCommonUsers[] = {"x-access-token", "x-token-auth", "oauth2", "token",
                                             "__token__",      "_json_key",    "git",    "api"};

// A user that clients show and compare, an address or a common name, isn't what opens the door.
bool StaysAsUser(std::string_view part, std::string_view rest) {
  if (std::ranges::count_if(rest, IsAlnum) < static_cast<std::ptrdiff_t>(kRandomMin)) return false;
  if (std::ranges::find(kCommonUsers, part) != std::end(kCommonUsers)) return true;
  const std::size_t at = part.find('@');
  return at != std::string_view::npos && at > 0 && at == part.rfind('@') &&
         part.find('.', at) != std::string_view::npos;
}

// How much of the front stays as it is.
std::size_t KeptBytes(std::string_view value) {
  std::size_t kept = KnownPrefix(value);
  const std::size_t dot = value.rfind('.');
  if (value.starts_with("eyJ") && dot != std::string_view::npos && value.find('.') != dot &&
      value.size() - dot > 20)
    kept = dot + 1;
  const auto replaceable = std::ranges::count_if(value.substr(kept), IsAlnum);
  return static_cast<std::size_t>(replaceable) < kRandomMin ? 0 : kept;
}

std::string PhantomUuid(std::string_view value, Choices& choices) {
  const bool upper = std::ranges::any_of(value, IsUpper);
  const std::string_view digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
  std::string out(value);
  for (char& c : out) {
    if (c != '-') c = choices.Pick(digits);
  }
  out[14] = '4';  // RFC 4122: version and variant
  out[19] = choices.Pick(upper ? "89AB" : "89ab");
  return out;
}

// base64url without padding leaves bits over in its last character, and strict readers want them to
// be zero (RFC 4648 3.5).
void EndJwt(std::string& jwt, std::size_t signature, Choices& choices) {
  const std::size_t over = (jwt.size() - signature) % 4;
  if (over == 2) jwt.back() = choices.Pick("AQgw");
  if (over == 3) jwt.back() = choices.Pick("AEIMQUYcgkosw048");
}

std::string PhantomOfPart(std::string_view value, Choices& choices) {
  if (IsUuid(value)) return PhantomUuid(value, choices);
  const std::size_t kept = KeptBytes(value);
  const std::string alphabet = AlphabetOf(value.substr(kept));
  std::string out(value.substr(0, kept));
  for (char c : value.substr(kept)) {
    if (IsAlnum(c))
      out += choices.Pick(alphabet);
    else
      out += c;
  }
  if (value.starts_with("eyJ") && kept > 0) EndJwt(out, kept, choices);
  return WithChecksumOf(value, std::move(out));
}

// "user:password", "first,second", "scheme token": each part in its own form.
std::string PhantomOf(std::string_view value, Choices& choices) {
  constexpr std::string_view kBetween = ":,;| ";
  std::string out;
  for (std::size_t at = 0; at <= value.size();) {
    const std::size_t end = std::min(value.find_first_of(kBetween, at), value.size());
    const std::string_view part = value.substr(at, end - at);
    const bool is_user = at == 0 && end < value.size() && value[end] == ':' &&
                         StaysAsUser(part, value.substr(end + 1));
    out += is_user ? std::string(part) : PhantomOfPart(part, choices);
    if (end < value.size()) out += value[end];
    at = end + 1;
  }
  // A value with hardly a letter or digit: nothing of it may stay.
  if (static_cast<std::size_t>(std::ranges::count_if(value, IsAlnum)) < kRandomMin) {
    for (char& c : out) c = choices.Pick("abcdefghijklmnopqrstuvwxyz0123456789");
  }
  return out;
}

}  // namespace

std::string MakePhantom(const Secret& real, std::string_view seed) {
  Choices choices(seed);
  for (;;) {
    std::string phantom = PhantomOf(real.Reveal(), choices);
    if (phantom != real.Reveal()) return phantom;
  }
}

std::string PhantomTable::Issue(std::string_view session, const VaultEntry& entry,
                                const Secret& value) {
  const std::unique_lock lock(mutex_);
  for (const auto& [phantom, owner] : owners_) {
    if (owner.session == session && owner.entry == entry.name && !owner.ended) return phantom;
  }
  // Two phantoms of one text would be ambiguous; a hash of other inputs is tried then.
  for (int attempt = 0;; ++attempt) {
    const std::string seed = crypto::HmacSha256(
        key_.Reveal(), std::string(session) + '\0' + entry.name + '\0' + std::to_string(attempt));
    std::string phantom = MakePhantom(value, seed);
    const auto [it, fresh] = owners_.try_emplace(
        phantom, PhantomOwner{std::string(session), entry.name, entry.version, false});
    if (!fresh) continue;
    index_.Add(phantom, phantom);
    return phantom;
  }
}

void PhantomTable::Rotate(std::string_view entry, int version) {
  const std::unique_lock lock(mutex_);
  for (auto& [phantom, owner] : owners_) {
    if (owner.entry == entry) owner.version = version;
  }
}

void PhantomTable::EndEntry(std::string_view entry) {
  const std::unique_lock lock(mutex_);
  for (auto& [phantom, owner] : owners_) {
    if (owner.entry != entry || owner.ended) continue;
    owner.ended = true;
    ended_.push_back(phantom);
  }
  ForgetOldest();
}

void PhantomTable::EndSession(std::string_view session) {
  const std::unique_lock lock(mutex_);
  for (auto& [phantom, owner] : owners_) {
    if (owner.session != session || owner.ended) continue;
    owner.ended = true;
    ended_.push_back(phantom);
  }
  ForgetOldest();
}

void PhantomTable::ForgetOldest() {
  if (ended_.size() <= kEndedMax) return;
  // Half of them at once, since the index has to be built anew.
  while (ended_.size() > kEndedMax / 2) {
    owners_.erase(ended_.front());
    ended_.pop_front();
  }
  index_ = TokenIndex();
  for (const auto& [phantom, owner] : owners_) index_.Add(phantom, phantom);
}

std::optional<PhantomOwner> PhantomTable::Find(std::string_view phantom) const {
  const std::shared_lock lock(mutex_);
  const auto it = owners_.find(phantom);
  if (it == owners_.end()) return std::nullopt;
  return it->second;
}

std::vector<PhantomSeen> PhantomTable::FindAll(std::string_view text) const {
  const std::shared_lock lock(mutex_);
  std::vector<PhantomSeen> out;
  for (const TokenMatch& match : index_.Find(text)) {
    const auto it = owners_.find(match.label);
    if (it != owners_.end()) out.push_back({match.offset, match.size, it->second});
  }
  return out;
}

std::vector<std::pair<std::string, PhantomOwner>> PhantomTable::Of(std::string_view session) const {
  const std::shared_lock lock(mutex_);
  std::vector<std::pair<std::string, PhantomOwner>> out;
  for (const auto& [phantom, owner] : owners_) {
    if (owner.session == session && !owner.ended) out.emplace_back(phantom, owner);
  }
  return out;
}

}  // namespace interlock::credential
