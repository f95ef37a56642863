#include "ledger/merkle.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace interlock::ledger {
namespace {

constexpr std::string_view kLeafPrefix("\x00", 1);
constexpr std::string_view kNodePrefix("\x01", 1);

bool IsOdd(std::uint64_t n) { return (n & 1) != 0; }

// Largest power of two below n, for n > 1 (the k of RFC 6962 2.1).
std::uint64_t SplitPoint(std::uint64_t n) { return std::bit_floor(n - 1); }

// A subtree must be one that exists in every larger tree: it starts where a perfect subtree of at
// least its width could start.
bool IsSubtree(std::uint64_t start, std::uint64_t end) {
  if (start > end) return false;
  const std::uint64_t width = end - start;
  if (width <= 1) return true;
  if (width > std::uint64_t{1} << 62) return start == 0;
  return start % std::bit_ceil(width) == 0;
}

}  // namespace

std::optional<Hash> HashFrom(std::string_view bytes) {
  Hash hash;
  if (bytes.size() != hash.size()) return std::nullopt;
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(hash.data()));
  return hash;
}

Hash LeafHash(std::string_view entry) { return crypto::Sha256Fixed({kLeafPrefix, entry}); }

Hash NodeHash(const Hash& left, const Hash& right) {
  return crypto::Sha256Fixed({kNodePrefix, AsText(left), AsText(right)});
}

Hash EmptyRoot() { return crypto::Sha256Fixed({}); }

std::optional<CompactRange> CompactRange::From(std::uint64_t size, std::vector<Hash> hashes) {
  if (hashes.size() != static_cast<std::size_t>(std::popcount(size))) return std::nullopt;
  CompactRange range;
  range.size_ = size;
  range.hashes_ = std::move(hashes);
  return range;
}

void CompactRange::Append(const Hash& leaf) {
  Hash hash = leaf;
  // Each trailing one bit of the old size is a perfect subtree that now gets its equal sibling.
  for (std::uint64_t n = size_; IsOdd(n); n >>= 1) {
    hash = NodeHash(hashes_.back(), hash);
    hashes_.pop_back();
  }
  hashes_.push_back(hash);
  ++size_;
}

Hash CompactRange::Root() const {
  if (hashes_.empty()) return EmptyRoot();
  Hash root = hashes_.back();
  for (std::size_t i = hashes_.size() - 1; i-- > 0;) root = NodeHash(hashes_[i], root);
  return root;
}

Result<Hash> RangeRoot(std::uint64_t begin, std::uint64_t end, const Subtrees& subtrees) {
  if (begin == end) return EmptyRoot();
  if (begin > end || !IsSubtree(begin, end)) {
    return Fail(Code::invalid_input, "no subtree of a Merkle tree: [" + std::to_string(begin) +
                                         ", " + std::to_string(end) + ")");
  }
  // Perfect pieces from left to right, one for each set bit of the width, folded from the right.
  std::vector<Hash> pieces;
  for (std::uint64_t at = begin; at < end;) {
    const std::uint64_t width = std::bit_floor(end - at);
    const auto level = static_cast<unsigned>(std::countr_zero(width));
    ILK_TRY(piece, subtrees(level, at >> level));
    pieces.push_back(piece);
    at += width;
  }
  Hash root = pieces.back();
  for (std::size_t i = pieces.size() - 1; i-- > 0;) root = NodeHash(pieces[i], root);
  return root;
}

