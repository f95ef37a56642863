// How one session's refusals reach the record: each by itself at an ordinary pace, and counted
// together beyond it, so that an agent that asks for what it may not have a thousand times a second
// can't fill the disk or keep the ledger from the others.
//
// Of what is counted together the record has how many there were, by rule, and one example. What is
// refused changes nothing; whatever is sent is always recorded by itself. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace interlock::gateway {

class Refusals {
 public:
  static constexpr std::uint64_t kAtOnce = 200;    // recorded by themselves in a row
  static constexpr std::uint64_t kPerSecond = 1;   // and afterwards
  static constexpr std::size_t kFirstsMax = 1000;  // of each kind, recorded at least once
  // Each kind has room of its own: what an agent can make up must not crowd out what it found.
  enum class First { known_secret, secret, destructive };
  using Steady = std::chrono::steady_clock::time_point;

  // Refusals that were counted together.
  struct Summary {
    std::string id;  // "d-…": what those who were refused were told
    TimePoint since;
    std::uint64_t count = 0;
    std::map<std::string, std::uint64_t> rules;
    std::string example;  // the host of the first one
  };

  // nullopt: record this one by itself. Else the id of the summary that counts it.
  std::optional<std::string> Count(std::string_view rule, std::string_view host, TimePoint wall,
                                   Steady now);

  // True the first time (for the first kFirstsMax of the kind): that one is recorded whatever the
  // pace.
  bool IsFirst(First kind, std::string_view what);

  // What has been counted since the last call and is to be recorded now.
  std::optional<Summary> Take();
  bool empty() const;

 private:
  mutable std::mutex mutex_;  // guards what follows
  std::uint64_t left_ = kAtOnce;
  std::optional<Steady> refilled_;
  std::optional<Summary> open_;
  std::map<First, std::set<std::string, std::less<>>> firsts_;
};

}  // namespace interlock::gateway
