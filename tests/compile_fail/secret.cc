// Uses of a Secret that must not compile, one per case; case 0 is the use that must.
#include <iostream>
#include <string>

#include "base/secret.h"

int main() {
  interlock::Secret secret(std::string("value"));
  interlock::Secret other(std::string("value"));
#if ILK_CASE == 0
  return secret.Reveal().size() == other.size() ? 0 : 1;
#elif ILK_CASE == 1
  std::cout << secret;
#elif ILK_CASE == 2
  interlock::Secret copy = secret;
#elif ILK_CASE == 3
  return secret == other;
#elif ILK_CASE == 4
  std::string text = secret;
#endif
}
