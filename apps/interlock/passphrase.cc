#include "passphrase.h"

#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/unique_fd.h"
#include "context.h"
#include "credential/key_source.h"

namespace interlock::app {
namespace {

constexpr std::size_t kBytesMax = credential::kPassphraseBytesMax;

// Whatever ends the question, the terminal shows again what is typed.
class WithoutEcho {
 public:
  explicit WithoutEcho(int fd) : fd_(fd), changed_(::tcgetattr(fd, &before_) == 0) {
    if (!changed_) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    quiet.c_lflag |= ICANON | ECHONL;
    changed_ = ::tcsetattr(fd, TCSAFLUSH, &quiet) == 0;
  }
  WithoutEcho(const WithoutEcho&) = delete;
  WithoutEcho& operator=(const WithoutEcho&) = delete;
  ~WithoutEcho() {
    if (changed_) ::tcsetattr(fd_, TCSAFLUSH, &before_);
  }

 private:
  int fd_;
  termios before_{};
  bool changed_;
};

// Up to the line feed or the end.
Result<Secret> ReadLine(int fd, const std::string& from) {
  std::string text(kBytesMax + 2, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(fd, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
    if (::memchr(text.data(), '\n', size) != nullptr) break;
  }
  const void* end = ::memchr(text.data(), '\n', size);
  if (end != nullptr) size = static_cast<std::size_t>(static_cast<const char*>(end) - text.data());
  if (size > 0 && text[size - 1] == '\r') --size;
  if (size == 0 || size > kBytesMax) {
    explicit_bzero(text.data(), text.size());
    return Fail(Code::invalid_input, "no passphrase came from " + from);
  }
  const Secret whole(std::move(text));
  return Secret(std::string(whole.Reveal().substr(0, size)));
}

}  // namespace

Result<Secret> ReadPassphraseFile(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd.valid())
    return Fail(Code::unavailable, "opening " + path + ": " + std::string(::strerror(errno)));
  return ReadLine(fd.get(), path);
}

Result<Secret> AskPassphrase(const std::string& prompt) {
  const UniqueFd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC));
  if (!terminal.valid())
    return Fail(Code::denied,
                "the vault's key is behind a passphrase, and there is no terminal to ask on; start "
                "the gateway first, with `interlock gateway --passphrase-file FILE`");
  // Before anybody is asked: what comes at once must neither show nor be flushed away.
  const WithoutEcho quiet(terminal.get());
  (void)!::write(terminal.get(), prompt.data(), prompt.size());
  return ReadLine(terminal.get(), "the terminal");
}

Result<std::optional<Secret>> PassphraseOf(const CommandLine& line) {
  if (line.Has("--passphrase-file")) {
    ILK_TRY(given, ReadPassphraseFile(line.Get("--passphrase-file")));
    return std::optional<Secret>(std::move(given));
  }
  ILK_TRY(place, credential::PlaceOfKey(StateDirectory(line)));
  if (place != credential::KeyPlace::passphrase) return std::optional<Secret>();
  ILK_TRY(asked, AskPassphrase("passphrase of Interlock's vault: "));
  return std::optional<Secret>(std::move(asked));
}

}  // namespace interlock::app
