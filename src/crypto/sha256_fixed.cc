#include "crypto/sha256_fixed.h"

#include <openssl/evp.h>

#include "base/result.h"
#include "crypto/openssl_ptr.h"

namespace interlock::crypto {
namespace {

// Fetching the digest at each use costs three times the hashing of a tree node.
const EVP_MD* FetchedSha256() {
  static const EVP_MD* const digest = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  ILK_CHECK(digest != nullptr);
  return digest;
}

EVP_MD_CTX* ThreadContext() {
  thread_local const MdContextPtr context(EVP_MD_CTX_new());
  ILK_CHECK(context != nullptr);
  return context.get();
}

}  // namespace

Digest Sha256Fixed(std::initializer_list<std::string_view> parts) {
  EVP_MD_CTX* const context = ThreadContext();
  ILK_CHECK(EVP_DigestInit_ex2(context, FetchedSha256(), nullptr) == 1);
  for (const std::string_view part : parts) {
    ILK_CHECK(EVP_DigestUpdate(context, part.data(), part.size()) == 1);
  }
  Digest out;
  ILK_CHECK(EVP_DigestFinal_ex(context, out.data(), nullptr) == 1);
  return out;
}

}  // namespace interlock::crypto
