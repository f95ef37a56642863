// The real credential put into a request, last of all: the only code that writes one.
#pragma once

#include <string>
#include <string_view>

#include "action/action.h"
#include "base/result.h"
#include "base/secret.h"

namespace interlock::credential {

// denied: the value can't stand there (a ';' in a cookie, a ':' in a user), which would say
// something else than was decided.
Result<void> CheckStands(const CredentialRef& place, const Secret& real);

// The bytes that go out for `real` in this place: with its prefix, beside its user, in base64,
// percent-encoded or escaped. Errors as CheckStands.
Result<Secret> EncodeFor(const CredentialRef& place, const Secret& real);

// `text` with `encoded` where kCredentialMark stands. conflict: it doesn't stand there exactly
// once.
Result<Secret> Splice(std::string_view text, const Secret& encoded);

// Whether the value goes where the mark stands (in the target, in the body), or in a header.
bool IsInTarget(CredentialStand stand);
bool IsInBody(CredentialStand stand);

}  // namespace interlock::credential
