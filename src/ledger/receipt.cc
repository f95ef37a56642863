#include "ledger/receipt.h"

#include <utility>

#include "base/bytes.h"

namespace interlock::ledger {
namespace {

constexpr std::string_view kHeader = "c2sp.org/tlog-proof@v1";
constexpr std::string_view kExtra = "extra ";
constexpr std::string_view kIndex = "index ";
constexpr std::size_t kProofHashesMax = 63;

std::unexpected<Error> Malformed(std::string what) {
  return Fail(Code::invalid_input, "receipt: " + std::move(what));
}

// Consumes one line; the text keeps what follows its newline.
Result<std::string_view> TakeLine(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return Malformed("it ends in the middle");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

}  // namespace

std::string FormatReceipt(const Receipt& receipt) {
  std::string out = std::string(kHeader) + "\n";
  if (!receipt.extra.empty()) out += std::string(kExtra) + Base64(receipt.extra) + "\n";
  out += std::string(kIndex) + std::to_string(receipt.index) + "\n";
  for (const Hash& hash : receipt.proof) out += Base64(AsText(hash)) + "\n";
  return out + "\n" + receipt.note;
}

Result<Receipt> ParseReceipt(std::string_view text) {
  if (text.size() > kNoteBytesMax) return Fail(Code::limit, "receipt: larger than 1 MiB");
  ILK_TRY(header, TakeLine(text));
  if (header != kHeader) return Malformed("the first line isn't " + std::string(kHeader));
  Receipt receipt;
  ILK_TRY(line, TakeLine(text));
  if (line.starts_with(kExtra)) {
    auto extra = FromBase64(line.substr(kExtra.size()));
    if (!extra || extra->empty()) return Malformed("the extra data isn't base64");
    receipt.extra = std::move(*extra);
    ILK_TRY(next, TakeLine(text));
    line = next;
  }
  const auto index =
      line.starts_with(kIndex) ? ParseDecimal(line.substr(kIndex.size())) : std::nullopt;
  if (!index) return Malformed("no index line");
  receipt.index = *index;
  for (;;) {
    ILK_TRY(hash_line, TakeLine(text));
    if (hash_line.empty()) break;
    const auto bytes = FromBase64(hash_line);
    const auto hash = bytes ? HashFrom(*bytes) : std::nullopt;
    if (!hash) return Malformed("a proof line isn't base64 of 32 bytes");
    if (receipt.proof.size() == kProofHashesMax) return Malformed("the proof is too long");
    receipt.proof.push_back(*hash);
  }
  ILK_TRY_VOID(ParseNote(text));
  receipt.note = std::string(text);
  return receipt;
}

Result<ProvedEntry> VerifyProof(std::string_view text, std::string_view entry,
                                const VerifierKey& key) {
  ILK_TRY(receipt, ParseReceipt(text));
  ILK_TRY(checkpoint, OpenCheckpoint(receipt.note, key));
  ILK_TRY_VOID(VerifyInclusion(receipt.index, checkpoint.size, LeafHash(entry), receipt.proof,
                               checkpoint.root));
  return ProvedEntry{.index = receipt.index, .checkpoint = std::move(checkpoint)};
}

}  // namespace interlock::ledger
