// Reading a ledger's directory without its lock and without trusting who wrote it: verification of
// everything, receipts, entries. Works on a live directory, from its newest published checkpoint.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ledger/checkpoint.h"
#include "ledger/receipt.h"

namespace interlock::ledger {

// The key in DIR/vkey. It says who wrote the log only to somebody who knows it from elsewhere.
Result<VerifierKey> ReadVerifierKey(const std::filesystem::path& dir);

struct VerifyReport {
  std::string origin;
  std::uint64_t size = 0;
  Hash root{};
};

using Progress = std::function<void(std::uint64_t entries_done, std::uint64_t entries_total)>;

// Recomputes every leaf, tile and the root from the entries and checks the signature. One pass, in
// memory that doesn't depend on the size (a bundle and a tile for each level). Code::verification
// names the file that disagrees, and with what.
Result<VerifyReport> Verify(const std::filesystem::path& dir, const VerifierKey& key,
                            const Progress& progress = {});

// The receipt of an entry under the newest checkpoint, which must be signed by `key`. The receipt
// has been checked against the entry in the log before it is returned. not_found: not published
// (yet).
Result<std::string> Prove(const std::filesystem::path& dir, std::uint64_t index,
                          const VerifierKey& key);

// RFC 6962 consistency proof from an earlier size to the newest checkpoint, for witnesses.
struct ConsistencyToLatest {
  SignedCheckpoint latest;
  std::vector<Hash> proof;
};
Result<ConsistencyToLatest> ProveConsistency(const std::filesystem::path& dir, std::uint64_t size,
                                             const VerifierKey& key);

// Read, not verified: the bytes are as trustworthy as the directory until Verify or a receipt says
// more.
Result<std::string> ReadEntry(const std::filesystem::path& dir, std::uint64_t index);
// All published entries in order; stops at the first error of the callback and returns it.
Result<void> Export(const std::filesystem::path& dir,
                    const std::function<Result<void>(std::uint64_t, std::string_view)>& entry);

}  // namespace interlock::ledger
