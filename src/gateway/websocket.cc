#include "gateway/websocket.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/ids.h"
#include "classify/websocket.h"
#include "gateway/record.h"
#include "gateway/scope_cache.h"
#include "wire/http1/serialize.h"
#include "wire/websocket/frame.h"

namespace interlock::gateway {
namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kFromProviderMax = 16u << 20;
constexpr std::size_t kRefusalBytesMax = 64u << 10;
constexpr std::size_t kReadInPlace = 256u << 10;
constexpr std::size_t kKeyBytes = 16;
constexpr std::string_view kSessionOver = "the session is over";
constexpr std::string_view kPolicyChanged = "the policy has changed; connect again";
constexpr std::string_view kCredentialChanged =
    "INTERLOCK DENIED: not sent. The credential that this was opened with has been changed or "
    "taken "
    "back; connect again";
constexpr std::chrono::seconds kChangeSettles{
    60};                                   // that long, answers may still be those to a change
constexpr std::uint16_t kTryLater = 1013;  // registered with IANA beside the codes of the RFC

using classify::Talk;
using websocket::From;
using websocket::Kind;
using websocket::Message;

websocket::Mask NewMask() {
  const std::string bytes = RandomBytes(4);
  websocket::Mask mask{};
  std::ranges::copy(bytes, mask.begin());
  return mask;
}

// What our own answer says, for a protocol that has no HTTP heads.
classify::SpokenRefusal RefusalOf(const Answer& answer) {
  classify::SpokenRefusal refusal{answer.status, "INTERLOCK_DENIED", "", ""};
  for (const http1::Field& field : answer.fields) {
    if (field.name == "interlock-hold") refusal.code = "INTERLOCK_HOLD";
    if (field.name == "interlock-hold" || field.name == "interlock-denied")
      refusal.id = field.value;
  }
  if (refusal.status < 400) refusal.status = 403;  // GraphQL says errors with a 200
  refusal.message = "INTERLOCK DENIED: not sent, nothing changed.";
  const auto body = ParseJson(answer.body);
  const json::object* object = body ? body->if_object() : nullptr;
  if (object == nullptr) return refusal;
  if (const auto detail = FindString(*object, "detail"); !detail.empty()) refusal.message = detail;
  const json::array* errors = FindArray(*object, "errors");
  const json::object* first = errors && !errors->empty() ? errors->front().if_object() : nullptr;
  if (first != nullptr) refusal.message = FindString(*first, "message");
  return refusal;
}

// One of the two ends.
struct Side {
  Side(Stream& stream_in, Inbox& inbox_in, From from, std::size_t bytes_max,
       asio::io_context& context)
      : stream(stream_in), inbox(inbox_in), reader(from, bytes_max), turn(context) {
    turn.expires_at(asio::steady_timer::time_point::max());
  }
  Stream& stream;
  Inbox& inbox;
  websocket::MessageReader reader;
  bool writing = false;
  asio::steady_timer turn;  // those who wait to write are woken by its cancellation
  std::size_t charged = 0;  // of the session's body_bytes, for the message that is being read
  bool in_large_slot = false;
  std::optional<std::chrono::steady_clock::time_point> message_ends;  // of the one being read
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
};

// An open WebSocket. One coroutine reads each end; all of it on one worker's thread.
class Line : public std::enable_shared_from_this<Line> {
 public:
  Line(Core& core, Worker& worker, Exchange& exchange, const classify::WebSocketRule& rule,
       Talk talk, Passed opened, UpstreamConnection upstream, std::unique_ptr<Inbox> upstream_inbox)
      : core_(core),
        worker_(worker),
        session_(exchange.session),
        rule_(rule),
        talk_(talk),
        opened_(std::move(opened)),
        upstream_(std::move(upstream)),
        upstream_inbox_(std::move(upstream_inbox)),
        agent_(exchange.client, exchange.inbox, From::client, AgentBytesMax(core, exchange, rule),
               worker.context),
        provider_(*upstream_.stream, *upstream_inbox_, From::server, kFromProviderMax,
                  worker.context),
        as_call_{exchange.session, exchange.destination, CallHead(core, exchange, rule),
                 exchange.client, exchange.inbox},
        ended_(worker.context) {
    ended_.expires_at(asio::steady_timer::time_point::max());
    agent_.writing = true;  // nothing may be said there before the answer to the handshake
  }
  ~Line() {
    Release(agent_);
    Release(provider_);
  }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  // Answers the client's handshake with `head` and carries messages. Returns when both ends are
  // done.
  static Task<void> Carry(std::shared_ptr<Line> line, std::string head) {
    line->agent_.stream.SetDeadline(line->core_.times.body);
    const auto written = co_await line->agent_.stream.Write(head);
    line->agent_.writing = false;
    if (!written) line->End(websocket::kGoingAway, "the client went away");
    line->running_ = 2;
    const auto done = [line](const std::exception_ptr& failed) {
      line->End(failed ? websocket::kInternal : websocket::kNormal, "the connection ended");
      --line->running_;
      line->ended_.cancel();
    };
    asio::co_spawn(line->worker_.context, FromAgent(line), done);
    asio::co_spawn(line->worker_.context, FromProvider(line), done);
    while (line->running_ > 0) co_await line->ended_.async_wait(kAwait);
  }

