#include "gateway/refusals.h"

#include <algorithm>

#include "base/ids.h"

namespace interlock::gateway {

std::optional<std::string> Refusals::Count(std::string_view rule, std::string_view host,
                                           TimePoint wall, Steady now) {
  const std::lock_guard lock(mutex_);
  if (!refilled_) refilled_ = now;
  const auto passed = std::chrono::duration_cast<std::chrono::seconds>(now - *refilled_);
  if (passed.count() > 0) {
    const auto more = static_cast<std::uint64_t>(passed.count()) * kPerSecond;
    left_ = std::min(kAtOnce, left_ + std::min(more, kAtOnce));
    *refilled_ += passed;
  }
  if (left_ > 0) {
    --left_;
    return std::nullopt;
  }
  if (!open_) open_ = Summary{ShortId("d"), wall, 0, {}, std::string(host)};
  ++open_->count;
  ++open_->rules[std::string(rule)];
  return open_->id;
}

bool Refusals::IsFirst(First kind, std::string_view what) {
  const std::lock_guard lock(mutex_);
  auto& seen = firsts_[kind];
  if (seen.size() >= kFirstsMax) return false;
  return seen.emplace(what).second;
}

std::optional<Refusals::Summary> Refusals::Take() {
  const std::lock_guard lock(mutex_);
  auto taken = std::move(open_);
  open_.reset();
  return taken;
}

bool Refusals::empty() const {
  const std::lock_guard lock(mutex_);
  return !open_.has_value();
}

}  // namespace interlock::gateway
