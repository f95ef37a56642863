#include "ledger/merkle.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/bytes.h"
#include "base/file.h"
#include "base/json.h"

namespace interlock::ledger {
namespace {

namespace fs = std::filesystem;

const fs::path kVectors = fs::path(ILK_SHARED_DIR) / "vectors/merkle";

// Some vectors hold "don't care" where a hash belongs; any distinct hash will do for them.
Hash ToHash(const json::value& value) {
  const std::string bytes = FromBase64(std::string_view(value.as_string())).value();
  return HashFrom(bytes).value_or(crypto::Sha256Fixed({bytes}));
}

std::vector<Hash> ToHashes(const json::value* value) {
  std::vector<Hash> hashes;
  if (value == nullptr || !value->is_array()) return hashes;
  for (const auto& item : value->as_array()) hashes.push_back(ToHash(item));
  return hashes;
}

// A vector may leave a hash out or hold proof items that are no hashes at all: these can't even be
// given to the verifier, which is a refusal too.
bool LacksAHash(const json::object& c) {
  for (const char* key : {"leafHash", "root"}) {
    const json::value* const value = Find(c, key);
    if (value != nullptr && value->as_string().empty()) return true;
  }
  return false;
}

bool HasOnlyHashes(const json::value* value) {
  if (value == nullptr || !value->is_array()) return true;
  for (const auto& item : value->as_array()) {
    const auto bytes = FromBase64(std::string_view(item.as_string()));
    if (!bytes || bytes->size() != 32) return false;
  }
  return true;
}

using Check = std::function<Result<void>(const json::object&, std::span<const Hash>)>;

void ForEachVector(const char* folder, std::size_t at_least, const Check& check) {
  if (!fs::exists(kVectors / folder)) GTEST_SKIP() << "not found: " << (kVectors / folder);
  std::size_t seen = 0;
  std::size_t good = 0;
  for (const auto& file : fs::recursive_directory_iterator(kVectors / folder)) {
    if (!file.is_regular_file()) continue;
    const auto document = ParseJson(ReadFile(file.path()).value());
    ASSERT_TRUE(document.has_value()) << file.path();
    const auto& c = document->as_object();
    const std::vector<Hash> proof = ToHashes(Find(c, "proof"));
    const bool accepted =
        !LacksAHash(c) && HasOnlyHashes(Find(c, "proof")) && check(c, proof).has_value();
    EXPECT_EQ(accepted, !Find(c, "wantErr")->as_bool()) << file.path();
    ++seen;
    good += accepted ? 1 : 0;
  }
  EXPECT_GE(seen, at_least);
  EXPECT_GT(good, 0u);
}

std::uint64_t Number(const json::object& c, const char* key) {
  return Find(c, key)->to_number<std::uint64_t>();
}

TEST(MerkleVectors, Inclusion) {
  ForEachVector("inclusion", 80, [](const json::object& c, std::span<const Hash> proof) {
    return VerifyInclusion(Number(c, "leafIdx"), Number(c, "treeSize"), ToHash(c.at("leafHash")),
                           proof, ToHash(c.at("root")));
  });
}

TEST(MerkleVectors, Consistency) {
  ForEachVector("consistency", 80, [](const json::object& c, std::span<const Hash> proof) {
    return VerifyConsistency(Number(c, "size1"), Number(c, "size2"), ToHash(c.at("root1")),
                             ToHash(c.at("root2")), proof);
  });
}

TEST(MerkleVectors, SubtreeInclusion) {
  ForEachVector("subtreeinclusion", 80, [](const json::object& c, std::span<const Hash> proof) {
    return VerifySubtreeInclusion(Number(c, "leafIdx"), Number(c, "start"), Number(c, "end"),
                                  ToHash(c.at("leafHash")), proof, ToHash(c.at("root")));
  });
}

TEST(MerkleVectors, SubtreeConsistency) {
  ForEachVector("subtreeconsistency", 80, [](const json::object& c, std::span<const Hash> proof) {
    return VerifySubtreeConsistency(Number(c, "start"), Number(c, "end"), Number(c, "size"),
                                    ToHash(c.at("root1")), ToHash(c.at("root2")), proof);
  });
}

// The tree straight from its definition, as an oracle.
Hash Mth(std::span<const Hash> leaves) {
  if (leaves.empty()) return EmptyRoot();
  if (leaves.size() == 1) return leaves[0];
  std::size_t k = 1;
  while (k * 2 < leaves.size()) k *= 2;
  return NodeHash(Mth(leaves.first(k)), Mth(leaves.subspan(k)));
}

std::vector<Hash> Leaves(std::size_t count) {
  std::vector<Hash> leaves;
  for (std::size_t i = 0; i < count; ++i) leaves.push_back(LeafHash("entry " + std::to_string(i)));
  return leaves;
}

Subtrees Of(const std::vector<Hash>& leaves) {
  return [&leaves](unsigned level, std::uint64_t index) -> Result<Hash> {
    const std::size_t width = std::size_t{1} << level;
    return Mth(std::span(leaves).subspan(index * width, width));
  };
}

TEST(CompactRange, RootIsTheTreesRootAtEverySize) {
  const auto leaves = Leaves(300);
  CompactRange range;
  for (std::size_t size = 0; size <= leaves.size(); ++size) {
    EXPECT_EQ(range.Root(), Mth(std::span(leaves).first(size))) << size;
    EXPECT_EQ(CompactRange::From(size, range.hashes()), range);
    if (size < leaves.size()) range.Append(leaves[size]);
  }
  EXPECT_FALSE(CompactRange::From(3, {EmptyRoot()}).has_value());
}

TEST(Proofs, EveryInclusionProofHoldsAndOnlyForItsEntry) {
  const auto leaves = Leaves(40);
  for (std::uint64_t size = 1; size <= leaves.size(); ++size) {
    const Hash root = Mth(std::span(leaves).first(size));
    for (std::uint64_t index = 0; index < size; ++index) {
      const auto proof = InclusionProof(index, size, Of(leaves));
      ASSERT_TRUE(proof.has_value());
      EXPECT_TRUE(VerifyInclusion(index, size, leaves[index], *proof, root).has_value());
      if (size > 1) {
        const std::uint64_t other = (index + 1) % size;
        EXPECT_FALSE(VerifyInclusion(other, size, leaves[other], *proof, root).has_value());
      }
    }
  }
  EXPECT_FALSE(InclusionProof(5, 5, Of(leaves)).has_value());
}

TEST(Proofs, EveryConsistencyProofHoldsAndOnlyForItsRoots) {
  const auto leaves = Leaves(40);
  for (std::uint64_t size2 = 1; size2 <= leaves.size(); ++size2) {
    const Hash root2 = Mth(std::span(leaves).first(size2));
    for (std::uint64_t size1 = 1; size1 <= size2; ++size1) {
      const Hash root1 = Mth(std::span(leaves).first(size1));
      const auto proof = ConsistencyProof(size1, size2, Of(leaves));
      ASSERT_TRUE(proof.has_value());
      EXPECT_TRUE(VerifyConsistency(size1, size2, root1, root2, *proof).has_value())
          << size1 << " " << size2;
      EXPECT_FALSE(VerifyConsistency(size1, size2, LeafHash("fork"), root2, *proof).has_value());
      EXPECT_FALSE(VerifyConsistency(size1, size2, root1, LeafHash("fork"), *proof).has_value());
    }
  }
  EXPECT_FALSE(ConsistencyProof(0, 3, Of(leaves)).has_value());
  EXPECT_FALSE(ConsistencyProof(4, 3, Of(leaves)).has_value());
}

}  // namespace
}  // namespace interlock::ledger
