#include "sandbox/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "sandbox/held_signals.h"

namespace interlock::sandbox {
namespace {

constexpr std::size_t kTypedBytesMax = 64u << 10;
constexpr std::size_t kDrainBytesMax = 1u << 20;

// A background process that sets a terminal up would be stopped by SIGTTOU.
HeldSignals HoldOutputSignal() {
  sigset_t output;
  sigemptyset(&output);
  sigaddset(&output, SIGTTOU);
  return HeldSignals(output);
}

bool IsSameTerminal(int fd, int terminal) {
  struct stat a{}, b{};
  // /dev/tty and /dev/pts/N are different nodes: what they lead to is told by the foreground group
  // of the session, which tcgetsid() names.
  return ::isatty(fd) == 1 && ::fstat(fd, &a) == 0 && ::fstat(terminal, &b) == 0 &&
         ::tcgetsid(fd) == ::tcgetsid(terminal);
}

}  // namespace

Terminal& Terminal::operator=(Terminal&& other) noexcept {
  if (this != &other) {
    Restore();
    human_ = std::move(other.human_);
    inside_ = std::move(other.inside_);
    shown_ = other.shown_;
    before_ = other.before_;
    raw_ = std::exchange(other.raw_, false);
    typed_all_ = other.typed_all_;
    typed_ = std::move(other.typed_);
    filter_ = std::move(other.filter_);
  }
  return *this;
}

Terminal Terminal::OfCaller() {
  Terminal out;
  UniqueFd human(::open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!human.valid() || ::tcgetattr(human.get(), &out.before_) != 0) return out;
  for (int fd = 0; fd < 3; ++fd)
    out.shown_.fd[static_cast<std::size_t>(fd)] = IsSameTerminal(fd, human.get());
  if (out.shown_.any()) out.human_ = std::move(human);
  return out;
}

winsize Terminal::Size() const {
  winsize size{};
  (void)::ioctl(human_.get(), TIOCGWINSZ, &size);
  return size;
}

void Terminal::Connect(UniqueFd inside) {
  inside_ = std::move(inside);
  const int flags = ::fcntl(inside_.get(), F_GETFL);
  (void)::fcntl(inside_.get(), F_SETFL, flags | O_NONBLOCK);
  MakeRaw();
}

bool Terminal::InForeground() const { return ::tcgetpgrp(human_.get()) == ::getpgrp(); }

int Terminal::ReadableHuman() const {
  const bool wanted = shown_.fd[0] && !typed_all_ && inside_.valid() &&
                      typed_.size() < kTypedBytesMax && InForeground();
  return wanted ? human_.get() : -1;
}

short Terminal::WantedInside() const {
  return static_cast<short>(POLLIN | (typed_.empty() ? 0 : POLLOUT));
}

void Terminal::OnHuman() {
  std::array<char, 4096> bytes;
  const ssize_t got = ::read(human_.get(), bytes.data(), bytes.size());
  if (got > 0) typed_.append(bytes.data(), static_cast<std::size_t>(got));
  if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) typed_all_ = true;
}

bool Terminal::OnInside(bool readable, bool writable) {
  if (writable && !typed_.empty()) {
    const ssize_t put = ::write(inside_.get(), typed_.data(), typed_.size());
    if (put > 0) typed_.erase(0, static_cast<std::size_t>(put));
  }
  if (!readable) return true;
  std::array<char, 16384> bytes;
  const ssize_t got = ::read(inside_.get(), bytes.data(), bytes.size());
  if (got > 0) {
    Show({bytes.data(), static_cast<std::size_t>(got)});
    return true;
  }
  // EIO: nobody inside has the terminal open.
  return got < 0 && (errno == EAGAIN || errno == EINTR);
}

void Terminal::Show(std::string_view bytes) {
  const std::string out = filter_.Feed(bytes);
  for (std::string_view rest = out; !rest.empty();) {
    const ssize_t put = ::write(human_.get(), rest.data(), rest.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) {
      pollfd wait{human_.get(), POLLOUT, 0};
      (void)::poll(&wait, 1, -1);
      continue;
    }
    if (put <= 0) return;  // the terminal is gone; the hangup signal follows
    rest.remove_prefix(static_cast<std::size_t>(put));
  }
}

void Terminal::OnResize() {
  const winsize size = Size();
  if (inside_.valid()) (void)::ioctl(inside_.get(), TIOCSWINSZ, &size);
}

void Terminal::MakeRaw() {
  OnResize();
  // Where typing goes elsewhere (a pipe is the input), keys keep their meaning for the pipeline.
  if (raw_ || !shown_.fd[0] || !inside_.valid() || !InForeground()) return;
  termios raw = before_;
  ::cfmakeraw(&raw);
  const HeldSignals held = HoldOutputSignal();
  raw_ = ::tcsetattr(human_.get(), TCSADRAIN, &raw) == 0;
}

void Terminal::Restore() {
  if (!human_.valid() || !raw_) return;
  raw_ = false;
  const std::string reset = filter_.Reset();
  if (!reset.empty()) (void)!::write(human_.get(), reset.data(), reset.size());
  const HeldSignals held = HoldOutputSignal();
  // Answers that the terminal still sends are not for the shell that reads next.
  (void)::tcsetattr(human_.get(), TCSAFLUSH, &before_);
}

void Terminal::Drain() {
  if (!inside_.valid()) return;
  for (std::size_t shown = 0; shown < kDrainBytesMax;) {
    std::array<char, 16384> bytes;
    const ssize_t got = ::read(inside_.get(), bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    Show({bytes.data(), static_cast<std::size_t>(got)});
    shown += static_cast<std::size_t>(got);
  }
  inside_.Reset();
}

PtyPair OpenPty(const termios& settings, const winsize& size) {
  PtyPair pair;
  pair.master = UniqueFd(::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
  const int unlock = 0;
  if (!pair.master.valid() || ::ioctl(pair.master.get(), TIOCSPTLCK, &unlock) != 0) return {};
  pair.slave = UniqueFd(::ioctl(pair.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!pair.slave.valid()) return {};
  (void)::tcsetattr(pair.slave.get(), TCSANOW, &settings);
  (void)::ioctl(pair.master.get(), TIOCSWINSZ, &size);
  return pair;
}

}  // namespace interlock::sandbox
