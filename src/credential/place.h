// Where a provider takes its credentials, and how one is taken out of a request there.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "action/action.h"
#include "base/result.h"
#include "base/secret.h"
#include "credential/login.h"
#include "credential/phantom.h"

namespace interlock::credential {

// Where a provider takes its credentials: a pack says so. {"authorization", "Bearer "},
// {"project-access-token", ""}.
struct CredentialPlace {
  std::string header;  // lower case
  std::string prefix;  // compared without case, as RFC 9110 11.1 has it for schemes
  bool login = false;  // the session's own login may stand here as it is
};

// The place with the longest prefix that the header's value begins with; nullptr when there is
// none.
const CredentialPlace* PlaceOf(const Header& header, std::span<const CredentialPlace> places);
bool IsPlaceHeader(std::string_view name, std::span<const CredentialPlace> places);

// The session's own login as a request carried it.
struct OwnLogin {
  std::string header;
  std::string prefix;
  std::shared_ptr<const Secret> token;
};
struct LoginPass {
  std::string_view host = {};
  const Logins* logins = nullptr;
};

// Whether this is the session's own login where one belongs. Of two places of one form, one for
// keys and one for logins, either counts.
bool IsLoginAt(const CredentialPlace& found, std::span<const CredentialPlace> places,
               std::string_view token, const LoginPass& pass);

// Takes the session's phantom out of its credential place and puts the reference to what it stands
// for into request.credential. denied: a credential place holds something else, there are two, or a
// phantom stands anywhere else (in a body it could be stored and come back). Without a credential
// the request stays as it is. In a place for logins the session's own login is taken instead, where
// `pass` lets it pass, and handed out: it isn't a reference to anything.
Result<std::optional<OwnLogin>> TakeCredential(UpstreamRequest& request, std::string_view session,
                                               std::span<const CredentialPlace> places,
                                               const PhantomTable& phantoms,
                                               const LoginPass& pass = {});

}  // namespace interlock::credential
