#include "sandbox/pretend.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <tuple>
#include <utility>

namespace interlock::sandbox {
namespace {

// The first word that begins with `prefix`; "" when there is none.
std::string Word(std::string_view prefix) {
  const char* given = std::getenv("ILK_PRETEND");
  std::string_view rest = given == nullptr ? "" : given;
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    const std::string_view word = rest.substr(0, comma);
    if (word.starts_with(prefix)) return std::string(word);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return "";
}

}  // namespace

bool PretendsToLack(std::string_view what) {
  const std::string wanted = "no-" + std::string(what);
  return Word(wanted) == wanted;
}

void PretendKernel(unsigned& major, unsigned& minor) {
  unsigned given_major = 0, given_minor = 0;
  const std::string word = Word("kernel-");
  if (std::sscanf(word.c_str(), "kernel-%u.%u", &given_major, &given_minor) != 2) return;
  std::tie(major, minor) = std::min(std::pair(major, minor), std::pair(given_major, given_minor));
}

}  // namespace interlock::sandbox
