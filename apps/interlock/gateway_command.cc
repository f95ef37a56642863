// The daemon in the foreground, and its end.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>

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
