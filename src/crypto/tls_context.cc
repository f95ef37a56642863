#include "crypto/tls_context.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstring>

#include "base/bytes.h"
#include "base/ids.h"
#include "crypto/certificate_parts.h"
#include "crypto/hash.h"
#include "crypto/openssl_ptr.h"

namespace interlock::crypto {

namespace {

constexpr std::string_view kHttp11 = "http/1.1";
constexpr auto kRenewBefore = std::chrono::hours(24);
// The layout of OpenSSL's default tickets: name, HMAC key, AES key.
constexpr std::size_t kTicketKeyBytes = 80;

std::unexpected<Error> TlsFailed(std::string_view what) {
  return Fail(Code::internal, "TLS context: " + std::string(what) + ": " + OpensslError());
}

// A client that names protocols and not ours gets the alert of RFC 7301; going on would mean that
// both sides speak different protocols.
int SelectHttp11(SSL*, const unsigned char** out, unsigned char* out_length,
                 const unsigned char* offered, unsigned offered_length, void*) {
  for (unsigned at = 0; at < offered_length;) {
    const unsigned length = offered[at];
    if (length > offered_length - at - 1) break;
    const std::string_view name(reinterpret_cast<const char*>(offered + at + 1), length);
    if (name == kHttp11) {
      *out = offered + at + 1;
      *out_length = static_cast<unsigned char>(length);
      return SSL_TLSEXT_ERR_OK;
    }
    at += 1 + length;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

TlsContext NewContext(const SSL_METHOD* method) {
  TlsContext context(SSL_CTX_new(method), SSL_CTX_free);
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1 ||
      SSL_CTX_set1_groups_list(context.get(), "X25519:P-256") != 1) {
    return nullptr;
  }
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE);
  // Partial writes and a moving buffer are what a non-blocking stream needs; buffers of idle
  // connections go back (34 KiB each).
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return context;
}

TlsContext NewServerContext() {
  TlsContext context = NewContext(TLS_server_method());
  if (!context) return nullptr;
  SSL_CTX_set_alpn_select_cb(context.get(), SelectHttp11, nullptr);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 1);
  return context;
}

// ---- client sessions ----

// One session per host, taken out when it is used: a ticket that is used twice links connections
// (RFC 8446, appendix C.4).
class SessionCache {
 public:
  void Put(const std::string& host, SSL_SESSION* session) {
    const std::lock_guard lock(mutex_);
    if (sessions_.size() >= kHostsMax && !sessions_.contains(host)) sessions_.clear();
    sessions_[host].reset(session);
  }
  OpensslPtr<SSL_SESSION, SSL_SESSION_free> Take(const std::string& host) {
    const std::lock_guard lock(mutex_);
    const auto node = sessions_.extract(host);
    return node ? std::move(node.mapped()) : nullptr;
  }

 private:
  static constexpr std::size_t kHostsMax = 1024;
  std::mutex mutex_;
  std::unordered_map<std::string, OpensslPtr<SSL_SESSION, SSL_SESSION_free>> sessions_;
};

template <typename T>
void FreeExData(void*, void* data, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<T*>(data);
}

// The cache hangs on the SSL_CTX and dies with it, so that a connection that outlives the
// ClientContext still has one to put its session into.
int CacheIndex() {
  static const int index =
      SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, FreeExData<SessionCache>);
  return index;
}

int HostIndex() {
  static const int index =
      SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, FreeExData<std::string>);
  return index;
}

SessionCache* CacheOf(const SSL* ssl) {
  return static_cast<SessionCache*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), CacheIndex()));
}

int KeepSession(SSL* ssl, SSL_SESSION* session) {
  SessionCache* const cache = CacheOf(ssl);
  const auto* const host = static_cast<const std::string*>(SSL_get_ex_data(ssl, HostIndex()));
  if (cache == nullptr || host == nullptr) return 0;
  // A copy: OpenSSL marks the original as not resumable when its connection ends without a
  // close_notify, which is how most keep-alive connections end.
  if (SSL_SESSION* const copy = SSL_SESSION_dup(session)) cache->Put(*host, copy);
  return 0;
}

