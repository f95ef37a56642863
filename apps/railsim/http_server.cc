#include "http_server.h"

#include <openssl/ssl.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "api.h"
#include "base/bytes.h"

namespace interlock::railsim {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using boost::system::error_code;
using Stream = beast::ssl_stream<beast::tcp_stream>;
using HttpRequest = http::request<http::string_body>;
using HttpResponse = http::response<http::string_body>;

constexpr std::size_t kConnectionsMax = 256;
constexpr std::uint32_t kHeaderBytesMax = 16u << 10;
constexpr std::uint64_t kBodyBytesMax = 1u << 20;
constexpr auto kPatience = std::chrono::seconds(60);
constexpr unsigned kThreads = 4;  // the database blocks; others can still shake hands

struct Server {
  World& world;
  const ServerOptions& options;
  asio::ssl::context tls{asio::ssl::context::tls_server};
  std::atomic<std::size_t> connections{0};
};

// Counts one connection for as long as it lives.
class Place {
 public:
  explicit Place(Server& server) : server_(server), number_(++server.connections) {}
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { --server_.connections; }
  bool TooMany() const { return number_ > kConnectionsMax; }

 private:
  Server& server_;
  const std::size_t number_;
};

int ChooseHttp11(SSL*, const unsigned char** out, unsigned char* out_length,
                 const unsigned char* in, unsigned in_length, void*) {
  static constexpr unsigned char kOffer[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_length, kOffer, sizeof kOffer - 1, in, in_length) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

Credentials CredentialsOf(const HttpRequest& request) {
  Credentials credentials;
  const auto authorization = request[http::field::authorization];
  constexpr std::string_view kBearer = "bearer ";
  if (EqualsIgnoreCase(authorization.substr(0, kBearer.size()), kBearer)) {
    credentials.bearer = authorization.substr(kBearer.size());
  }
  credentials.project_access_token = request["Project-Access-Token"];
  return credentials;
}

HttpResponse Respond(http::status status, unsigned version, bool keep_alive, std::string body) {
  HttpResponse response(status, version);
  response.set(http::field::server, "railsim");
  response.set(http::field::content_type, "application/json");
  response.keep_alive(keep_alive);
  response.body() = std::move(body);
  response.prepare_payload();
  return response;
}

HttpResponse Refusal(http::status status, const char* why) {
  return Respond(status, 11, false, std::string(R"({"errors":[{"message":")") + why + "\"}]}");
}

struct Outcome {
  HttpResponse response;
  bool faulty = false;
};

Outcome Route(Server& server, const HttpRequest& request) {
  const std::string_view target(request.target().data(), request.target().size());
  const std::string_view path = target.substr(0, target.find('?'));
  const auto reply = [&](http::status status, std::string body) {
    return Respond(status, request.version(), request.keep_alive(), std::move(body));
  };
  if (path == "/health" && request.method() == http::verb::get) {
    return {reply(http::status::ok, R"({"status":"ok"})")};
  }
  if (path != "/graphql/v2") {
    return {reply(http::status::not_found, R"({"errors":[{"message":"Not Found"}]})")};
  }
  if (request.method() != http::verb::post) {
    return {reply(http::status::method_not_allowed, R"({"errors":[{"message":"POST only"}]})")};
  }
  Answer answer = Handle(server.world, CredentialsOf(request), request.body());
  const ServerOptions& options = server.options;
  const bool faulty =
      options.fault != Fault::none &&
      (options.fault_on.empty() ? answer.mutation
                                : std::ranges::count(answer.operations, options.fault_on) > 0);
  return {reply(http::int_to_status(answer.status), std::move(answer.body)), faulty};
}

HttpResponse ForBadRequest(const error_code& error) {
  if (error == http::error::body_limit)
    return Refusal(http::status::payload_too_large, "body too large");
  if (error == http::error::header_limit) {
    return Refusal(http::status::request_header_fields_too_large, "headers too large");
  }
  return Refusal(http::status::bad_request, "malformed HTTP");
}

asio::awaitable<void> Misbehave(Fault fault, Stream& stream, HttpResponse response) {
  error_code error;
  auto& socket = beast::get_lowest_layer(stream).socket();
  if (fault == Fault::hang) {
    beast::get_lowest_layer(stream).expires_never();
    char ignored[512];
    while (!error) {
      co_await stream.async_read_some(asio::buffer(ignored),
                                      asio::redirect_error(asio::use_awaitable, error));
    }
  } else if (fault == Fault::lie_length) {
    response.content_length(response.body().size() + 100);
    http::serializer<false, http::string_body> serializer(response);
    co_await http::async_write(stream, serializer,
                               asio::redirect_error(asio::use_awaitable, error));
  } else {
    socket.set_option(asio::socket_base::linger(true, 0), error);  // close sends RST
  }
  socket.close(error);
}

asio::awaitable<void> Session(Server& server, tcp::socket socket) {
  const Place place(server);
  if (place.TooMany()) co_return;
  Stream stream(std::move(socket), server.tls);
  error_code error;
  const auto token = [&error] { return asio::redirect_error(asio::use_awaitable, error); };
  beast::get_lowest_layer(stream).expires_after(kPatience);
  co_await stream.async_handshake(asio::ssl::stream_base::server, token());
  if (error) co_return;
  beast::flat_buffer buffer;
  for (bool go_on = true; go_on;) {
    http::request_parser<http::string_body> parser;
    parser.header_limit(kHeaderBytesMax);
    parser.body_limit(kBodyBytesMax);
    beast::get_lowest_layer(stream).expires_after(kPatience);
    co_await http::async_read(stream, buffer, parser, token());
    const bool http_error =
        error.category() == http::make_error_code(http::error::end_of_stream).category();
    if (error == http::error::end_of_stream || (error && !http_error)) break;
    Outcome outcome = error ? Outcome{ForBadRequest(error)} : Route(server, parser.get());
    if (outcome.faulty) {
      co_await Misbehave(server.options.fault, stream, std::move(outcome.response));
      co_return;
    }
    go_on = outcome.response.keep_alive();
    beast::get_lowest_layer(stream).expires_after(kPatience);
    co_await http::async_write(stream, outcome.response, token());
    if (error) co_return;
  }
  beast::get_lowest_layer(stream).expires_after(std::chrono::seconds(2));
  co_await stream.async_shutdown(token());
}

asio::awaitable<void> Listen(Server& server, tcp::acceptor& acceptor, asio::io_context& io) {
  for (;;) {
    error_code error;
    tcp::socket socket(asio::make_strand(io));
    co_await acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
    if (error == asio::error::operation_aborted) co_return;
    if (error) continue;
    socket.set_option(tcp::no_delay(true), error);
    const auto executor = socket.get_executor();
    asio::co_spawn(executor, Session(server, std::move(socket)), asio::detached);
  }
}

Result<void> LoadTls(Server& server) {
  error_code error;
  server.tls.use_certificate_chain_file(server.options.tls_cert.string(), error);
  if (error)
    return Fail(Code::invalid_input, server.options.tls_cert.string() + ": " + error.message());
  server.tls.use_private_key_file(server.options.tls_key.string(), asio::ssl::context::pem, error);
  if (error)
    return Fail(Code::invalid_input, server.options.tls_key.string() + ": " + error.message());
  SSL_CTX_set_min_proto_version(server.tls.native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_alpn_select_cb(server.tls.native_handle(), ChooseHttp11, nullptr);
  return {};
}

}  // namespace

Result<void> Serve(World& world, const ServerOptions& options,
                   const std::function<void(unsigned short port)>& on_listening) {
  Server server{.world = world, .options = options};
  ILK_TRY_VOID(LoadTls(server));
  asio::io_context io(static_cast<int>(kThreads));
  error_code error;
  const auto address = asio::ip::make_address(options.host, error);
  if (error) return Fail(Code::invalid_input, options.host + " is not an address");
  tcp::acceptor acceptor(io);
  const tcp::endpoint endpoint(address, options.port);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error)
    return Fail(Code::unavailable, "cannot listen on " + options.host + ": " + error.message());

  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&io](const error_code&, int) { io.stop(); });
  asio::co_spawn(io, Listen(server, acceptor, io), asio::detached);
  on_listening(acceptor.local_endpoint().port());
  std::vector<std::jthread> threads;
  for (unsigned i = 1; i < kThreads; ++i) threads.emplace_back([&io] { io.run(); });
  io.run();
  return {};
}

}  // namespace interlock::railsim
