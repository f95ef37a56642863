#include "crypto/ed25519.h"

#include <array>
#include <cstdint>
#include <utility>

#include "base/ids.h"
#include "crypto/openssl_ptr.h"

namespace interlock::crypto {
namespace {

using Point = std::array<std::uint8_t, kEd25519KeyBytes>;

// 2^255 - 19, little endian.
constexpr Point kFieldPrime = [] {
  Point p{};
  p.fill(0xff);
  p.front() = 0xed;
  p.back() = 0x7f;
  return p;
}();

// The y coordinates of the eight points whose order divides 8 (canonical, little endian). The two
// long ones are the points of order 8.
constexpr Point SmallY(std::uint8_t low) {
  Point p{};
  p.front() = low;
  return p;
}
constexpr Point kMinusOne = [] {
  Point p = kFieldPrime;
  p.front() = 0xec;
  return p;
}();
constexpr Point kOrder8A = {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
                            0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
                            0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05};
constexpr Point kOrder8B = {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
                            0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
                            0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a};
constexpr std::array<Point, 5> kSmallOrderY = {SmallY(0), SmallY(1), kMinusOne, kOrder8A, kOrder8B};

bool IsBelow(const Point& a, const Point& b) {
  for (std::size_t i = a.size(); i-- > 0;) {
    if (a[i] != b[i]) return a[i] < b[i];
  }
  return false;
}

// Canonical encoding and not of small order. Curve membership is left to OpenSSL.
bool IsAcceptablePoint(std::string_view bytes) {
  Point y;
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = static_cast<std::uint8_t>(bytes[i]);
  y.back() &= 0x7f;  // the top bit is the sign of x
  if (!IsBelow(y, kFieldPrime)) return false;
  for (const Point& small : kSmallOrderY) {
    if (y == small) return false;
  }
  return true;
}

}  // namespace

struct Ed25519Key::Pkey {
  PkeyPtr key;
};

Ed25519Key::Ed25519Key(std::unique_ptr<Pkey> pkey, std::string public_key)
    : pkey_(std::move(pkey)), public_key_(std::move(public_key)) {}
Ed25519Key::Ed25519Key(Ed25519Key&&) noexcept = default;
Ed25519Key& Ed25519Key::operator=(Ed25519Key&&) noexcept = default;
Ed25519Key::~Ed25519Key() = default;

Result<Ed25519Key> Ed25519Key::FromSeed(const Secret& seed) {
  if (seed.size() != kEd25519KeyBytes) {
    return Fail(Code::invalid_input,
                "an Ed25519 seed has 32 bytes, this one has " + std::to_string(seed.size()));
  }
  PkeyPtr key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, Data(seed.Reveal()),
                                           kEd25519KeyBytes));
  if (!key) return Fail(Code::internal, "Ed25519 key: " + OpensslError());
  std::string public_key(kEd25519KeyBytes, '\0');
  std::size_t length = public_key.size();
  if (EVP_PKEY_get_raw_public_key(key.get(), Data(public_key), &length) != 1 ||
      length != kEd25519KeyBytes) {
    return Fail(Code::internal, "Ed25519 public key: " + OpensslError());
  }
  return Ed25519Key(std::make_unique<Pkey>(Pkey{std::move(key)}), std::move(public_key));
}

std::string Ed25519Key::Sign(std::string_view message) const {
  const MdContextPtr context(EVP_MD_CTX_new());
  ILK_CHECK(context != nullptr);
  ILK_CHECK(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, pkey_->key.get()) == 1);
  std::string signature(kEd25519SignatureBytes, '\0');
  std::size_t length = signature.size();
  ILK_CHECK(
      EVP_DigestSign(context.get(), Data(signature), &length, Data(message), message.size()) == 1);
  ILK_CHECK(length == kEd25519SignatureBytes);
  return signature;
}

Secret NewEd25519Seed() { return Secret(RandomBytes(kEd25519KeyBytes)); }

bool VerifyEd25519(std::string_view public_key, std::string_view message,
                   std::string_view signature) {
  if (public_key.size() != kEd25519KeyBytes || signature.size() != kEd25519SignatureBytes) {
    return false;
  }
  if (!IsAcceptablePoint(public_key) || !IsAcceptablePoint(signature.substr(0, kEd25519KeyBytes))) {
    return false;
  }
  const PkeyPtr key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Data(public_key), kEd25519KeyBytes));
  const MdContextPtr context(EVP_MD_CTX_new());
  const bool good =
      key && context &&
      EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
      EVP_DigestVerify(context.get(), Data(signature), signature.size(), Data(message),
                       message.size()) == 1;
  if (!good) (void)OpensslError();
  return good;
}

}  // namespace interlock::crypto
