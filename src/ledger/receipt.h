// Receipts (c2sp.org/tlog-proof@v1): index, inclusion proof and signed checkpoint in one text that
// proves offline that an entry is in the log. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ledger/checkpoint.h"

namespace interlock::ledger {

struct Receipt {
  std::string extra;  // opaque, not authenticated; "" for none
  std::uint64_t index = 0;
  std::vector<Hash> proof;  // leaf's sibling first, at most 63
  std::string note;         // the signed checkpoint, verbatim
  bool operator==(const Receipt&) const = default;
};

std::string FormatReceipt(const Receipt& receipt);
Result<Receipt> ParseReceipt(std::string_view text);

struct ProvedEntry {
  std::uint64_t index = 0;
  Checkpoint checkpoint;
};

// Code::verification, with the reason, unless the receipt shows that exactly these bytes are an
// entry of the log that signs with `key`.
Result<ProvedEntry> VerifyProof(std::string_view receipt, std::string_view entry,
                                const VerifierKey& key);

}  // namespace interlock::ledger
