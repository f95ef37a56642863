// Message bodies, incrementally and in place: what comes out are ranges of what went in, so a body
// can be streamed without a copy. Value types with bounded state; copy one to look ahead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "wire/http1/message.h"

namespace interlock::http1 {

// What the front of the input gave. `data` points into the input. Not done and `consumed` equal to
// the input's size means: more bytes are needed.
struct Piece {
  std::size_t consumed = 0;
  std::string_view data;
  bool done = false;  // the body is complete; the rest of the input is the next message
  bool operator==(const Piece&) const = default;
};

enum class Trailers {
  refused,  // requests: a trailer could carry what the head's checks refuse
  dropped,  // responses: parsed, bounded to 8 KiB, and thrown away
};

// RFC 9112 7.1 without chunk extensions: two programs may disagree on where an extension ends, and
// a disagreement about lengths is request smuggling. Sizes have 1 to 16 hex digits and are below
// 2^63.
class ChunkedDecoder {
 public:
  explicit ChunkedDecoder(Trailers trailers) : trailers_(trailers) {}

  // Consumes chunk framing up to and including the next run of data, at most one run. Takes at
  // least one byte of a non-empty input until done; a refusal is final and repeats.
  std::variant<Piece, Malformed> Next(std::string_view in);

  // Next until the input is used up or the body is done; appends the data to `out`. The `data` of
  // the answer is empty. The caller bounds the input, and so the output.
  std::variant<Piece, Malformed> Decode(std::string_view in, std::string& out);

  bool done() const { return state_ == State::done; }
  std::uint64_t data_bytes() const { return data_bytes_; }

 private:
  enum class State : std::uint8_t {
    size,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer_start,
    trailer_name,
    trailer_value,
    trailer_lf,
    end_lf,
    done,
  };

  std::optional<Malformed> OnFramingByte(char c);
  std::optional<Malformed> OnSizeByte(char c);
  std::optional<Malformed> OnTrailerByte(char c);
  std::optional<Malformed> Expect(char c, char wanted, State next, const Malformed& otherwise);

  Trailers trailers_;
  State state_ = State::size;
  std::uint8_t digits_ = 0;
  std::uint16_t trailer_bytes_ = 0;
  std::uint64_t left_ = 0;
  std::uint64_t data_bytes_ = 0;
  std::optional<Malformed> refusal_;
};

// A body of any framing.
class BodyReader {
 public:
  BodyReader(const Framing& framing, Trailers trailers)
      : kind_(framing.kind), left_(framing.length), chunked_(trailers) {}

  // As ChunkedDecoder::Next.
  std::variant<Piece, Malformed> Next(std::string_view in);

  // True at once for a message without body.
  bool done() const;

  // What the end of the connection means now: true when the body is complete with it, false when it
  // was cut off.
  bool MayEndHere() const { return kind_ == FramingKind::until_close || done(); }

 private:
  FramingKind kind_;
  std::uint64_t left_;
  ChunkedDecoder chunked_;
};

}  // namespace interlock::http1
