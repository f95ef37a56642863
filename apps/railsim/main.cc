// railsim: an imitation of a Railway-like provider, for demos and tests.
#include <boost/json/serialize.hpp>

#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "http_server.h"
#include "list_state.h"
#include "seed.h"
#include "world.h"

namespace interlock::railsim {
namespace {

constexpr const char* kHelp =
    R"(railsim - imitates a Railway-like provider: GraphQL over HTTPS at /graphql/v2

  railsim --listen 127.0.0.1:PORT --state DIR --tls-cert FILE --tls-key FILE [--mode legacy] [--seed pocketos]
  railsim --list-state --state DIR

  --listen HOST:PORT   where to listen; port 0 lets the system choose. One JSON line on stdout says where:
                       {"listening":"127.0.0.1:40321","pid":4711,"mode":"legacy"}
  --state DIR          the world: world.db, and volumes/ with real databases and dumps
  --tls-cert FILE      certificate chain, PEM
  --tls-key FILE       its key, PEM
  --mode MODE          legacy (default): acts at once, asks nothing
  --seed pocketos      makes that world if DIR has none yet
  --list-state         prints the world as JSON, counted from the files, and ends; needs no server

For tests, after a request was carried out:
  --fault KIND         reset-after-request, hang, or lie-length (Content-Length says too much)
  --fault-on NAME      only for requests that name this operation; otherwise every mutation

Example:
  openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1
  railsim --listen 127.0.0.1:9443 --state /tmp/rail --tls-cert cert.pem --tls-key key.pem --seed pocketos
)";

struct Options {
  ServerOptions server;
  std::filesystem::path state;
  std::string mode = "legacy";
  std::string seed;
  bool listen = false;
  bool list_state = false;
  bool help = false;
};

std::optional<Fault> FaultOf(std::string_view name) {
  if (name == "reset-after-request") return Fault::reset_after_request;
  if (name == "hang") return Fault::hang;
  if (name == "lie-length") return Fault::lie_length;
  return std::nullopt;
}

Result<void> SetListen(Options& options, std::string_view value) {
  const std::size_t colon = value.rfind(':');
  unsigned short port = 0;
  const std::string_view digits = colon == std::string_view::npos ? "" : value.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) {
    return Fail(Code::invalid_input, "--listen wants HOST:PORT, e.g. 127.0.0.1:0");
  }
  options.server.host = value.substr(0, colon);
  options.server.port = port;
  options.listen = true;
  return {};
}

Result<void> Set(Options& options, std::string_view name, std::string_view value) {
  if (name == "--listen") return SetListen(options, value);
  if (name == "--state") {
    options.state = value;
  } else if (name == "--tls-cert") {
    options.server.tls_cert = value;
  } else if (name == "--tls-key") {
    options.server.tls_key = value;
  } else if (name == "--mode") {
    options.mode = value;
  } else if (name == "--seed") {
    options.seed = value;
  } else if (name == "--fault-on") {
    options.server.fault_on = value;
  } else if (name == "--fault") {
    const auto fault = FaultOf(value);
    if (!fault)
      return Fail(Code::invalid_input, "--fault is reset-after-request, hang or lie-length");
    options.server.fault = *fault;
  } else {
    return Fail(Code::invalid_input, "unknown option " + std::string(name));
  }
  return {};
}

Result<Options> ReadOptions(const std::vector<std::string_view>& words) {
  Options options;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == "--help" || word == "-h") {
      options.help = true;
    } else if (word == "--list-state") {
      options.list_state = true;
    } else if (const std::size_t equals = word.find('='); equals != std::string_view::npos) {
      ILK_TRY_VOID(Set(options, word.substr(0, equals), word.substr(equals + 1)));
    } else if (i + 1 < words.size()) {
      ILK_TRY_VOID(Set(options, word, words[++i]));
    } else {
      return Fail(Code::invalid_input, std::string(word) + " wants a value");
    }
  }
  return options;
}

Result<void> CheckOptions(const Options& options) {
  if (options.mode == "hardened")
    return Fail(Code::invalid_input, "hardened mode comes with src/provider");
  if (options.mode != "legacy") return Fail(Code::invalid_input, "--mode is legacy or hardened");
  if (!options.seed.empty() && options.seed != "pocketos") {
    return Fail(Code::invalid_input, "the only seed is pocketos");
  }
  if (options.state.empty()) return Fail(Code::invalid_input, "--state DIR is missing");
  if (options.list_state) return {};
  if (!options.listen) return Fail(Code::invalid_input, "--listen HOST:PORT is missing");
  if (options.server.tls_cert.empty() || options.server.tls_key.empty()) {
    return Fail(Code::invalid_input, "--tls-cert and --tls-key are missing");
  }
  return {};
}

Result<void> Run(const Options& options) {
  const SystemClock clock;
  if (!options.seed.empty() && !World::Exists(options.state)) {
    ILK_TRY_VOID(SeedPocketos(options.state, clock));
  }
  if (options.list_state) {
    ILK_TRY(state, ListState(options.state));
    std::printf("%s\n", json::serialize(state).c_str());
    return {};
  }
  ILK_TRY(world, World::Open(options.state, clock));
  return Serve(*world, options.server, [&](unsigned short port) {
    const json::object line{{"listening", options.server.host + ":" + std::to_string(port)},
                            {"pid", static_cast<std::int64_t>(::getpid())},
                            {"mode", options.mode}};
    std::printf("%s\n", json::serialize(line).c_str());
    std::fflush(stdout);
  });
}

int Main(const std::vector<std::string_view>& words) {
  const auto options = ReadOptions(words);
  if (options && options->help) return std::fputs(kHelp, stdout) < 0 ? 1 : 0;
  const Result<void> checked = options ? CheckOptions(*options) : std::unexpected(options.error());
  if (!checked) {
    std::fprintf(stderr, "railsim: %s (railsim --help)\n", checked.error().message.c_str());
    return 2;
  }
  const Result<void> done = Run(*options);
  if (!done) std::fprintf(stderr, "railsim: %s\n", done.error().message.c_str());
  return done ? 0 : 1;
}

}  // namespace
}  // namespace interlock::railsim

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  return interlock::railsim::Main({argv + 1, argv + argc});
}
