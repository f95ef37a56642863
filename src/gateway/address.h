// Which addresses the gateway dials of its own accord: public unicast only. Loopback, private,
// link-local (the metadata services), shared, test, multicast and every other special range of RFC
// 6890 are refused on the address actually dialled, so a name that resolves to one (DNS rebinding)
// gains nothing. `upstreams` and `--reach` name exceptions.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <string_view>

namespace interlock::gateway {

// "" when the address may be dialled, otherwise which range it lies in.
std::string_view ForbiddenRange(const boost::asio::ip::address& address);

}  // namespace interlock::gateway
