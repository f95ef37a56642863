// For any bytes at all, the first of which chooses the parser:
// - an accepted head lies inside the input and is the same whatever follows it; every refusal has a
//   name and stays when more bytes come; what needs more asks for at least one byte;
// - an accepted request, written again, reads back as the same request;
// - a chunked body gives the same data however it is cut, and every step but the last consumes
// bytes;
// - a path that passes CheckPath has no dot segment, also when decoded once more.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "wire/http1/body.h"
#include "wire/http1/message.h"
#include "wire/http1/serialize.h"
#include "wire/http1/target.h"

namespace {

using namespace interlock;
using namespace interlock::http1;

void Require(bool claim) {
  if (!claim) std::abort();
}

template <typename Head, typename Parse>
const Head* CheckStep(std::string_view in, const Step<Head>& whole, const Parse& parse) {
  if (const auto* refusal = std::get_if<Malformed>(&whole)) {
    Require(!refusal->name.empty() && !refusal->reason.empty() && refusal->http_status >= 400);
    Require(parse(std::string(in) + "\r\n\r\n") == whole);
  }
  if (const auto* more = std::get_if<NeedMore>(&whole)) Require(more->bytes_min > 0);
  const auto* head = std::get_if<Head>(&whole);
  if (!head) return nullptr;
  Require(head->consumed > 0 && head->consumed <= in.size());
  Require(parse(in.substr(0, head->consumed)) == whole);
  Require(std::holds_alternative<NeedMore>(parse(in.substr(0, head->consumed - 1))));
  return head;
}

void Request(std::string_view in) {
  const auto parse = [](std::string_view bytes) { return ParseRequestHead(bytes); };
  const auto whole = parse(in);
  const RequestHead* head = CheckStep<RequestHead>(in, whole, parse);
  if (!head) return;
  (void)CheckTarget(head->PathAndQuery());
  std::string out;
  const std::string scheme = head->scheme.empty() ? "http" : head->scheme;
  Require(AppendRequestHead(out, head->method, head->target,
                            HostField(head->host, head->port, scheme), head->fields, head->framing)
              .has_value());
  const auto again = parse(out);
  const auto* same = std::get_if<RequestHead>(&again);
  Require(same && same->consumed == out.size() && same->method == head->method);
  Require(same->target == head->target && same->host == head->host);
  Require(same->framing == head->framing);
}

void Response(std::string_view in, std::string_view method) {
  const auto parse = [&](std::string_view bytes) { return ParseResponseHead(bytes, method); };
  const auto whole = parse(in);
  CheckStep<ResponseHead>(in, whole, parse);
}

struct Outcome {
  std::string data;
  bool done = false;
  bool refused = false;
};

Outcome Decode(std::string_view in, Trailers trailers, std::size_t cut) {
  ChunkedDecoder decoder(trailers);
  Outcome outcome;
  for (std::string_view part : {in.substr(0, cut), in.substr(cut)}) {
    while (!part.empty() && !decoder.done()) {
      const auto step = decoder.Next(part);
      if (std::holds_alternative<Malformed>(step)) {
        outcome.refused = true;
        return outcome;
      }
      const Piece& piece = std::get<Piece>(step);
      Require(piece.consumed > 0 && piece.consumed <= part.size());
      outcome.data.append(piece.data);
      part.remove_prefix(piece.consumed);
    }
  }
  outcome.done = decoder.done();
  return outcome;
}

void Chunked(std::string_view in, Trailers trailers) {
  const Outcome whole = Decode(in, trailers, in.size());
  const Outcome cut = Decode(in, trailers, in.size() / 2);
  Require(whole.data == cut.data && whole.done == cut.done && whole.refused == cut.refused);
}

void Path(std::string_view in) {
  if (CheckPath(in)) return;
  auto once = PercentDecode(in);
  Require(once.has_value() && IsUtf8(*once));
  for (int pass = 0; pass < 2 && once; ++pass) {
    Require(("/" + *once + "/").find("/../") == std::string::npos);
    Require(("/" + *once + "/").find("/./") == std::string::npos);
    once = PercentDecode(*once);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view in(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 8) {
    case 0:
      Request(in);
      break;
    case 1:
      Response(in, "GET");
      break;
    case 2:
      Response(in, "HEAD");
      break;
    case 3:
      Response(in, "CONNECT");
      break;
    case 4:
      Chunked(in, Trailers::refused);
      break;
    case 5:
      Chunked(in, Trailers::dropped);
      break;
    case 6:
      Path(in);
      break;
    default:
      (void)ParseQuery(in);
  }
  return 0;
}
