// How git in a room reaches repositories whose remotes are named for SSH, which stays closed.
#pragma once

#include <string>
#include <vector>

#include "sandbox/plan.h"

namespace interlock::sandbox {

// A host whose pack says that repositories are there.
struct GitHost {
  std::string host;      // lower case
  std::string user;      // what git says beside the credential
  std::string variable;  // which variable of the room holds the phantom; "" when none was lent
};

// GIT_CONFIG_COUNT and its pairs (git-config(1), from git 2.31): remotes by SSH and git:// are
// rewritten to HTTPS, and where a credential was lent, git is told to take it from its variable.
// The values name the variable and hold no phantom. invalid_input when a name has other characters
// than names have: the values become words of a shell. Nothing for no host.
Result<std::vector<Variable>> GitVariables(const std::vector<GitHost>& hosts);

}  // namespace interlock::sandbox
