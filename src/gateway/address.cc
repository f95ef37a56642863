#include "gateway/address.h"

#include <array>
#include <cstdint>

namespace interlock::gateway {
namespace {

struct V4Range {
  std::uint32_t network;
  unsigned bits;
  std::string_view name;
};

constexpr std::uint32_t V4(unsigned a, unsigned b, unsigned c, unsigned d) {
  return (a << 24) | (b << 16) | (c << 8) | d;
}

// IANA IPv4 Special-Purpose Address Registry.
constexpr V4Range kV4[] = {
    {V4(0, 0, 0, 0), 8, "this network"},
    {V4(10, 0, 0, 0), 8, "private"},
    {V4(100, 64, 0, 0), 10, "shared (carrier)"},
    {V4(127, 0, 0, 0), 8, "loopback"},
    {V4(168, 63, 129, 16), 32, "metadata (Azure)"},  // public, but the machine's own wire server
    {V4(169, 254, 0, 0), 16, "link-local"},
    {V4(172, 16, 0, 0), 12, "private"},
    {V4(192, 0, 0, 0), 24, "protocol assignments"},
    {V4(192, 0, 2, 0), 24, "documentation"},
    {V4(192, 88, 99, 0), 24, "6to4 relay"},
    {V4(192, 168, 0, 0), 16, "private"},
    {V4(198, 18, 0, 0), 15, "benchmarking"},
    {V4(198, 51, 100, 0), 24, "documentation"},
    {V4(203, 0, 113, 0), 24, "documentation"},
    {V4(224, 0, 0, 0), 4, "multicast"},
    {V4(240, 0, 0, 0), 4, "reserved"},
};

std::string_view ForbiddenV4(std::uint32_t address) {
  for (const V4Range& range : kV4) {
    const std::uint32_t mask = ~std::uint32_t{0} << (32 - range.bits);
    if ((address & mask) == range.network) return range.name;
  }
  return {};
}

std::uint32_t LoadV4(const unsigned char* bytes) {
  return V4(bytes[0], bytes[1], bytes[2], bytes[3]);
}

}  // namespace

std::string_view ForbiddenRange(const boost::asio::ip::address& address) {
  if (address.is_v4()) return ForbiddenV4(address.to_v4().to_uint());
  const auto b = address.to_v6().to_bytes();
  const bool first_ten_zero = [&] {
    for (int i = 0; i < 10; ++i)
      if (b[static_cast<std::size_t>(i)] != 0) return false;
    return true;
  }();
  if (first_ten_zero && b[10] == 0xff && b[11] == 0xff) return ForbiddenV4(LoadV4(&b[12]));
  // NAT64 (64:ff9b::/96) and 6to4 (2002::/16) carry an IPv4 address that would be dialled in the
  // end.
  if (b[0] == 0x00 && b[1] == 0x64 && b[2] == 0xff && b[3] == 0x9b) return "NAT64";
  if (b[0] == 0x20 && b[1] == 0x02) return "6to4";
  if (b[0] == 0x20 && b[1] == 0x01 && b[2] < 0x02) return "protocol assignments (Teredo, ORCHID)";
  if (b[0] == 0x20 && b[1] == 0x01 && b[2] == 0x0d && b[3] == 0xb8) return "documentation";
  // Global unicast is 2000::/3; all else (::, ::1, fc00::/7, fe80::/10, ff00::/8, …) is special.
  if ((b[0] & 0xe0) != 0x20) return "not global unicast";
  return {};
}

}  // namespace interlock::gateway
