#include "crypto/ssh_verify.h"

#include <openssl/core_names.h>

#include "base/result.h"
#include "crypto/openssl_ptr.h"
#include "crypto/ssh_wire.h"

namespace interlock::crypto {

namespace {

PkeyPtr FromParams(const char* type, OSSL_PARAM* params) {
  const PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
    return nullptr;
  }
  return PkeyPtr(key);
}

PkeyPtr EcKey(const char* group, std::string_view point) {
  std::string group_name(group);
  std::string bytes(point);
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group_name.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, bytes.data(), bytes.size()),
      OSSL_PARAM_construct_end()};
  return FromParams("EC", params);
}

PkeyPtr RsaKey(std::string_view exponent, std::string_view modulus) {
  const BignumPtr e(BN_bin2bn(Data(exponent), static_cast<int>(exponent.size()), nullptr));
  const BignumPtr n(BN_bin2bn(Data(modulus), static_cast<int>(modulus.size()), nullptr));
  const ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  if (!e || !n || !builder ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return nullptr;
  }
  const ParamsPtr params(OSSL_PARAM_BLD_to_param(builder.get()));
  return params ? FromParams("RSA", params.get()) : nullptr;
}

PkeyPtr Ed25519Key(std::string_view bytes) {
  return PkeyPtr(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Data(bytes), bytes.size()));
}

// The key material behind the type's name. ParseSshKeyBlob has seen these fields already; a key
// that was put together by hand simply yields nothing.
PkeyPtr ToPkey(const SshPublicKey& key) {
  SshReader reader(key.blob);
  if (!reader.String()) return nullptr;
  switch (key.type) {
    case SshKeyType::rsa: {
      const auto exponent = reader.PositiveMpint(8);
      const auto modulus = reader.PositiveMpint(2048);
      return exponent && modulus ? RsaKey(*exponent, *modulus) : nullptr;
    }
    case SshKeyType::ed25519:
    case SshKeyType::sk_ed25519: {
      const auto bytes = reader.String();
      return bytes ? Ed25519Key(*bytes) : nullptr;
    }
    case SshKeyType::ecdsa_p256:
    case SshKeyType::ecdsa_p384:
    case SshKeyType::ecdsa_p521:
    case SshKeyType::sk_ecdsa_p256: {
      const auto curve = reader.String();
      const auto point = reader.String();
      if (!curve || !point) return nullptr;
      return EcKey(*curve == "nistp256"   ? "P-256"
                   : *curve == "nistp384" ? "P-384"
                                          : "P-521",
                   *point);
    }
  }
  return nullptr;
}

const char* DigestName(SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case SignatureAlgorithm::ed25519:
      return nullptr;
    case SignatureAlgorithm::ecdsa_sha256:
    case SignatureAlgorithm::rsa_sha256:
      return "SHA256";
    case SignatureAlgorithm::ecdsa_sha384:
      return "SHA384";
    case SignatureAlgorithm::ecdsa_sha512:
    case SignatureAlgorithm::rsa_sha512:
      return "SHA512";
  }
  return nullptr;
}

}  // namespace

bool SignatureHolds(const SshPublicKey& key, SignatureAlgorithm algorithm,
                    std::string_view signature, std::string_view message) {
  const PkeyPtr pkey = ToPkey(key);
  const MdContextPtr context(EVP_MD_CTX_new());
  const bool holds = pkey && context &&
                     EVP_DigestVerifyInit_ex(context.get(), nullptr, DigestName(algorithm), nullptr,
                                             nullptr, pkey.get(), nullptr) == 1 &&
                     EVP_DigestVerify(context.get(), Data(signature), signature.size(),
                                      Data(message), message.size()) == 1;
  ERR_clear_error();
  return holds;
}

std::string EcdsaToDer(std::string_view r, std::string_view s) {
  const EcdsaSigPtr pair(ECDSA_SIG_new());
  BIGNUM* const r_number = BN_bin2bn(Data(r), static_cast<int>(r.size()), nullptr);
  BIGNUM* const s_number = BN_bin2bn(Data(s), static_cast<int>(s.size()), nullptr);
  ILK_CHECK(pair && r_number && s_number);
  ILK_CHECK(ECDSA_SIG_set0(pair.get(), r_number, s_number) == 1);
  unsigned char* der = nullptr;
  const int length = i2d_ECDSA_SIG(pair.get(), &der);
  ILK_CHECK(length > 0);
  std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(length));
  OPENSSL_free(der);
  return out;
}

std::optional<EcdsaPair> EcdsaFromDer(std::string_view der) {
  if (der.size() > 256) return std::nullopt;
  const unsigned char* at = Data(der);
  const EcdsaSigPtr pair(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  ERR_clear_error();
  if (!pair || at != Data(der) + der.size()) return std::nullopt;
  const auto bytes = [](const BIGNUM* number) {
    std::string out(static_cast<std::size_t>(BN_num_bytes(number)), '\0');
    BN_bn2bin(number, Data(out));
    return out;
  };
  EcdsaPair out{bytes(ECDSA_SIG_get0_r(pair.get())), bytes(ECDSA_SIG_get0_s(pair.get()))};
  // A second encoding of the same numbers (negative, padded) would not come back the same.
  if (EcdsaToDer(out.r, out.s) != der) return std::nullopt;
  return out;
}

}  // namespace interlock::crypto
