// SHA-2 and HMAC through OpenSSL, with the digest fetched once.
#pragma once

#include <string>
#include <string_view>

namespace interlock::crypto {

std::string Sha256(std::string_view bytes);     // 32 raw bytes
std::string Sha256Hex(std::string_view bytes);  // 64 lower-case digits
std::string Sha512(std::string_view bytes);     // 64 raw bytes
// 20 raw bytes. For protocols that ask for it where nothing depends on its strength.
std::string Sha1(std::string_view bytes);
std::string HmacSha256(std::string_view key, std::string_view bytes);

// SHA-256 over the concatenation of up to three parts, without copying them together (Merkle
// nodes).
std::string Sha256Of(std::string_view a, std::string_view b, std::string_view c = {});

// Equal, in time that depends on the length alone.
bool ConstantTimeEqual(std::string_view a, std::string_view b);

}  // namespace interlock::crypto
