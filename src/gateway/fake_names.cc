#include "gateway/fake_names.h"

namespace interlock::gateway {
namespace {
// 198.18.0.0 itself is left out; 198.18.0.1 is the resolver's address inside the room.
constexpr std::uint32_t kFirst = (198u << 24) | (18u << 16) | 16u;
}  // namespace

std::optional<std::uint32_t> FakeNames::AddressOf(std::string_view name) {
  const std::lock_guard lock(mutex_);
  if (const auto it = addresses_.find(std::string(name)); it != addresses_.end()) return it->second;
  if (names_.size() >= kNamesMax) return std::nullopt;
  const std::uint32_t address = kFirst + static_cast<std::uint32_t>(names_.size());
  names_.emplace_back(name);
  addresses_.emplace(names_.back(), address);
  return address;
}

std::optional<std::string> FakeNames::NameOf(std::uint32_t address) const {
  const std::lock_guard lock(mutex_);
  if (address < kFirst || address - kFirst >= names_.size()) return std::nullopt;
  return names_[address - kFirst];
}

}  // namespace interlock::gateway
