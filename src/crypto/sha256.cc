// SHA-256 by the functions that OpenSSL 3 calls low-level: they need no provider, whose first
// look-up costs a program that starts more than all that it hashes.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/hash.h"

namespace interlock::crypto {

std::string Sha256(std::string_view bytes) { return Sha256Of(bytes, {}); }

std::string Sha256Hex(std::string_view bytes) { return Hex(Sha256(bytes)); }

std::string Sha256Of(std::string_view a, std::string_view b, std::string_view c) {
  SHA256_CTX context;
  ILK_CHECK(SHA256_Init(&context) == 1);
  for (const std::string_view part : {a, b, c})
    ILK_CHECK(SHA256_Update(&context, part.data(), part.size()) == 1);
  std::string out(SHA256_DIGEST_LENGTH, '\0');
  ILK_CHECK(SHA256_Final(reinterpret_cast<unsigned char*>(out.data()), &context) == 1);
  return out;
}

}  // namespace interlock::crypto