Result<void> AddAnchors(SSL_CTX* context, std::string_view pem) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  std::size_t count = 0;
  while (const X509Ptr anchor{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    if (X509_STORE_add_cert(store, anchor.get()) != 1) return TlsFailed("trust anchor");
    ++count;
  }
  ERR_clear_error();  // the end of the text is an error to OpenSSL
  if (count == 0) return Fail(Code::invalid_input, "TLS context: no certificate in the CA file");
  return {};
}

bool IsAddress(std::string_view host) {
  const OpensslPtr<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free> address(
      a2i_IPADDRESS(std::string(host).c_str()));
  ERR_clear_error();
  return address != nullptr;
}

}  // namespace

// ---- towards agents ----

ServerContexts::ServerContexts(const CertificateAuthority& authority, std::size_t capacity,
                               Secret ticket_keys)
    : authority_(authority), capacity_(capacity), ticket_keys_(std::move(ticket_keys)) {}

Result<std::unique_ptr<ServerContexts>> ServerContexts::Create(
    const CertificateAuthority& authority, std::size_t capacity) {
  if (capacity == 0) return Fail(Code::invalid_input, "TLS contexts: the capacity is at least 1");
  return std::unique_ptr<ServerContexts>(
      new ServerContexts(authority, capacity, Secret(RandomBytes(kTicketKeyBytes))));
}

Result<ServerContexts::Entry> ServerContexts::Make(std::string_view host, TimePoint now) const {
  ILK_TRY(leaf, authority_.Mint(host, now));
  TlsContext context = NewServerContext();
  if (!context) return TlsFailed("not made");
  // A ticket is good for the host it was issued for and no other.
  const std::string id = Sha256(host);
  std::string keys(ticket_keys_.Reveal());
  const bool ready =
      SSL_CTX_use_certificate_ASN1(context.get(), static_cast<int>(leaf.certificate_der.size()),
                                   Data(leaf.certificate_der)) == 1 &&
      SSL_CTX_use_PrivateKey(context.get(), authority_.parts().leaf_key.get()) == 1 &&
      SSL_CTX_set_session_id_context(context.get(), Data(id), static_cast<unsigned>(id.size())) ==
          1 &&
      SSL_CTX_set_tlsext_ticket_keys(context.get(), keys.data(), static_cast<long>(keys.size())) ==
          1;
  explicit_bzero(keys.data(), keys.size());
  if (!ready) return TlsFailed("certificate for " + std::string(host));
  return Entry{std::string(host), std::move(context), leaf.not_after};
}

Result<TlsContext> ServerContexts::Get(std::string_view host, TimePoint now) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = by_host_.find(host);
    if (found != by_host_.end() && now + kRenewBefore < found->second->not_after) {
      entries_.splice(entries_.begin(), entries_, found->second);
      return found->second->context;
    }
  }
  ILK_TRY(entry, Make(host, now));
  minted_.fetch_add(1, std::memory_order_relaxed);
  TlsContext context = entry.context;

  const std::lock_guard lock(mutex_);
  if (const auto old = by_host_.find(host); old != by_host_.end()) {
    const auto node = old->second;
    by_host_.erase(old);  // before the node: the key is a view into it
    entries_.erase(node);
  }
  while (entries_.size() >= capacity_) {
    by_host_.erase(entries_.back().host);
    entries_.pop_back();
  }
  entries_.push_front(std::move(entry));
  by_host_.emplace(entries_.front().host, entries_.begin());
  return context;
}

std::size_t ServerContexts::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

