#include "credential/token_index.h"

#include <cstring>

#include "base/ids.h"
#include "crypto/hash.h"

namespace interlock::credential {
namespace {

std::uint64_t Value(char c) { return static_cast<unsigned char>(c) + std::uint64_t{1}; }

// The upper bits of a product are the well-mixed ones.
std::size_t Slot(std::uint64_t hash) { return hash >> 52; }

}  // namespace

TokenIndex::TokenIndex() : base_(0) {
  const std::string bytes = RandomBytes(sizeof base_);
  std::memcpy(&base_, bytes.data(), sizeof base_);
  base_ |= 1;
}

void TokenIndex::Add(std::string_view token, std::string label) {
  if (token.empty()) return;
  const auto [entry, fresh] = lengths_.try_emplace(token.size());
  Length& length = entry->second;
  if (fresh) {
    for (std::size_t i = 1; i < token.size(); ++i) length.top *= base_;
  }
  std::uint64_t hash = 0;
  for (char c : token) hash = hash * base_ + Value(c);
  const std::string digest = crypto::Sha256(token);
  const auto [begin, end] = length.tokens.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    if (it->second.digest == digest) return;
  }
  length.tokens.emplace(hash, Known{digest, std::move(label)});
  length.filter.set(Slot(hash));
}

std::vector<TokenMatch> TokenIndex::Find(std::string_view text) const {
  std::vector<TokenMatch> out;
  for (const auto& [size, length] : lengths_) {
    if (size > text.size()) break;
    std::uint64_t hash = 0;
    for (std::size_t end = 0; end < text.size(); ++end) {
      if (end >= size) hash -= length.top * Value(text[end - size]);
      hash = hash * base_ + Value(text[end]);
      if (end + 1 < size || !length.filter.test(Slot(hash))) continue;
      const auto [first, last] = length.tokens.equal_range(hash);
      if (first == last) continue;
      const std::size_t offset = end + 1 - size;
      const std::string digest = crypto::Sha256(text.substr(offset, size));
      for (auto it = first; it != last; ++it) {
        if (it->second.digest == digest) out.push_back({offset, size, it->second.label});
      }
    }
  }
  return out;
}

}  // namespace interlock::credential
