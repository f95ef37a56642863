// Many threads wait for a number to be reached, one thread raises it. A condition variable would
// make each of them take a mutex again before it can go on; with 64 writers that is most of their
// cost.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdint>

namespace interlock::ledger {

class Gate {
 public:
  // Lets everybody pass who waits for a number up to `number`. Numbers only grow, by less than 2^30
  // while anybody waits. One thread raises.
  void Raise(std::uint64_t number) {
    std::uint32_t seen = word_.load(std::memory_order_relaxed);
    while (!word_.compare_exchange_weak(
        seen, (static_cast<std::uint32_t>(number) & kNumber) | (seen & kClosed),
        std::memory_order_release, std::memory_order_relaxed)) {
    }
    WakeAll();
  }

  // Lets everybody pass, for good. Any thread.
  void Close() {
    word_.fetch_or(kClosed, std::memory_order_release);
    WakeAll();
  }

  // Returns when `number` is reached or the gate is closed.
  void Wait(std::uint64_t number) {
    for (;;) {
      const std::uint32_t seen = word_.load(std::memory_order_acquire);
      const std::uint32_t missing = (static_cast<std::uint32_t>(number) - seen) & kNumber;
      if ((seen & kClosed) != 0 || missing == 0 || missing > kNumber / 2) return;
      ::syscall(SYS_futex, &word_, FUTEX_WAIT_PRIVATE, seen, nullptr, nullptr, 0);
    }
  }

 private:
  static constexpr std::uint32_t kClosed = 0x80000000u;
  static constexpr std::uint32_t kNumber = 0x7fffffffu;
  static_assert(sizeof(std::atomic<std::uint32_t>) == 4, "a futex is a 32-bit word");

  void WakeAll() { ::syscall(SYS_futex, &word_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0); }

  std::atomic<std::uint32_t> word_{0};
};

}  // namespace interlock::ledger
