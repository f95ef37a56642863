// For any bytes at all: reading a signature ends with a value or a reason; one that reads has a
// namespace and a key whose own line reads back as the same key; and none holds for the message
// that nobody ever signed.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "crypto/allowed_signers.h"
#include "crypto/sshsig.h"

using namespace interlock::crypto;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (const auto info = ParseSshsig(input)) {
    if (info->ns.empty()) std::abort();
    const auto key = ParseSshKeyLine(FormatSshKeyLine(info->key));
    if (!key || *key != info->key) std::abort();
    if (VerifySshsig(input, "a message that nobody ever signed: 5f1c0e7a", info->ns)) std::abort();
  }
  if (const auto signers = ParseAllowedSigners(input)) {
    const auto again = ParseAllowedSigners(FormatAllowedSigners(*signers));
    if (!again || *again != *signers) std::abort();
  }
  return 0;
}
