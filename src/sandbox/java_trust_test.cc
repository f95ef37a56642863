#include "sandbox/java_trust.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace interlock::sandbox {
namespace {

std::string Pem(std::string_view certificate) {
  std::string text = Base64(certificate);
  for (std::size_t at = 64; at < text.size(); at += 65) text.insert(at, "\n");
  return "-----BEGIN CERTIFICATE-----\n" + text + "\n-----END CERTIFICATE-----\n";
}

const std::string kDigest(20, '\0');

std::string Entry(std::string_view name, std::string_view certificate) {
  return std::string("\0\0\0\2\0\x0b", 6) + std::string(name) + std::string(8, '\0') +
         std::string("\0\5X.509\0\0\0", 10) + char(certificate.size()) + std::string(certificate);
}

std::string Head(char count) { return std::string("\xfe\xed\xfe\xed\0\0\0\2\0\0\0", 11) + count; }

TEST(JavaTrustStore, HoldsEveryCertificateByteForByte) {
  const std::string one(100, 'a');
  const std::string two("\0\xff zwei", 7);
  EXPECT_EQ(JavaTrustStore(Pem(one) + "a comment\n" + Pem(two)),
            Head(2) + Entry("interlock-0", one) + Entry("interlock-1", two) + kDigest);
}

TEST(JavaTrustStore, WhatIsNoCertificateIsLeftOut) {
  const std::string broken = "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n";
  EXPECT_EQ(JavaTrustStore(broken + Pem("x")), Head(1) + Entry("interlock-0", "x") + kDigest);
  for (const char* text : {"", "text", "-----BEGIN CERTIFICATE-----\nAAAA"})
    EXPECT_EQ(JavaTrustStore(text), Head(0) + kDigest) << text;
}

TEST(JavaTrustStore, HasALimit) {
  std::string many;
  for (int at = 0; at < 100; ++at) many += Pem("x");
  EXPECT_EQ(JavaTrustStore(many).substr(0, 12), Head(64));
}

}  // namespace
}  // namespace interlock::sandbox