  // Ends both sides with a last word. The first reason counts; `recorded` stands for it in the
  // ledger.
  void End(std::uint16_t code, std::string why, std::string recorded = "") {
    if (over_) return;
    over_ = true;
    if (changed_) core_.scope.Invalidate(opened_.action.provider);
    (void)core_.ledger.AppendAsync(Entry("websocket-end", core_.clock.Now(),
                                         {{"session", session_->id},
                                          {"host", opened_.action.request.host},
                                          {"decision", opened_.decision},
                                          {"code", code},
                                          {"why", recorded.empty() ? why : recorded},
                                          {"messages_from_agent", agent_.messages},
                                          {"bytes_from_agent", agent_.bytes},
                                          {"messages_from_provider", provider_.messages},
                                          {"bytes_from_provider", provider_.bytes},
                                          {"allowed", allowed_},
                                          {"refused", refused_}}));
    LastWord(agent_, code, why, std::nullopt);
    // The provider learns no more than that it is over; it didn't ask why.
    const bool unusual = code != websocket::kNormal && code != websocket::kNoCode;
    LastWord(provider_, unusual ? websocket::kGoingAway : code, "", NewMask());
  }

 private:
  static std::size_t AgentBytesMax(const Core& core, const Exchange& exchange,
                                   const classify::WebSocketRule& rule) {
    if (rule.mode != classify::WebSocketRule::Mode::as) return core.inspect_bytes_max;
    const classify::BodyPlan plan =
        classify::PlanBody(core.packs, exchange.destination.host, rule.method, rule.target);
    return plan.bytes_max != 0 ? plan.bytes_max : core.inspect_bytes_max;
  }

  // The head of the call that a message amounts to, with the credential of the upgrade in its
  // place.
  static http1::RequestHead CallHead(const Core& core, const Exchange& exchange,
                                     const classify::WebSocketRule& rule) {
    http1::RequestHead head = exchange.head;
    head.wants_websocket = false;
    head.keep_alive = true;
    std::erase_if(head.fields, [](const http1::Field& field) {
      return websocket::IsHandshakeField(field.name) || field.name == "content-type";
    });
    if (rule.mode == classify::WebSocketRule::Mode::pass) return head;
    head.fields.push_back({"content-type", "application/json"});
    if (rule.mode == classify::WebSocketRule::Mode::as) {
      head.method = rule.method;
      head.target = rule.target;
    } else {
      // Where the API takes GraphQL over HTTP: there a held operation is executed.
      const auto& paths = core.packs.Find(exchange.destination.host)->graphql->paths;
      const std::string path(exchange.head.Path());
      head.method = "POST";
      head.target = std::ranges::find(paths, path) != paths.end() ? path : paths.front();
    }
    head.form = http1::TargetForm::origin;
    head.path_offset = 0;
    return head;
  }

  void LastWord(Side& side, std::uint16_t code, std::string_view why,
                std::optional<websocket::Mask> mask) {
    // Within a frame that is being written nothing else can be said.
    if (!side.writing) {
      std::string out;
      websocket::AppendClose(out, code, why, mask);
      side.stream.WriteNow(out);
    }
    side.stream.Cancel();
    side.turn.cancel();
  }

