// The Merkle tree of RFC 6962 2.1 (same tree in RFC 9162 2.1) over SHA-256: hashes, the running
// state of a growing tree, proofs and their verification. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crypto/sha256_fixed.h"

namespace interlock::ledger {

using Hash = crypto::Digest;
using crypto::AsText;

// The hash made of these bytes; nullopt unless there are exactly 32.
std::optional<Hash> HashFrom(std::string_view bytes);

Hash LeafHash(std::string_view entry);               // SHA-256(0x00 || entry)
Hash NodeHash(const Hash& left, const Hash& right);  // SHA-256(0x01 || left || right)
Hash EmptyRoot();                                    // SHA-256("")

// The tree over entries [0, size) as the roots of its perfect subtrees, largest first: all that
// appending and computing the root need. One hash for each set bit of size, so at most 64.
class CompactRange {
 public:
  CompactRange() = default;
  // nullopt unless the number of hashes fits the size.
  static std::optional<CompactRange> From(std::uint64_t size, std::vector<Hash> hashes);

  void Append(const Hash& leaf);
  Hash Root() const;
  std::uint64_t size() const { return size_; }
  const std::vector<Hash>& hashes() const { return hashes_; }
  bool operator==(const CompactRange&) const = default;

 private:
  std::uint64_t size_ = 0;
  std::vector<Hash> hashes_;
};

// Gives the root of the perfect subtree over [index << level, (index + 1) << level).
using Subtrees = std::function<Result<Hash>(unsigned level, std::uint64_t index)>;

// Root of the tree over [begin, end); begin must be a multiple of the smallest power of two that is
// not below end - begin.
Result<Hash> RangeRoot(std::uint64_t begin, std::uint64_t end, const Subtrees& subtrees);

// PATH(index, D[size]) of RFC 6962 2.1.1, leaf's sibling first. invalid_input unless index < size.
Result<std::vector<Hash>> InclusionProof(std::uint64_t index, std::uint64_t size,
                                         const Subtrees& subtrees);
// PROOF(size1, D[size2]) of RFC 6962 2.1.2. invalid_input unless 0 < size1 <= size2.
Result<std::vector<Hash>> ConsistencyProof(std::uint64_t size1, std::uint64_t size2,
                                           const Subtrees& subtrees);

// Code::verification, with the reason, when the proof does not show it.
Result<void> VerifyInclusion(std::uint64_t index, std::uint64_t size, const Hash& leaf,
                             std::span<const Hash> proof, const Hash& root);
// From an empty tree to another one there is nothing to prove, so that is refused too.
Result<void> VerifyConsistency(std::uint64_t size1, std::uint64_t size2, const Hash& root1,
                               const Hash& root2, std::span<const Hash> proof);

// The same for a subtree [start, end) as defined by draft-ietf-plants-merkle-tree-certs 4.
Result<void> VerifySubtreeInclusion(std::uint64_t index, std::uint64_t start, std::uint64_t end,
                                    const Hash& leaf, std::span<const Hash> proof,
                                    const Hash& root);
Result<void> VerifySubtreeConsistency(std::uint64_t start, std::uint64_t end, std::uint64_t size,
                                      const Hash& subtree_root, const Hash& root,
                                      std::span<const Hash> proof);

}  // namespace interlock::ledger
