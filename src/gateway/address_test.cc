#include "gateway/address.h"

#include <gtest/gtest.h>

namespace interlock::gateway {
namespace {

struct Case {
  const char* address;
  bool allowed;
};

class ForbiddenRangeTest : public testing::TestWithParam<Case> {};

TEST_P(ForbiddenRangeTest, OnlyPublicUnicastIsDialled) {
  const auto address = boost::asio::ip::make_address(GetParam().address);
  EXPECT_EQ(ForbiddenRange(address).empty(), GetParam().allowed) << GetParam().address;
}

constexpr Case kCases[] = {
    {"93.184.216.34", true},
    {"8.8.8.8", true},
    {"172.15.0.1", true},
    {"172.32.0.1", true},
    {"2606:4700::1111", true},
    {"127.0.0.1", false},
    {"127.255.255.254", false},
    {"0.0.0.0", false},
    {"10.1.2.3", false},
    {"172.16.0.1", false},
    {"172.31.255.255", false},
    {"192.168.1.1", false},
    {"168.63.129.16", false},
    {"::ffff:168.63.129.16", false},
    {"168.63.129.17", true},
    {"169.254.169.254", false},
    {"100.100.100.200", false},
    {"198.18.0.1", false},
    {"224.0.0.1", false},
    {"255.255.255.255", false},
    {"::", false},
    {"::1", false},
    {"fe80::1", false},
    {"fd00:ec2::254", false},
    {"::ffff:127.0.0.1", false},
    {"::ffff:8.8.8.8", true},
    {"64:ff9b::7f00:1", false},
    {"2002:7f00:1::1", false},
    {"2001:db8::1", false},
    {"ff02::1", false},
};
INSTANTIATE_TEST_SUITE_P(Table, ForbiddenRangeTest, testing::ValuesIn(kCases));

}  // namespace
}  // namespace interlock::gateway