  // A message has one deadline from its first byte on, like the body of a request: whoever sends it
  // byte by byte holds what it takes up no longer.
  void Touch(Side& side) {
    if (!side.reader.within()) {
      side.message_ends.reset();
      if (!side.writing && !over_) side.stream.SetDeadline(core_.times.websocket);
      return;
    }
    const auto now = std::chrono::steady_clock::now();
    if (!side.message_ends) side.message_ends = now + core_.times.body;
    if (side.writing || over_) return;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(*side.message_ends - now);
    side.stream.SetDeadline(std::max(left, std::chrono::milliseconds(1)));
  }

  // False: it wasn't sent, and the line is over.
  Task<bool> Send(Side& side, std::string frame) {
    while (side.writing && !over_) co_await side.turn.async_wait(kAwait);
    if (over_) co_return false;
    side.writing = true;
    side.stream.SetDeadline(core_.times.body);
    const auto sent = co_await side.stream.Write(frame);
    if (!sent) End(websocket::kGoingAway, "the other end does not read");
    side.writing = false;
    side.turn.cancel();
    Touch(side);
    co_return !over_;
  }

  Task<bool> ToAgent(Kind kind, std::string payload) {
    std::string frame;
    websocket::AppendFrame(frame, kind, payload, std::nullopt);
    co_return co_await Send(agent_, std::move(frame));
  }
  Task<bool> ToProvider(Kind kind, std::string payload) {
    std::string frame;
    websocket::AppendFrame(frame, kind, payload, NewMask());
    co_return co_await Send(provider_, std::move(frame));
  }

  void Release(Side& side) {
    session_->body_bytes -= std::exchange(side.charged, 0);
    if (std::exchange(side.in_large_slot, false)) core_.large_bodies.Give();
  }

  // What a message takes up while it arrives counts like the bodies of requests.
  bool Charge(Side& side) {
    const std::size_t now = side.reader.buffered();
    if (now > side.charged) {
      const std::size_t more = now - side.charged;
      side.charged = now;
      if (session_->body_bytes.fetch_add(more) + more > Session::kBodyBytesMax) {
        End(kTryLater, "this session has too many large bodies under way");
        return false;
      }
    }
    if (now > core_.inspect_bytes_max && !side.in_large_slot) {
      side.in_large_slot = core_.large_bodies.Take();
      if (!side.in_large_slot) {
        End(kTryLater, "the gateway is inspecting as many large messages as it can at once");
        return false;
      }
    }
    return true;
  }

  // The next message; nullopt when the line is over.
  Task<std::optional<Message>> Receive(Side& side) {
    Release(side);
    for (;;) {
      if (over_) co_return std::nullopt;
      auto next = side.reader.Next(side.inbox.View());
      if (const auto* refused = std::get_if<websocket::Malformed>(&next)) {
        End(refused->close_code, std::string(refused->reason));
        co_return std::nullopt;
      }
      auto& step = std::get<websocket::Step>(next);
      side.inbox.Consume(step.consumed);
      if (step.message) {
        ++side.messages;
        side.bytes += step.message->payload.size();
        co_return std::move(step.message);
      }
      if (!Charge(side)) co_return std::nullopt;
      Touch(side);
      const auto got = co_await side.inbox.Fill();
      if (got && *got > 0) continue;
      const bool late = !got && got.error().message == "timed out";
      End(websocket::kGoingAway, late ? "nothing was said for too long" : "the connection was cut");
      co_return std::nullopt;
    }
  }

  // The vault may have changed since the connection was opened.
  std::string Hidden(std::string_view payload) const {
    return CoverFor(core_, session_->id, opened_.injection).Text(payload);
  }

  // Answered here, so that nothing unjudged rides on it; the other end is kept awake by one of
  // ours.
  Task<bool> Ping(bool from_agent, std::string payload) {
    std::string nothing;
    if (from_agent) {
      if (!co_await ToAgent(Kind::pong, std::move(payload))) co_return false;
      co_return co_await ToProvider(Kind::ping, std::move(nothing));
    }
    std::string answer = std::move(payload);
    if (!co_await ToProvider(Kind::pong, std::move(answer))) co_return false;
    co_return co_await ToAgent(Kind::ping, std::move(nothing));
  }

  static Task<void> FromAgent(std::shared_ptr<Line> line) {
    for (;;) {
      auto message = co_await line->Receive(line->agent_);
      if (!message) co_return;
      if (!co_await line->OnAgent(std::move(*message))) co_return;
    }
  }