Result<TlsContext> ServerContextFromPem(std::string_view certificate_pem, const Secret& key_pem) {
  TlsContext context = NewServerContext();
  if (!context) return TlsFailed("not made");
  const BioPtr chain(
      BIO_new_mem_buf(certificate_pem.data(), static_cast<int>(certificate_pem.size())));
  const BioPtr key_bio(BIO_new_mem_buf(key_pem.Reveal().data(), static_cast<int>(key_pem.size())));
  const X509Ptr leaf(PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr));
  const PkeyPtr key(PEM_read_bio_PrivateKey(
      key_bio.get(), nullptr, [](char*, int, int, void*) { return -1; }, nullptr));
  if (!leaf || !key) {
    ERR_clear_error();
    return Fail(Code::invalid_input, "TLS context: certificate or key is not PEM");
  }
  if (SSL_CTX_use_certificate(context.get(), leaf.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1) {
    return Fail(Code::verification, "TLS context: key and certificate: " + OpensslError());
  }
  while (const X509Ptr next{PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr)}) {
    if (SSL_CTX_add1_chain_cert(context.get(), next.get()) != 1) return TlsFailed("chain");
  }
  ERR_clear_error();
  const std::string id = Sha256(certificate_pem);
  SSL_CTX_set_session_id_context(context.get(), Data(id), static_cast<unsigned>(id.size()));
  return context;
}

// ---- towards upstreams ----

Result<std::unique_ptr<ClientContext>> ClientContext::Create(const ClientOptions& options) {
  TlsContext context = NewContext(TLS_client_method());
  if (!context) return TlsFailed("not made");
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (options.roots == ClientOptions::Roots::system &&
      SSL_CTX_set_default_verify_paths(context.get()) != 1) {
    return TlsFailed("system roots");
  }
  if (!options.extra_ca_pem.empty()) {
    ILK_TRY_VOID(AddAnchors(context.get(), options.extra_ca_pem));
  }
  constexpr unsigned char kProtocols[] = "\x08http/1.1";
  // 0 is success here, unlike everywhere else in OpenSSL.
  if (SSL_CTX_set_alpn_protos(context.get(), kProtocols, sizeof(kProtocols) - 1) != 0 ||
      SSL_CTX_set_ex_data(context.get(), CacheIndex(), new SessionCache) != 1) {
    return TlsFailed("not made");
  }
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context.get(), KeepSession);
  return std::unique_ptr<ClientContext>(new ClientContext(std::move(context)));
}

Result<void> ClientContext::Prepare(ssl_st* ssl, std::string_view host) const {
  if (!IsHostName(host)) {
    return Fail(Code::invalid_input,
                "TLS: \"" + EscapeForHumans(host, 253) + "\" is not a host name");
  }
  ILK_CHECK(SSL_get_SSL_CTX(ssl) == context_.get());
  auto name = std::make_unique<std::string>(host);
  X509_VERIFY_PARAM* const expect = SSL_get0_param(ssl);
  bool ready = false;
  if (IsAddress(host)) {
    ready = X509_VERIFY_PARAM_set1_ip_asc(expect, name->c_str()) == 1;
  } else {
    X509_VERIFY_PARAM_set_hostflags(
        expect, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    ready = X509_VERIFY_PARAM_set1_host(expect, name->c_str(), name->size()) == 1 &&
            SSL_set_tlsext_host_name(ssl, name->c_str()) == 1;
  }
  if (!ready) return TlsFailed("expecting " + *name);
  if (const auto session = CacheOf(ssl)->Take(*name)) SSL_set_session(ssl, session.get());
  delete static_cast<std::string*>(SSL_get_ex_data(ssl, HostIndex()));
  if (SSL_set_ex_data(ssl, HostIndex(), name.get()) != 1) return TlsFailed("host of a session");
  static_cast<void>(name.release());  // freed with the SSL
  SSL_set_connect_state(ssl);
  return {};
}

std::string VerifyFailure(const ssl_st* ssl) {
  const long result = SSL_get_verify_result(ssl);
  return result == X509_V_OK ? "" : X509_verify_cert_error_string(result);
}

}  // namespace interlock::crypto
