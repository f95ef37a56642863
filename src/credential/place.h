// Where a provider takes its credentials, and how one is taken out of a request there.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "action/action.h"
#include "base/result.h"
#include "base/secret.h"
#include "credential/login.h"
#include "credential/phantom.h"

namespace interlock::credential {

// Where a provider takes its credentials: a pack says so. {"authorization", "Bearer "},
// {"project-access-token", ""}. A cookie is {"cookie", "NAME="}: alone in its header.
struct CredentialPlace {
  std::string header;  // lower case; "" for query, form and json
  std::string prefix;  // compared without case, as RFC 9110 11.1 has it for schemes
  bool login = false;  // the session's own login may stand here as it is
  CredentialStand stand = CredentialStand::header;
  // query, form: the parameter; json: the member, "a.b" inside another. Basic: the user (or, for
  // basic_user, the password) that must stand beside it; "" is any.
  std::string name = {};
};

// One way to read what stands in a header that is a place.
struct Standing {
  const CredentialPlace* place = nullptr;
  std::string token;
  std::string beside;  // the other half of Basic
};

// Every way; empty when the value has the form of no place of that header.
std::vector<Standing> StandingIn(const Header& header, std::span<const CredentialPlace> places);
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
// for into request.credential; in a target or body kCredentialMark takes its place. denied: a
// credential place holds something else, there are two, or a phantom stands anywhere else (in a
// body it could be stored and come back). Without a credential the request stays as it is. A form
// or a JSON body is read as what request's content-type says, once more written as Canonical when
// it held one. In a place for logins the session's own login is taken instead, where `pass` lets it
// pass, and handed out: it isn't a reference to anything.
Result<std::optional<OwnLogin>> TakeCredential(UpstreamRequest& request, std::string_view session,
                                               std::span<const CredentialPlace> places,
                                               const PhantomTable& phantoms,
                                               const LoginPass& pass = {});

}  // namespace interlock::credential
