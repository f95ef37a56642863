// The request with which an agent's own login renews itself (RFC 6749, section 6).
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "classify/malformed.h"
#include "classify/pack.h"

namespace interlock::classify {

inline constexpr std::size_t kRefreshBytesMax = 64u << 10;

struct RefreshRequest {
  std::string token;         // what stands where the rule says
  std::string body;          // the whole request in our own words
  std::string content_type;  // of `body`
  std::string rest;          // the same without the token: nothing else may be a credential
};

// Accepts a JSON object of texts, or a form; refuses a member that the rule doesn't name, one that
// is there twice, and any other grant than the rule's.
std::expected<RefreshRequest, Malformed> ReadRefresh(const RefreshRule& rule,
                                                     std::string_view content_type,
                                                     std::string_view body);

// The new tokens of an answer; empty when it brings none or is no JSON object.
std::vector<std::string> ReadRefreshed(const RefreshRule& rule, std::string_view answer);

}  // namespace interlock::classify
