// Certificates in the one form that every Java reads. It knows neither the system's file nor
// SSL_CERT_FILE, and PEM only in builds that add it.
#pragma once

#include <string>
#include <string_view>

namespace interlock::sandbox {

// A JKS key store (the format of sun.security.provider.JavaKeyStore, version 2) with the
// certificates of `pem`, at most 64, and no password. Text that is no certificate is left out; a
// store without one makes Java trust nobody.
std::string JavaTrustStore(std::string_view pem);

}  // namespace interlock::sandbox
