#include "crypto/tls_context.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <set>

#include "crypto/openssl_ptr.h"

namespace interlock::crypto {
namespace {

using std::chrono::hours;
using SslPtr = OpensslPtr<SSL, SSL_free>;

TimePoint Now() { return SystemClock().Now(); }

CertificateAuthority MakeAuthority() {
  auto authority = CertificateAuthority::Create("Interlock test authority", Now());
  EXPECT_TRUE(authority);
  return *std::move(authority);
}

X509Ptr Parse(const Leaf& leaf) {
  const unsigned char* at = Data(leaf.certificate_der);
  return X509Ptr(d2i_X509(nullptr, &at, static_cast<long>(leaf.certificate_der.size())));
}

X509Ptr ParsePem(const std::string& pem) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return X509Ptr(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

// "ok" or OpenSSL's reason, with the strict checks of RFC 5280 on.
std::string Verify(X509* anchor, X509* leaf) {
  const OpensslPtr<X509_STORE, X509_STORE_free> store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), anchor);
  const OpensslPtr<X509_STORE_CTX, X509_STORE_CTX_free> context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), store.get(), leaf, nullptr);
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_X509_STRICT);
  X509_STORE_CTX_set_purpose(context.get(), X509_PURPOSE_SSL_SERVER);
  X509_verify_cert(context.get());
  return X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
}

TEST(Certificate, ALeafVerifiesStrictlyAndForItsHostAlone) {
  const CertificateAuthority authority = MakeAuthority();
  const X509Ptr anchor = ParsePem(authority.certificate_pem());
  const std::string long_host = std::string(60, 'a') + "." + std::string(60, 'b') + ".example.org";
  for (const std::string& host :
       {std::string("backboard.railway.com"), std::string("localhost"), long_host}) {
    const auto leaf = authority.Mint(host, Now());
    ASSERT_TRUE(leaf) << leaf.error().message;
    const X509Ptr certificate = Parse(*leaf);
    ASSERT_TRUE(certificate);
    EXPECT_EQ(Verify(anchor.get(), certificate.get()), "ok") << host;
    EXPECT_EQ(X509_check_host(certificate.get(), host.data(), host.size(), 0, nullptr), 1);
    EXPECT_EQ(X509_check_host(certificate.get(), "other.example", 0, 0, nullptr), 0);
  }
}

TEST(Certificate, AddressesGetAnAddressName) {
  const CertificateAuthority authority = MakeAuthority();
  for (const char* address : {"127.0.0.1", "2001:db8::1"}) {
    const auto leaf = authority.Mint(address, Now());
    ASSERT_TRUE(leaf) << leaf.error().message;
    EXPECT_EQ(X509_check_ip_asc(Parse(*leaf).get(), address, 0), 1);
    EXPECT_EQ(X509_check_ip_asc(Parse(*leaf).get(), "127.0.0.2", 0), 0);
  }
}

TEST(Certificate, WhatIsNoHostNameGetsNoCertificate) {
  const CertificateAuthority authority = MakeAuthority();
  const std::string bad[] = {"",
                             "*.example.org",
                             "UPPER.example",
                             "a..b",
                             ".a",
                             "a.",
                             "-a.b",
                             "a-.b",
                             "a b",
                             "a/b",
                             "1.2.3",
                             "1.2.3.4.5",
                             "0x7f.1",
                             "b\xc3\xbc"
                             "cher.example",
                             std::string("a\0.b", 4),
                             std::string(64, 'a') + ".org",
                             std::string(254, 'a'),
                             "[::1]"};
  for (const std::string& host : bad) {
    const auto leaf = authority.Mint(host, Now());
    EXPECT_FALSE(leaf) << host;
  }
}

TEST(Certificate, ALeafIsShortLivedAndItsSerialsDiffer) {
  const CertificateAuthority authority = MakeAuthority();
  const TimePoint now = Now();
  const auto leaf = authority.Mint("a.example", now);
  EXPECT_EQ(leaf->not_after, now - hours(1) + hours(24 * 7));
  std::set<std::string> serials;
  for (int i = 0; i < 100; ++i) {
    const std::string serial = RandomSerial();
    EXPECT_EQ(serial.size(), 16u);
    EXPECT_EQ(static_cast<unsigned char>(serial[0]) & 0xc0, 0x40);
    serials.insert(serial);
  }
  EXPECT_EQ(serials.size(), 100u);
}

TEST(Certificate, AnAuthorityLoadsFromWhatItSaved) {
  const CertificateAuthority authority = MakeAuthority();
  const auto loaded =
      CertificateAuthority::Load(authority.certificate_pem(), authority.PrivateKeyPem());
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->certificate_pem(), authority.certificate_pem());
  const X509Ptr anchor = ParsePem(authority.certificate_pem());
  EXPECT_EQ(Verify(anchor.get(), Parse(*loaded->Mint("a.example", Now())).get()), "ok");
}

