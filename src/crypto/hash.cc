#include "crypto/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <climits>
#include <initializer_list>
#include <memory>

#include "base/bytes.h"
#include "base/result.h"

namespace interlock::crypto {

namespace {

struct ContextDeleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

// EVP_sha256() is looked up in the provider at every use, which costs more than hashing a tree
// node.
const EVP_MD* Fetched(const char* name) {
  const EVP_MD* digest = EVP_MD_fetch(nullptr, name, nullptr);
  ILK_CHECK(digest != nullptr);
  return digest;
}

const EVP_MD* Sha256Digest() {
  static const EVP_MD* const digest = Fetched("SHA256");
  return digest;
}

const EVP_MD* Sha512Digest() {
  static const EVP_MD* const digest = Fetched("SHA512");
  return digest;
}

const EVP_MD* Sha1Digest() {
  static const EVP_MD* const digest = Fetched("SHA1");
  return digest;
}

EVP_MD_CTX* ThreadContext() {
  thread_local const std::unique_ptr<EVP_MD_CTX, ContextDeleter> context(EVP_MD_CTX_new());
  ILK_CHECK(context != nullptr);
  return context.get();
}

std::string Hash(const EVP_MD* digest, std::initializer_list<std::string_view> parts) {
  EVP_MD_CTX* const context = ThreadContext();
  ILK_CHECK(EVP_DigestInit_ex2(context, digest, nullptr) == 1);
  for (const std::string_view part : parts) {
    ILK_CHECK(EVP_DigestUpdate(context, part.data(), part.size()) == 1);
  }
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  ILK_CHECK(EVP_DigestFinal_ex(context, out, &length) == 1);
  return std::string(reinterpret_cast<const char*>(out), length);
}

}  // namespace

std::string Sha512(std::string_view bytes) { return Hash(Sha512Digest(), {bytes}); }

std::string Sha1(std::string_view bytes) { return Hash(Sha1Digest(), {bytes}); }

std::string HmacSha256(std::string_view key, std::string_view bytes) {
  ILK_CHECK(key.size() <= INT_MAX);
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  // A null key would mean "keep the previous key"; an empty key has to be a pointer.
  const char* const key_data = key.empty() ? "" : key.data();
  ILK_CHECK(HMAC(Sha256Digest(), key_data, static_cast<int>(key.size()),
                 reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), out,
                 &length) != nullptr);
  return std::string(reinterpret_cast<const char*>(out), length);
}

bool ConstantTimeEqual(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace interlock::crypto
