// For any bytes at all, from a client or a server: however they are cut, the messages and the
// refusal are the same; no message exceeds the limit; a text is UTF-8; what was read and is written
// again reads the same; a handshake that was accepted stays one in our own words.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "wire/websocket/frame.h"
#include "wire/websocket/handshake.h"

namespace {

using namespace interlock;
using websocket::From;
using websocket::Kind;
using websocket::Message;

constexpr std::size_t kMost = 4096;
constexpr websocket::Mask kMask{'\x5a', '\x00', '\xff', '\x13'};

void Require(bool claim) {
  if (!claim) std::abort();
}

struct Outcome {
  std::vector<Message> messages;
  std::string_view refusal;
  bool operator==(const Outcome&) const = default;
};

Outcome Read(From from, std::string_view in, std::size_t cut) {
  websocket::MessageReader reader(from, kMost);
  Outcome outcome;
  std::string waiting;
  for (const std::string_view part : {in.substr(0, cut), in.substr(cut)}) {
    waiting += part;
    for (;;) {
      auto next = reader.Next(waiting);
      Require(reader.buffered() <= kMost);
      if (const auto* refused = std::get_if<websocket::Malformed>(&next)) {
        Require(websocket::IsCloseCode(refused->close_code));
        outcome.refusal = refused->name;
        return outcome;
      }
      auto& step = std::get<websocket::Step>(next);
      Require(step.consumed <= waiting.size());
      waiting.erase(0, step.consumed);
      if (!step.message) break;
      Require(step.consumed > 0);
      outcome.messages.push_back(std::move(*step.message));
    }
  }
  return outcome;
}

void CheckFrames(From from, std::string_view in, std::size_t cut) {
  const Outcome whole = Read(from, in, in.size());
  Require(Read(from, in, cut) == whole);
  const std::optional<websocket::Mask> mask =
      from == From::client ? std::optional(kMask) : std::nullopt;
  std::string again;
  for (const Message& message : whole.messages) {
    Require(message.payload.size() <= kMost);
    if (message.kind == Kind::text) Require(IsUtf8(message.payload));
    if (message.kind == Kind::close)
      websocket::AppendClose(again, message.close_code, message.payload, mask);
    else
      websocket::AppendFrame(again, message.kind, message.payload, mask);
  }
  Require(Read(from, again, again.size()) == Outcome{whole.messages, ""});
}

void CheckHandshake(std::string_view in) {
  const auto step = http1::ParseRequestHead(in);
  const auto* head = std::get_if<http1::RequestHead>(&step);
  if (head == nullptr || !head->wants_websocket) return;
  const auto read = websocket::ReadOffer(*head);
  const auto* offer = std::get_if<websocket::Offer>(&read);
  if (offer == nullptr) return;
  http1::ResponseHead answer;
  answer.status = 101;
  const std::string protocol = offer->protocols.empty() ? "" : offer->protocols.back();
  answer.fields = websocket::AcceptFields(*offer, protocol);
  const auto checked = websocket::CheckAnswer(*offer, answer);
  Require(std::holds_alternative<std::string>(checked));
  Require(std::get<std::string>(checked) == protocol);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view in(reinterpret_cast<const char*>(data), size);
  if (in.empty()) return 0;
  if (in.starts_with("GET ")) {
    CheckHandshake(in);
    return 0;
  }
  // The first byte says where to cut.
  const std::size_t cut = static_cast<std::uint8_t>(in.front()) % in.size();
  in.remove_prefix(1);
  CheckFrames(From::client, in, std::min(cut, in.size()));
  CheckFrames(From::server, in, std::min(cut, in.size()));
  return 0;
}
