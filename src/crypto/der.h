// Writes DER (ITU-T X.690), as much as a certificate needs.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"

namespace interlock::crypto {

namespace der_tag {
inline constexpr unsigned char kBoolean = 0x01;
inline constexpr unsigned char kInteger = 0x02;
inline constexpr unsigned char kBitString = 0x03;
inline constexpr unsigned char kOctetString = 0x04;
inline constexpr unsigned char kOid = 0x06;
inline constexpr unsigned char kUtf8String = 0x0c;
inline constexpr unsigned char kUtcTime = 0x17;
inline constexpr unsigned char kGeneralizedTime = 0x18;
inline constexpr unsigned char kSequence = 0x30;
inline constexpr unsigned char kSet = 0x31;
inline constexpr unsigned char kContext = 0x80;             // primitive, tag number added
inline constexpr unsigned char kContextConstructed = 0xa0;  // constructed, tag number added
}  // namespace der_tag

// Tag, definite length, contents. Contents are at most 16 MiB.
std::string Der(unsigned char tag, std::string_view contents);

// A time as RFC 5280 4.1.2.5 wants it: UTCTime until 2049, GeneralizedTime from 2050.
std::string DerTime(TimePoint time);

}  // namespace interlock::crypto
