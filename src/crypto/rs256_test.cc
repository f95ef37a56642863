#include "crypto/rs256.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "crypto/openssl_ptr.h"

namespace interlock::crypto {
namespace {

std::string Pem(EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

TEST(SignRs256, WhatItSignsTheKeyVerifies) {
  const PkeyPtr key(EVP_RSA_gen(2048));
  ASSERT_NE(key, nullptr);
  const auto secret = RsaKeyFromPem(Pem(key.get()));
  ASSERT_TRUE(secret) << secret.error().message;
  const std::string_view message = "header.payload";
  const auto signature = SignRs256(*secret, message);
  ASSERT_TRUE(signature);
  const MdContextPtr context(EVP_MD_CTX_new());
  EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get());
  EXPECT_EQ(EVP_DigestVerify(context.get(), Data(std::string_view(*signature)), signature->size(),
                             Data(message), message.size()),
            1);
}

TEST(SignRs256, WhatIsNoRsaKeyIsRefused) {
  const PkeyPtr small(EVP_RSA_gen(1024));
  const PkeyPtr curve(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  EXPECT_FALSE(RsaKeyFromPem(Pem(small.get())));
  EXPECT_FALSE(RsaKeyFromPem(Pem(curve.get())));
  EXPECT_FALSE(RsaKeyFromPem(""));
  EXPECT_FALSE(RsaKeyFromPem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"));
  EXPECT_FALSE(RsaKeyFromPem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
  EXPECT_FALSE(SignRs256(Secret(std::string("not base64!")), "x"));
}

}  // namespace
}  // namespace interlock::crypto
