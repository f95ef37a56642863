// A connected socket, plain or under TLS, read and written by coroutines of one worker thread.
//
// OpenSSL works on the socket itself (SSL_set_fd) and Asio only waits for readiness: no copy
// through BIO pairs. A Stream never leaves its thread; at most one coroutine reads and one writes
// at a time. Every wait has a deadline
// (`SetDeadline`); a stream that misses it fails with Code::unavailable and "timed out".
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct ssl_st;
struct ssl_ctx_st;

namespace interlock::crypto {
class ClientContext;
}

namespace interlock::gateway {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
template <typename T>
using Task = asio::awaitable<T>;

using SteadyTime = std::chrono::steady_clock::time_point;

class Stream;

// The deadlines of one worker's streams, looked at by a periodic tick rather than by a timer each.
class Deadlines {
 public:
  // Cancels what is overdue. Called on the worker's thread.
  void Tick(SteadyTime now);
  std::size_t size() const { return streams_.size(); }

 private:
  friend class Stream;
  std::list<Stream*> streams_;
};

class Stream {
 public:
  Stream(tcp::socket socket, Deadlines& deadlines);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // TLS as the server, with a context for the one host this connection was opened to.
  Task<Result<void>> AcceptTls(ssl_ctx_st* context);
  // TLS as the client: the peer's certificate must verify and be for `host` (a name or IP literal).
  Task<Result<void>> ConnectTls(const crypto::ClientContext& context, std::string host);

  // At least one byte, or 0 at the end of the stream.
  Task<Result<std::size_t>> Read(char* data, std::size_t size);
  Task<Result<void>> Write(std::string_view bytes);
  // One attempt to say a last word without waiting; nobody may be within Write.
  void WriteNow(std::string_view bytes);
  // Whoever waits on this stream, or will, fails as if its deadline had passed.
  void Cancel();
  // Sends what TLS owes the peer and closes. Never waits.
  void Close();

  // The first byte without consuming it (to tell TLS from HTTP); kEnd at the end of the stream.
  static constexpr int kEnd = -1;
  Task<Result<int>> PeekByte();

  // True when the peer has closed or sent something unasked: such an idle connection is not reused.
  bool HasUnexpectedInput();

  void SetDeadline(std::chrono::milliseconds from_now);
  void ClearDeadline() { deadline_ = SteadyTime::max(); }

  bool is_tls() const { return ssl_ != nullptr; }
  std::string ServerName() const;  // the SNI the client sent, "" when none
  tcp::socket& socket() { return socket_; }

 private:
  friend class Deadlines;
  enum class Direction { read, write };
  Task<Result<void>> Wait(Direction direction);
  // Waits for what OpenSSL asked for; an error ends the stream.
  Task<Result<void>> WaitForTls(int returned, const char* doing);
  Task<Result<void>> Handshake(const char* doing);

  tcp::socket socket_;
  Deadlines& deadlines_;
  std::list<Stream*>::iterator place_;
  ssl_st* ssl_ = nullptr;
  SteadyTime deadline_ = SteadyTime::max();
  bool expired_ = false;
};

}  // namespace interlock::gateway
