#include "crypto/der.h"

#include "base/result.h"

namespace interlock::crypto {

std::string Der(unsigned char tag, std::string_view contents) {
  const std::size_t size = contents.size();
  ILK_CHECK(size < (1u << 24));
  std::string out(1, static_cast<char>(tag));
  if (size < 0x80) {
    out.push_back(static_cast<char>(size));
  } else if (size < 0x100) {
    out.push_back('\x81');
    out.push_back(static_cast<char>(size));
  } else if (size < 0x10000) {
    out.push_back('\x82');
    out.push_back(static_cast<char>(size >> 8));
    out.push_back(static_cast<char>(size));
  } else {
    out.push_back('\x83');
    out.push_back(static_cast<char>(size >> 16));
    out.push_back(static_cast<char>(size >> 8));
    out.push_back(static_cast<char>(size));
  }
  return out.append(contents);
}

std::string DerTime(TimePoint time) {
  std::string digits;  // YYYYMMDDHHMMSS
  for (const char c : FormatTime(time).substr(0, 19)) {
    if (c >= '0' && c <= '9') digits.push_back(c);
  }
  digits.push_back('Z');
  if (digits < "2050") return Der(der_tag::kUtcTime, std::string_view(digits).substr(2));
  return Der(der_tag::kGeneralizedTime, digits);
}

}  // namespace interlock::crypto
