// TLS as the gateway speaks it, without OpenSSL's headers: contexts are handed out as opaque,
// reference-counted pointers for SSL_new. TLS 1.2 at least, X25519 and P-256, http/1.1 alone in
// ALPN, no compression, no renegotiation, no early data (a replayed request would be a second
// execution).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/certificate.h"

struct ssl_ctx_st;
struct ssl_st;

namespace interlock::crypto {

// An SSL made from the context keeps it alive on its own; eviction never breaks a connection.
using TlsContext = std::shared_ptr<ssl_ctx_st>;

// Towards agents: one context per host name, minted when it is first asked for. The least recently
// used goes when `capacity` is reached. Safe from any thread; minting happens outside the lock, so
// two threads that ask for the same new name at once may both mint.
class ServerContexts {
 public:
  // `authority` outlives this object.
  static Result<std::unique_ptr<ServerContexts>> Create(const CertificateAuthority& authority,
                                                        std::size_t capacity = 1024);
  ServerContexts(const ServerContexts&) = delete;
  ServerContexts& operator=(const ServerContexts&) = delete;

  // `host` is a DNS name in lower case or an IP address. A certificate with less than a day left is
  // minted anew. invalid_input for what isn't a host name.
  Result<TlsContext> Get(std::string_view host, TimePoint now);

  std::size_t size() const;
  std::uint64_t minted() const { return minted_.load(std::memory_order_relaxed); }

 private:
  struct Entry {
    std::string host;
    TlsContext context;
    TimePoint not_after;
  };
  ServerContexts(const CertificateAuthority& authority, std::size_t capacity, Secret ticket_keys);
  Result<Entry> Make(std::string_view host, TimePoint now) const;

  const CertificateAuthority& authority_;
  const std::size_t capacity_;
  // Shared by all contexts, so that a context that was evicted and made again still resumes.
  const Secret ticket_keys_;
  std::atomic<std::uint64_t> minted_ = 0;

  // Guarded by mutex_; most recently used first.
  mutable std::mutex mutex_;
  std::list<Entry> entries_;
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_host_;
};

// A context with a given certificate chain and key, for listeners with a name of their own (the
// console, the imitation provider). PEM; the key must belong to the first certificate.
Result<TlsContext> ServerContextFromPem(std::string_view certificate_pem, const Secret& key_pem);

// Towards upstreams. The peer's certificate is always verified, against the machine's roots and,
// where given, `extra_ca_pem`. Sessions are kept per host and used once. Safe from any thread.
struct ClientOptions {
  enum class Roots { system, none };
  Roots roots = Roots::system;
  std::string extra_ca_pem;
};

class ClientContext {
 public:
  static Result<std::unique_ptr<ClientContext>> Create(const ClientOptions& options);
  ClientContext(const ClientContext&) = delete;
  ClientContext& operator=(const ClientContext&) = delete;

  const TlsContext& context() const { return context_; }

  // Makes a fresh SSL of context() expect exactly this host (a DNS name or an IP address): server
  // name indication, name check, and a session to resume if there is one. Without this call a
  // handshake verifies the chain and no name, so every SSL goes through here.
  Result<void> Prepare(ssl_st* ssl, std::string_view host) const;

 private:
  explicit ClientContext(TlsContext context) : context_(std::move(context)) {}
  TlsContext context_;
};

// Why the peer's certificate was refused, in OpenSSL's words; "" when it was not.
std::string VerifyFailure(const ssl_st* ssl);

}  // namespace interlock::crypto
