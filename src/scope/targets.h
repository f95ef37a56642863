// How classify writes the targets of Railway operations. Private to this folder.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace interlock::scope {

inline constexpr std::string_view kProvider = "railway";
inline constexpr std::size_t kAnswerBytesMax = 8u << 20;

// "A@B": neither empty, exactly one `@`.
inline std::optional<std::pair<std::string, std::string>> SplitPair(std::string_view id) {
  const std::size_t at = id.find('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == id.size()) return std::nullopt;
  if (id.find('@', at + 1) != std::string_view::npos) return std::nullopt;
  return std::pair(std::string(id.substr(0, at)), std::string(id.substr(at + 1)));
}

}  // namespace interlock::scope
