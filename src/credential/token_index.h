// Finds known tokens at any place of a text without keeping them: by the hash of a few bytes, then
// by SHA-256. Const use is thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
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
  bool empty() const { return tokens_.empty(); }

  // Every occurrence, at whatever offset, ascending. Of a token of 23 bytes or more eight bytes are
  // hashed at every 16th place of the text, whatever the number of tokens; shorter ones need more
  // places.
  std::vector<TokenMatch> Find(std::string_view text) const;

 private:
  struct Known {
    std::string digest;  // SHA-256
    std::string label;
    std::size_t size = 0;
  };
  struct Window {
    std::uint32_t token = 0;
    std::uint32_t offset = 0;  // in the token
  };
  // The windows of `width` bytes at the first `stride` offsets of a token: one of them begins at a
  // multiple of `stride` wherever the token stands.
  struct Class {
    std::size_t stride = 1;
    std::size_t width = 8;
    std::vector<std::uint64_t> filter;  // a bit for each hash; a power of two of words
    std::size_t count = 0;
    std::unordered_multimap<std::uint64_t, Window> windows;
  };
  std::uint64_t HashAt(const char* bytes, std::size_t width) const;
  void Insert(Class& into, std::uint64_t hash, Window window);
  void FindIn(const Class& windows, std::string_view text, std::vector<TokenMatch>& out) const;

  std::uint64_t key_;  // random: an agent can't prepare texts that collide
  std::deque<Known> tokens_;
  std::unordered_set<std::string> digests_;
  std::map<std::pair<std::size_t, std::size_t>, Class> classes_;  // by width and stride
};

}  // namespace interlock::credential