  static Task<void> FromProvider(std::shared_ptr<Line> line) {
    for (;;) {
      auto message = co_await line->Receive(line->provider_);
      if (!message) co_return;
      if (!co_await line->OnProvider(std::move(*message))) co_return;
    }
  }

  Task<bool> OnProvider(Message message) {
    switch (message.kind) {
      case Kind::ping:
        co_return co_await Ping(false, std::move(message.payload));
      case Kind::pong:
        co_return true;
      case Kind::close:
        // Its words are for the agent; on the record they could hold anything.
        End(message.close_code, Hidden(message.payload), "the provider closed the connection");
        co_return false;
      case Kind::text:
      case Kind::binary:
        break;
    }
    // What was allowed may take effect with any answer: no memory of the world outlives it. A while
    // after the last change, answers are those to reads.
    if (changed_ && std::chrono::steady_clock::now() - *changed_ < kChangeSettles)
      core_.scope.Invalidate(opened_.action.provider);
    std::string shown = Hidden(message.payload);
    co_return co_await ToAgent(message.kind, std::move(shown));
  }

  Task<bool> OnAgent(Message message) {
    switch (message.kind) {
      case Kind::ping:
        co_return co_await Ping(true, std::move(message.payload));
      case Kind::pong:
        co_return true;
      case Kind::close:
        End(message.close_code, "");
        co_return false;
      case Kind::binary:
        if (talk_ == Talk::pass) break;
        End(websocket::kUnsupported, "what is said here is judged as text");
        co_return false;
      case Kind::text:
        break;
    }
    const auto& credential = opened_.action.request.credential;
    if (credential && !core_.vault.Reveal(*credential)) {
      ++refused_;
      End(websocket::kPolicy, std::string(kCredentialChanged));
      co_return false;
    }
    if (talk_ == Talk::pass) co_return co_await OnPlain(message.kind, std::move(message.payload));
    auto read = [this, &message] { return classify::ReadSpoken(rule_, talk_, message.payload); };
    std::optional<std::variant<classify::Plain, classify::Call, classify::Malformed>> spoken;
    if (message.payload.size() <= kReadInPlace)
      spoken = read();
    else
      spoken = co_await RunOn(core_.searching, read);
    if (auto* malformed = std::get_if<classify::Malformed>(&*spoken)) {
      core_.counters.malformed.fetch_add(1, std::memory_order_relaxed);
      ++refused_;
      // Not sent whatever it is; but a credential in it is reported.
      std::string text = std::move(message.payload);
      const auto leak = co_await CheckMessage(core_, worker_, as_call_, std::move(text));
      End(websocket::kPolicy,
          leak ? RefusalOf(*leak).message : "INTERLOCK DENIED: not sent. " + malformed->reason);
      co_return false;
    }
    if (auto* plain = std::get_if<classify::Plain>(&*spoken))
      co_return co_await OnPlain(Kind::text, std::move(plain->text));
    co_return co_await OnCall(std::move(std::get<classify::Call>(*spoken)));
  }

  Task<bool> OnPlain(Kind kind, std::string text) {
    std::string searched = text;
    const auto refused = co_await CheckMessage(core_, worker_, as_call_, std::move(searched));
    if (over_) co_return false;
    if (refused) {
      ++refused_;
      End(websocket::kPolicy, RefusalOf(*refused).message);
      co_return false;
    }
    co_return co_await ToProvider(kind, std::move(text));
  }

  Task<bool> OnCall(classify::Call call) {
    std::string body = std::move(call.body);
    // What surrounds the call goes out too.
    if (!call.envelope.empty()) {
      std::string around = Canonical(call.envelope);
      const auto refused = co_await CheckMessage(core_, worker_, as_call_, std::move(around));
      if (over_) co_return false;
      if (refused) {
        ++refused_;
        End(websocket::kPolicy, RefusalOf(*refused).message);
        co_return false;
      }
    }
    auto judged = co_await JudgeMessage(core_, worker_, as_call_, std::move(body));
    if (over_) co_return false;
    if (const auto* answer = std::get_if<Answer>(&judged)) {
      ++refused_;
      std::string said = classify::WriteRefusal(talk_, call, RefusalOf(*answer));
      co_return co_await ToAgent(Kind::text, std::move(said));
    }
    const Passed& passed = std::get<Passed>(judged);
    // Changed while this was judged: the connection is the one that was opened with the old value.
    if (passed.action.request.credential != opened_.action.request.credential) {
      ++refused_;
      End(websocket::kPolicy, std::string(kCredentialChanged));
      co_return false;
    }
    ++allowed_;
    if (passed.action.effect > Effect::read) changed_ = std::chrono::steady_clock::now();
    std::string words = classify::WriteCall(talk_, call, passed.action.request.body);
    co_return co_await ToProvider(Kind::text, std::move(words));
  }

