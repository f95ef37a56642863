// The daemon in the foreground, and its end.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>

#include "commands.h"
#include "config_paths.h"
#include "context.h"
#include "gateway/gateway.h"
#include "passphrase.h"
#include "text.h"

namespace interlock::app {
namespace {

// Two sockets for each connection and a few more: as many descriptors as the system gives.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

// Standard times, or those that ILK_TIMES names ("header=500,hold=2000", milliseconds): tests reach
// every limit with it.
gateway::Times TimesFromEnvironment() {
  gateway::Times times;
  const char* text = std::getenv("ILK_TIMES");
  std::string_view rest = text ? text : "";
  while (!rest.empty()) {
    const auto comma = std::min(rest.find(','), rest.size());
    const std::string_view item = rest.substr(0, comma);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    const auto equals = item.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = item.substr(0, equals);
    const std::chrono::milliseconds value{std::atoll(std::string(item.substr(equals + 1)).c_str())};
    // Shorter only: the environment can make the gateway stricter, never more patient.
    const auto shorten = [&](std::chrono::milliseconds& time) {
      time = std::min(time, std::max(value, std::chrono::milliseconds(1)));
    };
    if (name == "header") shorten(times.header);
    if (name == "idle") shorten(times.idle);
    if (name == "body") shorten(times.body);
    if (name == "answer") shorten(times.answer);
    if (name == "websocket") shorten(times.websocket);
    if (name == "hold") shorten(times.hold);
  }
  return times;
}

}  // namespace

int GatewayRun(const CommandLine& line) {
  RaiseDescriptorLimit();
  // Taken by this thread alone, synchronously; the workers inherit the mask.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  gateway::GatewayOptions options;
  options.state = StateDirectory(line);
  options.config = ConfigPaths(line);
  options.packs = PackDirectories();
  options.times = TimesFromEnvironment();
  options.keyring = Beside("interlock-keyring");
  auto passphrase = PassphraseOf(line);
  if (!passphrase) return Report(passphrase.error());
  options.passphrase = std::move(*passphrase);
  auto started = gateway::Gateway::Start(std::move(options));
  if (!started) return Report(started.error());
  if (const std::string fd = line.Get("--ready-fd"); !fd.empty()) {
    const int ready = std::atoi(fd.c_str());
    (void)!::write(ready, "1", 1);
    ::close(ready);
  }
  std::fprintf(stderr, "interlock: gateway ready, proxy %s, state %s\n",
               (*started)->proxy_address().c_str(), StateDirectory(line).c_str());
  for (;;) {
    const timespec wait{0, 200'000'000};
    const int signal = ::sigtimedwait(&signals, nullptr, &wait);
    if (signal == SIGTERM || signal == SIGINT || (*started)->StopRequested()) break;
    if (signal != SIGHUP) continue;
    const auto reloaded = (*started)->Reload();
    if (!reloaded)
      std::fprintf(stderr, "interlock: not reloaded, the old configuration stays: %s\n",
                   reloaded.error().message.c_str());
    else
      std::fprintf(stderr, "interlock: configuration reloaded\n");
  }
  return kDone;
}

int GatewayStop(const CommandLine& line) {
  auto channel = FindGateway(line);
  if (!channel) return Report(channel.error());
  const auto answer = channel->Call({{"op", "stop"}});
  if (!answer) return Report(answer.error());
  // Gone when it has let go of the state, so that whatever follows a stop finds it free.
  UniqueFd lock(::open((StateDirectory(line) / ".lock").c_str(), O_RDWR | O_CLOEXEC));
  for (int tries = 0; tries < 1500 && lock.valid() && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0;
       ++tries)
    ::usleep(20'000);
  if (line.json) PrintJson(*answer);
  return kDone;
}

}  // namespace interlock::app
