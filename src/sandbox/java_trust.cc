#include "sandbox/java_trust.h"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "sandbox/fill.h"

namespace interlock::sandbox {
namespace {

constexpr std::size_t kCertificatesMax = 64;

std::vector<std::string> CertificatesIn(std::string_view pem) {
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
  constexpr std::string_view kEnd = "-----END CERTIFICATE-----";
  std::vector<std::string> out;
  while (out.size() < kCertificatesMax) {
    const std::size_t begin = pem.find(kBegin);
    if (begin == std::string_view::npos) break;
    pem.remove_prefix(begin + kBegin.size());
    const std::size_t end = pem.find(kEnd);
    if (end == std::string_view::npos) break;
    std::string text;
    for (const char c : pem.substr(0, end)) {
      if (c != '\n' && c != '\r') text += c;
    }
    pem.remove_prefix(end + kEnd.size());
    if (auto certificate = FromBase64(text); certificate && !certificate->empty()) {
      out.push_back(std::move(*certificate));
    }
  }
  return out;
}

// Big-endian, as DataOutputStream writes.
void PutNumber(std::string& out, std::uint64_t value, int bytes) {
  for (int at = bytes - 1; at >= 0; --at) out += static_cast<char>(value >> (8 * at));
}

void PutText(std::string& out, std::string_view text) {
  PutNumber(out, text.size(), 2);
  out += text;
}

}  // namespace

std::string JavaTrustStore(std::string_view pem) {
  constexpr std::uint64_t kMagic = 0xfeedfeed;
  constexpr std::uint64_t kVersion = 2;
  constexpr std::uint64_t kTrustedCertificate = 2;
  constexpr std::size_t kDigestBytes = 20;
  const std::vector<std::string> certificates = CertificatesIn(pem);
  std::string out;
  PutNumber(out, kMagic, 4);
  PutNumber(out, kVersion, 4);
  PutNumber(out, certificates.size(), 4);
  for (std::size_t at = 0; at < certificates.size(); ++at) {
    PutNumber(out, kTrustedCertificate, 4);
    PutText(out, Fill("interlock-{}", at));
    PutNumber(out, 0, 8);  // when it was added
    PutText(out, "X.509");
    PutNumber(out, certificates[at].size(), 4);
    out += certificates[at];
  }
  // Of a password and the rest; without a password Java doesn't look at it. The file is read-only
  // in the room, so it has nothing to prove.
  out.append(kDigestBytes, '\0');
  return out;
}

}  // namespace interlock::sandbox
