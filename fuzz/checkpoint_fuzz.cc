// The parsers of what other people hand us about a log: signed notes, checkpoints, receipts,
// verifier keys. For any bytes at all: each parser answers or refuses, what it accepts is written
// back as text that it accepts again with the same meaning, and nothing is proved by bytes that we
// did not sign.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "ledger/checkpoint.h"
#include "ledger/note.h"
#include "ledger/receipt.h"
#include "ledger/tiles.h"

namespace {

using namespace interlock::ledger;

void Require(bool holds) {
  if (!holds) std::abort();
}

const VerifierKey& Key() {
  static const VerifierKey key =
      NoteSigner::Make(
          "fuzz.example",
          interlock::crypto::Ed25519Key::FromSeed(interlock::Secret(std::string(32, 'f'))).value())
          .value()
          .verifier_key();
  return key;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto note = ParseNote(bytes)) {
    Require(FormatNote(*note) == bytes);
    if (const auto checkpoint = ParseCheckpoint(note->text)) {
      Require(ParseCheckpoint(FormatCheckpoint(*checkpoint)) == *checkpoint);
    }
  }
  if (const auto receipt = ParseReceipt(bytes)) Require(FormatReceipt(*receipt) == bytes);
  if (const auto key = VerifierKey::Parse(bytes)) {
    Require(VerifierKey::Parse(key->Text()) == *key);
  }
  // A seed may be rightly signed, so only claims about other sizes and entries are forgeries.
  if (const auto proved = VerifyProof(bytes, "an entry that no log holds", Key())) std::abort();
  if (size > 0) {
    const std::uint64_t count = data[0];
    if (const auto entries = SplitBundle(bytes.substr(1), count)) {
      std::string again;
      for (const std::string_view entry : *entries) AppendEntry(again, entry);
      Require(again == bytes.substr(1) && entries->size() == count);
    }
  }
  return 0;
}