Result<std::vector<Hash>> InclusionProof(std::uint64_t index, std::uint64_t size,
                                         const Subtrees& subtrees) {
  if (index >= size) {
    return Fail(Code::invalid_input, "entry " + std::to_string(index) +
                                         " is not in a tree of size " + std::to_string(size));
  }
  std::vector<Hash> proof;
  std::uint64_t begin = 0;
  std::uint64_t end = size;
  while (end - begin > 1) {
    const std::uint64_t middle = begin + SplitPoint(end - begin);
    if (index < middle) {
      ILK_TRY(sibling, RangeRoot(middle, end, subtrees));
      proof.push_back(sibling);
      end = middle;
    } else {
      ILK_TRY(sibling, RangeRoot(begin, middle, subtrees));
      proof.push_back(sibling);
      begin = middle;
    }
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

Result<std::vector<Hash>> ConsistencyProof(std::uint64_t size1, std::uint64_t size2,
                                           const Subtrees& subtrees) {
  if (size1 == 0 || size1 > size2) {
    return Fail(Code::invalid_input, "no consistency proof from size " + std::to_string(size1) +
                                         " to " + std::to_string(size2));
  }
  std::vector<Hash> proof;
  std::uint64_t begin = 0;
  std::uint64_t end = size2;
  while (size1 != end) {
    const std::uint64_t middle = begin + SplitPoint(end - begin);
    if (size1 <= middle) {
      ILK_TRY(sibling, RangeRoot(middle, end, subtrees));
      proof.push_back(sibling);
      end = middle;
    } else {
      ILK_TRY(sibling, RangeRoot(begin, middle, subtrees));
      proof.push_back(sibling);
      begin = middle;
    }
  }
  // The verifier knows the old root; it needs this node only when it isn't that root itself.
  if (begin != 0) {
    ILK_TRY(last, RangeRoot(begin, end, subtrees));
    proof.push_back(last);
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

// RFC 9162 2.1.3.2.
Result<void> VerifyInclusion(std::uint64_t index, std::uint64_t size, const Hash& leaf,
                             std::span<const Hash> proof, const Hash& root) {
  if (index >= size) return Fail(Code::verification, "the index lies outside the tree");
  std::uint64_t node = index;
  std::uint64_t last = size - 1;
  Hash hash = leaf;
  for (const Hash& sibling : proof) {
    if (last == 0) return Fail(Code::verification, "the inclusion proof is too long");
    if (IsOdd(node) || node == last) {
      hash = NodeHash(sibling, hash);
      while (!IsOdd(node) && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      hash = NodeHash(hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  if (last != 0) return Fail(Code::verification, "the inclusion proof is too short");
  if (hash != root) return Fail(Code::verification, "the inclusion proof leads to another root");
  return {};
}

Result<void> VerifyConsistency(std::uint64_t size1, std::uint64_t size2, const Hash& root1,
                               const Hash& root2, std::span<const Hash> proof) {
  if (size1 == 0 && size2 != 0) {
    return Fail(Code::verification, "an empty tree is consistent with anything");
  }
  if (size1 == size2 && root1 != root2) {
    return Fail(Code::verification, "the roots differ at the same size");
  }
  return VerifySubtreeConsistency(0, size1, size2, root1, root2, proof);
}

Result<void> VerifySubtreeInclusion(std::uint64_t index, std::uint64_t start, std::uint64_t end,
                                    const Hash& leaf, std::span<const Hash> proof,
                                    const Hash& root) {
  if (!IsSubtree(start, end)) return Fail(Code::verification, "not a subtree of any tree");
  if (index < start) return Fail(Code::verification, "the index lies outside the subtree");
  return VerifyInclusion(index - start, end - start, leaf, proof, root);
}

// draft-ietf-plants-merkle-tree-certs 4.4.3; with start = 0 it is RFC 9162 2.1.4.2.
Result<void> VerifySubtreeConsistency(std::uint64_t start, std::uint64_t end, std::uint64_t size,
                                      const Hash& subtree_root, const Hash& root,
                                      std::span<const Hash> proof) {
  if (end > size) return Fail(Code::verification, "the earlier tree is the larger one");
  if (!IsSubtree(start, end)) return Fail(Code::verification, "not a subtree of any tree");
  if (start == end) {
    if (!proof.empty()) return Fail(Code::verification, "an empty tree needs no proof");
    if (subtree_root != EmptyRoot()) {
      return Fail(Code::verification, "not the root of an empty tree");
    }
    return {};
  }
  std::uint64_t first = start;
  std::uint64_t node = end - 1;
  std::uint64_t last = size - 1;
  const auto up = [&] {
    first >>= 1;
    node >>= 1;
    last >>= 1;
  };
  if (node == last) {
    while (first != node) up();
  } else {
    while (first != node && IsOdd(node)) up();
  }
  Hash first_hash = subtree_root;
  Hash second_hash = subtree_root;
  if (first != node) {
    if (proof.empty()) return Fail(Code::verification, "the consistency proof is empty");
    first_hash = second_hash = proof.front();
    proof = proof.subspan(1);
  }
  for (const Hash& sibling : proof) {
    if (last == 0) return Fail(Code::verification, "the consistency proof is too long");
    if (IsOdd(node) || node == last) {
      if (first < node) first_hash = NodeHash(sibling, first_hash);
      second_hash = NodeHash(sibling, second_hash);
      while (!IsOdd(node) && node != 0) up();
    } else {
      second_hash = NodeHash(second_hash, sibling);
    }
    up();
  }
  if (last != 0) return Fail(Code::verification, "the consistency proof is too short");
  if (first_hash != subtree_root) {
    return Fail(Code::verification, "the consistency proof leads to another earlier root");
  }
  if (second_hash != root) {
    return Fail(Code::verification, "the consistency proof leads to another later root");
  }
  return {};
}

}  // namespace interlock::ledger
