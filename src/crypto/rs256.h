// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 3.3, "RS256"), for the JWTs with which an application
// shows who it is.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace interlock::crypto {

// The bare base64 of an RSA key's DER (PKCS #1 or PKCS #8), out of a PEM text that holds exactly
// one private key, without a passphrase. invalid_input: it holds anything else.
Result<Secret> RsaKeyFromPem(std::string_view pem);

// The raw signature. invalid_input: the text is no RSA key of 2048 to 8192 bits.
Result<std::string> SignRs256(const Secret& key_base64, std::string_view message);

}  // namespace interlock::crypto
