// HTTP/1.1 messages on streams: the half of a connection that reads heads and bodies and writes
// answers, for clients and providers alike. Framing alone; nothing here knows what a message means.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "gateway/answer.h"
#include "gateway/stream.h"
#include "wire/http1/body.h"
#include "wire/http1/message.h"

namespace interlock::gateway {

// Bytes that were read from a stream and not used yet.
class Inbox {
 public:
  explicit Inbox(Stream& stream) : stream_(&stream) {}
  std::string_view View() const { return std::string_view(data_).substr(begin_); }
  void Consume(std::size_t count);
  // Reads more; 0 at the end of the stream. Views are invalid afterwards.
  Task<Result<std::size_t>> Fill();
  bool empty() const { return begin_ == data_.size(); }

 private:
  Stream* stream_;
  std::string data_;
  std::size_t begin_ = 0;
};

struct ClosedByPeer {};
template <typename Head>
using HeadRead = std::variant<Head, http1::Malformed, ClosedByPeer, Error>;

// The next request head; ClosedByPeer when the client went away between two requests.
Task<HeadRead<http1::RequestHead>> ReadRequestHead(Inbox& inbox, const http1::Limits& limits);
// The next final response head (1xx are skipped, at most 16 of them).
Task<HeadRead<http1::ResponseHead>> ReadResponseHead(Inbox& inbox, const std::string& method,
                                                     const http1::Limits& limits);

// A body piece by piece. A piece is valid until the next call.
class BodySource {
 public:
  BodySource(Inbox& inbox, const http1::Framing& framing, http1::Trailers trailers)
      : inbox_(inbox), reader_(framing, trailers) {}
  struct End {};
  using Piece = std::variant<std::string_view, End, http1::Malformed, Error>;
  Task<Piece> Next();
  // What the bytes read so far give without waiting; nullopt when more are needed first.
  std::optional<Piece> Buffered();
  bool done() const { return reader_.done(); }

 private:
  Inbox& inbox_;
  http1::BodyReader reader_;
  std::size_t used_ = 0;  // bytes of the inbox under the piece that was handed out last
};

// The whole body, up to `limit` bytes.
struct TooLarge {
  std::string begun;  // what was read of it
};
using WholeBody = std::variant<std::string, TooLarge, http1::Malformed, Error>;
Task<WholeBody> ReadWholeBody(BodySource& body, std::size_t limit);
// Goes on with a body that was begun: `whole` holds its beginning and takes the rest.
Task<WholeBody> ReadOn(BodySource& body, std::string whole, std::size_t limit);

// Sends an answer of the gateway's own; `method` decides whether a body follows.
Task<Result<void>> WriteAnswer(Stream& stream, const Answer& answer, std::string_view method,
                               bool keep_alive);

}  // namespace interlock::gateway
