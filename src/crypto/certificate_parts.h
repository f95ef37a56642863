// What CertificateAuthority holds, for the sources of src/crypto.
#pragma once

#include "crypto/certificate.h"
#include "crypto/openssl_ptr.h"

namespace interlock::crypto {

struct CertificateAuthority::Parts {
  PkeyPtr key;
  X509Ptr certificate;
  std::string certificate_pem;
  PkeyPtr leaf_key;
  // Fields of every leaf that do not change, as DER.
  std::string issuer;
  std::string leaf_spki;
  std::string fixed_extensions;  // key usage, extended key usage, SKI, AKI, basic constraints
};

}  // namespace interlock::crypto
