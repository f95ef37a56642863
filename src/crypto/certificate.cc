#include "crypto/certificate.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "base/file.h"
#include "base/ids.h"
#include "crypto/certificate_parts.h"
#include "crypto/der.h"
#include "crypto/hash.h"

namespace interlock::crypto {

namespace {

using std::chrono::hours;

constexpr auto kBackdated = hours(1);  // clocks inside and outside a sandbox may differ a little
constexpr auto kLeafLifetime = hours(24 * 7);
constexpr auto kCaLifetime = hours(24 * 3650);

// Object identifiers in DER, contents only (RFC 5280, RFC 5758).
constexpr std::string_view kOidCommonName = "\x55\x04\x03";
constexpr std::string_view kOidSubjectKeyId = "\x55\x1d\x0e";
constexpr std::string_view kOidKeyUsage = "\x55\x1d\x0f";
constexpr std::string_view kOidSubjectAltName = "\x55\x1d\x11";
constexpr std::string_view kOidBasicConstraints = "\x55\x1d\x13";
constexpr std::string_view kOidAuthorityKeyId = "\x55\x1d\x23";
constexpr std::string_view kOidExtendedKeyUsage = "\x55\x1d\x25";
constexpr std::string_view kOidServerAuth = "\x2b\x06\x01\x05\x05\x07\x03\x01";
constexpr std::string_view kOidEcdsaWithSha256 = "\x2a\x86\x48\xce\x3d\x04\x03\x02";

enum class Criticality { optional, critical };

std::string Extension(std::string_view oid, Criticality criticality, std::string_view value) {
  std::string body = Der(der_tag::kOid, oid);
  if (criticality == Criticality::critical) body += Der(der_tag::kBoolean, "\xff");
  return Der(der_tag::kSequence, body + Der(der_tag::kOctetString, value));
}

std::string EcdsaAlgorithm() {
  return Der(der_tag::kSequence, Der(der_tag::kOid, kOidEcdsaWithSha256));
}

std::string Name(std::string_view common_name) {
  if (common_name.empty()) return Der(der_tag::kSequence, "");
  const std::string attribute = Der(der_tag::kSequence, Der(der_tag::kOid, kOidCommonName) +
                                                            Der(der_tag::kUtf8String, common_name));
  return Der(der_tag::kSequence, Der(der_tag::kSet, attribute));
}

std::string BitString(std::string_view bytes) {
  return Der(der_tag::kBitString, std::string(1, '\0').append(bytes));
}

struct TbsFields {
  std::string_view issuer;
  std::string_view subject;
  std::string_view spki;
  std::string_view extensions;
  TimePoint not_before;
  TimePoint not_after;
};

std::string Tbs(const TbsFields& fields) {
  std::string body = Der(der_tag::kContextConstructed, Der(der_tag::kInteger, "\x02"));  // v3
  body += Der(der_tag::kInteger, RandomSerial());
  body += EcdsaAlgorithm();
  body += fields.issuer;
  body += Der(der_tag::kSequence, DerTime(fields.not_before) + DerTime(fields.not_after));
  body += fields.subject;
  body += fields.spki;
  body += Der(der_tag::kContextConstructed + 3, Der(der_tag::kSequence, fields.extensions));
  return Der(der_tag::kSequence, body);
}

Result<std::string> Sign(EVP_PKEY* key, std::string_view tbs) {
  const MdContextPtr context(EVP_MD_CTX_new());
  std::array<unsigned char, 128> signature;
  std::size_t length = signature.size();
  if (!context ||
      EVP_DigestSignInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr, key, nullptr) !=
          1 ||
      EVP_DigestSign(context.get(), signature.data(), &length, Data(tbs), tbs.size()) != 1) {
    return Fail(Code::internal, "certificate: signing failed: " + OpensslError());
  }
  const std::string_view bytes(reinterpret_cast<const char*>(signature.data()), length);
  return Der(der_tag::kSequence, std::string(tbs) + EcdsaAlgorithm() + BitString(bytes));
}

// An i2d function's output as a string.
template <typename T, typename F>
std::string ToDer(F i2d, T* object) {
  unsigned char* der = nullptr;
  const int length = i2d(object, &der);
  ILK_CHECK(length > 0);
  std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(length));
  OPENSSL_free(der);
  return out;
}

X509Ptr FromDer(std::string_view der) {
  const unsigned char* at = Data(der);
  return X509Ptr(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
}

std::string BioText(BIO* bio) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<std::size_t>(length));
}

std::string CertificatePem(X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  ILK_CHECK(bio && PEM_write_bio_X509(bio.get(), certificate) == 1);
  return BioText(bio.get());
}

// RFC 7093, section 2, method 1: the left 160 bits of SHA-256 over the public key.
std::string KeyId(EVP_PKEY* key) { return Sha256(ToDer(i2d_PUBKEY, key)).substr(0, 20); }

