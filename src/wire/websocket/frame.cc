#include "wire/websocket/frame.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"

namespace interlock::websocket {
namespace {

constexpr std::uint8_t kFinal = 0x80;
constexpr std::uint8_t kReserved = 0x70;
constexpr std::uint8_t kMasked = 0x80;
constexpr std::uint8_t kContinuation = 0x0;
constexpr std::uint8_t kText = 0x1;
constexpr std::uint8_t kBinary = 0x2;
constexpr std::uint8_t kClose = 0x8;
constexpr std::uint8_t kPing = 0x9;
constexpr std::uint8_t kPong = 0xA;
constexpr std::uint8_t kShortMax = 125;
constexpr std::uint8_t kLength16 = 126;
constexpr std::uint8_t kLength64 = 127;

constexpr Malformed kTooLong{"a message is larger than what can be inspected",
                             "websocket-message-too-large", kTooLarge};
constexpr Malformed kNotText{"a text is not UTF-8", "websocket-text", kBadText};

std::uint8_t ByteAt(std::string_view in, std::size_t at) {
  return static_cast<std::uint8_t>(in[at]);
}

std::uint64_t Number(std::string_view in) {
  std::uint64_t value = 0;
  for (const char c : in) value = value << 8 | static_cast<std::uint8_t>(c);
  return value;
}

bool IsControl(std::uint8_t opcode) { return (opcode & 0x8) != 0; }

bool IsOpcode(std::uint8_t opcode) {
  return opcode <= kBinary || (opcode >= kClose && opcode <= kPong);
}

std::uint8_t OpcodeOf(Kind kind) {
  switch (kind) {
    case Kind::text:
      return kText;
    case Kind::binary:
      return kBinary;
    case Kind::close:
      return kClose;
    case Kind::ping:
      return kPing;
    case Kind::pong:
      return kPong;
  }
  return kClose;
}

void AppendNumber(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out += static_cast<char>(value >> shift & 0xff);
}

void AppendMasked(std::string& out, std::string_view payload, const std::optional<Mask>& mask) {
  const std::size_t begin = out.size();
  out.append(payload);
  if (!mask) return;
  for (std::size_t i = 0; i < payload.size(); ++i)
    out[begin + i] = static_cast<char>(out[begin + i] ^ (*mask)[i % mask->size()]);
}

std::variant<Message, Malformed> CloseOf(std::string payload) {
  Message message{Kind::close, "", kNoCode};
  if (payload.empty()) return message;
  if (payload.size() == 1)
    return Malformed{"a Close frame has half a code", "websocket-close-code"};
  const auto code = static_cast<std::uint16_t>(Number(std::string_view(payload).substr(0, 2)));
  if (!IsCloseCode(code))
    return Malformed{"a Close frame has a code that may not stand there", "websocket-close-code"};
  message.close_code = code;
  message.payload = payload.substr(2);
  if (!IsUtf8(message.payload)) return kNotText;
  return message;
}

}  // namespace

bool IsCloseCode(unsigned code) {
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

// Looks at the head of a frame; `head_bytes` is 0 while it isn't whole. Decides on the bytes there
// are, so that what is refused is refused however they were cut.
std::optional<Malformed> MessageReader::BeginFrame(std::string_view in, std::size_t& head_bytes) {
  head_bytes = 0;
  if (in.empty()) return std::nullopt;
  const std::uint8_t first = ByteAt(in, 0);
  const std::uint8_t opcode = first & 0x0f;
  const bool final = (first & kFinal) != 0;
  if ((first & kReserved) != 0)
    return Malformed{"a reserved bit is set, and no extension was agreed",
                     "websocket-reserved-bit"};
  if (!IsOpcode(opcode)) return Malformed{"a frame of an unknown kind", "websocket-opcode"};
  if (IsControl(opcode) && !final)
    return Malformed{"a control frame is fragmented", "websocket-control-fragment"};
  if (opcode == kContinuation && !fragmented_)
    return Malformed{"a continuation of nothing", "websocket-continuation"};
  if ((opcode == kText || opcode == kBinary) && fragmented_)
    return Malformed{"a message begins within another", "websocket-continuation"};
  if (in.size() < 2) return std::nullopt;

  const std::uint8_t second = ByteAt(in, 1);
  const bool masked = (second & kMasked) != 0;
  if (masked != (from_ == From::client))
    return Malformed{masked ? "a server masked a frame" : "a client did not mask a frame",
                     "websocket-mask"};
  std::uint64_t length = second & 0x7f;
  std::size_t at = 2;
  if (length > kShortMax) {
    if (IsControl(opcode))
      return Malformed{"a control frame is longer than 125 bytes", "websocket-control-length"};
    const std::size_t digits = length == kLength64 ? 8 : 2;
    if (in.size() < at + digits) return std::nullopt;
    length = Number(in.substr(at, digits));
    at += digits;
    if (length <= (digits == 8 ? 0xffffu : kShortMax) || length >> 63 != 0)
      return Malformed{"a length is not written in its shortest form", "websocket-length"};
  }
  // Before a byte of the payload is waited for. message_ never exceeds the limit.
  if (!IsControl(opcode) && length > message_bytes_max_ - message_.size()) return kTooLong;
  if (masked) {
    if (in.size() < at + mask_.size()) return std::nullopt;
    std::ranges::copy(in.substr(at, mask_.size()), mask_.begin());
    at += mask_.size();
  }
  head_bytes = at;
  in_frame_ = true;
  final_ = final;
  opcode_ = opcode;
  left_ = length;
  mask_at_ = 0;
  if (opcode == kText || opcode == kBinary) kind_ = opcode == kText ? Kind::text : Kind::binary;
  return std::nullopt;
}

std::variant<Message, Malformed> MessageReader::EndFrame() {
  in_frame_ = false;
  if (opcode_ == kClose) return CloseOf(std::exchange(control_, {}));
  if (IsControl(opcode_)) {
    return Message{opcode_ == kPing ? Kind::ping : Kind::pong, std::exchange(control_, {}),
                   kNoCode};
  }
  fragmented_ = false;
  if (kind_ == Kind::text && !IsUtf8(message_)) return kNotText;
  return Message{kind_, std::exchange(message_, {}), kNoCode};
}

std::variant<Step, Malformed> MessageReader::Next(std::string_view in) {
  if (refusal_) return *refusal_;
  Step step;
  for (;;) {
    if (!in_frame_) {
      std::size_t head_bytes = 0;
      if ((refusal_ = BeginFrame(in.substr(step.consumed), head_bytes))) return *refusal_;
      if (head_bytes == 0) return step;
      step.consumed += head_bytes;
    }
    const auto take =
        static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size() - step.consumed));
    std::string& into = IsControl(opcode_) ? control_ : message_;
    const std::size_t begin = into.size();
    into.append(in.substr(step.consumed, take));
    if (from_ == From::client) {
      for (std::size_t i = begin; i < into.size(); ++i)
        into[i] = static_cast<char>(into[i] ^ mask_[mask_at_++ % mask_.size()]);
    }
    step.consumed += take;
    left_ -= take;
    if (left_ > 0) return step;
    if (!final_) {
      in_frame_ = false;
      fragmented_ = true;
      continue;
    }
    auto ended = EndFrame();
    if (auto* refused = std::get_if<Malformed>(&ended)) {
      refusal_ = *refused;
      return *refused;
    }
    step.message = std::move(std::get<Message>(ended));
    return step;
  }
}

