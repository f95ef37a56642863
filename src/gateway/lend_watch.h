// Whether a provider took the credential it was sent. A lend that fails silently looks to an agent
// like its own mistake, and it goes looking for another credential.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace interlock::gateway {

struct LendWatch {
  std::string entry;          // "": nothing was lent, and nothing is watched
  std::vector<int> refusals;  // statuses that refuse it
  bool graphql = false;       // refusals also come as errors under status 200
  // Told of each answer that says something about it.
  std::function<void(bool refused, int status)> tell;

  bool watches() const { return !entry.empty(); }
  bool RefusedBy(int status) const;
};

// A GraphQL answer in which nothing was done and every error says that the credential is no good.
bool IsGraphqlRefusal(std::string_view body);

// The value of the header that tells the agent: "NAME; refused".
inline constexpr std::string_view kLendHeader = "interlock-lend";
std::string LendHeaderFor(std::string_view entry);

}  // namespace interlock::gateway