  Core& core_;
  Worker& worker_;
  std::shared_ptr<Session> session_;
  const classify::WebSocketRule& rule_;
  Talk talk_;
  Passed opened_;
  UpstreamConnection upstream_;
  std::unique_ptr<Inbox> upstream_inbox_;
  Side agent_;
  Side provider_;
  Exchange as_call_;  // what each message is judged as
  bool over_ = false;
  // When something that changes the world last went out here.
  std::optional<std::chrono::steady_clock::time_point> changed_;
  std::uint64_t allowed_ = 0;
  std::uint64_t refused_ = 0;
  int running_ = 0;
  asio::steady_timer ended_;
};

// The provider's side of the handshake.
struct Opened {
  UpstreamConnection connection;
  std::unique_ptr<Inbox> inbox;
  std::string protocol;
};

Answer Unreachable(const std::string& host, const std::string& why) {
  return UpstreamAnswer(502, "provider-unreachable", "interlock: " + host + ": " + why);
}

// The provider's own no, without what only concerned its connection.
Task<Answer> ProvidersNo(const Passed& passed, const Cover& cover, const http1::ResponseHead& head,
                         Inbox& inbox) {
  Answer answer{head.status, {}, "", true};
  if (head.status < 300) {
    co_return Unreachable(passed.action.request.host, "the provider did not switch to WebSocket");
  }
  if (const std::string* type = http1::Find(head.fields, "content-type"))
    answer.fields.push_back({"content-type", cover.Text(*type)});
  if (http1::Find(head.fields, "content-encoding") != nullptr) co_return answer;
  BodySource source(inbox, head.framing, http1::Trailers::dropped);
  auto body = co_await ReadWholeBody(source, kRefusalBytesMax);
  if (const auto* whole = std::get_if<std::string>(&body)) answer.body = cover.Text(*whole);
  const auto& credential = passed.action.request.credential;
  if (head.status == 401 && credential)
    answer.fields.push_back({std::string(kLendHeader), LendHeaderFor(credential->entry)});
  co_return answer;
}

Task<std::variant<Opened, Answer>> Open(Core& core, Worker& worker, const Exchange& exchange,
                                        const Passed& passed, std::vector<std::string> protocols) {
  const UpstreamRequest& to = passed.action.request;
  Destination destination{to.scheme, to.host, to.port};
  destination.dials = exchange.destination.dials;
  const auto routes = core.settings()->routes;
  auto connection = co_await worker.pool.Acquire(destination, routes, Reuse::never);
  if (!connection) co_return Unreachable(to.host, connection.error().message);
  // Dialling took time, and with the head the credential goes out.
  if (exchange.session->ended || core.settings()->routes != routes)
    co_return Unreachable(to.host, "the session ended or the configuration changed meanwhile");
  const websocket::Offer offer{websocket::KeyOf(RandomBytes(kKeyBytes)), std::move(protocols)};
  UpstreamRequest request = to;
  for (http1::Field& field : websocket::OfferFields(offer))
    request.headers.push_back({std::move(field.name), std::move(field.value)});
  if (auto sent = co_await SendHead(core, *connection->stream, request, passed.injection); !sent)
    co_return Unreachable(to.host, sent.error().message);
  auto inbox = std::make_unique<Inbox>(*connection->stream);
  connection->stream->SetDeadline(core.times.answer);
  http1::Limits limits = core.http_limits;
  limits.switching_protocols = true;
  auto read = co_await ReadResponseHead(*inbox, request.method, limits);
  const auto* head = std::get_if<http1::ResponseHead>(&read);
  if (head == nullptr) {
    const auto* malformed = std::get_if<http1::Malformed>(&read);
    co_return Unreachable(to.host, malformed ? std::string(malformed->reason)
                                             : std::string("no answer to the handshake"));
  }
  if (head->status != 101) {
    const Cover cover = CoverFor(core, exchange.session->id, passed.injection);
    co_return co_await ProvidersNo(passed, cover, *head, *inbox);
  }
  auto checked = websocket::CheckAnswer(offer, *head);
  if (const auto* malformed = std::get_if<http1::Malformed>(&checked))
    co_return Unreachable(to.host, std::string(malformed->reason));
  Opened opened{std::move(*connection), std::move(inbox),
                std::move(std::get<std::string>(checked))};
  co_return opened;
}

Task<bool> Say(Core& core, Exchange& exchange, Answer answer) {
  const bool whole = exchange.head.framing.kind == http1::FramingKind::none;
  const bool keep = exchange.head.keep_alive && whole && !answer.close;
  exchange.client.SetDeadline(core.times.body);
  co_return co_await WriteAnswer(exchange.client, answer, exchange.head.method, keep) && keep;
}

Task<bool> SayMalformed(Core& core, Exchange& exchange, int status, std::string_view name,
                        std::string_view reason) {
  core.counters.malformed.fetch_add(1, std::memory_order_relaxed);
  Answer answer = MalformedAnswer(status, name, reason);
  co_return co_await Say(core, exchange, std::move(answer));
}

}  // namespace

