#include "sandbox/room_for_test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

namespace interlock::sandbox {
namespace {

constexpr uid_t kNormalUser = 54321;

std::string AddressText(const in6_addr& address) {
  char text[INET6_ADDRSTRLEN] = {};
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    return inet_ntop(AF_INET, address.s6_addr + 12, text, sizeof text);
  }
  return inet_ntop(AF_INET6, &address, text, sizeof text);
}

void AnswerConnection(int listener) {
  const UniqueFd accepted(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  if (!accepted.valid()) return;
  sockaddr_in6 dialled{};
  socklen_t size = sizeof dialled;
  getsockname(accepted.get(), reinterpret_cast<sockaddr*>(&dialled), &size);
  const std::string answer =
      "tcp " + AddressText(dialled.sin6_addr) + " " + std::to_string(ntohs(dialled.sin6_port));
  (void)!write(accepted.get(), answer.data(), answer.size());
}

// Answers from the address that was asked, which packet info names.
void AnswerDatagram(int socket) {
  char data[512];
  sockaddr_storage from{};
  iovec part{data, sizeof data};
  alignas(cmsghdr) char control[128];
  msghdr message{};
  message.msg_name = &from;
  message.msg_namelen = sizeof from;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (recvmsg(socket, &message, 0) < 0) return;
  std::string answer = "udp ?";
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
      in_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(header), sizeof info);
      char text[INET_ADDRSTRLEN] = {};
      answer = std::string("udp ") + inet_ntop(AF_INET, &info.ipi_addr, text, sizeof text);
      info.ipi_spec_dst = info.ipi_addr;
      info.ipi_ifindex = 0;
      std::memcpy(CMSG_DATA(header), &info, sizeof info);
    }
    if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(header), sizeof info);
      answer = "udp " + AddressText(info.ipi6_addr);
    }
  }
  part = {answer.data(), answer.size()};
  sendmsg(socket, &message, 0);
}

// A stand-in for the gateway, until the process ends.
void ServeCapture(const Child& child) {
  std::array<pollfd, 3> wait = {
      {{child.tcp.get(), POLLIN, 0}, {child.udp4.get(), POLLIN, 0}, {child.udp6.get(), POLLIN, 0}}};
  for (;;) {
    if (poll(wait.data(), wait.size(), -1) < 0) continue;
    if (wait[0].revents != 0) AnswerConnection(wait[0].fd);
    if (wait[1].revents != 0) AnswerDatagram(wait[1].fd);
    if (wait[2].revents != 0) AnswerDatagram(wait[2].fd);
  }
}

void BecomeNormalUser() {
  if (setgroups(0, nullptr) != 0 || setresgid(kNormalUser, kNormalUser, kNormalUser) != 0 ||
      setresuid(kNormalUser, kNormalUser, kNormalUser) != 0) {
    _exit(99);
  }
}

[[noreturn]] void Refused(const std::string& why) {
  (void)!write(STDOUT_FILENO, why.data(), why.size());
  _exit(kRefused);
}

void MakeDirectory(const std::string& path, As as) {
  std::filesystem::create_directories(path);
  if (as == As::normal_user && chown(path.c_str(), kNormalUser, kNormalUser) != 0) std::abort();
}

}  // namespace

[[noreturn]] void BeLauncher(const TestHost& host, const Request& request, const Hooks& hooks) {
  if (host.as() == As::normal_user) BecomeNormalUser();
  if (hooks.before) hooks.before();
  auto plan = MakePlan(request);
  if (!plan) Refused(plan.error().message);
  if (hooks.planned) hooks.planned();
  auto child = Start(*plan);
  if (!child) Refused(child.error().message);
  std::thread([&] { ServeCapture(*child); }).detach();
  const auto released = Release(*child);
  if (!released) Refused(released.error().message);
  const auto status = Wait(*child);
  if (!status) Refused(status.error().message);
  _exit(*status);
}

TestHost::TestHost(As as) : as_(as) {
  char pattern[] = "/tmp/ilk-room-XXXXXX";
  if (mkdtemp(pattern) == nullptr) std::abort();
  root_ = std::filesystem::canonical(pattern);
  if (chmod(root_.c_str(), 0755) != 0) std::abort();
  for (const char* name : {"workspace", "home", "state"}) MakeDirectory(Path(name), as);
  std::ofstream(Path("home") + "/secret") << "REALSECRET";
  std::ofstream(Path("state") + "/vault") << "REALSECRET";
  std::ofstream(Path("workspace") + "/interlock.yaml") << "version: 1\n";
  if (as == As::normal_user) {
    const std::string rules = Path("workspace") + "/interlock.yaml";
    if (chown(rules.c_str(), kNormalUser, kNormalUser) != 0) std::abort();
  }
}

TestHost::~TestHost() {
  std::error_code ignored;
  std::filesystem::remove_all(root_, ignored);
}

Request TestHost::For(std::vector<std::string> argv) const {
  Request request;
  request.argv = std::move(argv);
  request.workspace = Path("workspace");
  request.cwd = request.workspace;
  request.home = Path("home");
  request.hidden = {Path("state")};
  request.caller_environment = {{"PATH", "/usr/bin:/bin", Origin::caller},
                                {"TERM", "dumb", Origin::caller}};
  return request;
}

const std::string& Obstacle() {
  static const std::string obstacle = [] {
    const auto probe = ProbeKernel();
    if (!probe) return probe.error().message;
    for (const Check& check : probe->checks) {
      if (!check.works) return check.name + ": " + check.detail;
    }
    return std::string(access("/usr/bin/python3", X_OK) == 0 ? ""
                                                             : "no /usr/bin/python3 to probe with");
  }();
  return obstacle;
}

Running StartLauncher(const TestHost& host, const Request& request, const Hooks& hooks) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    BeLauncher(host, request, hooks);
  }
  close(ends[1]);
  return {pid, UniqueFd(ends[0])};
}

std::string ReadAll(int fd) {
  std::string out;
  char data[4096];
  for (ssize_t got = 0; (got = read(fd, data, sizeof data)) > 0;) {
    out.append(data, static_cast<std::size_t>(got));
  }
  return out;
}

std::string ReadLine(int fd) {
  std::string out;
  char c = 0;
  while (read(fd, &c, 1) == 1 && c != '\n') out += c;
  return out;
}

int StatusOf(pid_t pid) {
  int status = 0;
  if (waitpid(pid, &status, 0) != pid) return -1;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

Ran RunInRoom(const TestHost& host, const Request& request, const Hooks& hooks) {
  const Running running = StartLauncher(host, request, hooks);
  Ran out;
  out.output = ReadAll(running.output.get());
  const int status = StatusOf(running.launcher);
  out.status = status == kRefused ? -1 : status;
  return out;
}

}  // namespace interlock::sandbox
