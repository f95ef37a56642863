#include "account.h"

#include <pwd.h>
#include <unistd.h>

#include <array>

namespace interlock::app {

std::optional<Account> OwnAccount() {
  std::array<char, 16384> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found) != 0 ||
      found == nullptr)
    return std::nullopt;
  return Account{found->pw_name, found->pw_dir == nullptr ? "" : found->pw_dir};
}

}  // namespace interlock::app
