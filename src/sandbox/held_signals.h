// Signals that wait instead of acting, while this lives, for the calling thread and threads it
// makes.
#pragma once

#include <signal.h>

#include <utility>

namespace interlock::sandbox {

class HeldSignals {
 public:
  HeldSignals() = default;
  explicit HeldSignals(const sigset_t& set) : holding_(true) {
    pthread_sigmask(SIG_BLOCK, &set, &before_);
  }
  HeldSignals(HeldSignals&& other) noexcept
      : holding_(std::exchange(other.holding_, false)), before_(other.before_) {}
  HeldSignals& operator=(HeldSignals&& other) noexcept {
    if (this != &other) {
      Release();
      holding_ = std::exchange(other.holding_, false);
      before_ = other.before_;
    }
    return *this;
  }
  ~HeldSignals() { Release(); }
  void Release() {
    if (std::exchange(holding_, false)) pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  const sigset_t& before() const { return before_; }

 private:
  bool holding_ = false;
  sigset_t before_{};
};

}  // namespace interlock::sandbox
