// The caller's account, as the system's name service knows it.
#pragma once

#include <optional>
#include <string>

namespace interlock::app {

struct Account {
  std::string name;
  std::string home;  // "" when it has none
};

// nullopt: the user has no account here. The launcher is a static program and can't ask; it leaves
// what needs this to the core.
std::optional<Account> OwnAccount();

}  // namespace interlock::app
