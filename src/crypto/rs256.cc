#include "crypto/rs256.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/openssl_ptr.h"

namespace interlock::crypto {
namespace {

constexpr int kBitsMin = 2048;
constexpr int kBitsMax = 8192;
constexpr std::size_t kPemBytesMax = 16384;

std::unexpected<Error> NoKey() {
  return Fail(Code::invalid_input, "not the private key of an RSA pair of 2048 to 8192 bits");
}

}  // namespace

Result<Secret> RsaKeyFromPem(std::string_view pem) {
  constexpr std::string_view kBegin = "-----BEGIN ";
  const auto fail = [] {
    return Fail(Code::invalid_input,
                "expected one RSA private key in PEM form, without a passphrase");
  };
  if (pem.size() > kPemBytesMax) return fail();
  while (!pem.empty() && (pem.back() == '\n' || pem.back() == '\r' || pem.back() == ' '))
    pem.remove_suffix(1);
  if (!pem.starts_with(kBegin)) return fail();
  pem.remove_prefix(kBegin.size());
  const std::string_view label = pem.substr(0, pem.find("-----"));
  if (label != "RSA PRIVATE KEY" && label != "PRIVATE KEY") return fail();
  const std::string end = "-----END " + std::string(label) + "-----";
  if (!pem.ends_with(end)) return fail();
  pem.remove_prefix(label.size() + 5);
  pem.remove_suffix(end.size());
  std::string text;
  text.reserve(pem.size());
  for (const char c : pem)
    if (c != '\n' && c != '\r') text += c;
  Secret key(std::move(text));
  if (!SignRs256(key, "")) return fail();
  return key;
}

Result<std::string> SignRs256(const Secret& key_base64, std::string_view message) {
  auto der = FromBase64(key_base64.Reveal());
  if (!der) return NoKey();
  const auto* at = reinterpret_cast<const unsigned char*>(der->data());
  const PkeyPtr key(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(der->size())));
  explicit_bzero(der->data(), der->size());
  if (key == nullptr || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) return NoKey();
  const int bits = EVP_PKEY_get_bits(key.get());
  if (bits < kBitsMin || bits > kBitsMax) return NoKey();
  const MdContextPtr context(EVP_MD_CTX_new());
  std::size_t size = static_cast<std::size_t>(EVP_PKEY_get_size(key.get()));
  std::string signature(size, '\0');
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), Data(signature), &size, Data(message), message.size()) != 1)
    return Fail(Code::internal, "signing with an RSA key failed");
  signature.resize(size);
  return signature;
}

}  // namespace interlock::crypto
