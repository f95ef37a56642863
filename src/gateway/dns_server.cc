#include "gateway/dns_server.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>

#include "wire/dns/message.h"

namespace interlock::gateway {
namespace {

constexpr int kDatagramsAtOnce = 64;
constexpr std::uint32_t kTtlSeconds = 60;
constexpr std::size_t kDatagramMax = 4096;
constexpr int kTcpQueriesMax = 1000;

}  // namespace

std::string AnswerDns(Session& session, std::string_view query) {
  const auto parsed = dns::ParseQuery(query);
  if (const auto* bad = std::get_if<dns::BadQuery>(&parsed)) {
    return bad->id ? dns::BuildError(*bad->id, bad->rcode) : "";
  }
  const auto& question = std::get<dns::Query>(parsed);
  if (question.type != dns::kTypeA) return dns::BuildAnswer(question, std::nullopt, kTtlSeconds);
  const auto address = session.names.AddressOf(question.name);
  if (!address) return dns::BuildError(question, dns::Rcode::server_failure);
  const std::array<std::uint8_t, 4> bytes = {
      static_cast<std::uint8_t>(*address >> 24), static_cast<std::uint8_t>(*address >> 16),
      static_cast<std::uint8_t>(*address >> 8), static_cast<std::uint8_t>(*address)};
  return dns::BuildAnswer(question, bytes, kTtlSeconds);
}

Task<void> ServeDns(std::shared_ptr<Session> session, UniqueFd socket, bool ipv6) {
  const auto waiter = std::make_shared<asio::posix::stream_descriptor>(
      co_await asio::this_coro::executor, socket.Release());
  waiter->non_blocking(true);
  const int fd = waiter->native_handle();
  session->AddCloser([weak = std::weak_ptr(waiter), executor = waiter->get_executor()] {
    asio::post(executor, [weak] {
      boost::system::error_code ignored;
      if (const auto open = weak.lock()) open->cancel(ignored);
    });
  });
  while (!session->ended) {
    const auto [failed] = co_await waiter->async_wait(asio::posix::stream_descriptor::wait_read,
                                                      asio::as_tuple(asio::use_awaitable));
    if (failed) break;
    // A flood must not keep the worker from its other connections.
    for (int served = 0; served < kDatagramsAtOnce && !session->ended; ++served) {
      std::array<char, kDatagramMax> bytes;
      alignas(cmsghdr) std::array<char, 256> control;
      sockaddr_storage from{};
      iovec part{bytes.data(), bytes.size()};
      msghdr message{};
      message.msg_name = &from;
      message.msg_namelen = sizeof from;
      message.msg_iov = &part;
      message.msg_iovlen = 1;
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      const ssize_t got = ::recvmsg(fd, &message, MSG_DONTWAIT);
      if (got < 0) break;
      if ((message.msg_flags & MSG_TRUNC) != 0) continue;
      std::string answer = AnswerDns(*session, {bytes.data(), static_cast<std::size_t>(got)});
      if (answer.empty()) continue;
      // The received packet info, sent back, makes the asked address the source of the answer. The
      // interface index is left to the kernel.
      for (cmsghdr* h = CMSG_FIRSTHDR(&message); h != nullptr; h = CMSG_NXTHDR(&message, h)) {
        if (!ipv6 && h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_PKTINFO) {
          auto* info = reinterpret_cast<in_pktinfo*>(CMSG_DATA(h));
          info->ipi_spec_dst = info->ipi_addr;
          info->ipi_ifindex = 0;
        }
      }
      iovec reply{answer.data(), answer.size()};
      message.msg_iov = &reply;
      message.msg_flags = 0;
      (void)::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
  }
}

Task<void> ServeDnsOverTcp(Session& session, Stream& client) {
  std::string in;
  for (int served = 0; served < kTcpQueriesMax && !session.ended;) {
    const auto step = dns::NextTcpMessage(in);
    if (std::holds_alternative<wire::Malformed>(step)) co_return;
    if (const auto* query = std::get_if<std::string_view>(&step)) {
      const std::string answer = AnswerDns(session, *query);
      in.erase(0, query->size() + 2);
      ++served;
      if (answer.empty() || !co_await client.Write(dns::TcpFrame(answer))) co_return;
      continue;
    }
    client.SetDeadline(std::chrono::seconds(10));
    std::array<char, 1024> bytes;
    const auto got = co_await client.Read(bytes.data(), bytes.size());
    if (!got || *got == 0) co_return;
    in.append(bytes.data(), *got);
  }
}

}  // namespace interlock::gateway