std::string SubjectKeyId(std::string_view id) {
  return Extension(kOidSubjectKeyId, Criticality::optional, Der(der_tag::kOctetString, id));
}

std::string FixedLeafExtensions(std::string_view issuer_key_id, EVP_PKEY* leaf_key) {
  // keyUsage digitalSignature: bit 0, seven unused bits.
  std::string out = Extension(kOidKeyUsage, Criticality::critical,
                              Der(der_tag::kBitString, std::string_view("\x07\x80", 2)));
  out += Extension(kOidExtendedKeyUsage, Criticality::optional,
                   Der(der_tag::kSequence, Der(der_tag::kOid, kOidServerAuth)));
  out += Extension(kOidBasicConstraints, Criticality::critical, Der(der_tag::kSequence, ""));
  out += SubjectKeyId(KeyId(leaf_key));
  out += Extension(kOidAuthorityKeyId, Criticality::optional,
                   Der(der_tag::kSequence, Der(der_tag::kContext, issuer_key_id)));
  return out;
}

// The issuer's key id as its certificate states it: leaves have to repeat exactly that.
Result<std::string> StatedKeyId(X509* certificate) {
  const ASN1_OCTET_STRING* const id = X509_get0_subject_key_id(certificate);
  if (id == nullptr) return Fail(Code::verification, "CA certificate: no subject key identifier");
  return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(id)),
                     static_cast<std::size_t>(ASN1_STRING_length(id)));
}

Result<std::unique_ptr<CertificateAuthority::Parts>> MakeParts(PkeyPtr key, X509Ptr certificate) {
  auto parts = std::make_unique<CertificateAuthority::Parts>();
  ILK_TRY(issuer_key_id, StatedKeyId(certificate.get()));
  parts->leaf_key.reset(EVP_EC_gen("P-256"));
  if (!parts->leaf_key) return Fail(Code::internal, "certificate: no leaf key: " + OpensslError());
  parts->issuer = ToDer(i2d_X509_NAME, X509_get_subject_name(certificate.get()));
  parts->leaf_spki = ToDer(i2d_PUBKEY, parts->leaf_key.get());
  parts->fixed_extensions = FixedLeafExtensions(issuer_key_id, parts->leaf_key.get());
  parts->certificate_pem = CertificatePem(certificate.get());
  parts->key = std::move(key);
  parts->certificate = std::move(certificate);
  return parts;
}

bool IsDnsName(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  std::size_t label = 0;
  char before = '.';
  for (const char c : host) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    if (c == '.') {
      if (label == 0 || before == '-') return false;
      label = 0;
    } else if (letter || (c == '-' && label > 0)) {
      if (++label > 63) return false;
    } else {
      return false;
    }
    before = c;
  }
  if (label == 0 || before == '-') return false;
  // A last label of digits would be read as an IP address by some clients ("1.2.3", "0x7f.1").
  const std::string_view last = host.substr(host.rfind('.') + 1);
  return last.front() < '0' || last.front() > '9';
}

// 4 or 16 bytes in network order, "" when it is not an address.
std::string AddressBytes(std::string_view host) {
  const std::string text(host);
  std::array<char, 16> bytes;
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) return std::string(bytes.data(), 4);
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return std::string(bytes.data(), 16);
  return "";
}

}  // namespace

std::string RandomSerial() {
  std::string serial = RandomBytes(16);
  // Positive and, with the next bit set, never in need of a shorter form.
  serial[0] = static_cast<char>((static_cast<unsigned char>(serial[0]) & 0x3f) | 0x40);
  return serial;
}

bool IsHostName(std::string_view host) {
  return host.find('\0') == std::string_view::npos && host.size() <= 253 &&
         (IsDnsName(host) || !AddressBytes(host).empty());
}

CertificateAuthority::CertificateAuthority(std::unique_ptr<Parts> parts)
    : parts_(std::move(parts)) {}
CertificateAuthority::CertificateAuthority(CertificateAuthority&&) noexcept = default;
CertificateAuthority& CertificateAuthority::operator=(CertificateAuthority&&) noexcept = default;
CertificateAuthority::~CertificateAuthority() = default;

const std::string& CertificateAuthority::certificate_pem() const { return parts_->certificate_pem; }