TEST(Certificate, AnotherKeyOrALeafIsNotLoaded) {
  const CertificateAuthority a = MakeAuthority();
  const CertificateAuthority b = MakeAuthority();
  EXPECT_EQ(CertificateAuthority::Load(a.certificate_pem(), b.PrivateKeyPem()).error().code,
            Code::verification);
  EXPECT_FALSE(CertificateAuthority::Load("", a.PrivateKeyPem()));
  EXPECT_FALSE(CertificateAuthority::Load(a.certificate_pem(), Secret(std::string("x"))));
}

TEST(Certificate, TheBundleHoldsTheRootsAndTheAuthority) {
  const CertificateAuthority authority = MakeAuthority();
  const auto roots = SystemRootsPem();
  if (!roots) GTEST_SKIP() << roots.error().message;
  const auto bundle = TrustBundlePem(authority);
  ASSERT_TRUE(bundle);
  EXPECT_TRUE(bundle->starts_with(*roots));
  EXPECT_TRUE(bundle->ends_with(authority.certificate_pem()));
}

// ---- handshakes in memory ----

struct Handshake {
  bool done = false;
  std::string client_failure;
  std::string alpn;
  std::string version;
  bool resumed = false;
};

enum class Offer { http11, h2_only, h2_and_http11, nothing };

void SetOffer(SSL* ssl, Offer offer) {
  static constexpr unsigned char kH2[] = "\x02h2";
  static constexpr unsigned char kBoth[] = "\x02h2\x08http/1.1";
  if (offer == Offer::h2_only) SSL_set_alpn_protos(ssl, kH2, 3);
  if (offer == Offer::h2_and_http11) SSL_set_alpn_protos(ssl, kBoth, 12);
  if (offer == Offer::nothing) SSL_set_alpn_protos(ssl, nullptr, 0);
}

Handshake Shake(const TlsContext& server_context, const ClientContext& client_context,
                const std::string& host, Offer offer = Offer::http11, int max_version = 0) {
  const SslPtr server(SSL_new(server_context.get()));
  const SslPtr client(SSL_new(client_context.context().get()));
  EXPECT_TRUE(client_context.Prepare(client.get(), host));
  SetOffer(client.get(), offer);
  if (max_version != 0) SSL_set_max_proto_version(client.get(), max_version);
  SSL_set_accept_state(server.get());
  BIO* to_server = nullptr;
  BIO* to_client = nullptr;
  BIO_new_bio_pair(&to_server, 0, &to_client, 0);
  SSL_set_bio(server.get(), to_server, to_server);
  SSL_set_bio(client.get(), to_client, to_client);
  for (int round = 0; round < 10; ++round) {
    SSL_do_handshake(client.get());
    SSL_do_handshake(server.get());
  }
  ERR_clear_error();
  char byte = 'x';
  SSL_write(server.get(), &byte, 1);  // carries the TLS 1.3 ticket along
  SSL_read(client.get(), &byte, 1);
  ERR_clear_error();

  Handshake out;
  out.done = SSL_is_init_finished(client.get()) == 1 && SSL_is_init_finished(server.get()) == 1;
  out.client_failure = VerifyFailure(client.get());
  const unsigned char* name = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(client.get(), &name, &length);
  if (length > 0) out.alpn.assign(reinterpret_cast<const char*>(name), length);
  out.version = SSL_get_version(client.get());
  out.resumed = SSL_session_reused(client.get()) == 1;
  return out;
}

class Tls : public testing::Test {
 protected:
  std::unique_ptr<ClientContext> Client() {
    auto client = ClientContext::Create({ClientOptions::Roots::none, authority.certificate_pem()});
    EXPECT_TRUE(client);
    return *std::move(client);
  }
  TlsContext Server(std::string_view host) {
    auto context = contexts->Get(host, Now());
    EXPECT_TRUE(context);
    return context ? *context : nullptr;
  }
  const CertificateAuthority authority = MakeAuthority();
  const std::unique_ptr<ServerContexts> contexts = *ServerContexts::Create(authority, 4);
};

TEST_F(Tls, AHandshakeEndsInTls13AndHttp11) {
  const Handshake result = Shake(Server("a.example"), *Client(), "a.example", Offer::h2_and_http11);
  EXPECT_TRUE(result.done) << result.client_failure;
  EXPECT_EQ(result.alpn, "http/1.1");
  EXPECT_EQ(result.version, "TLSv1.3");
}

TEST_F(Tls, AClientWithoutAlpnIsServed) {
  const Handshake result = Shake(Server("a.example"), *Client(), "a.example", Offer::nothing);
  EXPECT_TRUE(result.done);
  EXPECT_EQ(result.alpn, "");
}

