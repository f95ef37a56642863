// The gateway as a target of an HTTPS proxy benchmark, in two forms:
//
//   https_proxy bare  PORT ORIGIN WORK ORIGIN_CA   TLS taken apart, framed, passed on: no judgement
//   https_proxy whole PORT ORIGIN WORK ORIGIN_CA   the real gateway: every station, every decision
//   recorded
//
// Clients CONNECT to PORT for *.perf.test, send "Proxy-Authorization: Bearer bench" and trust
// WORK/interlock/ca.pem. ORIGIN is HOST:PORT of the TLS origin.
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "gateway/exchange.h"
#include "gateway/gateway.h"
#include "gateway/upstream.h"
#include "policy/config.h"
#include "wire/http1/serialize.h"

namespace interlock::gateway {
namespace {

std::string Config(const std::string& proxy, const std::string& origin,
                   const std::string& origin_ca) {
  return "version: 1\ngateway:\n  proxy: " + proxy +
         "\n  upstreams:\n    - { host: \"*.perf.test\", connect: \"" + origin + "\", ca: \"" +
         origin_ca +
         "\" }\nsessions:\n  default: { environment: staging, egress: [\"*.perf.test\"] }\n";
}

// --- bare: what the judgement costs is the difference to this ---

struct Bare {
  crypto::ServerContexts& tls;
  std::shared_ptr<const Routes> routes;
  SystemClock clock;
};

Task<void> Pass(Bare& bare, Worker& worker, tcp::socket socket) {
  Stream client(std::move(socket), worker.deadlines);
  Inbox plain(client);
  auto connect = co_await ReadRequestHead(plain, {});
  auto* tunnel = std::get_if<http1::RequestHead>(&connect);
  if (tunnel == nullptr) co_return;
  if (!co_await client.Write("HTTP/1.1 200 Connection established\r\n\r\n")) co_return;
  const auto context = bare.tls.Get(tunnel->host, bare.clock.Now());
  if (!context || !co_await client.AcceptTls(context->get())) co_return;
  const Destination to{"https", tunnel->host, tunnel->port};
  Inbox inbox(client);
  for (;;) {
    client.SetDeadline(std::chrono::seconds(60));
    auto read = co_await ReadRequestHead(inbox, {});
    auto* head = std::get_if<http1::RequestHead>(&read);
    if (head == nullptr) co_return;
    BodySource source(inbox, head->framing, http1::Trailers::refused);
    auto body = co_await ReadWholeBody(source, 8u << 20);
    if (!std::holds_alternative<std::string>(body)) co_return;
    auto upstream = co_await worker.pool.Acquire(to, bare.routes, Reuse::allowed);
    if (!upstream) co_return;
    std::string wire;
    http1::StripHopByHop(head->fields);
    head->fields.push_back({"authorization", "Bearer injected"});
    if (!http1::AppendRequestHead(wire, head->method, head->target, head->host, head->fields,
                                  head->framing))
      co_return;
    wire += std::get<std::string>(body);
    if (!co_await upstream->stream->Write(wire)) co_return;
    Inbox answers(*upstream->stream);
    auto answered = co_await ReadResponseHead(answers, head->method, {});
    auto* answer = std::get_if<http1::ResponseHead>(&answered);
    if (answer == nullptr) co_return;
    wire.clear();
    http1::StripHopByHop(answer->fields);
    if (!http1::AppendResponseHead(wire, answer->status, answer->reason, answer->fields,
                                   answer->announced))
      co_return;
    BodySource back(answers, answer->framing, http1::Trailers::dropped);
    for (;;) {
      if (wire.size() >= 16384) {
        if (!co_await client.Write(wire)) co_return;
        wire.clear();
      }
      auto piece = co_await back.Next();
      if (auto* data = std::get_if<std::string_view>(&piece))
        wire.append(*data);
      else if (std::holds_alternative<BodySource::End>(piece))
        break;
      else
        co_return;
    }
    if (!wire.empty() && !co_await client.Write(wire)) co_return;
    worker.pool.Release(to, std::move(upstream->stream));
  }
}

Task<void> AcceptBare(Bare& bare, Workers& workers, tcp::acceptor acceptor) {
  for (;;) {
    Worker& worker = workers.Next();
    auto [failed, socket] =
        co_await acceptor.async_accept(worker.context, asio::as_tuple(asio::use_awaitable));
    if (failed) continue;
    asio::co_spawn(worker.context, Pass(bare, worker, std::move(socket)), asio::detached);
  }
}

int RunBare(std::uint16_t port, const std::filesystem::path& state, const policy::Config& config) {
  auto authority = crypto::CertificateAuthority::Create("bench", SystemClock().Now());
  if (!authority || !MakePrivateDirectory(state)) return 1;
  if (!WriteFileDurably(state / "ca.pem", authority->certificate_pem())) return 1;
  auto tls = crypto::ServerContexts::Create(*authority);
  auto routes = Routes::Make(config);
  if (!tls || !routes) return 1;
  Bare bare{**tls, *routes, {}};
  Workers workers(1);
  tcp::acceptor acceptor(workers.First().context, {asio::ip::address_v4::loopback(), port});
  asio::co_spawn(workers.First().context, AcceptBare(bare, workers, std::move(acceptor)),
                 asio::detached);
  for (;;) ::pause();
}

// --- whole ---

int RunWhole(const std::filesystem::path& state, const std::filesystem::path& config) {
  GatewayOptions options;
  options.state = state;
  options.config = {{config, policy::RuleSource::user, true}};
  options.packs = {std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() /
                   "packs"};
  options.workers = 1;
  auto gateway = Gateway::Start(std::move(options));
  if (!gateway) {
    std::fprintf(stderr, "%s\n", gateway.error().message.c_str());
    return 1;
  }
  auto session = std::make_shared<Session>();
  session->id = "s-bench";
  session->token = "bench";
  session->environment = "staging";
  session->egress = {"*.perf.test"};
  session->policy = std::make_shared<const policy::Policy>(
      policy::MakePolicy((*gateway)->core().settings()->config));
  (*gateway)->core().sessions.Add(session);
  for (;;) ::pause();
}

}  // namespace
}  // namespace interlock::gateway

int main(int argc, char** argv) {
  using namespace interlock;
  if (argc != 6) {
    std::fprintf(stderr, "usage: https_proxy bare|whole PORT ORIGIN WORK ORIGIN_CA\n");
    return 2;
  }
  ::signal(SIGPIPE, SIG_IGN);
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const std::filesystem::path state = std::filesystem::path(argv[4]) / "interlock";
  const std::filesystem::path file = std::filesystem::path(argv[4]) / "interlock.yaml";
  std::ofstream(file) << gateway::Config("127.0.0.1:" + std::string(argv[2]), argv[3], argv[5]);
  const std::vector<policy::ConfigPath> paths = {{file, policy::RuleSource::user, true}};
  const auto config = policy::LoadConfig(paths);
  if (!config) {
    std::fprintf(stderr, "%s\n", policy::ToError(config.error()).message.c_str());
    return 1;
  }
  if (std::string_view(argv[1]) == "whole") return gateway::RunWhole(state, file);
  return gateway::RunBare(static_cast<std::uint16_t>(std::atoi(argv[2])), state, *config);
}
