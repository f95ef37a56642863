// The certificate authority of one gateway: sandboxes trust it, the host never does. It mints the
// certificates under which the gateway answers as the hosts an agent dials.
//
// A leaf is written as DER from parts prepared once, and signed; X.509 through OpenSSL's extension
// API costs several times as much. All leaves share one key pair that lives in memory alone.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"

namespace interlock::crypto {

// 16 random bytes that are a positive, minimal DER integer.
std::string RandomSerial();

struct Leaf {
  std::string certificate_der;
  TimePoint not_after;
};

// Immutable once made; every const member may be called from any thread.
class CertificateAuthority {
 public:
  // A fresh P-256 key and a self-signed certificate, valid from an hour before `now` for ten years.
  static Result<CertificateAuthority> Create(std::string_view common_name, TimePoint now);
  // Fails with verification when the key is not the certificate's, or the certificate is no CA.
  static Result<CertificateAuthority> Load(std::string_view certificate_pem, const Secret& key_pem);

  CertificateAuthority(CertificateAuthority&&) noexcept;
  CertificateAuthority& operator=(CertificateAuthority&&) noexcept;
  ~CertificateAuthority();

  const std::string& certificate_pem() const;
  // PKCS #8, unencrypted: seal it before it is written.
  Secret PrivateKeyPem() const;

  // For exactly one host: a DNS name in lower case or an IP address in text form. Valid from an
  // hour before `now` for seven days. Server authentication only. invalid_input for anything that
  // isn't a host name.
  Result<Leaf> Mint(std::string_view host, TimePoint now) const;

  struct Parts;  // OpenSSL's objects; for tls_context.cc
  const Parts& parts() const { return *parts_; }

 private:
  explicit CertificateAuthority(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// Is this a name that a certificate can be minted for and that may be dialled by TLS?
bool IsHostName(std::string_view host);

// The trust anchors of this machine as one PEM text.
Result<std::string> SystemRootsPem();

// What a sandbox trusts: the machine's roots and the gateway's own authority.
Result<std::string> TrustBundlePem(const CertificateAuthority& authority);

}  // namespace interlock::crypto