TEST_F(Tls, AClientThatOffersOnlyH2IsRefused) {
  EXPECT_FALSE(Shake(Server("a.example"), *Client(), "a.example", Offer::h2_only).done);
}

TEST_F(Tls, Tls12IsServedAndTls11Isnt) {
  const auto client = Client();
  EXPECT_EQ(Shake(Server("a.example"), *client, "a.example", Offer::http11, TLS1_2_VERSION).version,
            "TLSv1.2");
  EXPECT_FALSE(
      Shake(Server("a.example"), *client, "a.example", Offer::http11, TLS1_1_VERSION).done);
}

TEST_F(Tls, AnotherHostsCertificateIsRefused) {
  const Handshake result = Shake(Server("a.example"), *Client(), "b.example");
  EXPECT_FALSE(result.done);
  EXPECT_NE(result.client_failure.find("mismatch"), std::string::npos) << result.client_failure;
}

TEST_F(Tls, AnotherAuthorityIsRefused) {
  const CertificateAuthority other = MakeAuthority();
  const auto client = ClientContext::Create({ClientOptions::Roots::none, other.certificate_pem()});
  const Handshake result = Shake(Server("a.example"), **client, "a.example");
  EXPECT_FALSE(result.done);
  EXPECT_NE(result.client_failure, "");
}

TEST_F(Tls, AnAddressIsVerifiedAsAnAddress) {
  EXPECT_TRUE(Shake(Server("127.0.0.1"), *Client(), "127.0.0.1").done);
  EXPECT_FALSE(Shake(Server("127.0.0.1"), *Client(), "127.0.0.2").done);
}

TEST_F(Tls, ASessionResumesOnceAndForItsHostAlone) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto client = Client();
    const auto shake = [&](const std::string& host) {
      return Shake(Server(host), *client, host, Offer::http11, version);
    };
    EXPECT_FALSE(shake("a.example").resumed);
    EXPECT_TRUE(shake("a.example").resumed) << version;
    EXPECT_FALSE(shake("b.example").resumed);
  }
}

TEST_F(Tls, ATicketOfOneHostIsWorthNothingAtAnother) {
  const auto client = Client();
  Shake(Server("a.example"), *client, "a.example");
  // The client believes to be at a.example and offers that ticket; the context is b.example's.
  const Handshake result = Shake(Server("b.example"), *client, "a.example");
  EXPECT_FALSE(result.resumed);
  EXPECT_FALSE(result.done) << "the certificate is b.example's";
}

TEST_F(Tls, ResumptionSurvivesEviction) {
  const auto client = Client();
  Shake(Server("a.example"), *client, "a.example");
  for (const char* host : {"b.example", "c.example", "d.example", "e.example"}) Server(host);
  EXPECT_EQ(contexts->size(), 4u);
  const std::uint64_t before = contexts->minted();
  EXPECT_TRUE(Shake(Server("a.example"), *client, "a.example").resumed);
  EXPECT_EQ(contexts->minted(), before + 1);
}

TEST_F(Tls, TheCacheIsBoundedAndDropsTheLeastRecentlyUsed) {
  const TlsContext first = Server("a.example");
  for (const char* host : {"b.example", "c.example", "d.example"}) Server(host);
  EXPECT_EQ(Server("a.example"), first) << "still there, and now the most recent";
  Server("e.example");
  EXPECT_EQ(Server("a.example"), first);
  EXPECT_EQ(contexts->size(), 4u);
  EXPECT_EQ(contexts->minted(), 5u);
}

TEST_F(Tls, AContextIsUsableAfterItsEviction) {
  const TlsContext held = Server("a.example");
  for (const char* host : {"b.example", "c.example", "d.example", "e.example"}) Server(host);
  EXPECT_TRUE(Shake(held, *Client(), "a.example").done);
}

TEST_F(Tls, ACertificateNearItsEndIsMintedAnew) {
  const TimePoint now = Now();
  const auto first = contexts->Get("a.example", now);
  EXPECT_EQ(*contexts->Get("a.example", now + hours(24 * 5)), *first);
  EXPECT_NE(*contexts->Get("a.example", now + hours(24 * 6)), *first);
  EXPECT_EQ(contexts->size(), 1u);
}

TEST_F(Tls, AContextIsMadeFromPemFiles) {
  const auto context = ServerContextFromPem(authority.certificate_pem(), authority.PrivateKeyPem());
  EXPECT_TRUE(context);
  const CertificateAuthority other = MakeAuthority();
  EXPECT_FALSE(ServerContextFromPem(authority.certificate_pem(), other.PrivateKeyPem()));
  EXPECT_FALSE(ServerContextFromPem("", other.PrivateKeyPem()));
}

TEST_F(Tls, AnUnreadableAuthorityFileIsRefused) {
  EXPECT_FALSE(ClientContext::Create({ClientOptions::Roots::none, "no certificate in here"}));
}

}  // namespace
}  // namespace interlock::crypto