Task<bool> ServeWebSocket(Core& core, Worker& worker, Exchange& exchange) {
  const auto settings = core.settings();
  UpgradeTerms terms;
  auto judged = co_await JudgeUpgrade(core, worker, exchange, terms);
  if (auto* answer = std::get_if<Answer>(&judged))
    co_return co_await Say(core, exchange, std::move(*answer));
  // Bytes before our answer could be a second request as well as frames.
  if (!exchange.inbox.empty()) {
    co_return co_await SayMalformed(core, exchange, 400, "early-data",
                                    "bytes were sent before the WebSocket was open");
  }
  // Before anything is dialled; AddLine counts once more.
  if (!exchange.session->HasRoomForLine()) {
    co_return co_await SayMalformed(core, exchange, 429, "too-many-websockets",
                                    "this session has as many WebSockets open as it may");
  }
  std::vector<std::string> protocols = classify::ProtocolsFor(*terms.rule, terms.offer.protocols);
  constexpr std::string_view kNoProtocol =
      "what is said under this subprotocol can't be judged; graphql-transport-ws and graphql-ws "
      "can";
  const bool graphql = terms.rule->mode == classify::WebSocketRule::Mode::graphql;
  if (graphql && protocols.empty())
    co_return co_await SayMalformed(core, exchange, 400, "websocket-protocol", kNoProtocol);

  auto found =
      co_await Open(core, worker, exchange, std::get<Passed>(judged), std::move(protocols));
  if (auto* answer = std::get_if<Answer>(&found))
    co_return co_await Say(core, exchange, std::move(*answer));
  auto& opened = std::get<Opened>(found);
  const auto talk = classify::TalkOf(*terms.rule, opened.protocol);
  if (!talk)
    co_return co_await SayMalformed(core, exchange, 502, "websocket-protocol", kNoProtocol);
  std::string head;
  const std::vector<http1::Field> fields = websocket::AcceptFields(terms.offer, opened.protocol);
  const http1::Framing none;
  if (!http1::AppendResponseHead(head, 101, "Switching Protocols", fields, none)) co_return false;

  auto line = std::make_shared<Line>(core, worker, exchange, *terms.rule, *talk,
                                     std::move(std::get<Passed>(judged)),
                                     std::move(opened.connection), std::move(opened.inbox));
  auto close = [weak = std::weak_ptr(line), &context = worker.context](LineEnd why) {
    asio::post(context, [weak, why] {
      const bool over = why == LineEnd::session_over;
      if (const auto open = weak.lock())
        open->End(over ? websocket::kGoingAway : websocket::kPolicy,
                  std::string(over ? kSessionOver : kPolicyChanged));
    });
  };
  const auto number = exchange.session->AddLine(std::move(close));
  if (!number) {
    co_return co_await SayMalformed(core, exchange, 429, "too-many-websockets",
                                    "this session has as many WebSockets open as it may");
  }
  // A reload after the judgement and before AddLine told nobody.
  if (core.settings() != settings) line->End(websocket::kPolicy, std::string(kPolicyChanged));
  co_await Line::Carry(line, std::move(head));
  exchange.session->RemoveLine(*number);
  co_return false;
}

}  // namespace interlock::gateway
