#include "gateway/forward.h"

#include <string.h>

#include <algorithm>

#include "base/bytes.h"
#include "credential/inject.h"
#include "credential/scrub.h"
#include "wire/http1/serialize.h"

namespace interlock::gateway {
namespace {

constexpr std::size_t kFlushBytes = 16384;
constexpr std::size_t kPeekedMax = 64u << 10;  // of a GraphQL answer, before its head goes out

// A buffer that may hold a secret, wiped when it goes.
struct WipedString {
  std::string text;
  ~WipedString() { explicit_bzero(text.data(), text.size()); }
};

// Whether the answer is looked into, and must come in the clear and whole.
bool SearchesAnswer(const Outgoing& out) {
  return (out.injection && out.injection->Scrubs()) || out.cover.hides() || out.on_answer ||
         out.rewrite;
}

// A piece of an answer could be asked for that is too small for a secret to be seen in it.
bool AsksForPart(std::string_view name) { return name == "range" || name == "if-range"; }

std::vector<http1::Field> FieldsFor(const UpstreamRequest& request, bool search) {
  std::vector<http1::Field> fields;
  fields.reserve(request.headers.size() + 2);
  for (const Header& header : request.headers) {
    // An answer that is searched must come in the clear.
    if (search && (header.name == "accept-encoding" || AsksForPart(header.name))) continue;
    fields.push_back({header.name, header.value});
  }
  if (search) fields.push_back({"accept-encoding", "identity"});
  return fields;
}

// The parts of a request in which the credential stands, after it was put there. With none of them
// it stands in its header as it is, and isn't copied for that.
struct Filled {
  std::optional<Secret> value;   // of the header injection->place.header
  std::optional<Secret> target;  // in the place of request.target
  std::optional<Secret> body;    // in the place of request.body
};

Result<Filled> FillIn(const UpstreamRequest& request, const std::optional<Injection>& injection) {
  Filled out;
  if (!injection) return out;
  if (request.scheme != "https")
    return Fail(Code::denied, "a credential is never sent in the clear");
  const CredentialRef& place = injection->place;
  if (place.stand == CredentialStand::header) {
    ILK_TRY_VOID(credential::CheckStands(place, *injection->real));
    return out;
  }
  ILK_TRY(encoded, credential::EncodeFor(place, *injection->real));
  if (credential::IsInTarget(place.stand)) {
    ILK_TRY(target, credential::Splice(request.target, encoded));
    out.target = std::move(target);
  } else if (credential::IsInBody(place.stand)) {
    ILK_TRY(body, credential::Splice(request.body, encoded));
    out.body = std::move(body);
  } else {
    out.value = std::move(encoded);
  }
  return out;
}

// What a head takes up at most. A buffer that grew would leave the secret behind where it was.
std::size_t HeadBytesMax(const UpstreamRequest& request, const Filled& filled,
                         const std::optional<Injection>& injection) {
  std::size_t bytes = 1024 + request.method.size() + request.host.size() + request.target.size();
  if (injection) bytes += injection->place.prefix.size() + injection->real->size();
  for (const Header& header : request.headers)
    bytes += header.name.size() + header.value.size() + 4;
  if (filled.target) bytes += filled.target->size();
  if (filled.value) bytes += filled.value->size();
  return bytes;
}

// The head with the credential in it; the secret is appended last and lives in this buffer alone.
Result<void> AppendHead(std::string& out, const UpstreamRequest& request, const Filled& filled,
                        const http1::Framing& framing, const std::optional<Injection>& injection,
                        bool search) {
  const std::string host =
      http1::HostField(request.host, static_cast<std::uint16_t>(request.port), request.scheme);
  const std::string_view target =
      filled.target ? filled.target->Reveal() : std::string_view(request.target);
  ILK_TRY_VOID(http1::AppendRequestHead(out, request.method, target, host,
                                        FieldsFor(request, search), framing));
  if (!injection || filled.target || filled.body) return {};
  out.resize(out.size() - 2);  // before the empty line that ends the head
  out.append(injection->place.header).append(": ");
  if (filled.value)
    out.append(filled.value->Reveal());
  else
    out.append(injection->place.prefix).append(injection->real->Reveal());
  out.append("\r\n\r\n");
  return {};
}

http1::Framing FramingOf(const UpstreamRequest& request, std::string_view body) {
  if (!body.empty()) return {http1::FramingKind::length, body.size()};
  const bool usual =
      request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
  return usual ? http1::Framing{http1::FramingKind::length, 0} : http1::Framing{};
}

Destination DestinationOf(const UpstreamRequest& request, const std::string& dials) {
  return {request.scheme, request.host, request.port, dials};
}

// Sends the head and the body, whole or while it arrives.
Task<Result<void>> SendRequest(Core& core, Stream& upstream, const Outgoing& out) {
  WipedString wire;
  const auto filled = FillIn(out.request, out.injection);
  if (!filled) co_return std::unexpected(filled.error());
  const std::string_view body =
      filled->body ? filled->body->Reveal() : std::string_view(out.request.body);
  const http1::Framing framing = out.body ? out.framing : FramingOf(out.request, body);
  const bool search = SearchesAnswer(out);
  wire.text.reserve(HeadBytesMax(out.request, *filled, out.injection) +
                    (out.body ? 0 : body.size()));
  if (auto head = AppendHead(wire.text, out.request, *filled, framing, out.injection, search);
      !head)
    co_return head;
  upstream.SetDeadline(core.times.body);
  if (out.body == nullptr) {
    wire.text += body;
    co_return co_await upstream.Write(wire.text);
  }
  if (auto sent = co_await upstream.Write(wire.text); !sent) co_return sent;
  for (;;) {
    auto piece = co_await out.body->Next();
    if (auto* data = std::get_if<std::string_view>(&piece)) {
      upstream.SetDeadline(core.times.body);
      if (framing.kind != http1::FramingKind::chunked) {
        if (auto sent = co_await upstream.Write(*data); !sent) co_return sent;
        continue;
      }
      std::string chunk;
      http1::AppendChunk(chunk, *data);
      if (auto sent = co_await upstream.Write(chunk); !sent) co_return sent;
    } else if (std::holds_alternative<BodySource::End>(piece)) {
      if (framing.kind == http1::FramingKind::chunked)
        co_return co_await upstream.Write(http1::kLastChunk);
      co_return Result<void>{};
    } else if (auto* malformed = std::get_if<http1::Malformed>(&piece)) {
      co_return Fail(Code::invalid_input, std::string(malformed->reason));
    } else {
      co_return std::unexpected(std::get<Error>(piece));
    }
  }
}

struct Answered {
  UpstreamConnection connection;
  std::unique_ptr<Inbox> inbox;
  http1::ResponseHead head;
};

// Sends and waits for the answer's head. A read on a pooled connection that turns out to be dead
// goes out once more on a fresh one: nothing of an answer was seen, and a read changes nothing.
Task<Result<Answered>> AskUpstream(Core& core, Worker& worker, const Outgoing& out) {
  const auto routes = core.settings()->routes;
  const bool repeatable = out.effect == Effect::read && out.body == nullptr;
  Reuse reuse = repeatable ? Reuse::allowed : Reuse::never;
  for (;;) {
    auto connection =
        co_await worker.pool.Acquire(DestinationOf(out.request, out.dials), routes, reuse);
    if (!connection) co_return std::unexpected(connection.error());
    const bool reused = connection->reused;
    Error failed;
    auto sent = co_await SendRequest(core, *connection->stream, out);
    if (sent) {
      auto inbox = std::make_unique<Inbox>(*connection->stream);
      connection->stream->SetDeadline(core.times.answer);
      auto read = co_await ReadResponseHead(*inbox, out.request.method, core.http_limits);
      if (auto* head = std::get_if<http1::ResponseHead>(&read)) {
        co_return Answered{std::move(*connection), std::move(inbox), std::move(*head)};
      }
      if (auto* malformed = std::get_if<http1::Malformed>(&read)) {
        co_return Fail(Code::invalid_input, "the provider's answer is not HTTP as it should be: " +
                                                std::string(malformed->reason));
      }
      const bool cut = std::holds_alternative<ClosedByPeer>(read);
      failed =
          cut ? Error{Code::unavailable, "the provider closed the connection without an answer"}
              : std::get<Error>(read);
      if (!cut && !inbox->empty()) co_return std::unexpected(failed);
    } else {
      failed = sent.error();
    }
    if (!reused) co_return std::unexpected(failed);
    reuse = Reuse::never;
  }
}

bool IsEncoded(const http1::ResponseHead& head) {
  return std::ranges::any_of(head.fields, [](const http1::Field& field) {
    return field.name == "content-encoding" && !EqualsIgnoreCase(field.value, "identity");
  });
}

bool IsPart(const http1::ResponseHead& head) {
  return head.status == 206 || http1::Find(head.fields, "content-range") != nullptr;
}

bool IsJson(const http1::ResponseHead& head) {
  const std::string* type = http1::Find(head.fields, "content-type");
  return type != nullptr && ToLower(*type).contains("json");
}

// Names by which the gateway speaks to the agent; a provider doesn't.
bool IsOurName(std::string_view name) { return name.starts_with("interlock-"); }

// A cookie that was set for whoever holds the credential is one itself, and the agent could not use
// it here anyway.
void HideInHead(http1::ResponseHead& head, const Cover& cover, bool with_credential) {
  std::erase_if(head.fields, [&](const http1::Field& field) {
    return IsOurName(field.name) || (with_credential && field.name == "set-cookie");
  });
  if (!cover.hides()) return;
  head.reason = cover.Text(head.reason);
  for (http1::Field& field : head.fields) {
    field.name = cover.Text(field.name);
    field.value = cover.Text(field.value);
  }
}

Answer Unreadable(const Outgoing& out) {
  return UpstreamAnswer(
      502, "answer-unreadable",
      "interlock: " + out.request.host + ": the answer is too large or was cut off");
}

// It was sent, and what it did is done; only what came back stays here.
Answer Withheld(int status, const std::string& why) {
  Answer answer = UpstreamAnswer(
      403, "answer-withheld",
      "INTERLOCK WITHHELD: sent, and answered with status " + std::to_string(status) +
          ". The answer hands out credentials and isn't shown: " + why +
          ".\nDon't send it again. A human can read it at the provider.");
  answer.fields.push_back({"interlock-withheld", "answer"});
  return answer;
}

// What an answer says of the credential it was asked with. The client is told of a refusal.
void NoteLend(const Outgoing& out, http1::ResponseHead& head, bool refused) {
  if (!out.lend.watches()) return;
  if (refused) head.fields.push_back({std::string(kLendHeader), LendHeaderFor(out.lend.entry)});
  const bool taken = head.status >= 200 && head.status < 300;
  if (refused || taken) out.lend.tell(refused, head.status);
}

// Writes the answer's body to the client while it arrives; `begun` was read before.
Task<Result<void>> Relay(Core& core, Stream& client, Stream& upstream, BodySource& body,
                         std::string begun, std::string out, http1::FramingKind to_client,
                         credential::Scrubber* scrubber) {
  const auto append = [&](std::string_view data) {
    if (to_client == http1::FramingKind::chunked)
      http1::AppendChunk(out, data);
    else
      out.append(data);
  };
  if (!begun.empty()) append(scrubber ? scrubber->Feed(begun) : begun);
  explicit_bzero(begun.data(), begun.size());
  for (;;) {
    auto ready = body.Buffered();
    // What is ready goes out before anything is waited for, so that an event stream stays live.
    if (!out.empty() && (out.size() >= kFlushBytes || !ready)) {
      client.SetDeadline(core.times.body);
      if (auto written = co_await client.Write(out); !written) co_return written;
      out.clear();
    }
    upstream.SetDeadline(core.times.answer);
    if (!ready) ready = co_await body.Next();
    BodySource::Piece& piece = *ready;
    if (auto* data = std::get_if<std::string_view>(&piece)) {
      if (scrubber)
        append(scrubber->Feed(*data));
      else
        append(*data);
      continue;
    }
    if (std::holds_alternative<BodySource::End>(piece)) break;
    if (auto* malformed = std::get_if<http1::Malformed>(&piece))
      co_return Fail(Code::invalid_input, std::string(malformed->reason));
    co_return std::unexpected(std::get<Error>(piece));
  }
  if (scrubber) append(scrubber->Finish());
  if (to_client == http1::FramingKind::chunked) out += http1::kLastChunk;
  client.SetDeadline(core.times.body);
  co_return co_await client.Write(out);
}

// The answer read to its end, told, and then written.
Task<bool> RelayWhole(Core& core, Worker& worker, Stream& client, const http1::RequestHead& asked,
                      const Outgoing& out, Answered answered) {
  BodySource source(*answered.inbox, answered.head.framing, http1::Trailers::dropped);
  answered.connection.stream->SetDeadline(core.times.answer);
  auto read = co_await ReadWholeBody(source, kWholeAnswerMax);
  auto* body = std::get_if<std::string>(&read);
  if (body == nullptr) {
    const Answer answer = Unreadable(out);
    (void)co_await WriteAnswer(client, answer, asked.method, false);
    co_return false;
  }
  WipedString whole{std::move(*body)};
  const int status = answered.head.status;
  if (out.on_answer) out.on_answer(status, whole.text);
  Cover cover = out.cover;
  const bool succeeded = status >= 200 && status < 300;
  const bool refused = out.lend.watches() && (out.lend.RefusedBy(status) ||
                                              (out.lend.graphql && IsGraphqlRefusal(whole.text)));
  if (out.rewrite && succeeded) {
    auto rewritten = co_await out.rewrite(std::move(whole.text));
    if (!rewritten) {
      const Answer answer = Withheld(status, rewritten.error().message);
      (void)co_await WriteAnswer(client, answer, asked.method, false);
      co_return false;
    }
    whole.text = std::move(rewritten->body);
    cover = std::move(rewritten->cover);
    // They tell of a body that isn't this one any more.
    std::erase_if(answered.head.fields, [](const http1::Field& field) {
      return field.name == "etag" || field.name == "content-md5" || field.name.ends_with("digest");
    });
  }
  whole.text = cover.Text(whole.text);
  if (answered.head.keep_alive && answered.inbox->empty() &&
      answered.head.framing.kind != http1::FramingKind::until_close)
    worker.pool.Release(DestinationOf(out.request, out.dials),
                        std::move(answered.connection.stream));
  http1::StripHopByHop(answered.head.fields);
  HideInHead(answered.head, cover, out.injection && out.injection->Scrubs());
  NoteLend(out, answered.head, refused);
  if (!asked.keep_alive) answered.head.fields.push_back({"connection", "close"});
  WipedString wire;
  const http1::Framing framing{http1::FramingKind::length, whole.text.size()};
  if (!http1::AppendResponseHead(wire.text, answered.head.status, answered.head.reason,
                                 answered.head.fields, framing))
    co_return false;
  wire.text += whole.text;
  client.SetDeadline(core.times.body);
  const auto written = co_await client.Write(wire.text);
  co_return written&& asked.keep_alive;
}

}  // namespace

Task<Result<void>> SendHead(Core& core, Stream& upstream, const UpstreamRequest& request,
                            const std::optional<Injection>& injection) {
  WipedString wire;
  const http1::Framing none;
  const auto filled = FillIn(request, injection);
  if (!filled) co_return std::unexpected(filled.error());
  if (filled->body) co_return Fail(Code::denied, "a credential has no place in a body here");
  wire.text.reserve(HeadBytesMax(request, *filled, injection));
  if (auto head = AppendHead(wire.text, request, *filled, none, injection, false); !head)
    co_return head;
  upstream.SetDeadline(core.times.body);
  co_return co_await upstream.Write(wire.text);
}

Task<bool> Forward(Core& core, Worker& worker, Stream& client, const http1::RequestHead& asked,
                   Outgoing out) {
  auto answered = co_await AskUpstream(core, worker, out);
  const bool body_read = out.body == nullptr || out.body->done();
  if (!answered) {
    const bool late = answered.error().message.ends_with("timed out");
    const Answer answer =
        UpstreamAnswer(late ? 504 : 502, late ? "provider-timeout" : "provider-unreachable",
                       "interlock: " + out.request.host + ": " + answered.error().message);
    const bool keep = asked.keep_alive && body_read;
    co_return co_await WriteAnswer(client, answer, asked.method, keep) && keep;
  }
  http1::ResponseHead& head = answered->head;
  const bool has_body = head.framing.kind != http1::FramingKind::none;
  if (SearchesAnswer(out) && has_body && (IsEncoded(head) || IsPart(head))) {
    // Asked for plain and whole: what can't be searched isn't handed on.
    const bool encoded = IsEncoded(head);
    const Answer answer =
        UpstreamAnswer(502, encoded ? "answer-encoded" : "answer-partial",
                       std::string("interlock: the provider's answer is ") +
                           (encoded ? "encoded" : "a part of one") +
                           " although it was asked for plain and whole, and can't be searched for "
                           "credentials");
    co_return co_await WriteAnswer(client, answer, asked.method, asked.keep_alive) &&
        asked.keep_alive;
  }
  if ((out.on_answer || out.rewrite) && has_body)
    co_return co_await RelayWhole(core, worker, client, asked, out, std::move(*answered));
  BodySource source(*answered->inbox, head.framing, http1::Trailers::dropped);
  bool refused = out.lend.watches() && out.lend.RefusedBy(head.status);
  // Whether GraphQL refused the credential stands in the body, and the client is told in the head.
  std::string begun;
  if (out.lend.watches() && out.lend.graphql && head.status == 200 && has_body && IsJson(head)) {
    answered->connection.stream->SetDeadline(core.times.answer);
    auto read = co_await ReadWholeBody(source, kPeekedMax);
    if (auto* whole = std::get_if<std::string>(&read)) {
      refused = IsGraphqlRefusal(*whole);
      begun = std::move(*whole);
    } else if (auto* more = std::get_if<TooLarge>(&read)) {
      begun = std::move(more->begun);
    } else {
      const Answer answer = Unreadable(out);
      (void)co_await WriteAnswer(client, answer, asked.method, false);
      co_return false;
    }
  }
  const bool upstream_keeps = head.keep_alive;
  http1::StripHopByHop(head.fields);
  HideInHead(head, out.cover, out.injection && out.injection->Scrubs());
  NoteLend(out, head, refused);
  std::optional<credential::Scrubber> scrubber;
  if (out.cover.hides()) scrubber.emplace(out.cover.set, out.cover.phantom_for);
  bool keep = asked.keep_alive && body_read;
  // A body without a length becomes chunked; for HTTP/1.0 it ends with the connection.
  http1::Framing announced =
      head.framing.kind == http1::FramingKind::until_close ? head.framing : head.announced;
  const bool old_client = asked.minor_version == 0;
  if (announced.kind == http1::FramingKind::until_close && !old_client)
    announced.kind = http1::FramingKind::chunked;
  if (announced.kind == http1::FramingKind::chunked && old_client)
    announced.kind = http1::FramingKind::until_close;
  if (announced.kind == http1::FramingKind::until_close) keep = false;
  if (!keep) head.fields.push_back({"connection", "close"});

  std::string wire;
  if (!http1::AppendResponseHead(wire, head.status, head.reason, head.fields, announced))
    co_return false;
  if (head.framing.kind == http1::FramingKind::none) {
    client.SetDeadline(core.times.body);
    if (!co_await client.Write(wire)) co_return false;
  } else {
    const auto relayed =
        co_await Relay(core, client, *answered->connection.stream, source, std::move(begun),
                       std::move(wire), announced.kind, scrubber ? &*scrubber : nullptr);
    if (!relayed) co_return false;  // the client sees a body that was cut off, as it was
  }
  if (upstream_keeps && answered->inbox->empty() && body_read &&
      head.framing.kind != http1::FramingKind::until_close) {
    worker.pool.Release(DestinationOf(out.request, out.dials),
                        std::move(answered->connection.stream));
  }
  co_return keep;
}

Task<OneShot> SendOnce(Core& core, Worker& worker, const UpstreamRequest& request,
                       std::optional<Injection> injection, BeforeSending before_sending,
                       std::size_t answer_bytes_max, std::string dials) {
  OneShot result;
  auto connection = co_await worker.pool.Acquire(DestinationOf(request, dials),
                                                 core.settings()->routes, Reuse::never);
  if (!connection) {
    result.error = connection.error().message;
    co_return result;
  }
  if (auto ready = co_await before_sending(); !ready) {
    result.error = ready.error().message;
    co_return result;
  }
  const Outgoing out{request, Effect::irreversible, injection, nullptr, {}};
  result.reached = Reached::maybe_sent;
  if (auto sent = co_await SendRequest(core, *connection->stream, out); !sent) {
    result.error = sent.error().message;
    co_return result;
  }
  Inbox inbox(*connection->stream);
  connection->stream->SetDeadline(core.times.answer);
  auto read = co_await ReadResponseHead(inbox, request.method, core.http_limits);
  auto* head = std::get_if<http1::ResponseHead>(&read);
  if (head == nullptr) {
    if (auto* malformed = std::get_if<http1::Malformed>(&read))
      result.error = malformed->reason;
    else if (auto* error = std::get_if<Error>(&read))
      result.error = error->message;
    else
      result.error = "the provider closed the connection without an answer";
    co_return result;
  }
  BodySource source(inbox, head->framing, http1::Trailers::dropped);
  auto body = co_await ReadWholeBody(source, answer_bytes_max);
  if (auto* whole = std::get_if<std::string>(&body)) {
    result.reached = Reached::answered;
    result.status = head->status;
    if (const std::string* type = http1::Find(head->fields, "content-type"))
      result.content_type = *type;
    result.body = std::move(*whole);
    // Asked for plain and whole; what can't be searched is kept by nobody.
    if (IsEncoded(*head) || IsPart(*head)) {
      explicit_bzero(result.body.data(), result.body.size());
      result.body.clear();
    }
  } else if (std::holds_alternative<TooLarge>(body)) {
    result.error = "the provider's answer is larger than is kept";
  } else if (auto* malformed = std::get_if<http1::Malformed>(&body)) {
    result.error = malformed->reason;
  } else {
    result.error = std::get<Error>(body).message;
  }
  co_return result;
}

}  // namespace interlock::gateway
