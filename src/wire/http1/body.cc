#include "wire/http1/body.h"

#include <algorithm>
#include <limits>

#include "wire/http1/characters.h"

namespace interlock::http1 {
namespace {

constexpr std::uint8_t kSizeDigitsMax = 16;
constexpr std::uint16_t kTrailerBytesMax = 8192;

constexpr Malformed kBadSize{"a chunk size is not 1 to 16 hex digits below 2^63", "bad-chunk-size"};
constexpr Malformed kBareLf{"a line of the chunked body ends in LF without CR", "bare-lf"};
constexpr Malformed kBadTrailer{"a trailer line is broken", "bad-trailer"};

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::variant<Piece, Malformed> ChunkedDecoder::Next(std::string_view in) {
  if (refusal_) return *refusal_;
  std::size_t used = 0;
  while (used < in.size() && state_ != State::done) {
    if (state_ == State::data) {
      const auto run = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size() - used));
      left_ -= run;
      data_bytes_ += run;
      if (left_ == 0) state_ = State::data_cr;
      return Piece{used + run, in.substr(used, run), false};
    }
    refusal_ = OnFramingByte(in[used]);
    if (refusal_) return *refusal_;
    ++used;
  }
  return Piece{used, {}, state_ == State::done};
}

std::variant<Piece, Malformed> ChunkedDecoder::Decode(std::string_view in, std::string& out) {
  Piece total{0, {}, done()};
  while (total.consumed < in.size() && !total.done) {
    const auto next = Next(in.substr(total.consumed));
    if (const auto* refusal = std::get_if<Malformed>(&next)) return *refusal;
    const Piece& piece = std::get<Piece>(next);
    out.append(piece.data);
    total.consumed += piece.consumed;
    total.done = piece.done;
  }
  return total;
}

std::optional<Malformed> ChunkedDecoder::Expect(char c, char wanted, State next,
                                                const Malformed& otherwise) {
  if (c != wanted) return otherwise;
  state_ = next;
  return std::nullopt;
}

std::optional<Malformed> ChunkedDecoder::OnFramingByte(char c) {
  constexpr Malformed kNoCrlf{"chunk data is not followed by CRLF", "bad-chunk-end"};
  constexpr Malformed kBareCr{"a CR of the chunked body is not followed by LF", "bare-cr"};
  switch (state_) {
    case State::size:
      return OnSizeByte(c);
    case State::size_lf:
      return Expect(c, '\n', left_ == 0 ? State::trailer_start : State::data, kBareCr);
    case State::data_cr:
      return Expect(c, '\r', State::data_lf, c == '\n' ? kBareLf : kNoCrlf);
    case State::data_lf:
      digits_ = 0;
      return Expect(c, '\n', State::size, kBareCr);
    case State::end_lf:
      return Expect(c, '\n', State::done, kBareCr);
    case State::trailer_start:
    case State::trailer_name:
    case State::trailer_value:
    case State::trailer_lf:
      return OnTrailerByte(c);
    case State::data:
    case State::done:
      break;
  }
  return Malformed{"the chunked body is in no known state", "bad-chunk-end"};
}

std::optional<Malformed> ChunkedDecoder::OnSizeByte(char c) {
  const int digit = HexValue(c);
  if (digit >= 0) {
    if (++digits_ > kSizeDigitsMax) return kBadSize;
    left_ = left_ << 4 | static_cast<std::uint64_t>(digit);
    return std::nullopt;
  }
  if (c == '\n') return kBareLf;
  if (c == ';' && digits_ > 0) {
    return Malformed{"a chunk carries an extension", "chunk-extension"};
  }
  const bool too_large = left_ > std::uint64_t{std::numeric_limits<std::int64_t>::max()};
  if (c != '\r' || digits_ == 0 || too_large) return kBadSize;
  state_ = State::size_lf;
  return std::nullopt;
}

std::optional<Malformed> ChunkedDecoder::OnTrailerByte(char c) {
  if (state_ == State::trailer_start && c == '\r') {
    state_ = State::end_lf;
    return std::nullopt;
  }
  if (trailers_ == Trailers::refused) {
    if (c == '\n') return kBareLf;
    return Malformed{"the request body carries trailers", "trailers"};
  }
  if (++trailer_bytes_ > kTrailerBytesMax) {
    return Malformed{"the trailers are larger than the limit", "trailers-too-large"};
  }
  switch (state_) {
    case State::trailer_start:
      state_ = State::trailer_name;
      return TokenLower(c) != 0 ? std::nullopt : std::optional(c == '\n' ? kBareLf : kBadTrailer);
    case State::trailer_name:
      if (c == ':') state_ = State::trailer_value;
      return c == ':' || TokenLower(c) != 0 ? std::nullopt : std::optional(kBadTrailer);
    case State::trailer_value:
      if (c == '\r') state_ = State::trailer_lf;
      if (c == '\n') return kBareLf;
      return c == '\r' || !IsControl(c) ? std::nullopt : std::optional(kBadTrailer);
    default:
      return Expect(c, '\n', State::trailer_start, kBadTrailer);
  }
}

std::variant<Piece, Malformed> BodyReader::Next(std::string_view in) {
  switch (kind_) {
    case FramingKind::none:
      return Piece{0, {}, true};
    case FramingKind::length: {
      const auto run = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size()));
      left_ -= run;
      return Piece{run, in.substr(0, run), left_ == 0};
    }
    case FramingKind::chunked:
      return chunked_.Next(in);
    case FramingKind::until_close:
      return Piece{in.size(), in, false};
  }
  return Malformed{"the framing is unknown", "bad-framing"};
}

bool BodyReader::done() const {
  switch (kind_) {
    case FramingKind::none:
      return true;
    case FramingKind::length:
      return left_ == 0;
    case FramingKind::chunked:
      return chunked_.done();
    case FramingKind::until_close:
      return false;
  }
  return false;
}

}  // namespace interlock::http1