Result<CertificateAuthority> CertificateAuthority::Create(std::string_view common_name,
                                                          TimePoint now) {
  if (common_name.empty() || common_name.size() > 64 || !IsUtf8(common_name)) {
    return Fail(Code::invalid_input, "CA certificate: the name has 1 to 64 bytes");
  }
  PkeyPtr key(EVP_EC_gen("P-256"));
  if (!key) return Fail(Code::internal, "CA certificate: no key: " + OpensslError());
  const std::string name = Name(common_name);
  const std::string spki = ToDer(i2d_PUBKEY, key.get());
  // cA TRUE, pathLen 0; keyCertSign and cRLSign: bits 5 and 6, one unused bit.
  const std::string constraints =
      Der(der_tag::kSequence,
          Der(der_tag::kBoolean, "\xff") + Der(der_tag::kInteger, std::string_view("\x00", 1)));
  const std::string extensions =
      Extension(kOidBasicConstraints, Criticality::critical, constraints) +
      Extension(kOidKeyUsage, Criticality::critical,
                Der(der_tag::kBitString, std::string_view("\x01\x06", 2))) +
      SubjectKeyId(KeyId(key.get()));
  ILK_TRY(der, Sign(key.get(), Tbs({name, name, spki, extensions, now - kBackdated,
                                    now - kBackdated + kCaLifetime})));
  X509Ptr certificate = FromDer(der);
  if (!certificate) return Fail(Code::internal, "CA certificate: " + OpensslError());
  ILK_TRY(parts, MakeParts(std::move(key), std::move(certificate)));
  return CertificateAuthority(std::move(parts));
}

Result<CertificateAuthority> CertificateAuthority::Load(std::string_view certificate_pem,
                                                        const Secret& key_pem) {
  const BioPtr certificate_bio(
      BIO_new_mem_buf(certificate_pem.data(), static_cast<int>(certificate_pem.size())));
  const BioPtr key_bio(BIO_new_mem_buf(key_pem.Reveal().data(), static_cast<int>(key_pem.size())));
  X509Ptr certificate(PEM_read_bio_X509(certificate_bio.get(), nullptr, nullptr, nullptr));
  if (!certificate) {
    ERR_clear_error();
    return Fail(Code::invalid_input, "CA certificate: not a certificate in PEM");
  }
  // A password callback that refuses: OpenSSL's own would ask on the terminal.
  PkeyPtr key(PEM_read_bio_PrivateKey(
      key_bio.get(), nullptr, [](char*, int, int, void*) { return -1; }, nullptr));
  ERR_clear_error();
  if (!key) return Fail(Code::invalid_input, "CA certificate: its key is not PKCS #8 in PEM");
  if (EVP_PKEY_is_a(key.get(), "EC") != 1 || X509_check_ca(certificate.get()) != 1) {
    return Fail(Code::verification, "CA certificate: not a certificate authority with an EC key");
  }
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    ERR_clear_error();
    return Fail(Code::verification, "CA certificate: the key belongs to another certificate");
  }
  ILK_TRY(parts, MakeParts(std::move(key), std::move(certificate)));
  return CertificateAuthority(std::move(parts));
}

Secret CertificateAuthority::PrivateKeyPem() const {
  const BioPtr bio(BIO_new(BIO_s_secmem()));
  ILK_CHECK(bio && PEM_write_bio_PKCS8PrivateKey(bio.get(), parts_->key.get(), nullptr, nullptr, 0,
                                                 nullptr, nullptr) == 1);
  return Secret(BioText(bio.get()));
}

Result<Leaf> CertificateAuthority::Mint(std::string_view host, TimePoint now) const {
  if (!IsHostName(host)) {
    return Fail(Code::invalid_input,
                "certificate: \"" + EscapeForHumans(host, 253) + "\" is not a host name");
  }
  const std::string address = AddressBytes(host);
  const std::string alternative = address.empty()
                                      ? Der(der_tag::kContext + 2, host)      // dNSName
                                      : Der(der_tag::kContext + 7, address);  // iPAddress
  // ub-common-name is 64 (RFC 5280, appendix A.1); without a subject the SAN has to be critical.
  const std::string_view common_name = host.size() <= 64 ? host : std::string_view();
  const std::string subject = Name(common_name);
  const std::string extensions =
      parts_->fixed_extensions +
      Extension(kOidSubjectAltName,
                common_name.empty() ? Criticality::critical : Criticality::optional,
                Der(der_tag::kSequence, alternative));
  const TimePoint not_before = now - kBackdated;
  const TimePoint not_after = not_before + kLeafLifetime;
  ILK_TRY(der, Sign(parts_->key.get(), Tbs({parts_->issuer, subject, parts_->leaf_spki, extensions,
                                            not_before, not_after})));
  return Leaf{std::move(der), not_after};
}

Result<std::string> SystemRootsPem() {
  constexpr std::size_t kBundleBytesMax = 16u << 20;
  const std::array<std::string, 5> places = {
      "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
      "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem", X509_get_default_cert_file()};
  for (const std::string& place : places) {
    auto text = ReadFile(place, kBundleBytesMax);
    if (text && text->find("-----BEGIN CERTIFICATE-----") != std::string::npos) return text;
  }
  return Fail(Code::not_found,
              "system roots: no bundle in /etc/ssl or /etc/pki; install ca-certificates");
}

Result<std::string> TrustBundlePem(const CertificateAuthority& authority) {
  ILK_TRY(bundle, SystemRootsPem());
  if (!bundle.ends_with('\n')) bundle.push_back('\n');
  return bundle + authority.certificate_pem();
}

}  // namespace interlock::crypto
