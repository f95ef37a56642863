#include "credential/token_index.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <tuple>

#include "base/ids.h"
#include "crypto/hash.h"

namespace interlock::credential {
namespace {

constexpr std::size_t kWidth = 8;
constexpr std::size_t kStrideMax = 16;
constexpr std::size_t kFilterWords = 64;  // at first; grows so that few bits are set

// The upper bits of a product are the well-mixed ones.
std::size_t Bit(std::uint64_t hash, std::size_t words) {
  return static_cast<std::size_t>(hash >> 24) & (words * 64 - 1);
}

std::uint64_t Mixed(std::uint64_t value, std::uint64_t key) {
  value *= key;
  return (value ^ value >> 29) * key;
}

}  // namespace

TokenIndex::TokenIndex() : key_(0) {
  const std::string bytes = RandomBytes(sizeof key_);
  std::memcpy(&key_, bytes.data(), sizeof key_);
  key_ |= 1;
}

std::uint64_t TokenIndex::HashAt(const char* bytes, std::size_t width) const {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes, width);
  return Mixed(value, key_);
}

void TokenIndex::Insert(Class& into, std::uint64_t hash, Window window) {
  into.windows.emplace(hash, window);
  if (++into.count * 16 > into.filter.size() * 64) {
    into.filter.assign(std::bit_ceil(std::max(kFilterWords, into.count / 2)), 0);
    for (const auto& [known, ignored] : into.windows) {
      const std::size_t bit = Bit(known, into.filter.size());
      into.filter[bit / 64] |= std::uint64_t{1} << bit % 64;
    }
    return;
  }
  const std::size_t bit = Bit(hash, into.filter.size());
  into.filter[bit / 64] |= std::uint64_t{1} << bit % 64;
}

void TokenIndex::Add(std::string_view token, std::string label) {
  if (token.empty()) return;
  std::string digest = crypto::Sha256(token);
  if (!digests_.insert(digest).second) return;
  const auto number = static_cast<std::uint32_t>(tokens_.size());
  const std::size_t width = std::min(token.size(), kWidth);
  const std::size_t stride = std::min(std::bit_floor(token.size() - width + 1), kStrideMax);
  tokens_.push_back({std::move(digest), std::move(label), token.size()});
  Class& into = classes_[{width, stride}];
  into.width = width;
  into.stride = stride;
  for (std::size_t offset = 0; offset < stride; ++offset) {
    Insert(into, HashAt(token.data() + offset, width),
           {number, static_cast<std::uint32_t>(offset)});
  }
}

void TokenIndex::FindIn(const Class& windows, std::string_view text,
                        std::vector<TokenMatch>& out) const {
  const std::size_t words = windows.filter.size();
  for (std::size_t at = 0; at + windows.width <= text.size(); at += windows.stride) {
    std::uint64_t hash = 0;
    if (windows.width == kWidth) {
      std::memcpy(&hash, text.data() + at, kWidth);
      hash = Mixed(hash, key_);
    } else {
      hash = HashAt(text.data() + at, windows.width);
    }
    const std::size_t bit = Bit(hash, words);
    if ((windows.filter[bit / 64] >> bit % 64 & 1) == 0) continue;
    const auto [first, last] = windows.windows.equal_range(hash);
    for (auto it = first; it != last; ++it) {
      const Known& known = tokens_[it->second.token];
      const std::size_t before = it->second.offset;
      if (before > at || at - before + known.size > text.size()) continue;
      if (crypto::Sha256(text.substr(at - before, known.size)) == known.digest)
        out.push_back({at - before, known.size, known.label});
    }
  }
}

std::vector<TokenMatch> TokenIndex::Find(std::string_view text) const {
  std::vector<TokenMatch> out;
  for (const auto& [key, windows] : classes_) FindIn(windows, text, out);
  const auto order = [](const TokenMatch& m) { return std::tie(m.offset, m.size); };
  std::ranges::sort(out, {}, order);
  return out;
}

}  // namespace interlock::credential
