#include "credential/seal.h"

#include <sodium.h>

#include "base/ids.h"
#include "crypto/hash.h"

namespace interlock::credential {
namespace {

constexpr std::size_t kKeyBytes = crypto_aead_xchacha20poly1305_ietf_KEYBYTES;
constexpr std::size_t kNonceBytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTagBytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

}  // namespace

void StartSodium() { ILK_CHECK(sodium_init() >= 0); }

Secret DeriveKey(const Secret& key, std::string_view purpose) {
  return Secret(crypto::HmacSha256(key.Reveal(), purpose));
}

std::string SealBytes(const Secret& key, std::string_view bytes, std::string_view context) {
  ILK_CHECK(key.size() == kKeyBytes);
  // 192-bit nonces: random ones don't repeat.
  std::string out = RandomBytes(kNonceBytes);
  out.resize(kNonceBytes + bytes.size() + kTagBytes);
  unsigned char* nonce = Bytes(out);
  crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + kNonceBytes, nullptr, Bytes(bytes),
                                             bytes.size(), Bytes(context), context.size(), nullptr,
                                             nonce, Bytes(key.Reveal()));
  return out;
}

Result<std::string> OpenBytes(const Secret& key, std::string_view sealed,
                              std::string_view context) {
  ILK_CHECK(key.size() == kKeyBytes);
  const auto fail = [] {
    return Fail(Code::verification, "sealed bytes: changed, or sealed with another key");
  };
  if (sealed.size() < kNonceBytes + kTagBytes) return fail();
  const std::string_view box = sealed.substr(kNonceBytes);
  std::string out(box.size() - kTagBytes, '\0');
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(Bytes(out), nullptr, nullptr, Bytes(box),
                                                 box.size(), Bytes(context), context.size(),
                                                 Bytes(sealed), Bytes(key.Reveal())) != 0)
    return fail();
  return out;
}

}  // namespace interlock::credential
