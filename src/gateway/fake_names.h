// The synthetic address book of one session: every name an agent looks up gets an address of
// 198.18.0.0/15 (RFC 2544), and a connection to that address is a connection to that name. Nothing
// is looked up outside until a request was judged, so a look-up can't carry data out.
//
// Thread-safe. An address keeps its name as long as the session lives.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace interlock::gateway {

class FakeNames {
 public:
  static constexpr std::size_t kNamesMax = 16384;  // bounds what a flood of look-ups costs

  // Host byte order; nullopt when the session has used up its names.
  std::optional<std::uint32_t> AddressOf(std::string_view name);
  std::optional<std::string> NameOf(std::uint32_t address) const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::uint32_t> addresses_;
  std::vector<std::string> names_;
};

}  // namespace interlock::gateway
