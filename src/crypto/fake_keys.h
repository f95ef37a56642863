// Keys and devices for tests: what a person would hold. Not part of the library.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "crypto/sshsig.h"

namespace interlock::crypto {

struct FakeTouch {
  std::uint8_t flags = 0x05;  // user present, user verified
  std::uint32_t counter = 7;
};

// One P-256 key that can act as a key file, as a FIDO token or as a passkey.
class FakeKey {
 public:
  FakeKey();
  ~FakeKey();
  FakeKey(const FakeKey&) = delete;
  FakeKey& operator=(const FakeKey&) = delete;

  SshPublicKey file_key() const;      // ecdsa-sha2-nistp256
  SshPublicKey security_key() const;  // application "ssh:"
  SshPublicKey passkey(std::string_view rp_id) const;
  std::string spki() const;  // DER, as a browser hands it over at registration

  // Armored SSHSIGs with sha512.
  std::string SignAsFile(std::string_view message, std::string_view ns) const;
  std::string SignAsSecurityKey(std::string_view message, std::string_view ns,
                                FakeTouch touch = {}) const;
  // What a browser and an authenticator make of a challenge. `more` is appended to clientDataJSON
  // before the closing brace, e.g. `,"crossOrigin":true`.
  WebauthnAssertion Assert(std::string_view challenge, std::string_view rp_id,
                           std::string_view origin, FakeTouch touch = {},
                           std::string_view more = R"(,"crossOrigin":false)") const;

 private:
  std::string SignDer(std::string_view bytes) const;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace interlock::crypto
