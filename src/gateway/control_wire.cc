#include "gateway/control_wire.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstring>

#include "base/wiping.h"

namespace interlock::gateway {
namespace {

constexpr std::size_t kLineBytesMax = 16u << 20;
constexpr std::size_t kFdsMax = 8;

Error SystemError(std::string doing) {
  return Error{Code::unavailable, doing + ": " + std::strerror(errno)};
}

// A message may carry a secret.
struct WipedAtEnd {
  std::string& text;
  ~WipedAtEnd() { ::explicit_bzero(text.data(), text.size()); }
};

Code CodeNamed(std::string_view name) {
  if (name == "invalid-input") return Code::invalid_input;
  if (name == "not-found") return Code::not_found;
  if (name == "denied") return Code::denied;
  if (name == "unavailable") return Code::unavailable;
  if (name == "conflict") return Code::conflict;
  if (name == "limit") return Code::limit;
  if (name == "verification") return Code::verification;
  return Code::internal;
}

std::string_view NameOf(Code code) {
  switch (code) {
    case Code::invalid_input:
      return "invalid-input";
    case Code::not_found:
      return "not-found";
    case Code::denied:
      return "denied";
    case Code::unavailable:
      return "unavailable";
    case Code::conflict:
      return "conflict";
    case Code::limit:
      return "limit";
    case Code::verification:
      return "verification";
    case Code::internal:
      return "internal";
  }
  return "internal";
}

}  // namespace

json::object ControlError(const Error& error) {
  return {{"error", {{"code", NameOf(error.code)}, {"message", error.message}}}};
}

Result<void> ControlChannel::Send(const json::object& object, std::span<const int> fds) {
  if (fds.size() > kFdsMax)
    return Fail(Code::limit, "too many descriptors for one control message");
  std::string line = json::serialize(object) + "\n";
  const WipedAtEnd wiped{line};
  if (line.size() > kLineBytesMax) return Fail(Code::limit, "control message over 16 MiB");
  std::size_t sent = 0;
  while (sent < line.size()) {
    iovec part{const_cast<char*>(line.data()) + sent, line.size() - sent};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kFdsMax)> control{};
    if (sent == 0 && !fds.empty()) {
      message.msg_control = control.data();
      message.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
      std::memcpy(CMSG_DATA(header), fds.data(), sizeof(int) * fds.size());
    }
    const ssize_t got = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    if (got < 0) {
      if (errno == EINTR) continue;
      return std::unexpected(SystemError("writing to the control socket"));
    }
    sent += static_cast<std::size_t>(got);
  }
  return {};
}

Result<ControlMessage> ControlChannel::Receive() {
  for (;;) {
    if (const auto end = buffer_.find('\n'); end != std::string::npos) {
      // What comes here may hold secrets: they stay in wiped memory, and nowhere else.
      auto parsed = ParseSecretJson(std::string_view(buffer_).substr(0, end));
      std::string rest = buffer_.substr(end + 1);
      ::explicit_bzero(buffer_.data(), buffer_.size());
      buffer_ = std::move(rest);
      ILK_TRY(value, std::move(parsed));
      if (!value.is_object())
        return Fail(Code::invalid_input, "a control message is not an object");
      return ControlMessage{std::move(value.as_object()), std::exchange(pending_, {})};
    }
    if (buffer_.size() > kLineBytesMax) return Fail(Code::limit, "control message over 16 MiB");
    std::array<char, 65536> bytes;
    iovec part{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kFdsMax)> control{};
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(SystemError("reading from the control socket"));
    for (cmsghdr* h = CMSG_FIRSTHDR(&message); h != nullptr; h = CMSG_NXTHDR(&message, h)) {
      if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS) continue;
      const std::size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t i = 0; i < count; ++i) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(int));
        pending_.emplace_back(fd);
      }
    }
    if (pending_.size() > kFdsMax || (message.msg_flags & MSG_CTRUNC) != 0) {
      return Fail(Code::limit, "too many descriptors on the control socket");
    }
    if (got == 0) {
      if (buffer_.empty()) return Fail(Code::not_found, "the control connection is closed");
      return Fail(Code::unavailable, "the control connection ended in the middle of a message");
    }
    buffer_.append(bytes.data(), static_cast<std::size_t>(got));
    ::explicit_bzero(bytes.data(), static_cast<std::size_t>(got));
  }
}

Result<json::value> ControlChannel::Call(const json::object& request, std::span<const int> fds) {
  ILK_TRY_VOID(Send(request, fds));
  return Answer();
}

Result<json::value> ControlChannel::Answer() {
  auto answer = Receive();
  if (!answer && answer.error().code == Code::not_found) {
    return Fail(Code::unavailable, "the gateway closed the connection without an answer");
  }
  if (!answer) return std::unexpected(answer.error());
  if (const json::object* error = FindObject(answer->object, "error")) {
    return Fail(CodeNamed(FindString(*error, "code")), std::string(FindString(*error, "message")));
  }
  if (const json::value* result = Find(answer->object, "result")) return *result;
  return Fail(Code::internal, "the gateway's answer has no result");
}

Result<ControlChannel> ConnectControl(const std::filesystem::path& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& path = socket.native();
  if (path.size() >= sizeof address.sun_path) {
    return Fail(Code::invalid_input, "the path of the control socket is longer than 107 bytes: " +
                                         path + " (choose a shorter --state)");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return std::unexpected(SystemError("making a socket"));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const Code code =
        errno == ENOENT || errno == ECONNREFUSED ? Code::not_found : Code::unavailable;
    return Fail(code, "no gateway answers on " + path + ": " + std::strerror(errno));
  }
  return ControlChannel(std::move(fd));
}

Result<Peer> PeerOf(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return std::unexpected(SystemError("asking who is at the control socket"));
  }
  return Peer{credentials.uid, credentials.pid};
}

Result<std::string> Required(const json::object& request, std::string_view key) {
  std::string value(FindString(request, key));
  if (value.empty())
    return Fail(Code::invalid_input, "the request lacks \"" + std::string(key) + "\"");
  return value;
}

}  // namespace interlock::gateway
