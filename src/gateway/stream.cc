#include "gateway/stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <climits>
#include <cstring>

#include "crypto/tls_context.h"

namespace interlock::gateway {
namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

std::string TlsReason(const SSL* ssl) {
  if (const std::string refused = crypto::VerifyFailure(ssl); !refused.empty()) {
    return "certificate refused: " + refused;
  }
  const unsigned long code = ERR_peek_last_error();
  if (code == 0) return "the peer ended the connection";
  const char* reason = ERR_reason_error_string(code);
  return reason ? reason : "TLS protocol error";
}

}  // namespace

void Deadlines::Tick(SteadyTime now) {
  for (Stream* stream : streams_) {
    if (stream->deadline_ > now) continue;
    stream->Cancel();
  }
}

void Stream::Cancel() {
  expired_ = true;
  ClearDeadline();
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void Stream::WriteNow(std::string_view bytes) {
  if (ssl_) {
    ERR_clear_error();
    (void)SSL_write(ssl_, bytes.data(),
                    static_cast<int>(std::min<std::size_t>(bytes.size(), INT_MAX)));
    ERR_clear_error();
  } else {
    (void)::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
}

Stream::Stream(tcp::socket socket, Deadlines& deadlines)
    : socket_(std::move(socket)), deadlines_(deadlines) {
  boost::system::error_code ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(tcp::no_delay(true), ignored);
  place_ = deadlines_.streams_.insert(deadlines_.streams_.end(), this);
}

Stream::~Stream() {
  Close();
  deadlines_.streams_.erase(place_);
}

void Stream::Close() {
  if (ssl_) {
    ERR_clear_error();
    SSL_shutdown(ssl_);
    SSL_free(ssl_);
    ssl_ = nullptr;
    ERR_clear_error();
  }
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void Stream::SetDeadline(std::chrono::milliseconds from_now) {
  deadline_ = std::chrono::steady_clock::now() + from_now;
}

Task<Result<void>> Stream::Wait(Direction direction) {
  if (expired_) co_return Fail(Code::unavailable, "timed out");
  const auto [error] = co_await socket_.async_wait(
      direction == Direction::read ? tcp::socket::wait_read : tcp::socket::wait_write, kAwait);
  if (expired_) co_return Fail(Code::unavailable, "timed out");
  if (error) co_return Fail(Code::unavailable, error.message());
  co_return Result<void>{};
}

Task<Result<void>> Stream::WaitForTls(int returned, const char* doing) {
  switch (SSL_get_error(ssl_, returned)) {
    case SSL_ERROR_WANT_READ:
      co_return co_await Wait(Direction::read);
    case SSL_ERROR_WANT_WRITE:
      co_return co_await Wait(Direction::write);
    default:
      co_return Fail(Code::unavailable, std::string(doing) + ": " + TlsReason(ssl_));
  }
}

Task<Result<void>> Stream::Handshake(const char* doing) {
  SSL_set_read_ahead(ssl_,
                     1);  // one recv for a record instead of one for its header and one for it
  if (SSL_set_fd(ssl_, socket_.native_handle()) != 1) {
    co_return Fail(Code::internal, "TLS can't use this socket");
  }
  for (;;) {
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_);
    if (done == 1) co_return Result<void>{};
    if (auto waited = co_await WaitForTls(done, doing); !waited) co_return waited;
  }
}

Task<Result<void>> Stream::AcceptTls(ssl_ctx_st* context) {
  ssl_ = SSL_new(context);
  if (!ssl_) co_return Fail(Code::internal, "no memory for a TLS connection");
  SSL_set_accept_state(ssl_);
  co_return co_await Handshake("TLS handshake with the client");
}

Task<Result<void>> Stream::ConnectTls(const crypto::ClientContext& context, std::string host) {
  ssl_ = SSL_new(context.context().get());
  if (!ssl_) co_return Fail(Code::internal, "no memory for a TLS connection");
  SSL_set_connect_state(ssl_);
  if (auto prepared = context.Prepare(ssl_, host); !prepared) co_return prepared;
  ERR_clear_error();
  co_return co_await Handshake("TLS handshake with the provider");
}

Task<Result<std::size_t>> Stream::Read(char* data, std::size_t size) {
  const int want = static_cast<int>(std::min<std::size_t>(size, INT_MAX));
  for (;;) {
    if (ssl_) {
      ERR_clear_error();
      const int got = SSL_read(ssl_, data, want);
      if (got > 0) co_return static_cast<std::size_t>(got);
      if (SSL_get_error(ssl_, got) == SSL_ERROR_ZERO_RETURN) co_return std::size_t{0};
      if (auto waited = co_await WaitForTls(got, "reading"); !waited) {
        co_return std::unexpected(waited.error());
      }
    } else {
      const ssize_t got = ::recv(socket_.native_handle(), data, static_cast<std::size_t>(want), 0);
      if (got >= 0) co_return static_cast<std::size_t>(got);
      if (errno == EINTR) continue;
      if (errno != EAGAIN) co_return Fail(Code::unavailable, std::strerror(errno));
      if (auto waited = co_await Wait(Direction::read); !waited) {
        co_return std::unexpected(waited.error());
      }
    }
  }
}

Task<Result<void>> Stream::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    if (ssl_) {
      ERR_clear_error();
      const int sent = SSL_write(ssl_, bytes.data(),
                                 static_cast<int>(std::min<std::size_t>(bytes.size(), INT_MAX)));
      if (sent > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(sent));
        continue;
      }
      if (auto waited = co_await WaitForTls(sent, "writing"); !waited) co_return waited;
    } else {
      const ssize_t sent =
          ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(sent));
        continue;
      }
      if (errno == EINTR) continue;
      if (errno != EAGAIN) co_return Fail(Code::unavailable, std::strerror(errno));
      if (auto waited = co_await Wait(Direction::write); !waited) co_return waited;
    }
  }
  co_return Result<void>{};
}

Task<Result<int>> Stream::PeekByte() {
  for (;;) {
    unsigned char byte = 0;
    const ssize_t got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK);
    if (got == 1) co_return int{byte};
    if (got == 0) co_return kEnd;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) co_return Fail(Code::unavailable, std::strerror(errno));
    if (auto waited = co_await Wait(Direction::read); !waited) {
      co_return std::unexpected(waited.error());
    }
  }
}

bool Stream::HasUnexpectedInput() {
  if (ssl_) {
    // TLS 1.3 tickets arrive after the handshake and are not the peer speaking: let OpenSSL take
    // them; anything it hands out as data, or an end, disqualifies the connection.
    char byte = 0;
    ERR_clear_error();
    const int got = SSL_peek(ssl_, &byte, 1);
    return got > 0 || SSL_get_error(ssl_, got) != SSL_ERROR_WANT_READ;
  }
  char byte = 0;
  const ssize_t got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return !(got < 0 && errno == EAGAIN);
}

std::string Stream::ServerName() const {
  const char* name = ssl_ ? SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name) : nullptr;
  return name ? name : "";
}

}  // namespace interlock::gateway
