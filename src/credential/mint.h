// Minting: asking a provider, with a wide credential, for one that can do no more than it has to.
// Builds the requests and reads the answers; whoever has sockets sends them.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "action/action.h"
#include "action/mint_rule.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "credential/source.h"

namespace interlock::credential {

using MintTerms = std::map<std::string, std::string>;

// The terms with what was left out filled in. invalid_input lists every one that is missing,
// unknown or not in its form.
Result<MintTerms> CompleteTerms(const MintRule& rule, const MintTerms& given);

// One of the rule's calls, for this host, over TLS; without its credential. `values` are the terms,
// `name` and, where the call needs it, `id`.
Result<UpstreamRequest> BuildCall(const MintRule& rule, const MintCall& call,
                                  const MintTerms& values, std::string host);
// The rule's host for these terms; "" when it is the API's own.
std::string HostOf(const MintRule& rule, const MintTerms& values);

// The JWT that stands in `authorization: Bearer`, good for nine minutes.
Result<Secret> SignedJwt(const MintRule& rule, const MintTerms& values, const Secret& key,
                         TimePoint now);

// What the provider minted. denied: it refused, and what it said; invalid_input: the answer is
// something else. The error never holds a token.
Result<Sourced> ReadMinted(const MintRule& rule, int status, std::string_view body, TimePoint now);

// The id of the token of this name; nullopt when there is none. More than one of the name: the
// first, since asking again finds the next.
Result<std::optional<std::string>> ReadFound(const MintRule& rule, int status,
                                             std::string_view body, std::string_view name);

// Whether a token was taken back, as far as the answer says. One that is gone already is.
Result<void> ReadRevoked(int status, std::string_view body);

}  // namespace interlock::credential
