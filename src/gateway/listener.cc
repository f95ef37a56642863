#include "gateway/listener.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "gateway/connection.h"
#include "gateway/dns_server.h"

namespace interlock::gateway {
namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// Accepts for ever. Over the limit of connections, or out of descriptors, a client is turned away
// at once: what can't be judged isn't served.
template <typename Serve>
Task<void> AcceptLoop(Core& core, Workers& workers, std::shared_ptr<tcp::acceptor> acceptor,
                      Serve serve) {
  while (acceptor->is_open()) {
    Worker& worker = workers.Next();
    auto [failed, socket] = co_await acceptor->async_accept(worker.context, kAwait);
    if (failed == asio::error::operation_aborted || failed == asio::error::bad_descriptor)
      co_return;
    if (failed) {
      asio::steady_timer pause(co_await asio::this_coro::executor, std::chrono::milliseconds(20));
      co_await pause.async_wait(kAwait);
      continue;
    }
    if (core.counters.connections.load() >= core.connections_max) {
      core.counters.turned_away.fetch_add(1);
      continue;
    }
    serve(worker, std::move(socket));
  }
}

// Accepts on `home`, closed from wherever the session ends.
void ServeListener(Core& core, Workers& workers, Worker& home,
                   const std::shared_ptr<Session>& session, UniqueFd listener) {
  auto acceptor = std::make_shared<tcp::acceptor>(home.context, tcp::v6(), listener.Release());
  session->AddCloser([weak = std::weak_ptr(acceptor), &home] {
    asio::post(home.context, [weak] {
      boost::system::error_code ignored;
      if (const auto open = weak.lock()) open->close(ignored);
    });
  });
  asio::co_spawn(home.context,
                 AcceptLoop(core, workers, acceptor,
                            [&core, session](Worker& worker, tcp::socket socket) {
                              asio::co_spawn(
                                  worker.context,
                                  ServeRoomClient(core, worker, session, std::move(socket)),
                                  asio::detached);
                            }),
                 asio::detached);
}

}  // namespace

Task<void> AcceptProxyClients(Core& core, Workers& workers, tcp::acceptor acceptor) {
  auto shared = std::make_shared<tcp::acceptor>(std::move(acceptor));
  const auto serve = [&core](Worker& worker, tcp::socket socket) {
    asio::co_spawn(worker.context, ServeProxyClient(core, worker, std::move(socket)),
                   asio::detached);
  };
  co_await AcceptLoop(core, workers, shared, serve);
}

void ServeRoom(Core& core, Workers& workers, std::shared_ptr<Session> session,
               RoomSockets sockets) {
  Worker& home = workers.Next();
  ServeListener(core, workers, home, session, std::move(sockets.tcp));
  for (UniqueFd& port : sockets.ports) ServeListener(core, workers, home, session, std::move(port));
  if (sockets.udp4.valid())
    asio::co_spawn(home.context, ServeDns(session, std::move(sockets.udp4), false), asio::detached);
  if (sockets.udp6.valid())
    asio::co_spawn(home.context, ServeDns(session, std::move(sockets.udp6), true), asio::detached);
}

}  // namespace interlock::gateway
