// WebSocket frames (RFC 6455, section 5) without extensions: bytes to whole messages and back. Pure
// values over bytes: no sockets, no clock, any thread.
//
// What two programs could read differently is refused: reserved bits and opcodes, a length that is
// not the shortest, masking in the wrong direction, text that isn't UTF-8.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace interlock::websocket {

// Who sent the bytes: a client masks every frame, a server none (5.1).
enum class From : std::uint8_t { client, server };

enum class Kind : std::uint8_t { text, binary, close, ping, pong };

// Codes of a Close frame (7.4.1).
inline constexpr std::uint16_t kNormal = 1000;
inline constexpr std::uint16_t kGoingAway = 1001;
inline constexpr std::uint16_t kProtocolError = 1002;
inline constexpr std::uint16_t kUnsupported = 1003;
inline constexpr std::uint16_t kNoCode = 1005;  // never on the wire: the frame carried no code
inline constexpr std::uint16_t kBadText = 1007;
inline constexpr std::uint16_t kPolicy = 1008;
inline constexpr std::uint16_t kTooLarge = 1009;
inline constexpr std::uint16_t kInternal = 1011;

inline constexpr std::size_t kControlBytesMax = 125;
inline constexpr std::size_t kCloseReasonMax = kControlBytesMax - 2;

// A data message after its fragments were joined, or a control frame.
struct Message {
  Kind kind = Kind::text;
  std::string payload;                 // unmasked; of a Close the reason
  std::uint16_t close_code = kNoCode;  // of a Close
  bool operator==(const Message&) const = default;
};

// The peer's bytes are refused. Both texts have static lifetime and hold nothing of the peer's.
struct Malformed {
  std::string_view reason;  // half a sentence for humans
  std::string_view name;    // stable kebab-case
  std::uint16_t close_code = kProtocolError;
  bool operator==(const Malformed&) const = default;
};

// What the front of the input gave.
struct Step {
  std::size_t consumed = 0;
  std::optional<Message> message;  // none: more bytes are needed behind those that aren't consumed
  bool operator==(const Step&) const = default;
};

using Mask = std::array<char, 4>;

// Joins frames to messages. Control frames may come between the fragments of a message and come out
// at once. Holds at most `message_bytes_max` bytes, and refuses a frame that would exceed them by
// its length alone. A value: copy one to look ahead. A refusal is final and repeats.
class MessageReader {
 public:
  MessageReader(From from, std::size_t message_bytes_max)
      : from_(from), message_bytes_max_(message_bytes_max) {}

  // Takes bytes up to the end of one message at most.
  std::variant<Step, Malformed> Next(std::string_view in);

  // Bytes of a message that has begun; a message of a known length counts as it arrives.
  std::size_t buffered() const { return message_.size(); }
  // Within a frame or between the fragments of a message.
  bool within() const { return in_frame_ || fragmented_; }

 private:
  std::optional<Malformed> BeginFrame(std::string_view in, std::size_t& head_bytes);
  std::variant<Message, Malformed> EndFrame();

  From from_;
  std::size_t message_bytes_max_;
  std::optional<Malformed> refusal_;
  // The frame that is being read.
  bool in_frame_ = false;
  bool final_ = false;
  std::uint8_t opcode_ = 0;
  std::uint64_t left_ = 0;
  Mask mask_{};
  std::size_t mask_at_ = 0;
  std::string control_;
  // The data message that is being joined.
  bool fragmented_ = false;
  Kind kind_ = Kind::text;
  std::string message_;
};

// One whole frame. `mask` is given exactly when a client sends; it must be unpredictable to whoever
// chose the payload (10.3). A control payload beyond kControlBytesMax is cut.
void AppendFrame(std::string& out, Kind kind, std::string_view payload, std::optional<Mask> mask);

// A Close frame: kNoCode sends none, and then no reason; a reason that is too long is cut at a
// character.
void AppendClose(std::string& out, std::uint16_t code, std::string_view reason,
                 std::optional<Mask> mask);

// Codes that may stand in a Close frame: those that the RFC and IANA define for it, and 3000-4999.
bool IsCloseCode(unsigned code);

}  // namespace interlock::websocket
