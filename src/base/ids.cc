#include "base/ids.h"

#include <errno.h>
#include <sys/random.h>

#include "base/bytes.h"
#include "base/result.h"

namespace interlock {

std::string RandomBytes(std::size_t count) {
  std::string out(count, '\0');
  std::size_t filled = 0;
  while (filled < count) {
    const ssize_t got = ::getrandom(out.data() + filled, count - filled, 0);
    if (got < 0 && errno == EINTR) continue;
    ILK_CHECK(got > 0);
    filled += static_cast<std::size_t>(got);
  }
  return out;
}

std::string ShortId(std::string_view prefix) {
  return std::string(prefix) + "-" + Hex(RandomBytes(4));
}

std::string RandomToken() { return Base64Url(RandomBytes(32)); }

std::string RandomUuid() {
  std::string bytes = RandomBytes(16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  std::string out = Hex(bytes);
  for (std::size_t at : {8u, 13u, 18u, 23u}) out.insert(at, 1, '-');
  return out;
}

}  // namespace interlock