void AppendFrame(std::string& out, Kind kind, std::string_view payload, std::optional<Mask> mask) {
  const bool control = kind != Kind::text && kind != Kind::binary;
  if (control) payload = payload.substr(0, kControlBytesMax);
  const std::uint8_t masked = mask ? kMasked : 0;
  out.reserve(out.size() + payload.size() + 14);
  out += static_cast<char>(kFinal | OpcodeOf(kind));
  if (payload.size() <= kShortMax) {
    out += static_cast<char>(masked | payload.size());
  } else if (payload.size() <= 0xffff) {
    out += static_cast<char>(masked | kLength16);
    AppendNumber(out, payload.size(), 2);
  } else {
    out += static_cast<char>(masked | kLength64);
    AppendNumber(out, payload.size(), 8);
  }
  if (mask) out.append(mask->data(), mask->size());
  AppendMasked(out, payload, mask);
}

void AppendClose(std::string& out, std::uint16_t code, std::string_view reason,
                 std::optional<Mask> mask) {
  std::string payload;
  if (code != kNoCode) {
    AppendNumber(payload, code, 2);
    std::string_view cut = reason.substr(0, kCloseReasonMax);
    while (!cut.empty() && !IsUtf8(cut)) cut.remove_suffix(1);
    payload.append(cut);
  }
  AppendFrame(out, Kind::close, payload, mask);
}

}  // namespace interlock::websocket
