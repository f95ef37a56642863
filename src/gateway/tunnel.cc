#include "gateway/tunnel.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "gateway/record.h"

namespace interlock::gateway {
namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kPieceBytes = 16384;

// One connection, owned by both of its directions.
struct Tunnel {
  Tunnel(Worker& worker, Stream& client_in, std::unique_ptr<Stream> upstream_in,
         std::shared_ptr<GrantPass> pass_in)
      : client(std::move(client_in.socket()), worker.deadlines),
        upstream(std::move(upstream_in)),
        pass(std::move(pass_in)),
        answered(worker.context, asio::steady_timer::time_point::max()),
        client_cut(client, worker.context),
        upstream_cut(*upstream, worker.context) {
    upstream->ClearDeadline();  // the grant's end is the deadline
    pass->OnEnd([first = client_cut.Closer(), second = upstream_cut.Closer()] {
      first();
      second();
    });
  }
  Stream client;
  std::unique_ptr<Stream> upstream;
  std::shared_ptr<GrantPass> pass;
  asio::steady_timer answered;  // cancelled when the answers have ended
  bool answers_done = false;
  StreamCut client_cut;
  StreamCut upstream_cut;
};

using Count = void (GrantPass::*)(std::size_t);

// Until the end of `from` or of the grant. The end is passed on, so that a side that has said
// everything can still be answered; a broken side ends both.
Task<void> Carry(Tunnel& tunnel, Stream& from, Stream& to, Count count) {
  std::array<char, kPieceBytes> piece;
  for (;;) {
    const auto got = co_await from.Read(piece.data(), piece.size());
    if (!got || tunnel.pass->ended()) {
      ::shutdown(from.socket().native_handle(), SHUT_RDWR);
      ::shutdown(to.socket().native_handle(), SHUT_RDWR);
      co_return;
    }
    if (*got == 0) {
      ::shutdown(to.socket().native_handle(), SHUT_WR);
      co_return;
    }
    ((*tunnel.pass).*count)(*got);
    const std::string_view bytes(piece.data(), *got);
    if (!co_await to.Write(bytes)) {
      ::shutdown(from.socket().native_handle(), SHUT_RDWR);
      ::shutdown(to.socket().native_handle(), SHUT_RDWR);
      co_return;
    }
  }
}

Task<void> CarryAnswers(std::shared_ptr<Tunnel> tunnel) {
  co_await Carry(*tunnel, *tunnel->upstream, tunnel->client, &GrantPass::CountFrom);
  tunnel->answers_done = true;
  tunnel->answered.cancel();
}

}  // namespace

StreamCut::StreamCut(Stream& stream, asio::io_context& context)
    : stream_(std::make_shared<Stream*>(&stream)), context_(context) {}

std::function<void()> StreamCut::Closer() const {
  return [stream = stream_, &context = context_] {
    asio::post(context, [stream] {
      if (*stream != nullptr) ::shutdown((*stream)->socket().native_handle(), SHUT_RDWR);
    });
  };
}

Task<void> PassTcp(Core& core, Worker& worker, std::shared_ptr<Session> session, Stream& client,
                   Destination destination, std::shared_ptr<GrantPass> pass) {
  auto record = [&core, session, destination, id = pass->id()] {
    return core.ledger.AppendDurable(Entry("grant-connection", core.clock.Now(),
                                           {{"grant", id},
                                            {"session", session->id},
                                            {"host", destination.host},
                                            {"port", destination.port}}));
  };
  const auto recorded = co_await Blocking(core, std::move(record));
  if (!recorded || pass->ended() || session->ended) co_return;
  if (destination.host.starts_with('['))
    destination.host = destination.host.substr(1, destination.host.size() - 2);
  // With the configuration that is dialled with: a host that it has come to guard isn't passed to.
  const auto routes = core.settings()->routes;
  if (routes->Names(destination.host) || core.packs.Find(destination.host) != nullptr) co_return;
  auto upstream = co_await worker.pool.Acquire(std::move(destination), routes, Reuse::never);
  if (!upstream) co_return;
  const auto tunnel =
      std::make_shared<Tunnel>(worker, client, std::move(upstream->stream), std::move(pass));
  auto answers = CarryAnswers(tunnel);
  asio::co_spawn(worker.context, std::move(answers), asio::detached);
  co_await Carry(*tunnel, tunnel->client, *tunnel->upstream, &GrantPass::CountTo);
  // What is counted for this connection, and the session's part in it, ends with both directions.
  while (!tunnel->answers_done) (void)co_await tunnel->answered.async_wait(kAwait);
}

}  // namespace interlock::gateway
