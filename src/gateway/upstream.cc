#include "gateway/upstream.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/bytes.h"
#include "base/file.h"
#include "gateway/address.h"

namespace interlock::gateway {
namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds kConnectTimeout{10'000};
constexpr std::chrono::seconds kIdleMax{60};
constexpr std::size_t kIdlePerDestinationMax = 1024;
constexpr std::size_t kIdleMaxTotal = 4096;

bool HostMatches(std::string_view pattern, std::string_view host) {
  if (pattern.starts_with("*.")) {
    return host.size() > pattern.size() - 1 && host.ends_with(pattern.substr(1));
  }
  return pattern == host;
}

Error OwnListener(const Destination& destination) {
  return {Code::denied, ToString(destination) + " leads to a port of Interlock's own"};
}

}  // namespace

std::string ToString(const Destination& destination) {
  return destination.scheme + "://" + destination.host + ":" + std::to_string(destination.port);
}

Result<std::shared_ptr<const Routes>> Routes::Make(const policy::Config& config) {
  auto routes = std::make_shared<Routes>();
  ILK_TRY(plain, crypto::ClientContext::Create({}));
  routes->default_.tls = std::move(plain);
  for (const policy::UpstreamConfig& upstream : config.gateway.upstreams) {
    const auto colon = upstream.connect.rfind(':');
    Entry entry{upstream.host,
                {upstream.connect.substr(0, colon), upstream.connect.substr(colon + 1),
                 routes->default_.tls}};
    if (!upstream.ca.empty()) {
      ILK_TRY(pem, ReadFile(upstream.ca, 1u << 20));
      // The named authority alone: whoever runs that upstream, not every public one, speaks for it.
      ILK_TRY(context, crypto::ClientContext::Create({crypto::ClientOptions::Roots::none, pem}));
      entry.route.tls = std::move(context);
    }
    routes->entries_.push_back(std::move(entry));
  }
  return routes;
}

const Route& Routes::For(const Destination& destination) const {
  for (const Entry& entry : entries_) {
    if (HostMatches(entry.pattern, destination.host)) return entry.route;
  }
  return default_;
}

bool Routes::Names(const std::string& host) const {
  return std::ranges::any_of(entries_,
                             [&](const Entry& e) { return HostMatches(e.pattern, host); });
}

// A connection to one of this machine's other addresses comes from that same address.
bool UpstreamPool::IsOurs(const tcp::endpoint& from, const tcp::endpoint& to) const {
  if (own_ == nullptr || !own_->Has(to.port())) return false;
  return to.address().is_loopback() || to.address() == from.address();
}

Task<Result<std::unique_ptr<Stream>>> UpstreamPool::Dial(Destination destination,
                                                         std::shared_ptr<const Routes> routes) {
  const Route& route = routes->For(destination);
  const bool named = !route.connect_host.empty();
  const bool reached = !destination.dials.empty();
  const std::string host = named     ? route.connect_host
                           : reached ? destination.dials
                                     : destination.host;
  if (!reached && !named && destination.host == kHostAlias) {
    co_return Fail(Code::denied, destination.host +
                                     " is this machine, which only a running session that was "
                                     "started with --reach for that port may reach");
  }
  const std::string port = named ? route.connect_port : std::to_string(destination.port);

  tcp::resolver resolver(context_);
  auto [unresolved, found] = co_await resolver.async_resolve(host, port, kAwait);
  if (unresolved) {
    co_return Fail(Code::unavailable,
                   "the name " + destination.host + " can't be resolved: " + unresolved.message());
  }
  Error last{Code::unavailable, destination.host + " has no address"};
  for (const auto& candidate : found) {
    const tcp::endpoint endpoint = candidate.endpoint();
    // The rule looks at the address that is dialled, so a name can't be turned into a way inside.
    const auto range =
        reached ? NeverReached(endpoint.address()) : ForbiddenRange(endpoint.address());
    if (!named && !range.empty()) {
      last = Error{Code::denied, destination.host + " resolves to " +
                                     endpoint.address().to_string() + " (" + std::string(range) +
                                     "), which is never dialled unless `upstreams` names it"};
      continue;
    }
    if (reached && IsOurs({}, endpoint)) {
      last = OwnListener(destination);
      continue;
    }
    boost::system::error_code failed;
    tcp::socket socket(context_);
    socket.open(endpoint.protocol(), failed);
    if (failed) {
      last = Error{Code::unavailable, "making a socket: " + failed.message()};
      continue;
    }
    auto stream = std::make_unique<Stream>(std::move(socket), deadlines_);
    stream->SetDeadline(kConnectTimeout);
    auto [refused] = co_await stream->socket().async_connect(endpoint, kAwait);
    if (refused) {
      last = Error{Code::unavailable, "connecting to " + destination.host + " at " +
                                          endpoint.address().to_string() + ":" + port + ": " +
                                          refused.message()};
      continue;
    }
    boost::system::error_code unknown;
    if (reached && IsOurs(stream->socket().local_endpoint(unknown), endpoint)) {
      last = OwnListener(destination);
      continue;
    }
    if (destination.scheme == "https") {
      const bool alias = reached && destination.host == kHostAlias;
      auto secured =
          co_await stream->ConnectTls(*route.tls, alias ? destination.dials : destination.host);
      if (!secured) co_return std::unexpected(secured.error());
    }
    co_return stream;
  }
  co_return std::unexpected(last);
}

Task<Result<UpstreamConnection>> UpstreamPool::Acquire(Destination destination,
                                                       std::shared_ptr<const Routes> routes,
                                                       Reuse reuse) {
  if (reuse == Reuse::allowed) {
    if (const auto it = idle_.find(destination); it != idle_.end()) {
      std::vector<Idle>& waiting = it->second;
      while (!waiting.empty()) {
        std::unique_ptr<Stream> stream = std::move(waiting.back().stream);
        waiting.pop_back();
        --idle_count_;
        if (stream->HasUnexpectedInput()) continue;
        co_return UpstreamConnection{std::move(stream), true, {}};
      }
    }
  }
  auto dialled = co_await Dial(std::move(destination), std::move(routes));
  if (!dialled) co_return std::unexpected(dialled.error());
  co_return UpstreamConnection{std::move(*dialled), false, {}};
}

void UpstreamPool::Release(const Destination& destination, std::unique_ptr<Stream> stream) {
  std::vector<Idle>& waiting = idle_[destination];
  if (waiting.size() >= kIdlePerDestinationMax || idle_count_ >= kIdleMaxTotal) return;
  stream->ClearDeadline();
  waiting.push_back({std::move(stream), std::chrono::steady_clock::now()});
  ++idle_count_;
}

void UpstreamPool::DropIdle(SteadyTime now) {
  for (auto it = idle_.begin(); it != idle_.end();) {
    idle_count_ -=
        std::erase_if(it->second, [&](const Idle& idle) { return now - idle.since > kIdleMax; });
    it = it->second.empty() ? idle_.erase(it) : std::next(it);
  }
}

}  // namespace interlock::gateway
