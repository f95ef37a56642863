#include "open_world.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "answering.h"
#include "sandbox/capture.h"
#include "sandbox/channel.h"
#include "sandbox/launch.h"
#include "services.h"

namespace interlock::probe {
namespace {

using sandbox::Note;

constexpr std::uint16_t kCapturePort = 15001;
constexpr int kUdpPorts[] = {123, 443, 853, 4433, 5353, 5355};

// Services that listen in /run and /tmp, where nothing of the host is left.
bool HideHost() {
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  for (const char* place : {"/run", "/tmp"}) {
    if (mount("tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV, nullptr) != 0) return false;
  }
  return true;
}

void ServeAll(sandbox::Capture capture, const std::string& canary, int until, UniqueFd ready) {
  AnsweringServer server(canary);
  server.AddStream(std::move(capture.tcp));
  server.AddDatagram(std::move(capture.udp4));
  server.AddDatagram(std::move(capture.udp6));
  for (const int port : kUdpPorts) server.AddDatagram(OpenUdp(port));
  for (const Service& service : kServices) {
    server.AddStream(ListenLocal(PathOf(service), SOCK_STREAM));
  }
  for (const char* name : kAbstractServices) {
    server.AddStream(ListenLocal(std::string(1, '\0') + name, SOCK_STREAM));
  }
  (void)!write(ready.get(), "x", 1);
  ready.Reset();
  server.Run(until);
}

// In the new namespaces: serves from a second process, so that what `inside` does to itself does
// not end the service.
sandbox::Outcome<void> Furnish(const std::string& canary, int until) {
  auto capture = sandbox::OpenCapture(kCapturePort, sandbox::Tproxy::if_there_is);
  if (!capture) return std::unexpected(capture.error());
  if (!HideHost()) return sandbox::Broken(sandbox::Step::mount, "hide the host's /run and /tmp");
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return sandbox::Broken(sandbox::Step::network, "make a pipe");
  const UniqueFd listening(ends[0]);
  UniqueFd ready(ends[1]);
  const pid_t server = fork();
  if (server < 0) return sandbox::Broken(sandbox::Step::network, "start the services");
  if (server == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    ServeAll(std::move(*capture), canary, until, std::move(ready));
    _exit(0);
  }
  // Attempts begin when everything listens.
  ready.Reset();
  char byte = 0;
  if (read(listening.get(), &byte, 1) != 1) {
    return sandbox::Broken(sandbox::Step::network, "serve the control", ECHILD);
  }
  return {};
}

}  // namespace

Result<void> InOpenWorld(const std::string& canary, const std::function<void()>& inside) {
  int stop[2];
  if (pipe2(stop, O_CLOEXEC) != 0) return Fail(Code::unavailable, "no pipe");
  const UniqueFd until(stop[0]);
  const UniqueFd keep(stop[1]);
  auto launched = sandbox::Launch(geteuid(), getegid(), [&](int control) {
    prctl(PR_SET_DUMPABLE, 1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!sandbox::Send(control, Note::wants_map) || !sandbox::Receive(control)) _exit(1);
    if (const auto made = Furnish(canary, until.get()); !made) {
      sandbox::SendFault(control, made.error());
      _exit(1);
    }
    inside();
    sandbox::Send(control, Note::ready);
    _exit(0);
  });
  const auto cannot = [](const std::string& what, int error) {
    return Fail(Code::unavailable,
                "no network for the control: " + what + ": " + std::strerror(error));
  };
  if (!launched) return cannot(launched.error().what, launched.error().error);
  const auto report = sandbox::Receive(launched->control.get());
  sandbox::EndAndReap(launched->pidfd.get());
  if (!report) return cannot("its process ended", ESRCH);
  if (report->note != Note::ready) {
    const sandbox::Fault fault = sandbox::FaultFrom(*report);
    return cannot(fault.what, fault.error);
  }
  return {};
}

}  // namespace interlock::probe
