// Finds known tokens at any place of a text without keeping them: by length, a rolling hash and
// then SHA-256. Const use is thread-safe.
#pragma once

#include <bitset>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace interlock::credential {

struct TokenMatch {
  std::size_t offset = 0;
  std::size_t size = 0;
  std::string_view label;  // as given to Add; lives as long as the index
};

class TokenIndex {
 public:
  TokenIndex();

  // `label` is what a match reports, e.g. "scripts/domains.ts:14". The first label of a token
  // stays.
  void Add(std::string_view token, std::string label);
  bool empty() const { return lengths_.empty(); }

  // Every occurrence, at whatever offset. Costs one pass over the text per different token length.
  std::vector<TokenMatch> Find(std::string_view text) const;

 private:
  struct Known {
    std::string digest;  // SHA-256
    std::string label;
  };
  struct Length {
    std::uint64_t top = 1;  // base_ to the power length - 1
    std::bitset<4096> filter;
    std::unordered_multimap<std::uint64_t, Known> tokens;
  };
  std::uint64_t base_;  // random: an agent can't prepare texts that collide
  std::map<std::size_t, Length> lengths_;
};

}  // namespace interlock::credential
