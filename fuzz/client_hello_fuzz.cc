// For any bytes at all: an accepted ClientHello names a plain host or none and is the same whatever
// follows it; a refusal stays when more bytes come; what needs more asks for at least one byte.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "wire/host_name.h"
#include "wire/tls/client_hello.h"

namespace {

using namespace interlock;

void Require(bool claim) {
  if (!claim) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view in(reinterpret_cast<const char*>(data), size);
  const auto whole = tls::SniffClientHello(in);
  if (const auto* more = std::get_if<wire::NeedMore>(&whole)) {
    Require(more->bytes_min > 0);
    return 0;
  }
  Require(tls::SniffClientHello(std::string(in) + "\x16\x03\x01") == whole);
  if (const auto* hello = std::get_if<tls::ClientHello>(&whole); hello) {
    Require(tls::LooksLikeTls(in));
    if (hello->server_name.empty()) return 0;
    const auto host = wire::ParseHost(hello->server_name);
    Require(std::holds_alternative<wire::Host>(host));
    Require(std::get<wire::Host>(host).text == hello->server_name);
  }
  return 0;
}
